//! A server that answers byte for byte what a test says.

use crate::{
    Secret,
    client::{Vault, VaultSettings},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::sleep,
};

pub(crate) const TOKEN: &str = "hvs.planted-secret";
pub(crate) const SNAPSHOT: &str = "/v1/sys/storage/raft/snapshot";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name));
        found.map(|header| header.1.as_str())
    }

    /// The address of the server that was asked.
    pub(crate) fn own_address(&self) -> String {
        format!("http://{}", self.header("host").unwrap())
    }
}

/// What the server does next. After the last step it closes the connection.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    Hang,
    Reset,
}

pub(crate) struct FakeVault {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

impl Drop for FakeVault {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl FakeVault {
    /// Answers each request as `answer` says.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (Arc::clone(&seen), Arc::new(answer));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, &noted, answer.as_ref()).await });
            }
        });
        Self { address, seen, serving }
    }

    /// Answers every request with the same steps.
    pub(crate) async fn always(steps: Vec<Step>) -> Self {
        Self::start(move |_| steps.clone()).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A client with the token.
    pub(crate) fn client(&self) -> Vault {
        client(&self.address)
    }

    /// The same for a server that stands still on purpose: it is given up soon.
    pub(crate) fn hasty_client(&self) -> Vault {
        client_with(&self.address, Duration::from_millis(500))
    }
}

pub(crate) fn client(address: &str) -> Vault {
    // Whoever answers at all does so within this, however busy the machine is.
    client_with(address, Duration::from_secs(10))
}

pub(crate) fn client_with(address: &str, idle_timeout: Duration) -> Vault {
    Vault::new(VaultSettings {
        addr: address.into(),
        token: Some(Secret::new(TOKEN)),
        idle_timeout,
        ..VaultSettings::default()
    })
    .unwrap()
}

/// An address where connecting is refused. Its port stays taken while this lives: a port that was given back could be the next one that another
/// test's server gets.
pub(crate) struct Dead {
    pub(crate) address: String,
    _bound: TcpSocket,
}

impl Dead {
    pub(crate) fn new() -> Self {
        let bound = TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            address: format!("http://{}", bound.local_addr().unwrap()),
            _bound: bound,
        }
    }
}

async fn serve(mut stream: TcpStream, noted: &Mutex<Vec<Seen>>, answer: &(impl Fn(&Seen) -> Vec<Step> + Sync)) {
    let Some(seen) = read(&mut stream).await else { return };
    noted.lock().unwrap().push(seen.clone());
    for step in answer(&seen) {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Wait(pause) => sleep(pause).await,
            Step::Hang => std::future::pending().await,
            Step::Reset => return stream.set_zero_linger().unwrap(),
        }
    }
    stream.shutdown().await.unwrap_or_default();
}

/// Reads one request with a body of known length.
async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.into(), value.into()));
    let mut seen = Seen {
        method: first.next().unwrap(),
        path: first.next().unwrap(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    seen.body = vec![0; length];
    stream.read_exact(&mut seen.body).await.ok()?;
    Some(seen)
}

pub(crate) fn send(text: impl Into<Vec<u8>>) -> Step {
    Step::Send(text.into())
}

/// A whole answer in JSON.
pub(crate) fn json(status: u16, body: &str) -> Vec<Step> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    vec![send(head + body)]
}

/// Vault's form of an error.
pub(crate) fn error(status: u16, text: &str) -> Vec<Step> {
    json(status, &serde_json::json!({ "errors": [text] }).to_string())
}

pub(crate) fn redirect(status: u16, location: &str) -> Vec<Step> {
    vec![send(format!(
        "HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))]
}

pub(crate) const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(crate) fn chunk(bytes: &[u8]) -> Step {
    let size = format!("{:x}\r\n", bytes.len());
    send([size.as_bytes(), bytes, b"\r\n"].concat())
}

/// `bytes` in an answer that ends cleanly, as Vault's does whatever happened.
pub(crate) fn chunked(bytes: &[u8]) -> Vec<Step> {
    let mut steps = vec![send(CHUNKED)];
    steps.extend(bytes.chunks(1000).map(chunk));
    steps.push(send("0\r\n\r\n"));
    steps
}
