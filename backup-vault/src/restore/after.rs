//! What is looked at once the restored state is in force.

use super::{Listing, RestoreRequest, Restored, SEAL};
use crate::{
    Secret,
    client::{Health, RestoredState, Vault},
    snapshot::SnapshotFacts,
    target::VaultRaft,
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
    keys::demand_secret_mode,
};
use std::{fs::File, io::Read, path::Path, time::Duration};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};
use zeroize::Zeroizing;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The subject of findings about what was to be listed.
const SECRETS: &str = "secrets";
/// Elections are over by then.
const ELECTED_WITHIN: Duration = Duration::from_secs(60);

/// A sealed server goes on asking for as many keys as before the restore, and refuses the original ones, until it is started again (measured on 1.19.3,
/// where the numbers differ). It seals itself too when a restore fails half-way: then the numbers stay after that. What was foretold is not said again.
pub(super) async fn sealed(leader: &Vault, facts: &SnapshotFacts, restored: &mut Restored) {
    let wanted = facts.counted_keys();
    match leader.seal_status().await {
        Ok(now) if (now.shares, now.threshold) == (wanted.shares, wanted.threshold) => restored.restart_first = false,
        Ok(_) if restored.restart_first => {}
        Ok(now) => {
            restored.restart_first = true;
            restored.findings.push(finding(
                SEAL,
                format!(
                    "the server still asks for {} of {} keys as before, the snapshot was made with {} of {}: it must be started again before it takes the ORIGINAL keys",
                    now.threshold, now.shares, wanted.threshold, wanted.shares
                ),
                "restart the server; if it asks for as many as before even then, the restore has failed half-way: read its log",
            ));
        }
        Err(error) => {
            let chain = Error::from(error).chain();
            restored
                .findings
                .push(finding(SEAL, chain, "read the log of the server"));
        }
    }
}

/// Nothing can be listed there yet.
pub(super) fn sealed_secrets(restored: &mut Restored, path: Option<&str>) {
    let Some(path) = path else { return };
    restored.findings.push(finding(
        SECRETS,
        format!("{path} was not listed: the server is sealed"),
        "--wait-unsealed waits for somebody who unseals it, and lists it then",
    ));
}

/// Waits until somebody has unsealed the server; false if nobody did.
pub(super) async fn unsealed(leader: &Vault, restored: &mut Restored, patience: Duration) -> bool {
    if active(leader, patience).await.is_some() {
        restored.state = RestoredState::InForce;
        // Whatever there was to say of the seal: it is open.
        restored.findings.retain(|finding| finding.subject != SEAL);
        return true;
    }
    restored.findings.push(finding(
        SEAL,
        format!("nobody has unsealed it within {} s", patience.as_secs()),
        "unseal it with the ORIGINAL keys: `vault operator unseal`",
    ));
    false
}

/// Which cluster it is now, and what is in it.
pub(super) async fn look(target: &VaultRaft, leader: &Vault, restored: &mut Restored, request: &RestoreRequest) {
    let Some(health) = active(leader, ELECTED_WITHIN).await else {
        restored.findings.push(finding(
            "leader",
            "the server runs and does not lead its cluster yet".into(),
            "look at `vault operator raft list-peers` and at the log of the server",
        ));
        return;
    };
    (restored.cluster_id, restored.cluster_name) = (health.cluster_id, health.cluster_name);
    let Some(path) = &request.verify_path else { return };
    match list(target, leader, path, request.verify_token_file.as_deref()).await {
        Ok(names) if names.is_empty() => restored.findings.push(finding(
            SECRETS,
            format!("there are none at {path}"),
            "is it the right path, and the right backup?",
        )),
        Ok(names) => {
            restored.listing = Some(Listing {
                path: path.clone(),
                names,
            });
        }
        Err(error) => restored.findings.push(finding(
            SECRETS,
            format!("{path} could not be listed: {}", error.chain()),
            "a token of before the restore is not valid any more: give one of the restored cluster with --verify-token-file, or take it for `vault kv \
             list`; if that is refused too, nothing may be mounted there (Vault says the same of both): is it the right backup?",
        )),
    }
}

/// With the token in `file`, or logs in anew: tokens of before are gone.
async fn list(target: &VaultRaft, leader: &Vault, path: &str, file: Option<&Path>) -> Result<Vec<String>> {
    if let Some(file) = file {
        let file = file.to_owned();
        let token = spawn_blocking(move || read_token(&file)).await;
        let token = token.map_err(|lost| Error::new(ErrorKind::Internal, "read a token").because(lost))??;
        let vault = leader
            .clone()
            .with_token(Secret::new(token.trim_end_matches(['\r', '\n'])));
        return Ok(vault.list_secrets(path).await?);
    }
    let login = target.login.log_in(leader).await?;
    let listed = login.vault.list_secrets(path).await;
    let ended = login.end().await.map_err(Error::from);
    let listed = listed?;
    ended.map(|()| listed)
}

/// The token in the file at `path`, which must be for us alone.
fn read_token(path: &Path) -> Result<Zeroizing<String>> {
    const WHAT: &str = "token file";
    let failed = |error| Error::new(ErrorKind::Config, format!("read {WHAT} {}", path.display())).because(error);
    let mut file = File::open(path).map_err(failed)?;
    demand_secret_mode(&file.metadata().map_err(failed)?, WHAT, path)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// The health of a server that leads; `None` if it does not in time. Errors on the way are part of a restore.
async fn active(leader: &Vault, patience: Duration) -> Option<Health> {
    let until = Instant::now() + patience;
    loop {
        if let Ok(health) = leader.health().await
            && !health.sealed
            && !health.standby
            && health.cluster_id.is_some()
        {
            return Some(health);
        }
        if Instant::now() >= until {
            return None;
        }
        sleep(LOOK_EVERY).await;
    }
}

fn finding(subject: &str, message: String, hint: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: subject.into(),
        message,
        hint: Some(hint.into()),
    }
}
