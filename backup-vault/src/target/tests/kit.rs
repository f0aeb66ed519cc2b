//! A server that answers as a test says, a store in memory, and a target between them.

use crate::{
    LoginChoice, Secret, VaultRaft,
    client::{
        VaultSettings,
        tests::fake::{FakeVault, SNAPSHOT, Seen, Step, TOKEN, json},
    },
    snapshot::Limits,
};
use backup_core::{
    Context, Result,
    catalog::Mode,
    event::{Event, EventSink, Finding},
    keys::{KeyKind, Keyring, fresh_key_file, generate},
    pipeline::SpoolRoom,
    run::{BackupReport, BackupRequest, backup},
    store::Features,
    testing::{ManualClock, MemoryOptions, MemoryStore, SeededEntropy},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

pub(crate) const CLUSTER: &str = "5c7e8a0e-cluster";
pub(crate) const HEALTHY: &str = r#"{"initialized":true,"sealed":false,"standby":false,"version":"1.19.3","cluster_name":"vault-cluster-1","cluster_id":"5c7e8a0e-cluster"}"#;
pub(crate) const SEAL: &str =
    r#"{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"version":"1.19.3","storage_type":"raft"}"#;
pub(crate) const LEADS: &str = r#"{"ha_enabled":true,"is_self":true,"leader_address":"http://127.0.0.1:1"}"#;
/// The token that the documentation makes better: orphan, periodic, one policy.
pub(crate) const GOOD_TOKEN: &str = r#"{"data":{"accessor":"a","policies":["default","vault-snapshot"],"orphan":true,"renewable":true,"ttl":2700000,"period":2764800,"type":"service","expire_time":"2026-12-24T00:00:00Z"}}"#;
const ACL: &str = r#"{"data":{"exact_paths":{"auth/token/lookup-self":{"capabilities":["read"]},"sys/storage/raft/snapshot":{"capabilities":["read"]}},"glob_paths":{"cubbyhole/":{"capabilities":["read"]},"secret/":{"capabilities":["deny"]}},"root":false}}"#;
const RENEWED: &str = r#"{"auth":{"lease_duration":2764800,"renewable":true,"client_token":"x"}}"#;

/// What a healthy server answers beside the snapshot; `None` for anything that it does not know.
pub(crate) fn healthy(seen: &Seen) -> Option<Vec<Step>> {
    let answer = match seen.path.as_str() {
        "/v1/sys/health" => HEALTHY,
        "/v1/sys/seal-status" => SEAL,
        "/v1/sys/leader" => LEADS,
        "/v1/auth/token/lookup-self" => GOOD_TOKEN,
        "/v1/auth/token/renew-self" => RENEWED,
        "/v1/sys/internal/ui/resultant-acl" => ACL,
        _ => return None,
    };
    Some(json(200, answer))
}

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Vec<Event>>);

impl EventSink for Log {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

pub(crate) struct Kit {
    pub(crate) server: FakeVault,
    pub(crate) store: MemoryStore,
    pub(crate) log: Arc<Log>,
    pub(crate) cx: Context,
    pub(crate) target: VaultRaft,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) mode: Mode,
}

impl Kit {
    /// A healthy server whose `n`th snapshot (from 0) is what `snapshot` says.
    pub(crate) async fn new(snapshot: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let asked = AtomicUsize::new(0);
        Self::answering(move |seen| match healthy(seen) {
            Some(steps) => steps,
            None if seen.path == SNAPSHOT => snapshot(asked.fetch_add(1, Ordering::SeqCst)),
            None => json(404, r#"{"errors":[]}"#),
        })
        .await
    }

    /// Any server.
    pub(crate) async fn answering(answer: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let server = FakeVault::start(answer).await;
        let clock = Arc::new(ManualClock::running("2026-04-22T17:00:00Z".parse().unwrap()));
        let store = MemoryStore::new(clock.clone(), MemoryOptions::default());
        let (log, folder) = (Arc::new(Log::default()), tempfile::tempdir().unwrap());
        let cx = Context {
            store: Arc::new(store.clone()),
            features: Features::default(),
            keyring: Some(Arc::new(ring(true))),
            clock,
            entropy: Arc::new(SeededEntropy::new(7)),
            events: log.clone(),
            cancel: CancellationToken::new(),
            tool: "test".into(),
        };
        let target = target(&server.address, folder.path());
        Self {
            server,
            store,
            log,
            cx,
            target,
            folder,
            mode: Mode::Sealed,
        }
    }

    pub(crate) async fn backup(&self) -> Result<BackupReport> {
        let request = BackupRequest {
            mode: self.mode,
            kms_key: None,
            memory: 32 << 20,
            threads: 1,
            level: 3,
            lease_wait: Duration::ZERO,
        };
        backup(&self.cx, &self.target, &request).await
    }

    /// How often `path` was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.server.seen().iter().filter(|seen| seen.path == path).count()
    }

    /// Whether a snapshot or a manifest is in the store, or on its way there.
    pub(crate) fn stored_something(&self) -> bool {
        let kept = |key: &backup_core::store::Key| {
            let key = key.to_string();
            key.contains(".snap") || key.contains("manifests")
        };
        self.store.unfinished() > 0 || self.store.keys().iter().any(kept)
    }
}

pub(crate) fn ring(recovery: bool) -> Keyring {
    let entropy = SeededEntropy::new(1);
    let text = fresh_key_file(&entropy, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let mut ring = Keyring::parse(text.expose(), "test").unwrap();
    if recovery {
        let line = generate(KeyKind::Recovery, &entropy).unwrap();
        ring.add_public(line.expose(), "test").unwrap();
    }
    ring
}

pub(crate) fn target(address: &str, folder: &std::path::Path) -> VaultRaft {
    VaultRaft {
        settings: VaultSettings {
            addr: address.into(),
            token: Some(Secret::new(TOKEN)),
            // A test whose server stands still on purpose sets its own.
            idle_timeout: Duration::from_secs(10),
            ..VaultSettings::default()
        },
        login: LoginChoice::Token,
        spool: SpoolRoom {
            memory: 0,
            folder: folder.into(),
        },
        deadline: Duration::from_secs(60),
        limits: Limits::default(),
    }
}

pub(crate) fn subjects(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.subject.as_str()).collect()
}
