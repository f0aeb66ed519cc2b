//! A real Vault with Raft storage.

mod http;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::free_port::free_port;
use crate::server_binary::server_binary;
use crate::watched_process::{Program, WatchedProcess};

use self::http::exchange;

const ACTIVE_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// `performance_multiplier` of a server without others: it has nobody to lose its lead to, and takes it sooner.
const ALONE: u8 = 1;
/// Vault's default. With less, the leader of a cluster gives up its lead when a busy machine keeps the others from answering for half a second.
const AMONG_OTHERS: u8 = 5;

/// One server with Raft storage and without TLS, in a folder of its own. Its cluster port is the HTTP port + 10000.
#[derive(Debug)]
pub struct Vault {
    process: WatchedProcess,
    _folder: TempDir,
    port: u16,
    keys: Vec<String>,
    threshold: usize,
    root_token: String,
}

impl Vault {
    /// Starts one that is not initialised, and waits until it answers.
    ///
    /// # Panics
    /// If it cannot be started; the message holds the end of its log.
    pub fn start() -> Self {
        Self::start_with(ALONE)
    }

    fn start_with(multiplier: u8) -> Self {
        let binary = server_binary("vault");
        let folder = TempDir::with_prefix("backup-vault-").expect("a folder under $TMPDIR");
        let port = free_port();
        std::fs::create_dir(folder.path().join("data")).expect("a folder for the data");
        std::fs::write(folder.path().join("vault.hcl"), config(port, multiplier)).expect("a configuration file");
        let arguments = [&binary.display().to_string(), "server", "-config=vault.hcl"];
        let process = WatchedProcess::start(Program {
            name: "vault",
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: environment(folder.path()),
            folder: folder.path(),
            stop_signal: "TERM",
        });
        let vault = Self {
            process,
            _folder: folder,
            port,
            keys: Vec::new(),
            threshold: 0,
            root_token: String::new(),
        };
        vault.wait_until_listening();
        vault
    }

    /// One that is initialised with one key, unsealed and active (about four seconds).
    ///
    /// # Panics
    /// As [`Vault::start`].
    pub fn ready() -> Self {
        Self::ready_with(1, 1)
    }

    /// As [`Vault::ready`], with `shares` keys of which `threshold` unseal it.
    ///
    /// # Panics
    /// As [`Vault::start`].
    pub fn ready_with(shares: usize, threshold: usize) -> Self {
        Self::start().made_ready(shares, threshold)
    }

    fn made_ready(mut self, shares: usize, threshold: usize) -> Self {
        self.init(shares, threshold);
        self.unseal(&self.keys);
        self.wait_until_active();
        self
    }

    /// A cluster of `servers`: the leader first, then its standbys.
    ///
    /// # Panics
    /// As [`Vault::start`].
    pub fn cluster(servers: usize) -> Vec<Self> {
        let mut cluster = vec![Self::start_with(AMONG_OTHERS).made_ready(1, 1)];
        for _ in 1..servers {
            let mut standby = Self::start_with(AMONG_OTHERS);
            let leader = &cluster[0];
            let joined = standby.request(
                "POST",
                "sys/storage/raft/join",
                &json!({ "leader_api_addr": leader.address() }),
            );
            assert_eq!(joined.0, 200, "{joined:?}");
            standby.keys.clone_from(&leader.keys);
            standby.threshold = leader.threshold;
            standby.root_token.clone_from(&leader.root_token);
            standby.unseal(&standby.keys);
            standby.wait_for_health(429);
            cluster.push(standby);
        }
        cluster
    }

    /// `http://127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The keys that this server was initialised with.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The root token of its initialisation.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Initialises it; keys and root token are kept.
    ///
    /// # Panics
    /// If it is initialised already.
    pub fn init(&mut self, shares: usize, threshold: usize) {
        let body = json!({ "secret_shares": shares, "secret_threshold": threshold });
        let (status, answer) = self.request_as("", "PUT", "sys/init", &body);
        assert_eq!(status, 200, "{answer}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        self.keys = answer["keys"].as_array().expect("keys").iter().map(text).collect();
        self.threshold = threshold;
        self.root_token = text(&answer["root_token"]);
    }

    /// Gives `keys` until it is unsealed.
    ///
    /// # Panics
    /// If they do not unseal it.
    pub fn unseal(&self, keys: &[String]) {
        // A restored server seals itself, and takes a moment to listen to keys.
        let until = Instant::now() + ACTIVE_WITHIN;
        loop {
            let mut last = (0, Value::Null);
            for key in keys {
                last = self.request_as("", "PUT", "sys/unseal", &json!({ "key": key }));
            }
            let (status, answer) = last;
            // A server that joins a cluster says that it is sealed until it has heard from the leader.
            if status == 200 {
                return;
            }
            assert!(Instant::now() < until, "it was not unsealed: {status} {answer}");
            std::thread::sleep(POLL);
        }
    }

    /// Seals it.
    ///
    /// # Panics
    /// If it does not.
    pub fn seal(&self) {
        self.write("sys/seal", &json!({}));
        self.wait_for_health(503);
    }

    /// Sends a request with the root token; a body of `null` is none.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.request_as(&self.root_token, method, path, body)
    }

    /// The same with `token`; without one if it is empty.
    ///
    /// # Panics
    /// As [`Vault::request`].
    pub fn request_as(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = exchange(self.port, method, &format!("/v1/{path}"), token, body).expect("Vault answers");
        let answer = if answer.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&answer)))
        };
        (status, answer)
    }

    /// Writes to a path and returns the answer.
    ///
    /// # Panics
    /// If Vault does not take it.
    pub fn write(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.request("POST", path, body);
        assert!(matches!(status, 200 | 204), "write {path}: {status} {answer}");
        answer
    }

    /// Reads a path with `token`.
    ///
    /// # Panics
    /// If Vault does not give it.
    pub fn read_as(&self, token: &str, path: &str) -> Value {
        let (status, answer) = self.request_as(token, "GET", path, &Value::Null);
        assert_eq!(status, 200, "read {path}: {answer}");
        answer
    }

    /// A token with `policies` and further `options`; its text.
    ///
    /// # Panics
    /// If Vault does not make it.
    pub fn token(&self, policies: &[&str], mut options: Value) -> String {
        options["policies"] = json!(policies);
        let made = self.write("auth/token/create", &options);
        made["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// Writes a policy.
    ///
    /// # Panics
    /// If Vault does not take it.
    pub fn policy(&self, name: &str, rules: &str) {
        self.write(&format!("sys/policies/acl/{name}"), &json!({ "policy": rules }));
    }

    /// Status of `/sys/health`.
    pub fn health(&self) -> Option<u16> {
        exchange(self.port, "GET", "/v1/sys/health", "", &Value::Null)
            .ok()
            .map(|(status, _)| status)
    }

    /// Waits until it is unsealed and leads.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn wait_until_active(&self) {
        self.wait_for_health(200);
    }

    /// Waits until `/sys/health` answers with `status`.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn wait_for_health(&self, status: u16) {
        self.process.wait_until(|| self.health() == Some(status));
    }

    /// Stops the server and keeps its data. Idempotent.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again, sealed, on the same port and data.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start_again(&mut self) {
        self.process.start_again();
        self.wait_until_listening();
    }

    fn wait_until_listening(&self) {
        self.process.wait_until(|| self.health().is_some());
    }
}

fn config(port: u16, multiplier: u8) -> String {
    let cluster = port + 10_000;
    format!(
        r#"
storage "raft" {{
  path = "data"
  node_id = "node-{port}"
  performance_multiplier = {multiplier}
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
  http_read_timeout = "30m"
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
disable_mlock = true
"#
    )
}

fn environment(folder: &Path) -> Vec<(&'static str, String)> {
    let folder = folder.display().to_string();
    // Vault spools snapshots that it is sent under TMPDIR.
    vec![("HOME", folder.clone()), ("TMPDIR", folder)]
}
