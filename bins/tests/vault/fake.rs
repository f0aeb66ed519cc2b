//! A Vault as far as `backup-vault` asks, over HTTP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

pub(crate) const TOKEN: &str = "hvs.planted-secret";
/// The token of every login.
pub(crate) const LOGIN_TOKEN: &str = "hvs.planted-login";
pub(crate) const CLUSTER: &str = "vault-cluster-fake";

/// What the server is like. Tests change it while it runs.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) initialized: bool,
    pub(crate) sealed: bool,
    /// Name and id of its cluster.
    pub(crate) cluster: (&'static str, &'static str),
    /// Whether it seals itself after a restore; if not, the restored state is in force at once.
    pub(crate) seals: bool,
    /// What it gives for a snapshot.
    pub(crate) snapshot: Vec<u8>,
    /// Of a snapshot it sends this many bytes, and the rest once this is taken back.
    pub(crate) held_at: Option<usize>,
    /// Only the first snapshot stands still there, for ever.
    pub(crate) first_stalls_at: Option<usize>,
    /// How many snapshots stand still at that place.
    pub(crate) held: usize,
    /// The tokens that revoked themselves.
    pub(crate) revoked: Vec<String>,
    /// Where it sends whoever asks for a snapshot; of the server itself if that is only a path.
    pub(crate) redirect: Option<String>,
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
            initialized: true,
            sealed: false,
            cluster: (CLUSTER, "6f0c9c8e"),
            seals: true,
            snapshot,
            held_at: None,
            first_stalls_at: None,
            held: 0,
            revoked: Vec::new(),
            redirect: None,
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
    let (mut head, mut length, mut token) = (String::new(), 0, String::new());
    while head.lines().last() != Some("") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-vault-token" => value.clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if path.ends_with("/auth/token/revoke-self") {
        state.lock().unwrap().revoked.push(token);
    }
    let answer = answer((method, path), body, port, &mut state.lock().unwrap());
    let held_at = match (method, path) {
        ("GET", "/v1/sys/storage/raft/snapshot") => state.lock().unwrap().held_at,
        _ => None,
    };
    if let Some(end) = first_stall((method, path), &mut state.lock().unwrap()) {
        let mut stream = stream;
        stream.write_all(&answer[..end]).unwrap_or_default();
        // Until the client gives up.
        reader.read_line(&mut String::new()).unwrap_or_default();
        return;
    }
    let (now, later) = answer.split_at(held_at.unwrap_or(answer.len()));
    let mut stream = stream;
    stream.write_all(now).unwrap_or_default();
    if held_at.is_some() {
        hold(state);
    }
    // A client that had enough is gone.
    stream.write_all(later).unwrap_or_default();
}

fn first_stall(asked: (&str, &str), state: &mut State) -> Option<usize> {
    match asked {
        ("GET", "/v1/sys/storage/raft/snapshot") => state.first_stalls_at.take(),
        _ => None,
    }
}

fn hold(state: &Mutex<State>) {
    state.lock().unwrap().held += 1;
    let deadline = Instant::now() + Duration::from_secs(60);
    while state.lock().unwrap().held_at.is_some() {
        assert!(Instant::now() < deadline, "nobody took it back within a minute");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The health of a server that nobody can use yet.
fn closed(initialized: bool) -> Vec<u8> {
    let status = if initialized { 503 } else { 501 };
    let health = format!(r#"{{"initialized":{initialized},"sealed":true,"standby":true,"version":"1.19.3"}}"#);
    json(status, &health)
}

fn answer((method, path): (&str, &str), body: Vec<u8>, port: u16, state: &mut State) -> Vec<u8> {
    state.requests.push(format!("{method} {path}"));
    let path = path.strip_prefix("/v1/").unwrap();
    match path {
        "sys/health" if !state.initialized || state.sealed => return closed(state.initialized),
        "sys/health" => return json(200, &health(state.cluster)),
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
        ("POST", "auth/kubernetes/login") => json(
            200,
            &format!(
                r#"{{"auth":{{"client_token":"{LOGIN_TOKEN}","token_type":"service","lease_duration":900,"renewable":true}}}}"#
            ),
        ),
        ("POST", "auth/token/revoke-self") => json(204, ""),
        (_, "auth/token/renew-self") => json(200, r#"{"auth":{"lease_duration":2764800,"renewable":true}}"#),
        (_, "sys/internal/ui/resultant-acl") => json(200, r#"{"data":{"root":false}}"#),
        (_, "sys/capabilities-self") => json(
            200,
            r#"{"data":{"sys/storage/raft/snapshot":["read","update"],"sys/storage/raft/snapshot-force":["update"]}}"#,
        ),
        (_, "sys/storage/raft/configuration") => json(
            200,
            r#"{"data":{"config":{"servers":[{"address":"a:1","leader":true,"node_id":"n1","voter":true}]}}}"#,
        ),
        ("GET", "sys/storage/raft/snapshot") => snapshot(state),
        ("POST", "sys/storage/raft/snapshot" | "sys/storage/raft/snapshot-force") => {
            (state.restored, state.sealed) = (Some(body), state.seals);
            json(204, "")
        }
        ("POST", "cubbyhole/platform-backup-restore") => json(204, ""),
        _ => errors(404, ""),
    }
}

fn health((name, id): (&str, &str)) -> String {
    format!(
        r#"{{"initialized":true,"sealed":false,"standby":false,"version":"1.19.3","cluster_name":"{name}","cluster_id":"{id}"}}"#
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

fn snapshot(state: &State) -> Vec<u8> {
    let here = || chunked(&state.snapshot);
    state.redirect.as_deref().map_or_else(here, redirect)
}

fn redirect(location: &str) -> Vec<u8> {
    let head = "Content-Length: 0\r\nConnection: close";
    format!("HTTP/1.1 307 X\r\n{head}\r\nLocation: {location}\r\n\r\n").into_bytes()
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
