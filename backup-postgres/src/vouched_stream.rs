//! The output of a client program, with an end that is vouched for.

use crate::{Remarks, client_process::ClientProcess, standstill::Awaited};
use backup_core::{Error, ErrorKind, Result, patience::Patience};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{io::AsyncReadExt, process::ChildStdout};

/// Size of a piece: every one but the last has it.
const PIECE: usize = 256 << 10;
/// How long a reader that has emptied the pipe lets it fill again: `pg_dump` writes 4 KiB at a time, and would wake it for each. The pipe holds a
/// megabyte, so that nothing that writes less than 500 MB/s ever waits for us.
const GATHER: Duration = Duration::from_millis(2);

/// The bytes of a program's output. It ends without an error only if the program exited with status 0; any other end yields one `Err` and then
/// nothing, so that no reader can take a part for the whole. It ends with an error, too, when the server that the program reads from stands still.
///
/// Holds one piece of 256 KiB. Dropping it kills the program and what it started.
pub struct VouchedStream {
    pieces: BoxStream<'static, Result<Bytes>>,
    remarks: Remarks,
}

struct State {
    process: ClientProcess,
    stdout: ChildStdout,
    awaited: Awaited,
    patience: Patience,
    ended: bool,
}

impl VouchedStream {
    /// The output of `process`, whose session is `awaited`.
    pub(crate) fn of(mut process: ClientProcess, awaited: Awaited) -> Result<Self> {
        let (stdout, remarks) = (process.take_stdout()?, process.remarks());
        let state = State {
            process,
            stdout,
            patience: awaited.patience(),
            awaited,
            ended: false,
        };
        let pieces = stream::try_unfold(state, next_piece).boxed();
        Ok(Self { pieces, remarks })
    }

    /// What the program wrote although it succeeded; known once the stream has ended.
    #[must_use]
    pub fn remarks(&self) -> Remarks {
        self.remarks.clone()
    }

    /// `stream` in the place of the one whose program made `remarks`.
    pub(crate) fn wrap(stream: impl Stream<Item = Result<Bytes>> + Send + 'static, remarks: Remarks) -> Self {
        let pieces = stream.boxed();
        Self { pieces, remarks }
    }
}

async fn next_piece(mut state: State) -> Result<Option<(Bytes, State)>> {
    if state.ended {
        return Ok(None);
    }
    let mut piece = BytesMut::with_capacity(PIECE);
    while piece.len() < PIECE {
        let reading = state.stdout.read_buf(&mut piece);
        let count = state.awaited.within(&mut state.patience, reading).await?;
        let count = count.map_err(|error| {
            Error::new(ErrorKind::SourceFailed, "the output of a client program cannot be read").because(error)
        })?;
        if count == 0 {
            state.ended = true;
            state.awaited.wait(state.process.wait()).await??.vouch()?;
            break;
        }
        if piece.len() < PIECE {
            tokio::time::sleep(GATHER).await;
        }
    }
    Ok((!piece.is_empty()).then(|| (piece.freeze(), state)))
}

impl Stream for VouchedStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for VouchedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VouchedStream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ServerSettings, client_process::Streams};
    use std::{path::Path, process::Stdio};

    fn run(script: &str) -> VouchedStream {
        let streams = Streams {
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
        };
        let process = ClientProcess::spawn(Path::new("/bin/sh"), &["-c", script], streams).unwrap();
        let awaited = Awaited::of(&process, &ServerSettings::default());
        VouchedStream::of(process, awaited).unwrap()
    }

    #[tokio::test]
    async fn output_of_a_program_that_succeeds_arrives_whole_in_pieces() {
        let pieces: Vec<_> = run("head -c 700000 /dev/zero").map(Result::unwrap).collect().await;
        let sizes: Vec<_> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [262_144, 262_144, 700_000 - 524_288]);
    }

    #[tokio::test]
    async fn output_of_a_program_that_fails_ends_with_an_error() {
        for script in [
            "head -c 262144 /dev/zero; exit 1",
            "echo x; kill -9 $$",
            "exit 7",
            "head -c 300000 /dev/zero; exit 1",
        ] {
            let items: Vec<_> = run(script).collect().await;
            assert!(items.last().unwrap().is_err(), "{script}");
            assert_eq!(items.iter().filter(|item| item.is_err()).count(), 1, "{script}");
        }
    }
}
