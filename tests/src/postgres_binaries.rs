//! Where the programs of each PostgreSQL version stand.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server_binary::cache_folder;

const DEBIAN: &str = "/usr/lib/postgresql";
/// The major version that Debian 12 has.
pub(crate) const DEBIAN_MAJOR: u32 = 15;
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/postgres-versions.txt");

/// Folder of all programs of a major version, client programs and server: Debian's of 15, of the others those that
/// `scripts/install-postgres.sh` installs.
///
/// # Panics
/// If they are not installed.
pub fn postgres_binaries(major: u32) -> PathBuf {
    let binaries = if major == DEBIAN_MAJOR {
        Path::new(DEBIAN).join(major.to_string())
    } else {
        installed(major)
    }
    .join("bin");
    assert!(
        binaries.join("initdb").exists(),
        "PostgreSQL {major} is missing in {}: run scripts/install.sh",
        binaries.display()
    );
    binaries
}

/// The folder that `postgres_folder` in scripts/paths.sh names.
fn installed(major: u32) -> PathBuf {
    let versions =
        std::fs::read_to_string(INSTALLED).unwrap_or_else(|error| panic!("cannot read {INSTALLED}: {error}"));
    let version = versions
        .lines()
        .filter_map(|line| line.split(' ').next())
        .find(|version| version.split('.').next() == Some(&major.to_string()))
        .unwrap_or_else(|| panic!("{INSTALLED} names no PostgreSQL {major}"));
    let folder = cache_folder().join("postgres-binaries");
    folder.join(major.to_string()).join(version)
}

/// Folder of the server's programs for another system user, who may not enter the home folder that the cache stands in: copied
/// into `folder` if they are not Debian's. The server finds its libraries and its `share` beside them.
pub(crate) fn reachable_binaries(major: u32, folder: &Path) -> PathBuf {
    let binaries = postgres_binaries(major);
    if binaries.starts_with(DEBIAN) {
        return binaries;
    }
    let all = binaries.parent().expect("bin is in a folder");
    let own = folder.join("postgresql");
    let copied = Command::new("cp")
        .args(["-R", "--preserve=mode", "--reflink=auto"])
        .args([all, &own])
        .output()
        .expect("cp runs");
    assert!(
        copied.status.success(),
        "{} cannot be copied: {}",
        all.display(),
        String::from_utf8_lossy(&copied.stderr)
    );
    own.join("bin")
}
