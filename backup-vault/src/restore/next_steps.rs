//! What is left to do after a restore.

use super::{RestoreRequest, Restored};
use crate::client::RestoredState;

/// How a sealed server is opened.
pub(super) fn unseal(restored: &Restored) -> String {
    let (seal, server) = (&restored.seal, &restored.server);
    let restart = if restored.restart_first {
        "restart it, then "
    } else {
        ""
    };
    match seal.kind.as_str() {
        "shamir" => format!(
            "{restart}unseal {server} with the ORIGINAL keys, those that were valid when the snapshot was taken: {} of {} (`vault operator unseal`)",
            seal.threshold, seal.shares
        ),
        kind => format!(
            "{server} opens by its seal ({kind}) once it is configured with the ORIGINAL key: restart it if it stays sealed"
        ),
    }
}

pub(super) fn next_steps(restored: &Restored, request: &RestoreRequest) -> Vec<String> {
    let mut steps = Vec::new();
    if restored.state == RestoredState::Sealed {
        steps.push(unseal(restored));
    }
    if let Some(path) = request.verify_path.as_ref().filter(|_| restored.listing.is_none()) {
        steps.push(format!(
            "look at the secrets with a token of the restored cluster: `vault kv list {path}`"
        ));
    }
    steps.extend([
        others(restored, request),
        "revoke the tokens that were valid when the snapshot was taken, root tokens first: they are valid again (`vault list auth/token/accessors`)".into(),
        "watch the leases: those that ended since the snapshot are revoked now, all at once, against live databases and clouds (`vault list sys/leases/lookup`)".into(),
        "make a new token for backups and revoke the old one".into(),
    ]);
    steps
}

/// What the other servers of the cluster have to do.
fn others(restored: &Restored, request: &RestoreRequest) -> String {
    let join = format!("`vault operator raft join {}`", restored.server);
    if request.allow_many_peers {
        return format!(
            "look at each of the other servers (`vault operator raft list-peers`, and its log): one that was left out or kept its old state joins again with EMPTY storage: {join}"
        );
    }
    format!("let the other servers join with EMPTY storage: {join}, then unseal each with the ORIGINAL keys")
}
