//! `cat`: the opened bytes of an object on stdout.

use crate::{
    context::Context,
    output::waiting,
    repository,
    stored::{self, Stored},
};
use backup_core::{
    self as core, Error, ErrorKind, Result,
    catalog::Manifest,
    pipeline::{ByteStream, ContentSource, Source, content},
    store::Key,
};
use futures::TryStreamExt;
use std::io::Write;

/// Writes the content of the artifact that `name` belongs to; of an object without a manifest, its bytes. What was written counts only with exit 0.
pub(super) async fn cat(context: &Context, name: &str) -> Result<()> {
    let cx = repository::for_reading(context, "backup-admin")?;
    cx.unless_cancelled(&format!("write {name} to stdout"), written(&cx, name))
        .await
}

async fn written(cx: &core::Context, name: &str) -> Result<()> {
    let mut bytes = open(cx, name).await?;
    let mut stdout = std::io::stdout();
    let failed = |error| Error::new(ErrorKind::Internal, "write to stdout").because(error);
    while let Some(piece) = bytes.try_next().await? {
        waiting(|| stdout.write_all(&piece)).map_err(failed)?;
    }
    waiting(|| stdout.flush()).map_err(failed)
}

async fn open(cx: &core::Context, name: &str) -> Result<ByteStream> {
    match stored::find(cx, name).await? {
        Stored::Artifact {
            manifest,
            artifact,
            authentic,
            ..
        } => {
            if !authentic {
                tracing::warn!("no known key vouches for backup {}", manifest.id);
            }
            Ok(content(source(cx, &manifest), *artifact))
        }
        Stored::Plain(key) if name.ends_with(".pbe") => {
            Err(Error::new(ErrorKind::NotFound, format!("no manifest names {key}"))
                .hint("a sealed object without its manifest is opened by tests/reader (python3 -m reader open)"))
        }
        Stored::Plain(key) => plain(cx, &key).await,
        Stored::Missing(key) => Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no object {}", cx.store.location().of(&key)),
        )
        .hint("name a key below the root of the store: 20260422_170000/platform_money.pgdump.zst.pbe")),
    }
}

fn source(cx: &core::Context, manifest: &Manifest) -> ContentSource {
    let component = manifest.target.split('.').next().unwrap_or_default().to_owned();
    ContentSource {
        store: cx.store.clone(),
        repository: manifest.repository,
        component,
        keyring: cx.keyring.clone(),
    }
}

async fn plain(cx: &core::Context, key: &Key) -> Result<ByteStream> {
    let gone = || Error::new(ErrorKind::NotFound, format!("{key} is gone"));
    let download = cx.store.get(key, None, None).await?.ok_or_else(gone)?;
    let length = download.meta.length;
    Ok(Source::sized(download.body.map_err(Error::from), length).into_stream())
}
