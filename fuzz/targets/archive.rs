#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backup_postgres::archive::fuzz::archive(bytes));
