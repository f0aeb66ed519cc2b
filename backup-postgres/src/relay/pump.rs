//! Both directions of a relayed connection.

use super::messages::{Messages, Piece, body, message};
use bytes::Bytes;
use std::{
    io,
    sync::atomic::{AtomicU8, Ordering},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

const QUERY: u8 = b'Q';
const READY: u8 = b'Z';
const AUTHENTICATION: u8 = b'R';
const COMPLETE: u8 = b'C';
/// Body of a demand for SASL; the names of the ways follow, each with a zero byte, and one zero byte more.
const SASL: [u8; 4] = 10_u32.to_be_bytes();

/// What the server said last: the state of its transaction, while it waits for the next statement, or [`BUSY`].
type State = AtomicU8;
const BUSY: u8 = 0;
/// No transaction, and one in which nothing failed yet.
const GOOD: [u8; 2] = *b"IT";

/// Passes on what `client` and `server` say until one of them ends. `SET name = 0;` of a client is answered here for each name in `unknown`.
///
/// # Errors
/// Those of either side.
pub(super) async fn both_ways(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    unknown: &[&str],
) -> io::Result<()> {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let state = State::new(BUSY);
    let (answer, answers) = mpsc::channel(1);
    let queries = Messages::of_client(from_client, &[QUERY]);
    let replies = Messages::of_server(from_server, &[READY, AUTHENTICATION]);
    tokio::select! {
        ended = statements(queries, to_server, unknown, &state, answer) => ended,
        ended = answered(replies, to_client, &state, answers) => ended,
    }
}

async fn statements(
    mut queries: Messages<impl AsyncRead + Unpin>,
    mut server: impl AsyncWrite + Unpin,
    unknown: &[&str],
    state: &State,
    answer: mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    while let Some(piece) = queries.next().await? {
        let bytes = match piece {
            Piece::Message(query) if is_needless(&query, unknown) => {
                // Of a statement that is one among several on their way, or that a failed transaction refuses, the server itself has to speak.
                let now = state.load(Ordering::SeqCst);
                if GOOD.contains(&now) && answer.send(done(now)).await.is_ok() {
                    continue;
                }
                query
            }
            Piece::Message(bytes) | Piece::Passed(bytes) => bytes,
        };
        state.store(BUSY, Ordering::SeqCst);
        server.write_all(&bytes).await?;
        server.flush().await?;
    }
    Ok(())
}

async fn answered(
    mut replies: Messages<impl AsyncRead + Unpin>,
    mut client: impl AsyncWrite + Unpin,
    state: &State,
    mut answers: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    loop {
        let bytes = tokio::select! {
            biased;
            Some(answer) = answers.recv(), if replies.between_messages() => answer.into(),
            piece = replies.next() => match piece? {
                None => return client.shutdown().await,
                Some(Piece::Passed(bytes)) => bytes,
                Some(Piece::Message(reply)) => reply_to(reply, state),
            },
        };
        client.write_all(&bytes).await?;
        client.flush().await?;
    }
}

/// `SET name = 0;`, as `pg_restore` writes it.
fn is_needless(query: &[u8], unknown: &[&str]) -> bool {
    let text = body(query).strip_suffix(b"\0").unwrap_or_default().trim_ascii();
    unknown.iter().any(|name| text == format!("SET {name} = 0;").as_bytes())
}

fn done(state: u8) -> Vec<u8> {
    [message(COMPLETE, b"SET\0"), message(READY, &[state])].concat()
}

fn reply_to(reply: Bytes, state: &State) -> Bytes {
    if reply.first() == Some(&READY) {
        // Before the client hears of it: its next statement finds the state that it was given.
        state.store(body(&reply).first().copied().unwrap_or(BUSY), Ordering::SeqCst);
        return reply;
    }
    match body(&reply).strip_prefix(&SASL) {
        Some(ways) => without_binding(ways),
        None => reply,
    }
}

/// libpq takes an offer of channel binding on a connection without TLS for an attack. Its TLS ends here, so there is nothing to bind to.
fn without_binding(ways: &[u8]) -> Bytes {
    let kept = ways
        .split_inclusive(|byte| *byte == 0)
        .filter(|way| !way.ends_with(b"-PLUS\0"));
    message(
        AUTHENTICATION,
        &[&SASL[..], &kept.collect::<Vec<_>>().concat()].concat(),
    )
    .into()
}
