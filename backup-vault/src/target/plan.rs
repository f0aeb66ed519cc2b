//! Which cluster there is to back up.

use super::{SNAPSHOT, SNAPSHOT_TYPE, VaultRaft};
use crate::client::{Result, Vault, VaultError, VaultErrorKind};
use backup_core::{
    context::Context,
    target::{Plan, PlannedArtifact},
};

/// What a server that can be backed up says about its cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// One snapshot, whoever leads.
pub(super) async fn plan(target: &VaultRaft, cx: &Context) -> backup_core::Result<Plan> {
    let vault = Vault::new(target.settings.clone())?;
    let cluster = target.tried(cx, || async { Ok(cluster(&vault).await?) }).await?;
    let snapshot = PlannedArtifact {
        name: SNAPSHOT.to_owned(),
        path: "{id}.snap".to_owned(),
        content_type: SNAPSHOT_TYPE.to_owned(),
        // Vault compresses it, and its values are ciphertext.
        compress: false,
    };
    Ok(Plan {
        lineage: cluster.id,
        artifacts: vec![snapshot],
        jobs: 1,
    })
}

/// Demands a server that is initialised, unsealed, on Raft, and knows a leader. Needs no token.
pub(crate) async fn cluster(vault: &Vault) -> Result<Cluster> {
    let wrong = |kind| VaultError::new(kind, format!("look at {}", vault.address()));
    let health = vault.health().await?;
    if !health.initialized {
        return Err(wrong(VaultErrorKind::NotInitialized));
    }
    if health.removed_from_cluster == Some(true) {
        return Err(wrong(VaultErrorKind::Removed));
    }
    if health.sealed {
        return Err(wrong(VaultErrorKind::Sealed));
    }
    let storage = vault.seal_status().await?.storage_type;
    if let Some(storage) = storage.filter(|storage| storage != "raft") {
        return Err(wrong(VaultErrorKind::NotRaft).said(format!("it is {storage}")));
    }
    let leader = vault.leader().await?;
    if leader.ha_enabled && !leader.is_self && leader.leader_address.is_empty() {
        return Err(wrong(VaultErrorKind::NoLeader));
    }
    match (health.cluster_id, health.cluster_name) {
        (Some(id), Some(name)) => Ok(Cluster {
            id,
            name,
            version: health.version,
        }),
        _ => Err(wrong(VaultErrorKind::NoLeader).said("it does not know its cluster yet")),
    }
}
