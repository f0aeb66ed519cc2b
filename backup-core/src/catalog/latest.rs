//! Which backup is meant by "the latest", or that it is not known.

use super::{Entry, Manifest, Repository, list, started};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    id::BackupId,
};
use futures::TryStreamExt;

/// How many of those that are in doubt an error names.
const NAMED: usize = 5;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// The target whose backups count.
    pub target: &'a str,
    /// The lineage whose backups count; those of all if none is named.
    pub lineage: Option<&'a str>,
    /// The artifact that it must hold. If none is named, it must hold all that was asked for when it was made.
    pub artifact: Option<&'a str>,
    /// Whether one that no known key vouches for will do: somebody else vouches.
    pub allow_unauthenticated: bool,
    /// Whether one whose verification failed will do: for whoever verifies it again.
    pub allow_failed: bool,
}

impl Sought<'_> {
    fn is_held_by(&self, manifest: &Manifest) -> bool {
        match self.artifact {
            None => manifest.complete,
            Some(name) => manifest.artifacts.iter().any(|artifact| artifact.name == name),
        }
    }

    /// Where it should have been saved and was not.
    fn failed_in<'m>(&self, manifest: &'m Manifest) -> Option<&'m str> {
        let failed = manifest
            .failures
            .iter()
            .find(|failed| Some(failed.name.as_str()) == self.artifact);
        failed.map(|failed| failed.error.as_str())
    }
}

/// The newest backup that is what is sought; `None` if there is none, and never was.
///
/// Nothing newer is passed over that may be the latest: where something newer of the target cannot be read, is damaged, has failed its verification, or where
/// no known key vouches for it, the latest is not known, and whoever wants an older state has to name it. A newer backup of the same lineage that failed to save
/// the artifact is no doubt about what there is: it is a finding. If no backup is vouched for by a known key, the newest of anyone is given, and its trust is the caller's
/// decision ([`Entry::is_authentic`]).
///
/// Reads about 16 manifests beyond the one found.
///
/// # Errors
/// [`ErrorKind::Damaged`] if the latest is not known, with what is in doubt and the newest good one; those of the store.
pub async fn latest(cx: &Context, repository: &Repository, sought: Sought<'_>) -> Result<Option<Entry>> {
    let (mut doubts, mut anyones) = (Doubts::default(), None);
    let mut entries = std::pin::pin!(list::entries(cx, repository).await?);
    while let Some(entry) = entries.try_next().await? {
        match judge(cx, &sought, &entry).await? {
            Verdict::Another => {}
            Verdict::Latest if doubts.is_empty() => return Ok(Some(entry)),
            Verdict::Latest => return Err(doubts.error(sought.target, Some(entry.id))),
            Verdict::Unproven => {
                doubts
                    .unproven
                    .push((entry.id, "no known key vouches for it".to_owned()));
                anyones.get_or_insert(entry);
            }
            Verdict::Doubt(why) => doubts.bad.push((entry.id, why)),
            Verdict::Failed(why) => report(cx, entry.id, sought.artifact.unwrap_or_default(), &why),
        }
    }
    match anyones {
        Some(entry) if doubts.bad.iter().all(|(id, _)| *id < entry.id) => Ok(Some(entry)),
        None if doubts.is_empty() => Ok(None),
        _ => Err(doubts.error(sought.target, None)),
    }
}

/// What a backup is to whoever looks for the latest.
enum Verdict {
    /// Of another target or lineage, or without what is sought.
    Another,
    Latest,
    /// What is sought, but nobody known vouches for it.
    Unproven,
    /// It may be the latest.
    Doubt(String),
    /// It is newer, and what is sought could not be saved then.
    Failed(String),
}

async fn judge(cx: &Context, sought: &Sought<'_>, entry: &Entry) -> Result<Verdict> {
    let signed = match &entry.manifest {
        Err(error) => {
            let of_others = is_of_others(cx, sought.target, entry.id).await?;
            return Ok(match of_others {
                true => Verdict::Another,
                false => Verdict::Doubt(format!("it cannot be read: {}", error.chain())),
            });
        }
        Ok(signed) => &signed.value,
    };
    // What nobody vouches for claims its target and lineage too. Ours, it would say so: what was changed is damaged.
    let other_lineage = sought.lineage.is_some_and(|lineage| signed.lineage != lineage);
    if signed.target != sought.target || other_lineage {
        return Ok(Verdict::Another);
    }
    let proven = entry.is_authentic(cx) || sought.allow_unauthenticated;
    Ok(match (sought.is_held_by(signed), sought.failed_in(signed)) {
        (true, _) if !proven => Verdict::Unproven,
        (true, _) => match &entry.proof.failed {
            Some(failed) if !sought.allow_failed => Verdict::Doubt(format!("its verification failed at {}", failed.at)),
            _ => Verdict::Latest,
        },
        (false, Some(why)) if proven => Verdict::Failed(why.to_owned()),
        (false, _) => Verdict::Another,
    })
}

/// Whether the runs that claimed this id, all of them known to us, were of other targets.
async fn is_of_others(cx: &Context, target: &str, id: BackupId) -> Result<bool> {
    let markers = started::list(cx, id).await?;
    for meta in &markers {
        let marker = match started::read(cx, &meta.key).await {
            Ok(marker) => marker,
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => return Ok(false),
            Err(error) => return Err(error),
        };
        let of_others = marker.is_some_and(|marker| {
            let proven = marker.trust.is_signed() || !cx.authenticates();
            proven && marker.value.target != target
        });
        if !of_others {
            return Ok(false);
        }
    }
    Ok(!markers.is_empty())
}

type Doubt = (BackupId, String);

/// What may be newer than the newest good one.
#[derive(Default)]
struct Doubts {
    /// What cannot be used.
    bad: Vec<Doubt>,
    /// What nobody known vouches for.
    unproven: Vec<Doubt>,
}

impl Doubts {
    fn is_empty(&self) -> bool {
        self.bad.is_empty() && self.unproven.is_empty()
    }

    fn error(self, target: &str, good: Option<BackupId>) -> Error {
        let unproven = self.unproven.first().map(|(id, _)| *id);
        let message = format!("the latest backup of {target} is not known: {}", self.named());
        let error = Error::new(ErrorKind::Damaged, message).hint(match good {
            Some(good) => format!("the newest good one before is {good}: ask for it by its id"),
            None => "no good one is known".to_owned(),
        });
        match unproven {
            Some(id) => error.hint(format!(
                "if a key is missing, give the key file, or the `verify` line, of who signed {id}; if nobody knows where it comes from, set it aside with `prune --forget-unsigned {id}`"
            )),
            None => error,
        }
    }

    /// The newest of them, each with what is wrong.
    fn named(self) -> String {
        let mut all = [self.bad, self.unproven].concat();
        all.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        let more = if all.len() > NAMED { "; …" } else { "" };
        let named: Vec<String> = all.iter().take(NAMED).map(|(id, why)| format!("{id}: {why}")).collect();
        named.join("; ") + more
    }
}

fn report(cx: &Context, id: BackupId, artifact: &str, why: &str) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject: id.to_string(),
        message: format!("this newer backup does not hold {artifact}, which could not be saved then: {why}"),
        hint: None,
    }));
}
