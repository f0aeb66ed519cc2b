//! Programs that are run from another folder.

use std::path::Path;
use std::process::Command;

/// Copies a program, with its mode, to where others may run it.
///
/// By a process of its own: a file that this one wrote could not be run (`ETXTBSY`) while a child that another test starts at that moment still holds
/// it open for writing.
///
/// # Panics
/// If it cannot be copied.
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let copied = Command::new("cp").arg(from.as_ref()).arg(to.as_ref()).status();
    assert!(copied.expect("cp runs").success(), "copy {}", from.as_ref().display());
}
