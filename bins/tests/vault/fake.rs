//! A Vault as far as `backup-vault` asks, over HTTP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

pub(crate) const TOKEN: &str = "hvs.planted-secret";
pub(crate) const CLUSTER: &str = "vault-cluster-fake";

/// What the server is like. Tests change it while it runs.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) sealed: bool,
    /// What it gives for a snapshot.
    pub(crate) snapshot: Vec<u8>,
    /// Answers everything that needs a token with this 403.
    pub(crate) refusal: Option<&'static str>,
    /// The snapshot that it was sent.
    pub(crate) restored: Option<Vec<u8>>,
    pub(crate) requests: Vec<String>,
}

pub(crate) struct FakeVault {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl FakeVault {
    /// Healthy, and with this snapshot.
    pub(crate) fn with(snapshot: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            sealed: false,
            snapshot,
            refusal: None,
            restored: None,
            requests: Vec::new(),
        }));
        let served = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = served.clone();
                thread::spawn(move || serve(&stream.unwrap(), port, &state));
            }
        });
        Self { port, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, port: u16, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while head.lines().last() != Some("") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    for line in head.lines() {
        if let Some((_, value)) = line
            .split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let answer = answer((method, path), body, port, &mut state.lock().unwrap());
    let mut stream = stream;
    stream.write_all(&answer).unwrap_or_default();
}

fn answer((method, path): (&str, &str), body: Vec<u8>, port: u16, state: &mut State) -> Vec<u8> {
    state.requests.push(format!("{method} {path}"));
    let path = path.strip_prefix("/v1/").unwrap();
    match path {
        "sys/health" if state.sealed => {
            return json(
                503,
                r#"{"initialized":true,"sealed":true,"standby":true,"version":"1.19.3"}"#,
            );
        }
        "sys/health" => return json(200, &health()),
        "sys/seal-status" => {
            let sealed = state.sealed;
            return json(
                200,
                &format!(
                    r#"{{"type":"shamir","initialized":true,"sealed":{sealed},"t":3,"n":5,"version":"1.19.3","storage_type":"raft"}}"#
                ),
            );
        }
        "sys/leader" => {
            return json(
                200,
                &format!(r#"{{"ha_enabled":true,"is_self":true,"leader_address":"http://127.0.0.1:{port}"}}"#),
            );
        }
        _ => {}
    }
    match (method, path) {
        _ if state.sealed => errors(503, "Vault is sealed"),
        _ if state.refusal.is_some() => errors(403, state.refusal.unwrap()),
        (_, "auth/token/lookup-self") => json(
            200,
            r#"{"data":{"accessor":"a","policies":["default","vault-snapshot"],"orphan":true,"renewable":true,"ttl":2764000,"period":2764800,"type":"service"}}"#,
        ),
        (_, "auth/token/renew-self") => json(200, r#"{"auth":{"lease_duration":2764800,"renewable":true}}"#),
        (_, "sys/capabilities-self") => json(
            200,
            r#"{"data":{"sys/storage/raft/snapshot":["read","update"],"sys/storage/raft/snapshot-force":["update"]}}"#,
        ),
        (_, "sys/storage/raft/configuration") => json(
            200,
            r#"{"data":{"config":{"servers":[{"address":"a:1","leader":true,"node_id":"n1","voter":true}]}}}"#,
        ),
        ("GET", "sys/storage/raft/snapshot") => chunked(&state.snapshot),
        ("POST", "sys/storage/raft/snapshot" | "sys/storage/raft/snapshot-force") => {
            (state.restored, state.sealed) = (Some(body), true);
            json(204, "")
        }
        ("POST", "cubbyhole/platform-backup-restore") => json(204, ""),
        _ => errors(404, ""),
    }
}

fn health() -> String {
    format!(
        r#"{{"initialized":true,"sealed":false,"standby":false,"version":"1.19.3","cluster_name":"{CLUSTER}","cluster_id":"6f0c9c8e"}}"#
    )
}

fn json(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "Content-Type: application/json\r\nConnection: close";
    format!("HTTP/1.1 {status} X\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn errors(status: u16, text: &str) -> Vec<u8> {
    json(status, &serde_json::json!({ "errors": [text] }).to_string())
}

/// An answer that ends cleanly, as Vault's does whatever happened.
fn chunked(bytes: &[u8]) -> Vec<u8> {
    let mut answer =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            .to_vec();
    for piece in bytes.chunks(500) {
        answer.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        answer.extend([piece, b"\r\n"].concat());
    }
    answer.extend(b"0\r\n\r\n");
    answer
}
