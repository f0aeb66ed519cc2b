//! A repository in memory, and runs that fill it.

use crate::{
    Context, Result,
    catalog::{
        Artifact, Claim, Format, Holder, Lease, Manifest, Mode, Repository, Series, StoredObject, claim, commit,
    },
    event::{Event, EventSink},
    id::BackupId,
    keys::{Keyring, fresh_key_file},
    store::{Features, Key, PutMode, Store},
    testing::{ManualClock, MemoryOptions, MemoryStore, SeededEntropy},
};
use jiff::SignedDuration;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

pub(crate) const TARGET: &str = "postgres.dump";
pub(crate) const NO_PATIENCE: Duration = Duration::ZERO;

/// Keeps every event.
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

#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: MemoryStore,
    pub(crate) log: Arc<Log>,
    pub(crate) cx: Context,
}

impl Kit {
    pub(crate) fn new(options: MemoryOptions) -> Self {
        let clock = Arc::new(ManualClock::running("2026-04-22T17:00:00.25Z".parse().unwrap()));
        let memory = MemoryStore::new(clock.clone(), options);
        let log = Arc::new(Log::default());
        let cx = Context {
            store: Arc::new(memory.clone()),
            features: Features {
                conditional_create: options.conditional,
                conditional_match: options.conditional,
            },
            keyring: Some(ring(1)),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(options.seed ^ 0xbac0)),
            events: log.clone(),
            cancel: CancellationToken::new(),
            tool: "test 0.1.0".into(),
        };
        Self { clock, memory, log, cx }
    }

    /// A store that honours conditions, and one that ignores them and cuts its times to seconds.
    pub(crate) fn both() -> [Self; 2] {
        [Self::new(MemoryOptions::default()), Self::new(seaweed())]
    }

    pub(crate) fn on(&self, store: Arc<dyn Store>) -> Context {
        Context {
            store,
            ..self.cx.clone()
        }
    }

    pub(crate) fn hours(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }

    /// Names of keys, without the repository's own document and the lease that stays behind `released`.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.memory.keys().into_iter().map(|key| key.to_string());
        names
            .filter(|name| name != "_pbe/repository.json" && !name.starts_with("_pbe/lease/"))
            .collect()
    }
}

pub(crate) fn seaweed() -> MemoryOptions {
    MemoryOptions {
        conditional: false,
        whole_seconds: true,
        ..MemoryOptions::default()
    }
}

pub(crate) fn ring(seed: u64) -> Arc<Keyring> {
    let text = fresh_key_file(&SeededEntropy::new(seed), jiff::Timestamp::UNIX_EPOCH).unwrap();
    Arc::new(Keyring::parse(text.expose(), "test").unwrap())
}

pub(crate) fn holder() -> Holder {
    Holder {
        host: "node-1".into(),
        pid: 42,
    }
}

/// The backups that [`backup`] makes.
pub(crate) fn series(repository: &Repository) -> Series<'_> {
    Series {
        repository,
        target: TARGET,
        lineage: "cluster-1",
    }
}

/// A repository that nobody has written to yet.
pub(crate) fn nowhere() -> Repository {
    Repository {
        id: crate::id::Id16([9; 16]),
        created: jiff::Timestamp::UNIX_EPOCH,
        trust: crate::catalog::Trust::Unsigned,
    }
}

/// The keys of a run with two artifacts.
pub(crate) fn keys_of(id: BackupId) -> Vec<Key> {
    ["a.pbe", "b.pbe"].map(|name| Key::from(format!("{id}/{name}"))).into()
}

pub(crate) fn manifest(cx: &Context, repository: &Repository, claim: &Claim, size: u64) -> Manifest {
    let object = |key: &Key| StoredObject {
        key: key.to_string(),
        logical_path: key.to_string(),
        file_id: Some([7; 32]),
        etag: None,
        version: None,
        length: 4,
        payload_offset: 1,
        sha256: [0; 32],
        owned: true,
    };
    let artifact = |key: &Key| Artifact {
        // The same in every backup: `a.pbe` and `b.pbe`.
        name: key.to_string().rsplit('/').next().unwrap_or_default().to_owned(),
        content_type: "text/plain".into(),
        plain_length: size,
        weight: None,
        objects: vec![object(key)],
        details: serde_json::Map::new(),
    };
    Manifest {
        format: Format,
        id: claim.id,
        repository: repository.id,
        target: TARGET.into(),
        nonce: claim.nonce,
        mode: Mode::Sealed,
        lineage: "cluster-1".into(),
        started: cx.clock.now(),
        finished: cx.clock.now(),
        tool: cx.tool.clone(),
        complete: true,
        parents: vec![],
        artifacts: claim.keys.iter().map(artifact).collect(),
        failures: vec![],
        findings: vec![],
        details: serde_json::Map::new(),
    }
}

/// Where a run has got to before it commits.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) repository: Repository,
    pub(crate) lease: Lease,
    pub(crate) claim: Claim,
}

pub(crate) async fn begin(cx: &Context, patience: Duration) -> Result<Run> {
    let repository = Repository::open_or_create(cx, &holder()).await?;
    let lease = Lease::acquire(cx, TARGET, &holder(), "backup", patience).await?;
    let claim = claim(cx, series(&repository), &holder(), keys_of).await?;
    for key in &claim.keys {
        cx.store.put(key, "data".into(), PutMode::Overwrite).await?;
    }
    Ok(Run {
        repository,
        lease,
        claim,
    })
}

/// A whole run; `change` changes its manifest before it is committed.
pub(crate) async fn backup_with(cx: &Context, change: impl FnOnce(&mut Manifest)) -> Result<BackupId> {
    let run = begin(cx, Duration::from_secs(100)).await?;
    let mut manifest = manifest(cx, &run.repository, &run.claim, 100);
    change(&mut manifest);
    let done = commit(cx, &run.repository, &run.lease, &run.claim, &manifest).await;
    run.lease.release().await?;
    done.map(|()| run.claim.id)
}

pub(crate) async fn backup(cx: &Context) -> Result<BackupId> {
    backup_with(cx, |_| {}).await
}

/// A whole run of which the manifest is then signed by `keyring`, or by nobody.
pub(crate) async fn backup_signed_by(
    kit: &Kit,
    keyring: Option<Arc<Keyring>>,
    change: impl FnOnce(&mut Manifest),
) -> BackupId {
    let id = backup_with(&kit.cx, change).await.unwrap();
    let key = crate::catalog::layout::manifest(id);
    let read = crate::catalog::document::read::<Manifest>(&kit.memory, &key, None).await;
    let manifest = read.unwrap().unwrap().value;
    let bytes = crate::catalog::document::encode(&manifest, keyring.as_deref()).unwrap();
    kit.memory.plant(&key, bytes);
    id
}

/// The repository, as whoever has no key sees it.
pub(crate) async fn repository(cx: &Context) -> Repository {
    let keyless = Context {
        keyring: None,
        ..cx.clone()
    };
    Repository::open(&keyless).await.unwrap().unwrap()
}
