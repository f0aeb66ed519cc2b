//! No copy of the memory of this process, which holds keys and passwords.

use backup_core::{Error, ErrorKind, Result};
use rustix::{
    fs::Mode,
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask},
};

/// From now on neither this process nor its children leave a core dump, and no other process of the same user can attach to this one or read its memory.
///
/// The limit alone would not do: a core that is handed to a program (`core_pattern` with a pipe) ignores it, but not the flag. Children get the limit;
/// their flag starts anew with `exec`.
///
/// Files that are made are 0600, folders 0700.
///
/// # Errors
/// [`ErrorKind::Internal`] if the system refuses.
pub fn harden() -> Result<()> {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // What is written to a folder, and the folders themselves, are for this user alone.
    umask(Mode::from_raw_mode(0o077));
    setrlimit(Resource::Core, nothing)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| Error::new(ErrorKind::Internal, "forbid core dumps").because(std::io::Error::from(error)))
}
