//! Key files: read with care, written once.

use crate::config::Config;
use backup_core::{
    Error, ErrorKind, Result, Secret,
    keys::{KUBERNETES, Keyring, MAX_KEY_FILE_LEN, demand_secret_mode, with_writers},
};
use rustix::process::geteuid;
use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind as Io, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

/// All keys that the configuration names; an empty ring if it names none.
///
/// # Errors
/// [`ErrorKind::Config`] if the key file cannot be read or others may read it, [`ErrorKind::Key`] if a key is wrong.
pub fn load(config: &Config) -> Result<Keyring> {
    let mut ring = match &config.key_file {
        Some(path) => read_key_file(path)?,
        None => Keyring::default(),
    };
    if !config.recovery_keys.is_empty() {
        ring.add_public(&config.recovery_keys.join("\n"), "BACKUP_RECOVERY_KEY")?;
    }
    Ok(ring)
}

/// The ring as it is handed on; `None` if there is no key in it.
#[must_use]
pub fn shared(ring: Keyring) -> Option<Arc<Keyring>> {
    (!ring.keys().is_empty()).then(|| Arc::new(ring))
}

/// The keys for a run that stores something: without an encryption by the store they must be able to seal.
///
/// # Errors
/// As [`load`]; [`ErrorKind::Key`] with the ways out if there is neither a key nor `--sse`.
pub fn load_for_writing(config: &Config) -> Result<Keyring> {
    let ring = load(config)?;
    if config.sse.is_none() {
        ring.require_seal()?;
    }
    Ok(ring)
}

/// The keys in the file at `path`. If any of them is secret, the file must be for us alone ([`demand_secret_mode`]).
///
/// # Errors
/// [`ErrorKind::Config`] if the file cannot be read or its mode is too wide, [`ErrorKind::Key`] if a line is wrong.
pub fn read_key_file(path: &Path) -> Result<Keyring> {
    read_text(path).map(|(ring, _)| ring)
}

fn read_text(path: &Path) -> Result<(Keyring, Secret)> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE_LEN + 1));
    // One byte more than is allowed, so that the parser sees that it is too long.
    file.take(MAX_KEY_FILE_LEN as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, error))?;
    let origin = format!("key file {}", path.display());
    let ring = Keyring::parse(&text, &origin)?;
    if ring.keys().iter().any(|key| key.kind.is_secret()) {
        demand_secret_mode(&metadata, "key file", path)?;
    }
    Ok((ring, text.into()))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let denied = error.kind() == Io::PermissionDenied;
    let failed = Error::new(ErrorKind::Config, format!("read key file {}", path.display())).because(error);
    if !denied {
        return failed;
    }
    let us = geteuid().as_raw();
    match std::fs::metadata(path) {
        Ok(metadata) => failed.hint(format!(
            "it belongs to user {} and has mode {:04o}; this program runs as user {us}, which must own it; in Kubernetes: {KUBERNETES}",
            metadata.uid(),
            metadata.mode() & 0o7777
        )),
        Err(_) => failed.hint(format!(
            "this program runs as user {us}, which must own the file and be able to enter its folders"
        )),
    }
}

/// Adds the writers of `others` to the file at `path`, of which nothing else changes. Killed at any moment, the file is as it was or has them all.
///
/// # Errors
/// As [`read_key_file`]; [`ErrorKind::Refused`] while another run does the same, and [`ErrorKind::Config`] if it cannot be written.
pub fn trust(path: &Path, others: &[Keyring]) -> Result<()> {
    let failed = |error| Error::new(ErrorKind::Config, format!("write key file {}", path.display())).because(error);
    // A symbolic link stays one.
    let path = path.canonicalize().map_err(|error| unreadable(path, error))?;
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Made before the old text is read: of two runs at once, the second is refused and loses nothing.
    write_new(&beside, &Secret::new("# being written\n")).map_err(|error| at_work(&path, &beside, error))?;
    let written = read_text(&path).and_then(|(_, text)| {
        let text = others.iter().try_fold(text, |text, ring| with_writers(&text, ring))?;
        overwrite(&beside, &text).map_err(failed)?;
        std::fs::rename(&beside, &path).map_err(failed)?;
        sync_folder(&path).map_err(failed)
    });
    if written.is_err() && beside.exists() {
        std::fs::remove_file(&beside).map_err(failed)?;
    }
    written
}

fn at_work(path: &Path, beside: &Path, error: Error) -> Error {
    if error.kind() != ErrorKind::Refused {
        return error;
    }
    Error::new(
        ErrorKind::Refused,
        format!("{} is being changed: {} exists", path.display(), beside.display()),
    )
    .hint("wait for the other run; if it died, the key file is as it was: remove the new one and try again")
}

fn overwrite(path: &Path, text: &Secret) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()
}

/// A name in a folder is as durable as the folder.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}

/// Writes a new file of mode 0600, durably. Never overwrites: a key that is gone takes its backups with it.
///
/// Not atomic: a crash may leave a short file, which no reader takes for a key, because every line has a checksum.
///
/// # Errors
/// [`ErrorKind::Refused`] if there is anything at `path`; [`ErrorKind::Config`] if it cannot be written.
pub fn write_new(path: &Path, text: &Secret) -> Result<()> {
    let failed = |error| Error::new(ErrorKind::Config, format!("write key file {}", path.display())).because(error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| {
            if error.kind() == Io::AlreadyExists {
                return Error::new(ErrorKind::Refused, format!("{} exists", path.display()))
                    .hint("name a new file: without its key a backup is lost, so a key file is never overwritten");
            }
            failed(error)
        })?;
    file.write_all(text.expose().as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    sync_folder(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backup_core::{
        clock::SystemEntropy,
        keys::{fresh_key_file, recovery_pair},
    };
    use jiff::Timestamp;
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    fn new_file(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("backup.key");
        write_new(&path, &fresh_key_file(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap()).unwrap();
        path
    }

    #[test]
    fn a_new_key_file_is_for_its_owner_only_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = new_file(folder.path());
        let before = std::fs::read(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let other = fresh_key_file(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(write_new(&path, &other).unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert!(read_key_file(&path).unwrap().can_seal());
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_the_command_that_helps() {
        let folder = tempfile::tempdir().unwrap();
        let path = new_file(folder.path());
        for mode in [0o604, 0o660, 0o644, 0o601] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = read_key_file(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{mode:o}");
            assert!(error.hints()[0].starts_with("chmod 600 "), "{error:?}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(read_key_file(&path).unwrap().can_open());
    }

    #[test]
    fn public_keys_may_stand_where_everyone_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery.pub");
        std::fs::write(
            &path,
            recovery_pair(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap().public,
        )
        .unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let ring = read_key_file(&path).unwrap();
        assert!(ring.can_seal() && !ring.can_open());
    }

    #[test]
    fn a_missing_key_file_is_a_wrong_configuration() {
        let error = read_key_file(Path::new("/nonexistent/backup.key")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.chain().starts_with("read key file /nonexistent/backup.key: "),
            "{error:?}"
        );
    }

    #[test]
    fn no_key_and_no_encryption_by_the_store_is_a_missing_key_with_the_two_ways_out() {
        let config = |environment: crate::config::Environment| {
            let sources = crate::config::Sources {
                flags: std::collections::BTreeMap::new(),
                environment,
                default_file: "/nonexistent/config.toml".into(),
            };
            let settings = crate::config::resolve(crate::config::table::POSTGRES, &sources).unwrap();
            Config::from_settings(&settings).unwrap()
        };
        let error = load_for_writing(&config([].into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        assert!(
            error.hints()[0].contains("keys new") && error.hints()[1].contains("--sse"),
            "{:?}",
            error.hints()
        );
        assert!(load_for_writing(&config([("BACKUP_SSE", "aws:kms")].into())).is_ok());
        let public = recovery_pair(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap().public;
        assert!(load_for_writing(&config([("BACKUP_RECOVERY_KEY", public.as_str())].into())).is_ok());
    }
}
