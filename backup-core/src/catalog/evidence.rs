//! Evidence: what a verification proved.

use super::{
    document::{self, Document, Format, Kind},
    hex32, layout,
};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    id::{BackupId, Nonce, RepositoryId},
    store::{Key, ListDepth, ListEntry, PutMode},
};
use futures::{TryStreamExt, future::ready};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many documents are read at once.
const CONCURRENCY: usize = 8;
/// Bytes of damaged keys in one document.
const ROOM: usize = 60 << 10;

/// How deep a verification looked; each depth includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Lengths and digests of what is stored.
    Objects,
    /// Every byte opened and read by the tool that restores it.
    Content,
    /// It was restored.
    Restore,
}

/// What one verification of one backup proved. See `docs/FORMAT.md`, section 3, for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/FORMAT.md is the authority on the fields")]
pub struct Evidence {
    pub format: Format,
    pub id: BackupId,
    pub repository: RepositoryId,
    #[serde(with = "hex32")]
    pub manifest: [u8; 32],
    pub target: String,
    pub at: Timestamp,
    pub depth: Depth,
    pub ok: bool,
    pub damaged: Vec<String>,
    pub tool: String,
}

impl Document for Evidence {
    const KIND: Kind = Kind::Evidence;
}

/// What all verifications of one backup together say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// The newest verification that succeeded.
    pub verified: Option<Evidence>,
    /// The newest one that failed and since which none succeeded that looked at least as deep. Since: by the clock of who verified and by the store's,
    /// for a wrong clock must not make a failure good.
    pub failed: Option<Evidence>,
}

/// Records `evidence` under a key of its own. Atomic; not idempotent: each call records once more.
///
/// Of the damaged keys only as many are recorded as there is room for.
///
/// # Errors
/// Those of the store.
pub async fn record(cx: &Context, evidence: &Evidence) -> Result<Key> {
    let nonce = Nonce::random(cx.entropy.as_ref())?;
    let name = format!("{}-{nonce}.json", BackupId::at(evidence.at));
    let key = layout::evidence(evidence.id).with(name);
    let bytes = document::encode(&cut(evidence), cx.keyring.as_deref())?;
    cx.store.put(&key, bytes, PutMode::Overwrite).await?;
    Ok(key)
}

fn cut(evidence: &Evidence) -> Evidence {
    let mut room = ROOM;
    let fits = |key: &&String| {
        // JSON needs at most six bytes for one.
        room = room.saturating_sub(6 * key.len() + 3);
        room > 0
    };
    let damaged = evidence.damaged.iter().take_while(fits).cloned().collect();
    Evidence {
        damaged,
        ..evidence.clone()
    }
}

/// Reads what is proved about the backup `id` whose manifest has this `digest`: all its verifications. Memory is 16 of them, more only if clocks
/// disagree about their order.
///
/// Evidence that is damaged, about something else, or without a good signature while there is a key, counts for nothing and is reported.
///
/// # Errors
/// Those of the store.
pub async fn proof(cx: &Context, id: BackupId, repository: RepositoryId, digest: &[u8; 32]) -> Result<Proof> {
    let listing = cx
        .store
        .list(&layout::evidence(id), ListDepth::Flat)
        .map_err(Error::from);
    let keys = listing.try_filter_map(|entry| {
        let key = match entry {
            ListEntry::Object(meta) => Some(meta.key),
            ListEntry::Folder(_) => None,
        };
        ready(Ok(key))
    });
    let read = keys
        .map_ok(|key| counted(cx, key, (id, repository, digest)))
        .try_buffer_unordered(CONCURRENCY);
    let fold = |mut newest: Newest, dated: Option<Dated>| {
        dated.into_iter().for_each(|dated| newest.add(dated));
        ready(Ok(newest))
    };
    read.try_fold(Newest::default(), fold).await.map(Newest::proof)
}

/// What a backup is known by: its id, its repository, the digest of its manifest.
type Subject<'a> = (BackupId, RepositoryId, &'a [u8; 32]);

/// The evidence under `key`; `None` if it counts for nothing.
async fn counted(cx: &Context, key: Key, subject: Subject<'_>) -> Result<Option<Dated>> {
    match read(cx, &key, subject).await {
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => {
            report(cx, &key, &error);
            Ok(None)
        }
        other => other,
    }
}

async fn read(cx: &Context, key: &Key, (id, repository, digest): Subject<'_>) -> Result<Option<Dated>> {
    let read = document::read_dated::<Evidence>(cx.store.as_ref(), key, cx.keyring.as_deref()).await?;
    let Some((signed, meta)) = read else { return Ok(None) };
    if cx.authenticates() && !signed.trust.is_signed() {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{key} is not signed by a known key"),
        ));
    }
    let evidence = signed.value;
    if (evidence.id, evidence.repository, &evidence.manifest) != (id, repository, digest) {
        return Err(Error::new(ErrorKind::Damaged, format!("{key} is about another backup")));
    }
    Ok(Some(Dated {
        evidence,
        stored: meta.modified,
    }))
}

fn report(cx: &Context, key: &Key, error: &Error) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject: key.to_string(),
        message: format!("does not count as evidence: {}", error.chain()),
        hint: None,
    }));
}

/// Evidence, and when it was written by the store's clock.
#[derive(Clone)]
struct Dated {
    evidence: Evidence,
    stored: Timestamp,
}

impl Dated {
    /// Of two at one moment neither is later; the store's moments are as long as a second.
    fn is_later(&self, than: &Self) -> bool {
        self.evidence.at > than.evidence.at && self.stored >= than.stored
    }
}

/// The newest verifications of each depth that succeeded, and that failed: one of each, unless clocks disagree.
#[derive(Default)]
struct Newest(BTreeMap<(bool, Depth), Vec<Dated>>);

impl Newest {
    fn add(&mut self, new: Dated) {
        let newest = self.0.entry((new.evidence.ok, new.evidence.depth)).or_default();
        let says_less = |one: &Dated, other: &Dated| one.evidence.at <= other.evidence.at && one.stored <= other.stored;
        if !newest.iter().any(|there| says_less(&new, there)) {
            newest.retain(|there| !says_less(there, &new));
            newest.push(new);
        }
    }

    /// Of a success and a failure at one moment, the failure counts.
    fn proof(self) -> Proof {
        let all = self.0.into_values().flatten();
        let (verified, failed): (Vec<_>, Vec<_>) = all.partition(|dated| dated.evidence.ok);
        let good = |failed: &Dated| {
            let deep = |ok: &&Dated| ok.evidence.depth >= failed.evidence.depth;
            verified.iter().filter(deep).any(|ok| ok.is_later(failed))
        };
        let failed = failed.into_iter().filter(|failed| !good(failed));
        let newest =
            |all: &mut dyn Iterator<Item = Dated>| all.map(|dated| dated.evidence).max_by_key(|evidence| evidence.at);
        Proof {
            failed: newest(&mut failed.into_iter()),
            verified: newest(&mut verified.iter().cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(second: i64, depth: Depth, ok: bool) -> Evidence {
        let at = Timestamp::from_second(second).unwrap();
        Evidence {
            format: Format,
            id: BackupId::at(Timestamp::UNIX_EPOCH),
            repository: crate::id::Id16([1; 16]),
            manifest: [2; 32],
            target: "t".into(),
            at,
            depth,
            ok,
            damaged: vec![],
            tool: "test".into(),
        }
    }

    #[test]
    fn evidence_of_any_damage_can_be_recorded() {
        let much = Evidence {
            damaged: vec!["\u{1}".repeat(1024); 1000],
            ..evidence(1, Depth::Objects, false)
        };
        assert!(document::encode(&cut(&much), None).is_ok());
        let little = Evidence {
            damaged: vec!["a".into(), "b".into()],
            ..much
        };
        assert_eq!(cut(&little), little);
    }

    /// Each is written when it says.
    fn weigh(found: &[&Evidence]) -> Proof {
        let dated: Vec<_> = found
            .iter()
            .map(|evidence| ((*evidence).clone(), evidence.at))
            .collect();
        weigh_dated(&dated)
    }

    fn weigh_dated(found: &[(Evidence, Timestamp)]) -> Proof {
        let mut newest = Newest::default();
        for (evidence, stored) in found {
            newest.add(Dated {
                evidence: evidence.clone(),
                stored: *stored,
            });
        }
        newest.proof()
    }

    #[test]
    fn a_wrong_clock_makes_no_failure_good() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ok = (evidence(100, Depth::Content, true), at(100));
        // Found after it, by a machine whose clock is behind.
        let rotten = (evidence(40, Depth::Content, false), at(200));
        let earlier = (evidence(50, Depth::Content, false), at(50));
        for order in [
            [&ok, &rotten, &earlier],
            [&earlier, &rotten, &ok],
            [&rotten, &earlier, &ok],
        ] {
            let found: Vec<_> = order.into_iter().cloned().collect();
            assert_eq!(weigh_dated(&found).failed.as_ref(), Some(&rotten.0));
        }
        // Before it, by a machine whose clock is ahead: of that future nothing is said until it has come.
        let ahead = (evidence(900, Depth::Content, true), at(60));
        assert_eq!(
            weigh_dated(&[ahead.clone(), rotten.clone()]).failed,
            Some(rotten.0.clone())
        );
        let good = (evidence(300, Depth::Content, true), at(300));
        assert_eq!(weigh_dated(&[ahead, rotten, good]).failed, None);
    }

    #[test]
    fn a_failure_stands_until_something_as_deep_succeeds() {
        let failed = evidence(1, Depth::Content, false);
        let shallow = evidence(2, Depth::Objects, true);
        let proof = weigh(&[&shallow, &failed]);
        assert_eq!(
            (proof.failed, proof.verified),
            (Some(failed.clone()), Some(shallow.clone()))
        );
        let deep = evidence(3, Depth::Restore, true);
        let proof = weigh(&[&deep, &failed, &shallow]);
        assert_eq!((proof.failed, proof.verified), (None, Some(deep)));
    }

    #[test]
    fn a_deep_failure_outlives_shallow_ones_that_were_made_good() {
        let failed = evidence(1, Depth::Content, false);
        let shallow = [evidence(2, Depth::Objects, false), evidence(3, Depth::Objects, true)];
        let proof = weigh(&[&failed, &shallow[0], &shallow[1]]);
        assert_eq!(proof.failed, Some(failed));
    }
}
