//! A proxy that at some moment passes nothing on any more, and closes nothing either: what a firewall that forgot a connection looks like.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Passes bytes between clients and a server on 127.0.0.1 until it is told to be mute. Connections are cut when it is dropped.
#[derive(Debug)]
pub struct MuteProxy {
    port: u16,
    counts: Arc<Counts>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicUsize,
    /// Connections up to this number are mute.
    mute: AtomicUsize,
}

impl MuteProxy {
    /// Starts a proxy in front of 127.0.0.1:`upstream_port` that passes everything.
    ///
    /// # Panics
    /// If no port can be opened.
    pub async fn start(upstream_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port for the proxy");
        let port = listener.local_addr().expect("a bound port").port();
        let counts = Arc::new(Counts::default());
        let listener = tokio::spawn(accept(listener, upstream_port, counts.clone()));
        Self { port, counts, listener }
    }

    /// Port on 127.0.0.1 to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections made so far.
    pub fn opened(&self) -> usize {
        self.counts.opened.load(Ordering::SeqCst)
    }

    /// The connections of now are mute from now on; others are not.
    pub fn mute_these(&self) {
        self.counts.mute.store(self.opened(), Ordering::SeqCst);
    }

    /// All connections are mute from now on, those to come as well.
    pub fn mute_all(&self) {
        self.counts.mute.store(usize::MAX, Ordering::SeqCst);
    }
}

impl Drop for MuteProxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// The connections live in a set of this task: aborting it cuts them.
async fn accept(listener: TcpListener, upstream: u16, counts: Arc<Counts>) {
    let mut directions = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let number = counts.opened.fetch_add(1, Ordering::SeqCst) + 1;
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await else {
            continue;
        };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        directions.spawn(pass(from_client, to_server, number, counts.clone()));
        directions.spawn(pass(from_server, to_client, number, counts.clone()));
    }
}

/// A closed side is passed on by closing the other; a mute connection stays open on both.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: usize, counts: Arc<Counts>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await;
        if number <= counts.mute.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        match read {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
