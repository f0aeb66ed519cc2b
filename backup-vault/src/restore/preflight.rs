//! Everything that is looked at before a restore.

use super::{RestoreRequest, SEAL};
use crate::{
    client::{RESTORE_POLICY, RaftPeer, SealStatus, Vault, VaultError, VaultErrorKind},
    snapshot::SnapshotFacts,
    target::{LoggedIn, VaultRaft, cluster},
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};

/// What a restore would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// The name of the target's cluster: what must be confirmed.
    pub cluster_name: String,
    /// Its id.
    pub cluster_id: String,
    /// Version of the server that was asked.
    pub version: String,
    /// The server that the snapshot would go to.
    pub leader: String,
    /// The servers of the cluster.
    pub peers: Vec<RaftPeer>,
    /// The seal of the target now.
    pub seal: SealStatus,
    /// Whether the restored server must be started again before it takes the keys of the snapshot: until then it goes on counting those of now.
    pub restart_first: bool,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
}

/// Looks in the order of what is cheapest to mend; the login is to be ended by the caller, and is ended here after an error.
pub(super) async fn look(
    target: &VaultRaft,
    vault: &Vault,
    facts: &SnapshotFacts,
    request: &RestoreRequest,
) -> Result<(Preflight, LoggedIn, Vault)> {
    let cluster = cluster(vault).await?;
    confirmed(request, &cluster.name)?;
    let seal = vault.seal_status().await?;
    let login = target.login.log_in(vault).await?;
    let (peers, leader) = match with_token(&login.vault, request).await {
        Ok(looked) => looked,
        Err(error) => {
            super::end_quietly(&login).await;
            return Err(error);
        }
    };
    let own = unneeded_force(request, &cluster.id);
    let preflight = Preflight {
        cluster_name: cluster.name,
        cluster_id: cluster.id,
        version: cluster.version,
        leader: leader.address().to_string(),
        peers,
        restart_first: request.force && other_numbers(&seal, facts),
        findings: own.into_iter().chain(seals(&seal, facts, request.force)).collect(),
        seal,
    };
    Ok((preflight, login, leader))
}

/// A missing confirmation is refused by a restore, not by a look.
pub(super) fn confirmed(request: &RestoreRequest, name: &str) -> Result<()> {
    match &request.confirm {
        Some(confirmed) if confirmed != name => {
            let message = format!("the target is the cluster {name}, and {confirmed} was confirmed");
            Err(Error::new(ErrorKind::Refused, message).hint(format!(
                "check VAULT_ADDR; if everything in this cluster is to be replaced: --confirm {name}"
            )))
        }
        _ => Ok(()),
    }
}

async fn with_token(vault: &Vault, request: &RestoreRequest) -> Result<(Vec<RaftPeer>, Vault)> {
    let peers = vault.raft_peers().await?;
    if peers.len() > 1 && !request.allow_many_peers {
        let names: Vec<_> = peers.iter().map(|peer| peer.id.as_str()).collect();
        let message = format!("the target has {} servers: {}", peers.len(), names.join(", "));
        return Err(Error::new(ErrorKind::Refused, message)
            .hint("restore one fresh server, and let the others join it with empty storage: members of a formed cluster may keep their old state or be left out")
            .hint("--allow-many-peers restores it all the same"));
    }
    allowed(vault, request.force).await?;
    countless(vault).await?;
    Ok((peers, vault.at_leader().await?))
}

/// A token that is used up on the way is not known any more, as one of the old state once the restored one is in force.
async fn countless(vault: &Vault) -> Result<()> {
    let Some(left) = vault.token().await?.uses_left() else {
        return Ok(());
    };
    let message = format!("the token can be used {left} times more only, and a restore looks at its marker many times");
    Err(Error::new(ErrorKind::Refused, message).hint("make one without -use-limit: `backup-vault policy` shows how"))
}

async fn allowed(vault: &Vault, force: bool) -> Result<(), VaultError> {
    let path = if force {
        "sys/storage/raft/snapshot-force"
    } else {
        "sys/storage/raft/snapshot"
    };
    let rights = vault.capabilities(&[path]).await?;
    let may = |right: &String| matches!(right.as_str(), "root" | "update" | "create");
    if rights.values().flatten().any(may) {
        return Ok(());
    }
    let doing = format!("restore at {}", vault.address());
    Err(VaultError::new(VaultErrorKind::Forbidden, doing).needing(RESTORE_POLICY))
}

fn other_numbers(now: &SealStatus, facts: &SnapshotFacts) -> bool {
    let wanted = facts.counted_keys();
    now.kind == facts.seal.kind && (now.shares, now.threshold) != (wanted.shares, wanted.threshold)
}

/// Which keys open the target now says much about what a restore will meet.
fn seals(now: &SealStatus, facts: &SnapshotFacts, force: bool) -> Option<Finding> {
    if now.kind != facts.seal.kind {
        let message = format!(
            "the target's is {}, that of the snapshot {}: a server can only be unsealed with the seal of its snapshot",
            now.kind, facts.seal.kind
        );
        let hint = "configure the target with the seal of the original cluster";
        return Some(finding(SEAL, message, hint));
    }
    if !other_numbers(now, facts) {
        return None;
    }
    let wanted = facts.counted_keys();
    let numbers = format!(
        "the target asks for {} of {} keys, the snapshot was made with {} of {}",
        now.threshold, now.shares, wanted.threshold, wanted.shares
    );
    Some(if force {
        finding(
            SEAL,
            format!("{numbers}: once restored it must be started again before it takes the ORIGINAL keys"),
            "have somebody at hand who may restart it; if it asks for as many as before even then, the restore has failed half-way: read its log",
        )
    } else {
        let message = format!("{numbers}: it is of another cluster or from before a rekey, and Vault will refuse it");
        finding(SEAL, message, "restore it with --force")
    })
}

/// Whoever forces it means another cluster's snapshot, or does not know that this one is its own.
fn unneeded_force(request: &RestoreRequest, target: &str) -> Option<Finding> {
    let own = request.force && request.of_cluster.as_deref() == Some(target);
    own.then(|| {
        finding(
            "cluster",
            format!("the snapshot is of the target itself ({target}): --force is needed only if its unseal keys were changed since"),
            "if another cluster's was meant: `list` shows whose each is, --at ID restores it",
        )
    })
}

fn finding(subject: &str, message: String, hint: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: subject.into(),
        message,
        hint: Some(hint.into()),
    }
}
