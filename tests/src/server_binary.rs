//! Where the built servers stand.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

/// Path of the test server `name` (`minio`, `weed`, `vault`) in the cache folder: `$PLATFORM_BACKUP_CACHE`, else
/// `~/.cache/platform-backup`. The file name carries the digest of the module files that it was built from; it is the
/// one that `scripts/build-servers.sh` writes.
///
/// # Panics
/// If the server was not built.
pub fn server_binary(name: &str) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(name);
    let mut modules = read(&sources.join("go.mod"));
    modules.extend(read(&sources.join("go.sum")));
    let digest = digest::digest(&digest::SHA256, &modules);
    let hex: String = digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let binary = cache_folder().join("servers").join(format!("{name}-{hex}"));
    assert!(
        binary.is_file(),
        "test server {} is missing: run `make test`, or `scripts/build-servers.sh {name}` alone",
        binary.display()
    );
    binary
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

pub(crate) fn cache_folder() -> PathBuf {
    match std::env::var_os("PLATFORM_BACKUP_CACHE") {
        Some(folder) => folder.into(),
        None => Path::new(&std::env::var_os("HOME").expect("HOME is set")).join(".cache/platform-backup"),
    }
}
