//! Which backups there are.

use super::{
    Manifest, Mode, Proof, Repository, Series, Signed, Trust, document, evidence,
    layout::{self, EVIDENCE, MANIFESTS},
    parsing_room::ParsingRoom,
};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Event, Finding, Quiet, Severity},
    id::{BackupId, RepositoryId},
    store::{Key, ListDepth, ListEntry},
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use std::{collections::HashSet, fmt, sync::Arc};

/// How many manifests are read, or wait to be looked at, at once.
pub const CONCURRENCY: usize = 16;

/// What a backup is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everything that was asked for is in it.
    Complete,
    /// Something that was asked for is missing.
    Partial,
    /// Its manifest cannot be read.
    Damaged,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Complete => "COMPLETE",
            Self::Partial => "PARTIAL",
            Self::Damaged => "DAMAGED",
        })
    }
}

/// One backup, or what is left of one.
#[derive(Debug)]
pub struct Entry {
    /// Its id.
    pub id: BackupId,
    /// Its manifest, or what is wrong with it.
    pub manifest: Result<Box<Signed<Manifest>>>,
    /// What verifications said.
    pub proof: Proof,
}

impl Entry {
    /// What it is good for.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.manifest {
            Ok(manifest) if manifest.value.complete => State::Complete,
            Ok(_) => State::Partial,
            Err(_) => State::Damaged,
        }
    }

    /// Its target, if the manifest can be read.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.manifest
            .as_ref()
            .ok()
            .map(|manifest| manifest.value.target.as_str())
    }

    /// Whether its author is proved. Where no key can prove any, unsigned backups that the store encrypts have to do.
    #[must_use]
    pub fn is_authentic(&self, cx: &Context) -> bool {
        self.manifest.as_ref().is_ok_and(|manifest| match manifest.trust {
            Trust::Signed(_) => true,
            Trust::Unsigned => !cx.authenticates() && manifest.value.mode != Mode::Sealed,
            Trust::UnknownSigner(_) => false,
        })
    }
}

/// The ids of all backups, newest first, out of one listing. Memory is 16 bytes for each.
///
/// Objects among the manifests that are none are reported as findings.
///
/// # Errors
/// Those of the store.
pub async fn ids(cx: &Context) -> Result<Vec<BackupId>> {
    let named = named(cx).await?;
    Ok(named.into_iter().map(|(id, _)| id).collect())
}

/// As [`ids`], each with the length of its manifest. Memory is 24 bytes for each.
pub(super) async fn named(cx: &Context) -> Result<Vec<(BackupId, u64)>> {
    let mut named = Vec::new();
    let mut listing = cx.store.list(&Key::from(MANIFESTS), ListDepth::Delimited);
    while let Some(entry) = listing.try_next().await? {
        let (key, length) = match entry {
            ListEntry::Object(meta) => (meta.key, meta.length),
            ListEntry::Folder(key) => (key, 0),
        };
        match layout::split_id(&key, MANIFESTS) {
            Some((id, ".json")) => named.push((id, length)),
            _ => report(cx, &key.to_string(), "is no manifest and does not belong here".into()),
        }
    }
    named.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    named.dedup_by_key(|(id, _)| *id);
    Ok(named)
}

/// All backups, newest first. A manifest that is damaged, foreign or of a newer format is an entry of its own, never left out.
///
/// Two listings (manifests, evidence), then each manifest is read once. Memory is 40 bytes for each backup, and 16 manifests with their evidence, of which those that wait
/// take 24 MiB at most, whatever is in them: fewer are read at once where they are long.
///
/// # Errors
/// An item is an error if the store fails; the stream goes on after it.
pub async fn entries<'a>(
    cx: &'a Context,
    repository: &'a Repository,
) -> Result<impl Stream<Item = Result<Entry>> + 'a> {
    let named = named(cx).await?;
    let judged = Arc::new(with_evidence(cx).await?);
    let room = ParsingRoom::default();
    let read = move |(id, length)| {
        let (judged, room) = (judged.clone(), room.clone());
        async move {
            let taken = room.take(length).await?;
            let entry = match judged.contains(&id) {
                true => entry(cx, repository, id).await?,
                false => unjudged(cx, repository, id).await?,
            };
            Ok(entry.map(|entry| (entry, taken)))
        }
    };
    let read = stream::iter(named).map(read).buffered(CONCURRENCY);
    // What it took is free again once the caller has it.
    Ok(read.try_filter_map(|read| std::future::ready(Ok(read.map(|(entry, _)| entry)))))
}

async fn unjudged(cx: &Context, repository: &Repository, id: BackupId) -> Result<Option<Entry>> {
    let read = manifest(cx, repository, id).await?;
    Ok(read.map(|manifest| Entry {
        id,
        manifest,
        proof: Proof::default(),
    }))
}

/// The backup `id`; `None` if there is none.
///
/// # Errors
/// Those of the store.
pub async fn entry(cx: &Context, repository: &Repository, id: BackupId) -> Result<Option<Entry>> {
    let Some(manifest) = manifest(cx, repository, id).await? else {
        return Ok(None);
    };
    let proof = match &manifest {
        Ok(manifest) => evidence::proof(cx, id, repository.id, &manifest.digest).await?,
        Err(_) => Proof::default(),
    };
    Ok(Some(Entry { id, manifest, proof }))
}

/// The newest complete backup of `target` that `wanted` accepts, whoever wrote it; `None` if there is none.
///
/// For whoever only wants to know how large backups are. What is restored is [`super::latest()`].
///
/// # Errors
/// Those of the store.
pub async fn latest_of_anyone<P>(
    cx: &Context,
    repository: &Repository,
    target: &str,
    wanted: P,
) -> Result<Option<Entry>>
where
    P: Fn(&Entry) -> bool,
{
    let mut entries = std::pin::pin!(entries(cx, repository).await?);
    while let Some(entry) = entries.try_next().await? {
        if entry.target() == Some(target) && entry.state() == State::Complete && wanted(&entry) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The newest backup of `series` that was named at `after` or later, and that a known key vouches for; what else stands there is passed over. Reads the manifests that
/// are named so: none, unless clocks disagree.
pub(super) async fn newest_after(cx: &Context, series: Series<'_>, after: Timestamp) -> Result<Option<BackupId>> {
    // What is no manifest is the business of `list`.
    let quiet = Context {
        events: Arc::new(Quiet),
        ..cx.clone()
    };
    let named = ids(&quiet)
        .await?
        .into_iter()
        .take_while(|id| id.timestamp() >= whole_second(after));
    for id in named {
        let Some(manifest) = manifest(cx, series.repository, id).await? else {
            continue;
        };
        let entry = Entry {
            id,
            manifest,
            proof: Proof::default(),
        };
        let is_of_series = |manifest: &Manifest| manifest.target == series.target && manifest.lineage == series.lineage;
        let ours = entry.manifest.as_ref().is_ok_and(|signed| is_of_series(&signed.value));
        if ours && entry.is_authentic(cx) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The newest backup that a known key signed, and the repository that it says it belongs to. Reads one manifest, unless others come before it.
pub(super) async fn repository_of_newest(cx: &Context) -> Result<Option<(BackupId, RepositoryId)>> {
    let quiet = Context {
        events: Arc::new(Quiet),
        ..cx.clone()
    };
    for id in ids(&quiet).await? {
        let key = layout::manifest(id);
        match document::read::<Manifest>(cx.store.as_ref(), &key, cx.keyring.as_deref()).await {
            Ok(Some(read)) if read.trust.is_signed() => return Ok(Some((id, read.value.repository))),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Ids are whole seconds.
fn whole_second(at: Timestamp) -> Timestamp {
    BackupId::at(at).timestamp()
}

async fn manifest(
    cx: &Context,
    repository: &Repository,
    id: BackupId,
) -> Result<Option<Result<Box<Signed<Manifest>>>>> {
    let read = document::read::<Manifest>(cx.store.as_ref(), &layout::manifest(id), cx.keyring.as_deref()).await;
    let checked = read.and_then(|read| match read {
        Some(manifest) => manifest
            .value
            .check(id, repository.id)
            .map(|()| Some(Box::new(manifest))),
        None => Ok(None),
    });
    match checked {
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => Ok(Some(Err(error))),
        other => Ok(other?.map(Ok)),
    }
}

/// The backups that were verified, successfully or not.
async fn with_evidence(cx: &Context) -> Result<HashSet<BackupId>> {
    let listing = cx
        .store
        .list(&Key::from(EVIDENCE), ListDepth::Delimited)
        .map_err(Error::from);
    let judged = listing.try_filter_map(|entry| {
        let id = match &entry {
            ListEntry::Folder(folder) => layout::split_id(folder, EVIDENCE).map(|(id, _)| id),
            ListEntry::Object(_) => None,
        };
        std::future::ready(Ok(id))
    });
    judged.try_collect().await
}

fn report(cx: &Context, subject: &str, message: String) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject: subject.to_owned(),
        message,
        hint: None,
    }));
}
