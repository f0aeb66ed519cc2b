//! What would make a backup fail, found before it does.

use super::{VaultRaft, plan::cluster, token};
use crate::client::{Vault, VaultSettings};
use backup_core::{
    Error, Result,
    event::{Finding, Severity},
};

/// Looks at the server, its leader, the token and its rights. A server that cannot be reached is a finding too. A login makes a token for the
/// time of the look; nothing else changes.
pub(super) async fn check(target: &VaultRaft) -> Result<Vec<Finding>> {
    let vault = Vault::new(target.settings.clone())?;
    let server = format!("server {}", vault.address());
    let mut findings = trust(&target.settings);
    match cluster(&vault).await {
        Ok(cluster) => findings.push(note(
            &server,
            format!(
                "Vault {}, unsealed, cluster {} ({})",
                cluster.version, cluster.name, cluster.id
            ),
        )),
        Err(error) => {
            findings.push(failed(&server, error));
            return Ok(findings);
        }
    }
    findings.push(leader(&vault).await);
    let login = match target.login.log_in(&vault).await {
        Ok(login) => login,
        Err(error) => {
            findings.push(failed("login", error));
            return Ok(findings);
        }
    };
    findings.extend(rights(target, &login.vault).await);
    findings.extend(login.end().await.err().map(token::not_revoked));
    Ok(findings)
}

fn trust(settings: &VaultSettings) -> Vec<Finding> {
    let anyone = Finding {
        severity: Severity::Warning,
        subject: "TLS".to_owned(),
        message: "the certificate of the server is not verified: whoever sits on the line reads the token".to_owned(),
        hint: Some("name the authority of the server with VAULT_CACERT in the place of VAULT_SKIP_VERIFY".to_owned()),
    };
    settings.skip_verify.then_some(anyone).into_iter().collect()
}

/// A standby redirects to its leader: that must be reachable from here.
async fn leader(vault: &Vault) -> Finding {
    match vault.at_leader().await {
        Ok(leader) if leader.address() == vault.address() => note("leader", "this server".into()),
        Ok(leader) => note("leader", leader.address().to_string()),
        Err(error) => failed("leader", error),
    }
}

async fn rights(target: &VaultRaft, vault: &Vault) -> Vec<Finding> {
    let facts = match vault.token().await {
        Ok(facts) => facts,
        Err(error) => return vec![failed("token", error)],
    };
    let mut findings = token::judge(&facts, target.login.is_fresh());
    // Each question is a use.
    if facts.uses_left().is_some_and(|left| left < 2) {
        return findings;
    }
    match token::judge_rights(vault).await {
        Ok(rights) => findings.extend(rights),
        Err(error) => findings.push(failed("policy", error)),
    }
    findings
}

fn failed(subject: &str, error: impl Into<Error>) -> Finding {
    let error = error.into();
    Finding {
        severity: Severity::Error,
        subject: subject.to_owned(),
        message: error.chain(),
        hint: error.hints().first().cloned(),
    }
}

fn note(subject: &str, message: String) -> Finding {
    Finding {
        severity: Severity::Note,
        subject: subject.to_owned(),
        message,
        hint: None,
    }
}
