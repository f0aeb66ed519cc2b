//! Feeds a dump to `pg_restore` so that only a complete one can be committed.

use super::{RestoreTarget, unless_cancelled};
use crate::{
    archive::{Checked, Limits, Walked, checked},
    client_process::{ClientProcess, Ended, Streams},
    passfile::{self, Carrier},
    relay::Relay,
    standstill::Awaited,
};
use backup_core::{Error, ErrorKind, Result, patience::Patience};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::{io, process::Stdio};
use tokio::{io::AsyncWriteExt, process::ChildStdin};

/// The program and its input. Fields are dropped in this order: the program is killed before its input ends.
struct Feeder {
    process: ClientProcess,
    stdin: Option<ChildStdin>,
    /// The session that it works in, if it needs a server.
    awaited: Option<(Awaited, Patience)>,
}

/// How the feeding ended.
enum Fed {
    /// The stream is complete; this is the last piece of it, not yet given away.
    Whole(Option<Bytes>),
    /// The stream failed, or the server stands still.
    Broken(Error),
    /// The program takes no more.
    Refused(io::Error),
}

/// Starts `pg_restore` on the target, whose settings are [`ServerSettings::singled_out`], and feeds it `dump`.
///
/// [`ServerSettings::singled_out`]: crate::ServerSettings::singled_out
pub(super) async fn restore_into(
    target: RestoreTarget<'_>,
    options: &[&str],
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> Result<Walked> {
    let relay = unless_cancelled(target.cancel, Relay::if_needed(target)).await?;
    let settings = &relay.as_ref().map_or_else(|| target.settings.clone(), Relay::settings);
    let carrier = settings.password().map(|_| Carrier::Stdout.path());
    let name = format!("--dbname={}", settings.conninfo(target.database, carrier));
    let arguments = [&["--exit-on-error", "--no-password", &name], options].concat();
    let streams = Streams {
        stdin: Stdio::piped(),
        stdout: passfile::stream(settings.password())?,
    };
    let process = ClientProcess::spawn(&target.tools.program("pg_restore"), &arguments, streams)?;
    // Whatever is between: the server itself is asked.
    let awaited = Awaited::of(&process, target.settings);
    let fed = Box::pin(feed(process, Some(awaited), dump, refused));
    unless_cancelled(target.cancel, relayed(relay, fed)).await
}

/// `fed`, with the relay at its side. If the relay fails, `fed` is dropped, and the program with it.
async fn relayed<T>(relay: Option<Relay>, fed: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(relay) = relay else { return fed.await };
    tokio::select! {
        fed = fed => fed,
        error = relay.run() => Err(error),
    }
}

/// The server's own sentence, and what can be done about it.
fn refused(ended: Ended) -> Error {
    let depended = ended.stderr.contains("other objects depend on it");
    let error = ended.into_error();
    if depended {
        error.hint("nothing was changed; drop what depends on it first, or use --swap")
    } else {
        error
    }
}

/// Nobody can tell from here whether the last that was sent has arrived.
fn open_end(error: Error) -> Error {
    error.hint("all of the dump was sent: whether the restore took effect is known when the server answers again")
}

/// Feeds `dump` to a `pg_restore` that reads its standard input and works in the session `awaited`, if it needs a server; `failed` judges how it ended,
/// unless with status 0. Cancel-safe: dropping it kills the program.
pub(super) async fn feed(
    mut process: ClientProcess,
    awaited: Option<Awaited>,
    dump: impl Stream<Item = Result<Bytes>> + Send + 'static,
    failed: fn(Ended) -> Error,
) -> Result<Walked> {
    let stdin = Some(process.take_stdin()?);
    let awaited = awaited.map(|awaited| {
        let patience = awaited.patience();
        (awaited, patience)
    });
    let mut feeder = Feeder {
        process,
        stdin,
        awaited,
    };
    let (mut stream, outcome) = checked(dump, Limits::default());
    let fed = feeder.pump(&mut stream).await;
    drop(stream);
    feeder.end(fed, failed).await?;
    outcome
        .get()
        .cloned()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a dump was restored whose end was not seen"))
}

impl Feeder {
    /// A piece is given away only when the next one has arrived and is sound: what was given away is never the end of the dump.
    async fn pump(&mut self, stream: &mut Checked) -> Fed {
        let mut held: Option<Bytes> = None;
        while let Some(item) = stream.next().await {
            let piece = match item {
                Ok(piece) if piece.is_empty() => continue,
                Ok(piece) => piece,
                Err(error) => return Fed::Broken(error),
            };
            if let Some(ready) = held.replace(piece) {
                match self.give(&ready).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Fed::Refused(error),
                    Err(error) => return Fed::Broken(error),
                }
            }
        }
        Fed::Whole(held)
    }

    /// `Err` if the server stands still; inside, what became of the pipe. Every byte that is taken is progress.
    async fn give(&mut self, mut piece: &[u8]) -> Result<io::Result<()>> {
        while !piece.is_empty() {
            let Some(stdin) = &mut self.stdin else {
                return Ok(Err(io::ErrorKind::BrokenPipe.into()));
            };
            let writing = stdin.write(piece);
            let written = match &mut self.awaited {
                Some((awaited, patience)) => awaited.within(patience, writing).await?,
                None => writing.await,
            };
            match written {
                Ok(0) => return Ok(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => piece = &piece[written..],
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    /// All that there is was given away: what the server does last is its commit.
    async fn ended(&mut self) -> Result<Ended> {
        let ending = self.process.wait();
        match &mut self.awaited {
            Some((awaited, patience)) => awaited.within(patience, ending).await.map_err(open_end)?,
            None => ending.await,
        }
    }

    async fn end(&mut self, fed: Fed, failed: fn(Ended) -> Error) -> Result<()> {
        let refused = match fed {
            Fed::Broken(error) => {
                let ended = self.process.kill().await?;
                tracing::debug!(status = %ended.status, "pg_restore was killed: the dump is not complete");
                return Err(error);
            }
            Fed::Refused(error) => Some(error),
            Fed::Whole(None) => None,
            Fed::Whole(Some(last)) => self.give(&last).await?.err(),
        };
        self.stdin = None;
        let ended = self.ended().await?;
        match refused {
            Some(error) if ended.status.success() => {
                let message = format!("{} ended before the dump did", ended.name);
                Err(Error::new(ErrorKind::SourceFailed, message).because(error))
            }
            _ if ended.status.success() => Ok(()),
            _ => Err(failed(ended)),
        }
    }
}
