//! Bytes to back up, whose end is vouched for.

use crate::{Error, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream::BoxStream};
use std::{fmt, path::Path};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A stream of bytes.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

const READ_SIZE: usize = 256 << 10;

/// Bytes to back up. Its end is a claim that somebody vouches for: the stream ends without an error only if it is complete. EOF by itself proves nothing.
pub struct Source(ByteStream);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Source {
    /// A stream that yields an error unless it is complete, by its own format or by its producer's word.
    pub fn vouched(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        // Fused: what comes after the end was never vouched for, and some streams panic when they are asked again.
        Self(stream.fuse().boxed())
    }

    /// A stream that must be exactly `length` bytes long.
    pub fn sized(stream: impl Stream<Item = Result<Bytes>> + Send + 'static, length: u64) -> Self {
        let wrong = move |seen: u64| {
            Error::new(
                ErrorKind::SourceFailed,
                format!("the source gave {seen} bytes where {length} were announced"),
            )
        };
        let counted = stream.fuse().map(Some).chain(futures::stream::iter([None]));
        Self(
            counted
                .scan(0u64, move |seen, item| {
                    let checked = match item {
                        Some(Ok(bytes)) => {
                            *seen += bytes.len() as u64;
                            if *seen > length {
                                Some(Err(wrong(*seen)))
                            } else {
                                Some(Ok(bytes))
                            }
                        }
                        Some(Err(error)) => Some(Err(error)),
                        None if *seen == length => None,
                        None => Some(Err(wrong(*seen))),
                    };
                    futures::future::ready(checked)
                })
                .fuse()
                .boxed(),
        )
    }

    /// A file as long as it is now.
    ///
    /// # Errors
    /// Fails if the file cannot be opened. A file that shrinks or grows while it is read ends in an error.
    pub async fn file(path: &Path) -> Result<Self> {
        let failed = |error| Error::new(ErrorKind::SourceFailed, format!("open {}", path.display())).because(error);
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let length = file.metadata().await.map_err(failed)?.len();
        Ok(Self::sized(read_all(file, format!("read {}", path.display())), length))
    }

    /// The stream itself.
    #[must_use]
    pub fn into_stream(self) -> ByteStream {
        self.0
    }
}

/// The bytes of `reader` in pieces of up to 256 KiB; an error is a source error that says it happened while `doing`.
pub(super) fn read_all<R: AsyncRead + Send + Unpin + 'static>(reader: R, doing: String) -> ByteStream {
    futures::stream::try_unfold(
        (reader, BytesMut::new(), doing),
        |(mut reader, mut buffer, doing)| async move {
            buffer.reserve(READ_SIZE);
            match reader.read_buf(&mut buffer).await {
                Ok(0) => Ok(None),
                Ok(_) => Ok(Some((buffer.split().freeze(), (reader, buffer, doing)))),
                Err(error) => Err(Error::new(ErrorKind::SourceFailed, doing).because(error)),
            }
        },
    )
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    async fn drain(source: Source) -> Result<usize> {
        source
            .into_stream()
            .try_fold(0, |sum, bytes| async move { Ok(sum + bytes.len()) })
            .await
    }

    fn stream(lengths: &[usize]) -> impl Stream<Item = Result<Bytes>> + use<> {
        futures::stream::iter(lengths.to_vec()).map(|length| Ok(Bytes::from(vec![7; length])))
    }

    #[tokio::test]
    async fn a_sized_source_must_be_as_long_as_announced() {
        assert_eq!(drain(Source::sized(stream(&[3, 4]), 7)).await.unwrap(), 7);
        assert_eq!(drain(Source::sized(stream(&[]), 0)).await.unwrap(), 0);
        for wrong in [6, 8] {
            assert_eq!(
                drain(Source::sized(stream(&[3, 4]), wrong)).await.unwrap_err().kind(),
                ErrorKind::SourceFailed
            );
        }
    }

    #[tokio::test]
    async fn a_file_is_read_whole_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, vec![1; 600_000]).unwrap();
        assert_eq!(drain(Source::file(&path).await.unwrap()).await.unwrap(), 600_000);
        assert!(Source::file(&folder.path().join("missing")).await.is_err());
    }
}
