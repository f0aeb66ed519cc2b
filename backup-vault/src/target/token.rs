//! The token: does it live on, and what may it do?

use crate::client::{SNAPSHOT_POLICY, TokenFacts, Vault, VaultError, VaultErrorKind};
use backup_core::{
    Error, ErrorKind, Result,
    context::Context,
    event::{Finding, Severity},
    keys::KeyKind,
};
use std::time::Duration;

const DAY: u64 = 24 * 3600;
const TOO_SHORT: Duration = Duration::from_secs(7 * DAY);
/// How to make one that lives on.
const BETTER: &str = "make one that lives on: `vault token create -orphan -period=768h -policy=vault-snapshot`";
const USED_UP: &str =
    "was used for the last time: it was made for a number of uses (-use-limit), and to look it up was one";
const PATH: &str = "sys/storage/raft/snapshot";
const FORCE: &str = "sys/storage/raft/snapshot-force";
/// Where nobody has rights who only takes backups: they show policies with a `+` in their paths, which Vault does not list.
const TELLING: [&str; 5] = [
    "auth/token/create",
    "secret/data/x",
    "sys/mounts/x",
    "sys/policies/acl/x",
    "sys/raw/x",
];
/// As many paths as fit on a screen.
const SHOWN: usize = 5;

/// Prolongs the life of the token of `vault`.
///
/// # Errors
/// Only if the token is missing or not valid, so that nothing can work. All else is a finding.
pub(super) async fn renew(vault: &Vault) -> Result<Vec<Finding>> {
    match try_renew(vault).await {
        Ok(Renewed::UsedUp) => {
            Err(Error::new(ErrorKind::SourceFailed, format!("the token of Vault {USED_UP}")).hint(BETTER))
        }
        Ok(Renewed::Counted(left)) => Ok(vec![counted(left)]),
        Ok(Renewed::Lives(left)) => Ok(left
            .into_iter()
            .filter(|left| *left < TOO_SHORT)
            .map(ends_soon)
            .collect()),
        Err(error)
            if matches!(
                error.kind(),
                VaultErrorKind::TokenInvalid | VaultErrorKind::TokenMissing
            ) =>
        {
            Err(error.into())
        }
        Err(error) => Ok(vec![warning(format!(
            "it was not renewed: {}",
            Error::from(error).chain()
        ))]),
    }
}

enum Renewed {
    /// How long the token lives from now; `None` for ever.
    Lives(Option<Duration>),
    /// It can be used so often from now. A renewal would be a use.
    Counted(u64),
    UsedUp,
}

async fn try_renew(vault: &Vault) -> Result<Renewed, VaultError> {
    let token = vault.token().await?;
    match token.uses_left() {
        Some(0) => return Ok(Renewed::UsedUp),
        Some(left) => return Ok(Renewed::Counted(left)),
        None => {}
    }
    if !token.renewable {
        return Ok(Renewed::Lives(token.ttl()));
    }
    Ok(Renewed::Lives(Some(vault.renew_token().await?.ttl())))
}

fn counted(left: u64) -> Finding {
    warning(match left {
        0 => format!("it {USED_UP}"),
        1 => "it can be used once more, and is not renewed, as that would be it".into(),
        _ => format!("it can be used {left} more times, and is not renewed, as that would be one of them"),
    })
}

/// What `check` says of a token: one finding for each thing that is wrong, or one that all is well.
pub(super) fn judge(token: &TokenFacts, fresh: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    if token.is_root() {
        found.push(warning("it may do everything; a backup needs to read one path".into()));
    }
    let others: Vec<_> = token.policies().filter(|policy| *policy != "default").collect();
    if others.len() > 1 {
        found.push(warning(format!(
            "it has more policies than a backup needs: {}",
            others.join(", ")
        )));
    }
    found.extend(token.uses_left().map(counted));
    if !fresh {
        found.extend(lifetime(token));
    }
    if found.is_empty() {
        let ttl = token
            .ttl()
            .map_or_else(|| "for ever".into(), |ttl| format!("for {}", days(ttl)));
        found.push(note("token", format!("valid {ttl}")));
    }
    found
}

fn lifetime(token: &TokenFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(ttl) = token.ttl() else { return found };
    if ttl < TOO_SHORT {
        found.push(ends_soon(ttl));
    }
    if !token.orphan {
        found.push(warning("it dies with the token that made it".into()));
    }
    if !token.renewable {
        found.push(warning(format!("it cannot be renewed and ends in {}", days(ttl))));
    } else if token.period().is_none() {
        found.push(warning(
            "it is not periodic: renewals do not carry it beyond the longest life that Vault allows (32 days by default)".into(),
        ));
    }
    found
}

/// Whether the token may read snapshots, whether it may write them, which a backup must not, and what else it may do.
///
/// # Errors
/// Those of the server.
pub(super) async fn judge_rights(vault: &Vault) -> Result<Vec<Finding>, VaultError> {
    let asked: Vec<_> = [PATH, FORCE].into_iter().chain(TELLING).collect();
    let may = vault.capabilities(&asked).await?;
    let has = |path: &str, right: &str| {
        may.get(path)
            .is_some_and(|rights| rights.iter().any(|has| has == right))
    };
    let all = has(PATH, "root");
    if !all && !has(PATH, "read") {
        return Ok(vec![Finding {
            severity: Severity::Error,
            subject: "policy".into(),
            message: format!("the token may not read {PATH}"),
            hint: Some(format!("give it a policy with:\n{SNAPSHOT_POLICY}")),
        }]);
    }
    let writes = [PATH, FORCE]
        .iter()
        .any(|path| has(path, "update") || has(path, "create"));
    if all || writes {
        return Ok(vec![too_much(
            "the token may also restore snapshots: whoever has it can replace everything in Vault".into(),
        )]);
    }
    let allows = |path: &str| {
        may.get(path)
            .is_some_and(|rights| rights.iter().any(|right| right != "deny"))
    };
    let mut more = vault.rights_beside_default().await?;
    more.retain(|path| path != PATH);
    more.extend(TELLING.into_iter().filter(|path| allows(path)).map(str::to_owned));
    if more.is_empty() {
        return Ok(vec![note("policy", format!("the token may read {PATH}"))]);
    }
    let message = format!("the token may do more than a backup needs, at {}", few(&more));
    Ok(vec![too_much(message)])
}

fn few(paths: &[String]) -> String {
    let shown = paths
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match paths.len().saturating_sub(SHOWN) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}

fn too_much(message: String) -> Finding {
    Finding {
        hint: Some(format!("a backup needs no more than:\n{SNAPSHOT_POLICY}")),
        subject: "policy".into(),
        ..warning(message)
    }
}

/// Vault's backup must open with Vault dead and this machine gone.
pub(super) fn recovery_key(cx: &Context) -> Option<Finding> {
    let keyring = cx.keyring.as_ref()?;
    if keyring.keys().iter().any(|key| key.kind == KeyKind::Recovery) {
        return None;
    }
    Some(Finding {
        severity: Severity::Warning,
        subject: "keys".into(),
        message: "no recovery key: if the key file is lost with Vault, so are the backups of Vault".into(),
        hint: Some("`backup-admin keys recovery-new --out FILE`, then BACKUP_RECOVERY_KEY".into()),
    })
}

pub(super) fn not_revoked(error: VaultError) -> Finding {
    let chain = Error::from(error).chain();
    let message = format!("the one of this run could not be revoked, and ends by itself: {chain}");
    Finding {
        hint: None,
        ..warning(message)
    }
}

fn ends_soon(left: Duration) -> Finding {
    warning(format!("it ends in {}", days(left)))
}

fn days(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 2 * DAY => format!("{} days", seconds / DAY),
        seconds if seconds >= 2 * 3600 => format!("{} hours", seconds / 3600),
        seconds => format!("{} minutes", seconds / 60),
    }
}

fn warning(message: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: "token".into(),
        message,
        hint: Some(BETTER.into()),
    }
}

fn note(subject: &str, message: String) -> Finding {
    Finding {
        severity: Severity::Note,
        subject: subject.into(),
        message,
        hint: None,
    }
}
