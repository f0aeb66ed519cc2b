#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backup_core::testing::fuzz::document(bytes));
