//! Keys that no run of ours wrote.

use super::{
    Manifest, document,
    layout::{self, INTERNAL, OwnedKeys},
    started,
};
use crate::{
    Context, Error, ErrorKind, Result,
    id::BackupId,
    store::{Key, ListDepth, ListEntry},
};
use futures::{
    StreamExt, TryStreamExt,
    future::ready,
    stream::{self, BoxStream},
};

type Keys<'a> = BoxStream<'a, Result<Key>>;

/// All keys under the root that belong to no started run, in no order: the files of others, which nothing here ever deletes.
///
/// A key belongs to a run if the run's started marker or manifest names it. Memory is one page of a listing and the documents of one id.
pub fn foreign(cx: &Context) -> Keys<'_> {
    let top = cx.store.list(&Key::root(), ListDepth::Delimited).map_err(Error::from);
    let under = top.map_ok(move |entry| match entry {
        ListEntry::Folder(folder) if folder == Key::from(INTERNAL) => stream::empty().boxed(),
        ListEntry::Folder(key) | ListEntry::Object(crate::store::ObjectMeta { key, .. }) => strangers(cx, key),
    });
    under.try_flatten().boxed()
}

/// The foreign keys under one name at the root, which is a folder or an object.
fn strangers(cx: &Context, name: Key) -> Keys<'_> {
    let Some((id, _)) = layout::split_id(&name, "") else {
        return keys(cx, name);
    };
    let found = async move {
        let owned = owned_keys(cx, id).await?;
        Ok::<_, Error>(
            keys(cx, name).try_filter(move |key| ready(!(layout::belongs_to(id, key) && owned.contains(key)))),
        )
    };
    stream::once(found).try_flatten().boxed()
}

fn keys(cx: &Context, name: Key) -> Keys<'_> {
    if name.as_bytes().last() != Some(&b'/') {
        return stream::once(ready(Ok(name))).boxed();
    }
    let listing = cx.store.list(&name, ListDepth::Flat).map_err(Error::from);
    let object = |entry| match entry {
        ListEntry::Object(meta) => Some(meta.key),
        ListEntry::Folder(_) => None,
    };
    listing.try_filter_map(move |entry| ready(Ok(object(entry)))).boxed()
}

/// What the runs that claimed `id` named. A damaged document names nothing: what it named shows up as foreign, and stays.
async fn owned_keys(cx: &Context, id: BackupId) -> Result<OwnedKeys> {
    let mut owned = OwnedKeys::default();
    for meta in started::list(cx, id).await? {
        if let Some(marker) = readable(started::read(cx, &meta.key).await)? {
            owned.extend(marker.value.planned());
        }
    }
    let manifest = document::read::<Manifest>(cx.store.as_ref(), &layout::manifest(id), cx.keyring.as_deref()).await;
    if let Some(manifest) = readable(manifest)? {
        owned.extend(manifest.value.owned_keys());
    }
    Ok(owned)
}

fn readable<T>(read: Result<Option<T>>) -> Result<Option<T>> {
    match read {
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused) => Ok(None),
        other => other,
    }
}
