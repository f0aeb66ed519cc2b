//! `inspect`: what a snapshot holds, proven and without any server.

mod shown;

use super::{PROGRAM, target::stored};
use crate::{
    args::{vault::InspectArgs, verbs::At},
    config::Config,
    context::Context,
    keyring, repository,
    verbs::origin::{self, Origin, SealedFile, Wanted},
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    keys::Keyring,
    pipeline::ByteStream,
};
use backup_vault::{
    VaultRaft,
    snapshot::{Proof, SnapshotError, SnapshotFacts, proven},
    target::SNAPSHOT,
};
use futures::{StreamExt, TryStreamExt, stream};
use shown::Shown;
use std::{path::PathBuf, str::FromStr, sync::Arc};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

/// Reads the whole snapshot, and shows what was proven. Writes nothing, and needs the store only for what lies there.
pub(super) async fn inspect(context: &Context, args: &InspectArgs) -> Result<()> {
    let (name, facts) = match local(context, args).await? {
        Some(local) => local,
        None => in_store(context, args).await?,
    };
    context.output.report(&Shown::new(name, &facts))
}

/// With `lenient`, one that accepts a cut trailer.
pub(super) fn proof(lenient: bool) -> Proof {
    if lenient {
        Proof::default().lenient_trailer()
    } else {
        Proof::default()
    }
}

/// A file or standard input: no store is needed, and keys only if it is sealed.
async fn local(context: &Context, args: &InspectArgs) -> Result<Option<(String, SnapshotFacts)>> {
    let (what, component) = (&args.what, VaultRaft::COMPONENT);
    let proof = proof(args.lenient_trailer);
    if what == "-" {
        let config = context.config.clone();
        let bytes = origin::piped(component.to_owned(), move || keys(&config));
        return Ok(Some(("standard input".to_owned(), facts(context, bytes, proof).await?)));
    }
    let path = PathBuf::from(what);
    match path.metadata() {
        Ok(meta) if meta.is_file() => {}
        // Or a store with such a name in it.
        Ok(meta) if meta.is_dir() => return Ok(None),
        Err(_) => return Ok(None),
        Ok(_) => {
            let config = context.config.clone();
            let bytes = origin::opened(pipe(path), component.to_owned(), move || keys(&config));
            return Ok(Some((what.clone(), facts(context, bytes, proof).await?)));
        }
    }
    let facts = match SealedFile::find(&path, component).await? {
        None => facts(context, origin::file(path), proof).await?,
        Some(sealed) => {
            context.events.emit(Event::Finding(sealed.finding()));
            let bytes = sealed.open(keys(&context.config)?);
            facts(context, bytes, proof)
                .await
                .map_err(|error| sealed.explain(error))?
        }
    };
    Ok(Some((what.clone(), facts)))
}

/// The bytes of a pipe, as `<(…)` of a shell. It can be read once.
fn pipe(path: PathBuf) -> (ByteStream, String) {
    let name = path.display().to_string();
    let opening = format!("read {name}");
    let failed = move |error| Error::new(ErrorKind::SourceFailed, opening.clone()).because(error);
    let opened = async move { Ok::<_, std::io::Error>(ReaderStream::new(File::open(path).await?)) };
    (stream::once(opened).try_flatten().map_err(failed).boxed(), name)
}

fn keys(config: &Config) -> Result<Option<Arc<Keyring>>> {
    keyring::load(config).map(keyring::shared)
}

async fn in_store(context: &Context, args: &InspectArgs) -> Result<(String, SnapshotFacts)> {
    let (what, proof) = (args.what.as_str(), proof(args.lenient_trailer));
    let target = stored(context)?;
    let cx = repository::for_reading(context, PROGRAM)?;
    // What is no id is a key.
    let at = At::from_str(what).ok();
    let wanted = Wanted {
        program: PROGRAM,
        target: &target,
        artifact: SNAPSHOT,
        from: Some(what).filter(|_| at.is_none()),
        at,
        lineage: None,
        // To look at it harms nobody.
        allow_unauthenticated: true,
        instead: |_, holds| format!("it belongs to a backup of {holds}"),
    };
    let origin = Origin::find(&cx, &wanted).await?;
    let facts = facts(context, origin.open(&cx), proof).await;
    let facts = facts.map_err(|error| origin.explain(error))?;
    if !origin.is_authentic() {
        context.events.emit(Event::Finding(nobody_vouches(origin.name())));
    }
    Ok((origin.name(), facts))
}

fn nobody_vouches(subject: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject,
        message: "no known key vouches for it: whoever may write to the store could have put it there".to_owned(),
        hint: None,
    }
}

/// What the whole of `stream` was proven to be.
pub(super) async fn facts(context: &Context, stream: ByteStream, proof: Proof) -> Result<SnapshotFacts> {
    let (mut bytes, outcome) = proven(stream, proof, SnapshotError::of_stored);
    let read = async {
        while bytes.try_next().await?.is_some() {}
        Ok::<_, Error>(())
    };
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => return Err(cancelled()),
        read = read => read?,
    }
    outcome.get().cloned().ok_or_else(unproven)
}

pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "stopped while the snapshot was read")
}

pub(super) fn unproven() -> Error {
    Error::new(ErrorKind::Internal, "a snapshot ended without a proof")
}
