//! The password of a client program, handed over without a trace in its arguments or environment.

use crate::Secret;
use backup_core::{Error, ErrorKind, Result};
use rustix::fs::{MemfdFlags, Mode, SealFlags};
use std::{fs::File, io::Write, os::fd::OwnedFd, process::Stdio};
use zeroize::Zeroizing;

/// The stream of a child that it does not use for data, and that carries its passfile instead.
///
/// So the child inherits exactly its three standard streams, and no spawn elsewhere in this process can inherit the passfile by accident, as it
/// could if the descriptor were made inheritable for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// For programs that read no input: `pg_dump`, `pg_dumpall`.
    Stdin,
    /// For programs that write no output: `pg_restore --dbname`, `psql --output`.
    Stdout,
}

impl Carrier {
    /// The passfile's name as the child sees it. libpq opens it anew, so its position does not matter; a FIFO would be refused (measured).
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Stdin => "/proc/self/fd/0",
            Self::Stdout => "/proc/self/fd/1",
        }
    }
}

/// The stream that holds the passfile for `password`, or an empty one.
///
/// # Errors
/// `Config` if a passfile cannot hold the password.
pub(crate) fn stream(password: Option<&Secret>) -> Result<Stdio> {
    match password {
        Some(password) => memory_file(&line(password)?).map(Stdio::from),
        None => Ok(Stdio::null()),
    }
}

/// One line for every host, port, database and user: the file has one reader.
fn line(password: &Secret) -> Result<Zeroizing<String>> {
    let text = password.expose();
    if text.contains(['\n', '\0']) || text.ends_with('\r') {
        return Err(Error::new(ErrorKind::Config, "the password of the server holds a line break or a zero byte")
            .hint("libpq cannot read such a password from a passfile; a line break at the end of a secret file is a common cause"));
    }
    let mut line = Zeroizing::new(String::with_capacity(2 * text.len() + 9));
    line.push_str("*:*:*:*:");
    for character in text.chars() {
        if matches!(character, ':' | '\\') {
            line.push('\\');
        }
        line.push(character);
    }
    line.push('\n');
    Ok(line)
}

/// An anonymous file, mode 0600 (libpq ignores a passfile that others may read) and sealed, so that no child can change it.
fn memory_file(content: &str) -> Result<OwnedFd> {
    let make = || -> std::io::Result<OwnedFd> {
        let fd = rustix::fs::memfd_create("passfile", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(fd);
        file.write_all(content.as_bytes())?;
        rustix::fs::fcntl_add_seals(
            &file,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )?;
        Ok(file.into())
    };
    make().map_err(|error| {
        Error::new(ErrorKind::Internal, "no memory for the passfile of a client program").because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, PermissionsExt};

    #[test]
    fn colons_and_backslashes_are_escaped_as_libpq_reads_them() {
        assert_eq!(*line(&Secret::new(r"a:b\c")).unwrap(), "*:*:*:*:a\\:b\\\\c\n");
    }

    #[test]
    fn a_password_that_a_passfile_cannot_hold_is_refused() {
        for password in ["a\nb", "a\n", "a\0", "a\r"] {
            let error = line(&Secret::new(password)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!error.hints().is_empty());
        }
    }

    #[test]
    fn the_passfile_is_private_and_cannot_be_changed() {
        let file = File::from(memory_file("*:*:*:*:x\n").unwrap());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(file.write_at(b"y", 0).is_err());
    }
}
