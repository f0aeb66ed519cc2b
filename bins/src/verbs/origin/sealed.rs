//! A sealed object that was copied from the store: its manifest stayed there.

use super::{file, piped::Piped};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
    id::BackupId,
    keys::Keyring,
    pipeline::{ByteStream, LooseObject},
    seal::{Header, SealSpec, is_sealed},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A sealed file, of which its own header alone tells what it is.
#[derive(Debug)]
pub struct SealedFile {
    path: PathBuf,
    header: Header,
}

impl SealedFile {
    /// The file at `path`, if it is sealed; `None` if it is a file of another kind. Needs no key.
    ///
    /// # Errors
    /// `Damaged` if it is not what its name promises, `Refused` if it is of another component than `component`, or no whole backup.
    pub async fn find(path: &Path, component: &str) -> Result<Option<Self>> {
        let named = path.extension().is_some_and(|extension| extension == "pbe");
        let (beginning, bytes) = peek(file(path.to_owned())).await?;
        if !named && !is_sealed(&beginning) {
            return Ok(None);
        }
        let name = path.display().to_string();
        let object = LooseObject::begin(bytes)
            .await
            .map_err(|error| error.context(format!("open {name}")))?;
        fits(&object, component, &name)?;
        Ok(Some(Self {
            path: path.to_owned(),
            header: object.header().clone(),
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn claims(&self) -> &SealSpec {
        self.header.spec()
    }

    /// The backup that it says it is of.
    pub(super) fn id(&self) -> BackupId {
        let claims = self.claims();
        let named = claims.logical_path.get(..15).and_then(|id| id.parse().ok());
        named.unwrap_or_else(|| BackupId::at(claims.created))
    }

    /// What cannot be promised of it.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let claims = self.claims();
        Finding {
            severity: Severity::Warning,
            subject: self.path.display().to_string(),
            message: format!(
                "no manifest vouches for which backup it is: by its own header {}, sealed at {} in repository {}",
                claims.logical_path.escape_debug(),
                claims.created,
                claims.repository
            ),
            hint: Some(
                "every byte is checked against its seal; whether it is the newest, only the store knows".to_owned(),
            ),
        }
    }

    /// Its content, from the beginning.
    #[must_use]
    pub fn open(&self, keyring: Option<Arc<Keyring>>) -> ByteStream {
        let (path, header) = (self.path.clone(), self.header.clone());
        let opened = async move {
            let object = LooseObject::begin(file(path)).await?;
            if *object.header() != header {
                return Err(Error::new(
                    ErrorKind::Damaged,
                    "the file was exchanged while it was read",
                ));
            }
            Ok(object.content(keyring))
        };
        named(
            stream::once(opened).try_flatten().boxed(),
            self.path.display().to_string(),
        )
    }

    /// What to do about damage.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Damaged => error
                .hint("copy it again, and compare its length with that in the store")
                .hint("a backup of several objects (the store has more of the same name with .0002 and so on) is restored from the store: --at ID"),
            _ => error,
        }
    }
}

/// The bytes that are piped in: a sealed object of `component` is opened with the keys that `keyring` gives, everything else comes as it is.
#[must_use]
pub fn opened(
    piped: &Piped,
    component: String,
    keyring: impl FnOnce() -> Result<Option<Arc<Keyring>>> + Send + 'static,
) -> ByteStream {
    let (bytes, name) = (piped.bytes(), piped.to_string());
    let opened = async move {
        let (beginning, bytes) = peek(bytes).await?;
        if !is_sealed(&beginning) {
            return Ok(bytes);
        }
        let object = LooseObject::begin(bytes)
            .await
            .map_err(|error| error.context(format!("open {name}")))?;
        fits(&object, &component, &name)?;
        Ok::<_, Error>(named(object.content(keyring()?), name))
    };
    stream::once(opened).try_flatten().boxed()
}

/// Only what holds a backup of this component, and is not the middle of a long one.
fn fits(object: &LooseObject, component: &str, name: &str) -> Result<()> {
    let claims = object.header().spec();
    let path = claims.logical_path.escape_debug();
    if claims.component != component {
        let other = claims.component.escape_debug();
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{name} is not of {component}: it says that it is {path} of {other}"),
        )
        .hint(format!("`backup-{other}` restores it")));
    }
    if is_later(&claims.logical_path) {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{name} is one object of several: it says that it is {path}"),
        )
        .hint("a backup of several objects is restored from the store: --at ID"));
    }
    Ok(())
}

/// Whether it ends in `.0002` or the like.
fn is_later(path: &str) -> bool {
    let number = path.rsplit_once('.').map(|(_, number)| number);
    number.is_some_and(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The first bytes of a stream, at least four unless it is shorter, and all of it.
async fn peek(mut stream: ByteStream) -> Result<(Bytes, ByteStream)> {
    let mut seen = BytesMut::new();
    while seen.len() < 4
        && let Some(bytes) = stream.try_next().await?
    {
        seen.extend_from_slice(&bytes);
    }
    let seen = seen.freeze();
    let all = stream::iter([Ok(seen.clone())]).chain(stream).boxed();
    Ok((seen, all))
}

fn named(content: ByteStream, name: String) -> ByteStream {
    let context = move |error: Error| error.context(format!("open {name}"));
    content.map_err(context).boxed()
}
