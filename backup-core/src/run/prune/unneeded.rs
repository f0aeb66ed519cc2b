//! What a target says that no backup needs any more.

use super::{PruneRequest, orphan};
use crate::{
    Context, Result,
    catalog::{
        layout::{self, OwnedKeys},
        list,
    },
    id::BackupId,
    store::{Key, ObjectMeta},
    target::BackupTarget,
};
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use std::collections::HashSet;

type Objects<'a> = BoxStream<'a, Result<ObjectMeta>>;

/// The objects that `target` sweeps and that may go: a started run of `target` claimed them, its backup is among `kept`, and the manifest does not hold them.
///
/// What else the target names stays, whatever it says: files of others, data of backups, and what a run without a manifest claimed, which may be at
/// work or is an orphan. Memory is the documents of one id.
pub(super) fn find<'a>(
    cx: &'a Context,
    target: &'a dyn BackupTarget,
    request: &'a PruneRequest,
    kept: &'a [BackupId],
) -> Objects<'a> {
    let finished = Finished {
        cx,
        name: target.name(),
        request,
        kept,
    };
    // The run whose keys came last is remembered: they mostly come together.
    let state = (target.sweep(cx, kept), None);
    stream::try_unfold(state, move |(mut named, mut run)| async move {
        Ok(finished
            .next(&mut named, &mut run)
            .await?
            .map(|meta| (meta, (named, run))))
    })
    .boxed()
}

/// The runs of a target that became backups which stay.
#[derive(Clone, Copy)]
struct Finished<'a> {
    cx: &'a Context,
    name: &'a str,
    request: &'a PruneRequest,
    kept: &'a [BackupId],
}

/// What a finished run claimed, and what of it its backup holds.
struct Run {
    id: BackupId,
    claimed: OwnedKeys,
    held: HashSet<Key>,
}

impl Finished<'_> {
    async fn next(self, named: &mut Objects<'_>, last: &mut Option<Run>) -> Result<Option<ObjectMeta>> {
        while let Some(meta) = named.try_next().await? {
            let Some((id, _)) = layout::split_id(&meta.key, "") else {
                continue;
            };
            let run = match last.take().filter(|run| run.id == id) {
                Some(run) => run,
                None => self.read(id).await?,
            };
            let ours = layout::belongs_to(id, &meta.key) && run.claimed.contains(&meta.key);
            let free = ours && !run.held.contains(&meta.key);
            *last = Some(run);
            if free {
                return Ok(Some(meta));
            }
        }
        Ok(None)
    }

    async fn read(self, id: BackupId) -> Result<Run> {
        let markers = orphan::read(self.cx, id).await?;
        let entry = list::entry(self.cx, &self.request.repository, id).await?;
        let entry = entry.filter(|entry| entry.is_authentic(self.cx) && entry.target() == Some(self.name));
        let claimed = match &entry {
            Some(_) if self.kept.contains(&id) && markers.all_of(self.name) => markers.owned(),
            _ => OwnedKeys::default(),
        };
        let manifest = entry.and_then(|entry| entry.manifest.ok());
        let artifacts = manifest.iter().flat_map(|manifest| &manifest.value.artifacts);
        let held = artifacts
            .flat_map(|artifact| &artifact.objects)
            .map(|object| Key::from(object.key.as_str()))
            .collect();
        Ok(Run { id, claimed, held })
    }
}
