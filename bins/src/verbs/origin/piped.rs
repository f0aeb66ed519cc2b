//! Bytes that can be read but once.

use backup_core::{Error, ErrorKind, pipeline::ByteStream};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    fmt,
    path::{Path, PathBuf},
};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

/// Where such bytes come from. Their end proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piped {
    /// Standard input.
    Input,
    /// A pipe with a name, as `<(…)` of a shell.
    Named(PathBuf),
}

impl Piped {
    /// What an operator means by `-`, or by a path at which there is neither a file nor a folder.
    #[must_use]
    pub fn find(what: &str) -> Option<Self> {
        if what == "-" {
            return Some(Self::Input);
        }
        let meta = Path::new(what).metadata().ok()?;
        (!meta.is_file() && !meta.is_dir()).then(|| Self::Named(what.into()))
    }

    pub(super) fn bytes(&self) -> ByteStream {
        let doing = format!("read {self}");
        let failed = move |error| Error::new(ErrorKind::SourceFailed, doing.clone()).because(error);
        match self {
            Self::Input => ReaderStream::new(tokio::io::stdin()).map_err(failed).boxed(),
            Self::Named(path) => {
                let path = path.clone();
                let opened = async move { Ok::<_, std::io::Error>(ReaderStream::new(File::open(path).await?)) };
                stream::once(opened).try_flatten().map_err(failed).boxed()
            }
        }
    }
}

impl fmt::Display for Piped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => f.write_str("standard input"),
            Self::Named(path) => path.display().fmt(f),
        }
    }
}
