//! Targets, stores, and servers with something in them.

use backup_core::{
    Context, Result,
    catalog::{Manifest, Mode, Repository},
    clock::{SystemClock, SystemEntropy},
    event::Quiet,
    keys::{KeyKind, Keyring, fresh_key_file, generate},
    pipeline::{ByteStream, ContentSource, SpoolRoom, content},
    run::{BackupReport, BackupRequest, backup},
    store::Features,
    testing::{MemoryOptions, MemoryStore},
};
use backup_tests::Vault;
pub(crate) use backup_tests::until;
use backup_vault::{
    LoginChoice, RestoreRequest, Restored, Secret, VaultRaft,
    client::VaultSettings,
    snapshot::{Limits, Proof, SnapshotError, SnapshotFacts, proven},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// A folder for spools, which is checked to be empty after each use.
pub(crate) struct Room(tempfile::TempDir);

impl Drop for Room {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(
                std::fs::read_dir(self.0.path()).unwrap().count(),
                0,
                "a spool has a name"
            );
        }
    }
}

/// A store in memory, keys, and a room.
pub(crate) struct Kit {
    pub(crate) cx: Context,
    pub(crate) store: MemoryStore,
    room: Room,
}

impl Kit {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(SystemClock);
        let store = MemoryStore::new(clock.clone(), MemoryOptions::default());
        let cx = Context {
            store: Arc::new(store.clone()),
            features: Features::default(),
            keyring: Some(Arc::new(ring())),
            clock,
            entropy: Arc::new(SystemEntropy),
            events: Arc::new(Quiet),
            cancel: CancellationToken::new(),
            tool: "test".into(),
        };
        let room = Room(tempfile::tempdir().unwrap());
        Self { cx, store, room }
    }

    /// `server` with `token`.
    pub(crate) fn target(&self, address: &str, token: &str) -> VaultRaft {
        VaultRaft {
            settings: VaultSettings {
                addr: address.into(),
                token: Some(Secret::new(token)),
                ..VaultSettings::default()
            },
            login: LoginChoice::Token,
            spool: SpoolRoom {
                memory: 1 << 20,
                folder: self.room.0.path().into(),
            },
            deadline: Duration::from_secs(60),
            limits: Limits::default(),
        }
    }

    pub(crate) fn root(&self, server: &Vault) -> VaultRaft {
        self.target(&server.address(), server.root_token())
    }

    pub(crate) async fn backup(&self, target: &VaultRaft) -> Result<BackupReport> {
        let request = BackupRequest {
            mode: Mode::Sealed,
            kms_key: None,
            memory: 32 << 20,
            threads: 1,
            level: 3,
            lease_wait: Duration::ZERO,
        };
        backup(&self.cx, target, &request).await
    }

    /// The content of a backup.
    pub(crate) async fn stored(&self, manifest: &Manifest) -> ByteStream {
        let source = ContentSource {
            store: self.cx.store.clone(),
            repository: Repository::open(&self.cx).await.unwrap().unwrap().id,
            component: VaultRaft::COMPONENT.into(),
            keyring: self.cx.keyring.clone(),
        };
        content(source, manifest.artifacts[0].clone())
    }

    /// A backup restored as the program does it: proven as a whole first.
    pub(crate) async fn restore(
        &self,
        manifest: &Manifest,
        target: &VaultRaft,
        request: &RestoreRequest,
    ) -> Result<Restored> {
        let facts = facts(self.stored(manifest).await).await;
        target
            .restore(&self.cx, self.stored(manifest).await, &facts, request)
            .await
    }

    /// Whether a snapshot or a manifest is in the store.
    pub(crate) fn stored_something(&self) -> bool {
        let keys = self.store.keys().into_iter().map(|key| key.to_string());
        keys.into_iter()
            .any(|key| key.contains(".snap") || key.contains("manifests"))
    }
}

fn ring() -> Keyring {
    let text = fresh_key_file(&SystemEntropy, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let mut ring = Keyring::parse(text.expose(), "test").unwrap();
    let line = generate(KeyKind::Recovery, &SystemEntropy).unwrap();
    ring.add_public(line.expose(), "test").unwrap();
    ring
}

pub(crate) async fn facts(snapshot: ByteStream) -> SnapshotFacts {
    let (mut bytes, outcome) = proven(snapshot, Proof::default().lenient_trailer(), SnapshotError::of_stored);
    while bytes.try_next().await.unwrap().is_some() {}
    outcome.get().unwrap().clone()
}

pub(crate) async fn whole(snapshot: ByteStream) -> Vec<u8> {
    let pieces: Vec<Bytes> = snapshot.try_collect().await.unwrap();
    pieces.concat()
}

pub(crate) fn pieces(bytes: &[u8]) -> ByteStream {
    let pieces: Vec<_> = bytes
        .chunks(64 << 10)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces).boxed()
}

/// The name of a server's cluster.
pub(crate) fn name(server: &Vault) -> String {
    server.read_as("", "sys/health?standbyok=true")["cluster_name"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A request that goes through at `server`.
pub(crate) fn confirmed(server: &Vault, force: bool) -> RestoreRequest {
    RestoreRequest {
        confirm: Some(name(server)),
        force,
        ..RestoreRequest::default()
    }
}
