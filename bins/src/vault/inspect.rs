//! `inspect`: what a snapshot holds, proven and without any server.

mod shown;

use super::{PROGRAM, target::stored};
use crate::{
    args::{vault::InspectArgs, verbs::At},
    context::Context,
    repository,
    verbs::origin::{self, Origin, Wanted},
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Event, Finding, Severity},
    pipeline::ByteStream,
};
use backup_vault::{
    snapshot::{Proof, SnapshotError, SnapshotFacts, proven},
    target::SNAPSHOT,
};
use futures::TryStreamExt;
use shown::Shown;
use std::path::PathBuf;
use std::str::FromStr;

/// Reads the whole snapshot, and shows what was proven. Writes nothing, and needs the store only for what lies there.
pub(super) async fn inspect(context: &Context, args: &InspectArgs) -> Result<()> {
    let proof = proof(args.lenient_trailer);
    let (name, facts) = match local(&args.what)? {
        Some((name, stream)) => (name, facts(context, stream, proof).await?),
        None => in_store(context, &args.what, proof).await?,
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

/// A file or standard input: neither keys nor store are needed.
fn local(what: &str) -> Result<Option<(String, ByteStream)>> {
    if what == "-" {
        return Ok(Some(("standard input".to_owned(), origin::input())));
    }
    let path = PathBuf::from(what);
    if !path.is_file() {
        return Ok(None);
    }
    refuse_sealed(what)?;
    Ok(Some((what.to_owned(), origin::file(path))))
}

/// A sealed object that was downloaded is no snapshot.
pub(super) fn refuse_sealed(file: &str) -> Result<()> {
    if !file.ends_with(".pbe") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Refused, format!("{file} is sealed"))
        .hint("a sealed object is opened through its backup, in the store: name its ID"))
}

async fn in_store(context: &Context, what: &str, proof: Proof) -> Result<(String, SnapshotFacts)> {
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
