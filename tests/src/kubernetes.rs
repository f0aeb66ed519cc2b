//! As much of the Kubernetes API as Vault's auth method asks: who a token belongs to.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

const REVIEWS: &str = "POST /apis/authentication.k8s.io/v1/tokenreviews ";

/// Answers `TokenReview`s over plain HTTP on a port of 127.0.0.1, as the API server does: only to its reviewer, and it knows the tokens that it gave
/// out itself. Their signature is none, because whoever asks for a review does not look at it.
#[derive(Debug)]
pub struct Kubernetes {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    reviewer: String,
    stopped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pods: Vec<Pod>,
    reviews: usize,
}

#[derive(Debug, Clone)]
struct Pod {
    token: String,
    namespace: String,
    account: String,
}

impl Kubernetes {
    /// Starts it, without any pod.
    ///
    /// # Panics
    /// If no port can be opened.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("a bound port").port();
        let shared = Arc::new(Shared {
            reviewer: token("kube-system", "vault-reviewer", 0),
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
        });
        let served = shared.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept()
                && !served.stopped.load(Ordering::SeqCst)
            {
                let shared = served.clone();
                // A client that goes away is no failure of the server.
                thread::spawn(move || drop(serve(&client, &shared)));
            }
        });
        Self { port, shared }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The token whose bearer may ask for reviews.
    pub fn reviewer(&self) -> &str {
        &self.shared.reviewer
    }

    /// Runs a pod with this service account; its projected token, for the audience `vault`.
    pub fn pod(&self, namespace: &str, account: &str) -> String {
        let mut state = self.shared.state();
        let token = token(namespace, account, state.pods.len() + 1);
        state.pods.push(Pod {
            token: token.clone(),
            namespace: namespace.to_owned(),
            account: account.to_owned(),
        });
        token
    }

    /// Deletes the pod that has this token, which is void from now on.
    pub fn delete_pod(&self, token: &str) {
        self.shared.state().pods.retain(|pod| pod.token != token);
    }

    /// How many reviews its reviewer asked for.
    pub fn reviews(&self) -> usize {
        self.shared.state().reviews
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, if it still listens.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

fn serve(client: &TcpStream, shared: &Shared) -> Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = field(&head, "content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let (status, answer) = answer(&head, &body, shared);
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    let mut client = client;
    client.write_all((head + &answer).as_bytes())
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn answer(head: &str, body: &[u8], shared: &Shared) -> (&'static str, Value) {
    let refusal = |code: u16, reason: &str| json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code });
    if !head.starts_with(REVIEWS) {
        return ("404 Not Found", refusal(404, "NotFound"));
    }
    if field(head, "authorization") != Some(&format!("Bearer {}", shared.reviewer)) {
        return ("401 Unauthorized", refusal(401, "Unauthorized"));
    }
    let review: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut state = shared.state();
    state.reviews += 1;
    let asked = review["spec"]["token"].as_str().unwrap_or_default();
    let status = match state.pods.iter().find(|pod| pod.token == asked) {
        Some(pod) => json!({
            "authenticated": true,
            "user": {
                "username": format!("system:serviceaccount:{}:{}", pod.namespace, pod.account),
                "uid": uid(&pod.namespace, &pod.account),
                "groups": ["system:serviceaccounts", "system:authenticated"],
            },
            "audiences": review["spec"]["audiences"],
        }),
        None => {
            json!({ "authenticated": false, "error": "[invalid bearer token, service account token has been invalidated]" })
        }
    };
    let answer = json!({ "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status });
    ("201 Created", answer)
}

fn uid(namespace: &str, account: &str) -> String {
    format!("uid-of-{namespace}-{account}")
}

/// A token as Kubernetes projects it into a pod; `nonce` tells it from others of the account.
fn token(namespace: &str, account: &str, nonce: usize) -> String {
    let claims = json!({
        "iss": "https://kubernetes.default.svc",
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "aud": ["vault"],
        "iat": 1_700_000_000,
        "exp": 4_000_000_000_u64,
        "jti": nonce.to_string(),
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": { "name": account, "uid": uid(namespace, account) },
        },
    });
    let parts = [br#"{"alg":"RS256"}"#, claims.to_string().as_bytes(), b"no signature"].map(base64url);
    parts.join(".")
}

/// Base64 of RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encode = |piece: &[u8]| {
        let number = piece.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) << (8 * (3 - piece.len()));
        let letter = |n: usize| char::from(LETTERS[number >> (18 - 6 * n) & 63]);
        (0..=piece.len()).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(encode).collect()
}
