//! Making `repository.json` anew from what the manifests say.

use super::{LEASE, PATIENCE, Repository, RepositoryDocument};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{Holder, Lease, Manifest, document, layout, list, parsing_room::ParsingRoom},
    event::Quiet,
    id::{BackupId, RepositoryId},
    store::{Key, PutMode},
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// What became of `repository.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It was good, and stays as it is.
    WasGood(RepositoryId),
    /// It was lost, damaged, of another repository, or signed by nobody known; it was written anew.
    Written(RepositoryId),
}

/// What signed manifests say of the repository that they belong to.
struct Said {
    manifests: u64,
    first: Timestamp,
}

/// Writes `repository.json` anew, signed, if it is not what the signed manifests name: all of them must agree. `vouched` is an id that the operator
/// vouches for, where they do not, or there are none.
///
/// Atomic and idempotent. Reads every manifest; memory is 16 of them.
///
/// # Errors
/// [`ErrorKind::Key`] without a key that signs; [`ErrorKind::NotFound`] if no manifest that a known key signed names a repository; [`ErrorKind::Refused`] if they
/// name several; those of lease and store.
pub async fn restore(cx: &Context, holder: &Holder, vouched: Option<RepositoryId>) -> Result<Restored> {
    if !cx.keyring.as_ref().is_some_and(|keyring| keyring.can_sign()) {
        return Err(Error::new(ErrorKind::Key, "no key to sign with")
            .hint("name a key file that signs: --key-file FILE or BACKUP_KEY_FILE"));
    }
    let lease = Lease::acquire(cx, LEASE, holder, "restore", PATIENCE).await?;
    let done = under_lease(cx, &lease, vouched).await;
    let released = lease.release().await;
    done.and_then(|done| released.map(|()| done))
}

async fn under_lease(cx: &Context, lease: &Lease, vouched: Option<RepositoryId>) -> Result<Restored> {
    let said = said_by_manifests(cx).await?;
    let (id, created) = chosen(&said, vouched, cx.clock.now())?;
    if is_good(cx, id).await? {
        return Ok(Restored::WasGood(id));
    }
    lease.confirm().await?;
    let document = RepositoryDocument::new(id, created);
    let bytes = document::encode(&document, cx.keyring.as_deref())?;
    cx.store
        .put(&Key::from(layout::REPOSITORY), bytes, PutMode::Overwrite)
        .await?;
    match is_good(cx, id).await? {
        true => Ok(Restored::Written(id)),
        false => Err(Error::new(
            ErrorKind::StoreFailed,
            "repository.json was written and is another",
        )),
    }
}

/// Whether it is there, names `id`, and a known key signed it.
async fn is_good(cx: &Context, id: RepositoryId) -> Result<bool> {
    match Repository::read(cx).await {
        Ok(found) => Ok(found.is_some_and(|found| found.id == id && found.trust.is_signed())),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn said_by_manifests(cx: &Context) -> Result<BTreeMap<RepositoryId, Said>> {
    let quiet = Context {
        events: Arc::new(Quiet),
        ..cx.clone()
    };
    let room = ParsingRoom::default();
    let read = |(id, length)| {
        let room = room.clone();
        async move {
            let taken = room.take(length).await?;
            Ok::<_, Error>(signed(cx, id).await?.map(|manifest| (manifest, taken)))
        }
    };
    let mut said: BTreeMap<RepositoryId, Said> = BTreeMap::new();
    let mut manifests = stream::iter(list::named(&quiet).await?)
        .map(read)
        .buffered(list::CONCURRENCY);
    while let Some(manifest) = manifests.try_next().await? {
        let Some((manifest, _)) = manifest else { continue };
        let first = manifest.started;
        let one = said.entry(manifest.repository).or_insert(Said { manifests: 0, first });
        one.manifests += 1;
        one.first = one.first.min(first);
    }
    Ok(said)
}

/// The manifest of `id`, if a known key signed it. Whatever else stands there is no witness.
async fn signed(cx: &Context, id: BackupId) -> Result<Option<Manifest>> {
    let key = layout::manifest(id);
    match document::read::<Manifest>(cx.store.as_ref(), &key, cx.keyring.as_deref()).await {
        Ok(read) => Ok(read
            .filter(|read| read.trust.is_signed() && read.value.id == id)
            .map(|read| read.value)),
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => Ok(None),
        Err(error) => Err(error),
    }
}

fn chosen(
    said: &BTreeMap<RepositoryId, Said>,
    vouched: Option<RepositoryId>,
    now: Timestamp,
) -> Result<(RepositoryId, Timestamp)> {
    if let Some(id) = vouched {
        return Ok((id, said.get(&id).map_or(now, |said| said.first)));
    }
    let mut all = said.iter();
    match (all.next(), all.next()) {
        (Some((id, said)), None) => Ok((*id, said.first)),
        (None, _) => Err(Error::new(
            ErrorKind::NotFound,
            "no manifest that a known key signed names a repository",
        )
        .hint("give the key file that signed them, or vouch for an id yourself: --id ID")),
        (Some(_), Some(_)) => {
            let error = Error::new(ErrorKind::Refused, "the signed manifests name several repositories");
            let named = said
                .iter()
                .map(|(id, said)| format!("{} name {id}: --id {id}", said.manifests));
            Err(named.fold(error, Error::hint))
        }
    }
}
