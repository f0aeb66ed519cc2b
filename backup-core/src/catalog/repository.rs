//! The repository itself: a random id, bound into everything that is written to it.

mod restore;

pub use restore::{Restored, restore};

use super::{
    Holder, Lease,
    document::{self, Document, Format, Kind, Trust},
    layout::{MANIFESTS, REPOSITORY},
    list,
};
use crate::{
    Context, Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    id::RepositoryId,
    store::{Key, ListDepth, PutMode, StoreErrorKind},
};
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What two first writers on a store without conditional put take a lease on. No component has a target of this name.
pub(crate) const LEASE: &str = "repository";
/// Longer than a dead first writer's lease lives.
const PATIENCE: Duration = Duration::from_secs(90);

/// Every object is bound to the id in it.
const REBUILT: &str =
    "`backup-admin repository restore` makes it anew from the signed manifests, which all name its id";

/// What stands in `repository.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RepositoryDocument {
    format: Format,
    id: RepositoryId,
    created: Timestamp,
}

impl RepositoryDocument {
    fn new(id: RepositoryId, created: Timestamp) -> Self {
        Self {
            format: Format,
            id,
            created,
        }
    }
}

impl Document for RepositoryDocument {
    const KIND: Kind = Kind::Repository;
}

/// A repository that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repository {
    /// Its random id.
    pub id: RepositoryId,
    /// When the first write made it, by the writer's clock.
    pub created: Timestamp,
    /// Who vouches for it.
    pub trust: Trust,
}

impl Repository {
    /// Opens the repository; `None` if nothing was ever written to it. That nobody known vouches for its document is a finding: for reading it has to do, as every
    /// manifest proves itself, and under a wrong id none counts.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if its document is damaged, or gone while there are manifests.
    pub async fn open(cx: &Context) -> Result<Option<Self>> {
        let read = Self::read(cx).await.map_err(|error| match error.kind() {
            ErrorKind::Damaged => error.hint(REBUILT),
            _ => error,
        });
        if let Some(repository) = read? {
            if let Err(error) = repository.demand_trust(cx) {
                report(cx, &error);
            }
            return Ok(Some(repository));
        }
        let mut manifests = cx.store.list(&Key::from(MANIFESTS), ListDepth::Delimited);
        if manifests.try_next().await?.is_some() {
            let message = format!("{REPOSITORY} is missing although there are manifests");
            return Err(Error::new(ErrorKind::Damaged, message).hint(REBUILT));
        }
        Ok(None)
    }

    /// What the document says, whoever wrote it.
    async fn read(cx: &Context) -> Result<Option<Self>> {
        let key = Key::from(REPOSITORY);
        let read = document::read::<RepositoryDocument>(cx.store.as_ref(), &key, cx.keyring.as_deref()).await?;
        Ok(read.map(|read| Self {
            id: read.value.id,
            created: read.value.created,
            trust: read.trust,
        }))
    }

    /// Demands that a known key vouches for it, where there is one that verifies: whoever may write to the store could have put it there. To be called before
    /// anything is written, or deleted.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if nobody signed it, [`ErrorKind::Key`] if somebody unknown did.
    pub fn demand_trust(&self, cx: &Context) -> Result<()> {
        let wrong = |kind, what: &str| Err(Error::new(kind, format!("{REPOSITORY} {what}")).hint(REBUILT));
        match self.trust {
            _ if !cx.authenticates() => Ok(()),
            Trust::Signed(_) => Ok(()),
            Trust::Unsigned => wrong(
                ErrorKind::Refused,
                "is not signed, and a key is given that would prove who wrote it",
            ),
            Trust::UnknownSigner(key) => wrong(
                ErrorKind::Key,
                &format!(
                    "is signed by {key}, a key that is not known here: it was replaced, or the key file lacks its `verify` line"
                ),
            ),
        }
    }

    /// Demands that the newest backup that a known key vouches for belongs to this repository: a good document of another one may have been put in its place.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`]; those of the store.
    pub(crate) async fn demand_newest_is_ours(&self, cx: &Context) -> Result<()> {
        match list::repository_of_newest(cx).await? {
            Some((newest, other)) if other != self.id => {
                let message = format!(
                    "{REPOSITORY} names {}, and the newest backup, {newest}, belongs to {other}",
                    self.id
                );
                Err(Error::new(ErrorKind::Refused, message).hint(REBUILT))
            }
            _ => Ok(()),
        }
    }

    /// Opens the repository, and makes it if nothing was ever written to it. Of several first writers at once all get the same one.
    ///
    /// Idempotent. Cancel-safe.
    ///
    /// # Errors
    /// As [`Repository::open`] and [`Repository::demand_trust`]; [`ErrorKind::Locked`] if other first writers do not finish within a minute and a half.
    pub async fn open_or_create(cx: &Context, holder: &Holder) -> Result<Self> {
        if let Some(repository) = Self::open(cx).await? {
            repository.demand_trust(cx)?;
            return Ok(repository);
        }
        if cx.features.conditional_create {
            create(cx, PutMode::Create).await?;
        } else {
            create_alone(cx, holder).await?;
        }
        let made = Self::open(cx).await?;
        made.ok_or_else(|| {
            Error::new(
                ErrorKind::StoreFailed,
                format!("{REPOSITORY} was written and is not there"),
            )
        })
    }

    /// Demands that the repository still is the one that was opened. To be called right before a manifest is committed.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if it is another one or gone.
    pub async fn confirm_unchanged(&self, cx: &Context) -> Result<()> {
        match Self::open(cx).await? {
            Some(now) if now.id == self.id => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Refused,
                "the repository was replaced while this run wrote to it",
            )
            .hint("two first runs at once, or a bucket that was emptied: run the backup again")),
        }
    }
}

fn report(cx: &Context, untrusted: &Error) {
    cx.events.emit(Event::Finding(Finding {
        severity: Severity::Warning,
        subject: "repository".to_owned(),
        message: untrusted.to_string(),
        hint: untrusted.hints().first().cloned(),
    }));
}

async fn create_alone(cx: &Context, holder: &Holder) -> Result<()> {
    let lease = Lease::acquire(cx, LEASE, holder, "create", PATIENCE).await?;
    let made = create_under(cx, &lease).await;
    let released = lease.release().await;
    made.and(released)
}

/// Nothing but the lease keeps this from overwriting what others have committed to by now: it is confirmed, and all is looked at once more, last.
async fn create_under(cx: &Context, lease: &Lease) -> Result<()> {
    if Repository::open(cx).await?.is_some() {
        return Ok(());
    }
    lease.confirm().await?;
    match Repository::open(cx).await? {
        Some(_) => Ok(()),
        None => create(cx, PutMode::Overwrite).await,
    }
}

/// Writes the document. That another one is there already is no failure: it is read afterwards.
async fn create(cx: &Context, mode: PutMode) -> Result<()> {
    let document = RepositoryDocument::new(RepositoryId::random(cx.entropy.as_ref())?, cx.clock.now());
    let bytes = document::encode(&document, cx.keyring.as_deref())?;
    match cx.store.put(&Key::from(REPOSITORY), bytes, mode).await {
        Err(error) if error.kind() != StoreErrorKind::Conflict => Err(error.into()),
        _ => Ok(()),
    }
}
