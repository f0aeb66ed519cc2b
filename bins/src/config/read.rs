//! Small files: the configuration file, and values that stand in files of their own.

use super::{
    layers::{Given, Origin, split},
    setting::Setting,
};
use crate::repeatable::is_path;
use backup_core::{
    Error, ErrorKind, Result,
    keys::{KUBERNETES, demand_secret_mode},
};
use std::{
    fs::File,
    io::{ErrorKind as Io, Read},
    path::Path,
};
use zeroize::Zeroizing;

/// The value of `setting` out of a file of its own; line ends at its end do not belong to it.
pub(super) fn given_by_file(setting: &Setting, path: &Path, named_by: &str) -> Result<Given> {
    if !is_path(path) {
        let message =
            format!("{named_by} names no file that is there, and is not repeated here because it may be a secret");
        return Err(Error::new(ErrorKind::Config, message).hint("it takes the path of a file, not its content"));
    }
    let opened = |file: &File| {
        if !setting.is_secret() {
            return Ok(());
        }
        let metadata = file.metadata().map_err(|error| failed(path, named_by, error))?;
        demand_secret_mode(&metadata, named_by, path)
    };
    let text = read(path, named_by, opened)?.ok_or_else(|| missing(path, named_by))?;
    Ok(Given {
        text: split(setting, text.trim_end_matches(['\r', '\n'])),
        origin: Origin::ValueFile(named_by.to_owned(), path.to_owned()),
    })
}

pub(super) fn missing(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{what} {} does not exist", path.display()))
}

/// More than any configuration or secret needs.
const LONGEST_FILE: u64 = 1 << 20;

/// The text of a small file; `None` if there is none.
pub(super) fn read_bounded(path: &Path, what: &str) -> Result<Option<Zeroizing<String>>> {
    read(path, what, |_| Ok(()))
}

fn failed(path: &Path, what: &str, error: std::io::Error) -> Error {
    let denied = error.kind() == Io::PermissionDenied;
    let failed = Error::new(ErrorKind::Config, format!("read {what} {}", path.display())).because(error);
    if denied {
        failed
            .hint("let the user that runs this program read the file and enter its folders")
            .hint(format!("in Kubernetes: {KUBERNETES}"))
    } else {
        failed
    }
}

fn read(path: &Path, what: &str, demand: impl FnOnce(&File) -> Result<()>) -> Result<Option<Zeroizing<String>>> {
    let failed = |error| failed(path, what, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == Io::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    demand(&file)?;
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST_FILE {
        let message = format!("{what} {} is longer than 1 MiB", path.display());
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(Some(text))
}
