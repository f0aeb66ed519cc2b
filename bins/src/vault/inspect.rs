//! `inspect`: what a snapshot holds, proven and without any server.

mod shown;

use super::{PROGRAM, target::stored};
use crate::{
    args::{vault::InspectArgs, verbs::At},
    config::Config,
    context::Context,
    keyring, repository,
    verbs::origin::{self, Origin, Piped, SealedFile, Wanted},
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
use futures::TryStreamExt;
use shown::Shown;
use std::{path::PathBuf, str::FromStr, sync::Arc};

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
    if let Some(piped) = Piped::find(what) {
        let config = context.config.clone();
        let bytes = origin::opened(&piped, component.to_owned(), move || keys(&config));
        return Ok(Some((piped.to_string(), facts(context, bytes, proof).await?)));
    }
    let path = PathBuf::from(what);
    if !path.is_file() {
        // A store may have something of such a name in it.
        return Ok(None);
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
    Error::cancelled("read the rest of the snapshot")
}

pub(super) fn unproven() -> Error {
    Error::new(ErrorKind::Internal, "a snapshot ended without a proof")
}
