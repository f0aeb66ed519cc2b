//! Whether a file may hold a secret.

use crate::{Error, ErrorKind, Result};
use rustix::process::geteuid;
use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

/// Whether a file of this unix mode and owner may hold a secret of user `us`.
///
/// The rule of libpq for private keys: `u=rw,g=r` or less if root owns it (as in a Secret volume of Kubernetes, which belongs to root and to the group
/// of the pod), `u=rw` or less if we do. Root may also read what others keep for themselves.
#[must_use]
pub fn secret_mode_ok(mode: u32, owner: u32, us: u32) -> bool {
    match owner {
        0 => mode & 0o037 == 0,
        _ => (owner == us || us == 0) && mode & 0o077 == 0,
    }
}

/// Fails if others may read or write a file that holds a secret. `metadata` is that of the open file at `path`, so that of the target of a symbolic link;
/// `what` names its use.
///
/// # Errors
/// [`ErrorKind::Config`] with the command that helps.
pub fn demand_secret_mode(metadata: &Metadata, what: &str, path: &Path) -> Result<()> {
    let (mode, owner, us) = (metadata.mode() & 0o7777, metadata.uid(), geteuid().as_raw());
    if secret_mode_ok(mode, owner, us) {
        return Ok(());
    }
    let shown = path.display();
    let message =
        format!("{what} {shown} belongs to user {owner} and has mode {mode:04o}: others may read or change it");
    let remedy = if owner == us || owner == 0 || us == 0 {
        format!("chmod 600 {shown}")
    } else {
        format!("this program runs as user {us}: chown {us} {shown}")
    };
    Err(Error::new(ErrorKind::Config, message)
        .hint(format!("{remedy} (in Kubernetes: {KUBERNETES})"))
        .hint("if others have read it, put a new secret in its place"))
}

/// What makes a Secret volume readable to a pod that does not run as root, and to no one else.
pub const KUBERNETES: &str = "defaultMode: 0440 on the Secret volume, and fsGroup in the securityContext of the pod";
