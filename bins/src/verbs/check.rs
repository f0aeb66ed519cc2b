//! `check`: look before it matters.

mod disk;

use crate::{
    context::Context,
    output::Report,
    repository,
    table::{Align, Table, safe},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    event::{Finding, Severity},
    pipeline::SpoolRoom,
    store::{Key, PutMode, probe},
    target::BackupTarget,
};
use serde::Serialize;
use std::collections::HashSet;

/// Looks at keys, store, server and, for a target that has one, the folder of its spool. Every problem is a line of one table; any that matters ends with exit 12.
///
/// # Errors
/// [`ErrorKind::Findings`] if any matters; whatever kept it from looking.
pub async fn check(
    context: &Context,
    program: &str,
    target: &dyn BackupTarget,
    spool: Option<&SpoolRoom>,
) -> Result<()> {
    let cx = repository::for_reading(context, program)?;
    let looked = look(context, program, (target, spool), &cx);
    let findings = cx.unless_cancelled("check", looked).await?;
    let serious = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
        .count();
    context.output.report(&Shown { findings })?;
    if serious == 0 {
        return Ok(());
    }
    let message = match serious {
        1 => "1 finding needs attention".to_owned(),
        _ => format!("{serious} findings need attention"),
    };
    Err(Error::new(ErrorKind::Findings, message))
}

async fn look(
    context: &Context,
    program: &str,
    (target, spool): (&dyn BackupTarget, Option<&SpoolRoom>),
    cx: &core::Context,
) -> Result<Vec<Finding>> {
    let mut findings = keys(context, cx);
    findings.extend(store(context, cx).await);
    findings.extend(disk::free(context, program, cx, target.name()).await);
    if let Some(room) = spool {
        findings.push(disk::spool(room, cx, target.name()).await);
    }
    findings.extend(target.check(cx).await?);
    Ok(findings)
}

fn keys(context: &Context, cx: &core::Context) -> Vec<Finding> {
    let Some(keyring) = &cx.keyring else {
        return match context.config.sse {
            Some(_) => vec![finding(
                Severity::Note,
                "keys",
                "none: the store encrypts, manifests are not signed",
                None,
            )],
            None => vec![finding(
                Severity::Error,
                "keys",
                "none, and no --sse: a backup would be refused",
                Some("`backup-admin keys new --out FILE`, then BACKUP_KEY_FILE"),
            )],
        };
    };
    let mut findings = Vec::new();
    if context.config.sse.is_none() && !keyring.can_sign() {
        findings.push(finding(
            Severity::Error,
            "keys",
            "no key that signs: prune and restore would refuse such backups",
            Some("add a `sign` or `kek` line to the key file"),
        ));
    }
    if context.config.sse.is_some() && cx.authenticates() && !keyring.can_sign() {
        findings.push(finding(
            Severity::Warning,
            "keys",
            "there are keys that prove who signed, and none that signs: backups made with these are not authentic here, so that restore refuses and prune keeps them",
            Some("add a `sign` or `kek` line to the key file, or take the `verify` lines out"),
        ));
    }
    let recovery = keyring
        .keys()
        .iter()
        .any(|key| key.kind == core::keys::KeyKind::Recovery);
    if context.config.sse.is_none() && !recovery {
        findings.push(finding(
            Severity::Warning,
            "keys",
            "no recovery key: if the key file is lost, so are the backups",
            Some("`backup-admin keys recovery-new --out FILE`, then BACKUP_RECOVERY_KEY"),
        ));
    }
    if context.config.sse.is_none() && recovery {
        findings.extend(unnamed_writer(keyring));
    }
    if findings.is_empty() {
        findings.push(finding(Severity::Note, "keys", "present and good", None));
    }
    findings
}

/// The public half of a recovery key stands beside the `verify` lines that its file in the safe has. A key that signs and is not among them is one that
/// the file is not known to trust.
fn unnamed_writer(keyring: &core::keys::Keyring) -> Option<Finding> {
    let writer = keyring.signs_as()?;
    let keys = keyring.keys();
    let mut named = keys.iter().filter(|key| key.kind == core::keys::KeyKind::Verify);
    if named.any(|key| key.signs_as == Some(writer)) {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "keys",
        &format!(
            "nothing says that the recovery file in the safe knows the writer {writer}: alone it may open its backups and not vouch for them"
        ),
        Some(
            "`backup-admin keys recovery-trust recovery.key --for backup.key`, and its `verify` lines into BACKUP_RECOVERY_KEY beside the recovery key",
        ),
    ))
}

/// Tries what a backup needs of the store, and cleans up.
async fn store(context: &Context, cx: &core::Context) -> Vec<Finding> {
    let subject = format!("store {}", cx.store.location());
    let features = match probe(cx.store.as_ref(), cx.entropy.as_ref()).await {
        Ok(features) => features,
        Err(error) => {
            let error = Error::from(error);
            return vec![finding(
                Severity::Error,
                &subject,
                &error.chain(),
                error.hints().first().map(String::as_str),
            )];
        }
    };
    let mut findings = vec![finding(
        Severity::Note,
        &subject,
        &format!(
            "can be written; conditional put: {}",
            if features.conditional_create {
                "yes"
            } else {
                "no, intents are listed instead"
            }
        ),
        None,
    )];
    if context.config.sse.is_some() {
        findings.push(finding(
            Severity::Note,
            &subject,
            "confirms the encryption that is asked for",
            None,
        ));
    }
    match clock_difference(cx).await {
        Ok(seconds) if seconds.abs() > 5 => findings.push(finding(
            Severity::Warning,
            &subject,
            &format!("its clock differs from this machine's by {seconds} seconds"),
            Some("synchronise both with NTP"),
        )),
        Ok(_) => {}
        Err(error) => findings.push(finding(Severity::Error, &subject, &error.chain(), None)),
    }
    findings
}

/// Seconds that the store's clock is ahead, from the time it gives a fresh object.
async fn clock_difference(cx: &core::Context) -> Result<i64> {
    let key = Key::from(format!("_pbe/probe/{}", core::id::Nonce::random(cx.entropy.as_ref())?));
    cx.store.put(&key, bytes_of("clock"), PutMode::Overwrite).await?;
    let meta = cx.store.head(&key).await;
    for result in cx.store.delete(std::slice::from_ref(&key)).await {
        result?;
    }
    let meta =
        meta?.ok_or_else(|| Error::new(ErrorKind::StoreFailed, format!("{key} was written and is not there")))?;
    Ok(meta.modified.duration_since(cx.clock.now()).as_secs())
}

fn bytes_of(text: &'static str) -> bytes::Bytes {
    bytes::Bytes::from_static(text.as_bytes())
}

fn finding(severity: Severity, subject: &str, message: &str, hint: Option<&str>) -> Finding {
    Finding {
        severity,
        subject: subject.to_owned(),
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

#[derive(Serialize)]
struct Shown {
    findings: Vec<Finding>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("WHAT", Align::Left), ("FOUND", Align::Left)]);
        for finding in &self.findings {
            let mark = match finding.severity {
                Severity::Note => "ok",
                Severity::Warning => "WARNING",
                Severity::Error => "ERROR",
            };
            table.row([mark, &finding.subject, &finding.message]);
        }
        let mut said = HashSet::new();
        let hints: String = self
            .findings
            .iter()
            .filter_map(|finding| {
                let hint = finding.hint.as_ref()?;
                Some(format!("HINT: {}: {}\n", safe(&finding.subject), safe(hint)))
            })
            // Two findings may have one remedy.
            .filter(|hint| said.insert(hint.clone()))
            .collect();
        format!("{table}{hints}")
    }
}
