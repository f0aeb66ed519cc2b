//! What the suite writes, read by the independent Python reader (`tests/reader`), which knows `docs/FORMAT.md` alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot have its fixture fails")]

use async_trait::async_trait;
use backup_core::{
    Context, ErrorKind, Result,
    catalog::{Artifact, Depth, Manifest, Mode},
    clock::{SystemClock, SystemEntropy},
    event::{Finding, Quiet},
    frames::{DEFAULT_LEVEL, FrameEncoder},
    id::BackupId,
    keys::{Keyring, fresh_key_file, recovery_pair},
    pipeline::{ByteStream, ContentSource, ObjectName, Packing, Recorder, Sealing, Shape, Source, content},
    run::{BackupRequest, Damage, backup, verify},
    session::Session,
    store::{Features, Key, ObjectMeta, StoreConfig, connect},
    target::{BackupTarget, Outcome, Plan, PlannedArtifact},
    testing::{MemoryOptions, MemoryStore},
};
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const PIECE: usize = 100_000;

/// A server whose data are constants.
#[derive(Debug)]
struct Shelf(BTreeMap<&'static str, Vec<u8>>);

impl Shelf {
    /// Nothing, one byte, chunk boundaries, several frames of text, and noise that does not compress.
    fn new() -> Self {
        let noise: Vec<u8> = noise(5_000_000);
        Self(BTreeMap::from([
            ("chunk", noise[..16_384].to_vec()),
            ("empty", Vec::new()),
            ("noise", noise),
            ("one", vec![b'x']),
            ("stored", b"as it is\n".repeat(5_000)),
            ("text", b"a line that compresses well\n".repeat(400_000)),
        ]))
    }
}

/// The same bytes every time (xorshift64).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next)
        .take(length.div_ceil(8))
        .flatten()
        .collect();
    bytes.truncate(length);
    bytes
}

fn source(bytes: &[u8]) -> Source {
    let pieces: Vec<Result<Bytes>> = bytes
        .chunks(PIECE)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Source::sized(stream::iter(pieces), bytes.len() as u64)
}

#[async_trait]
impl BackupTarget for Shelf {
    fn name(&self) -> &str {
        "shelf.dump"
    }

    fn component(&self) -> &str {
        "shelf"
    }

    async fn check(&self, _cx: &Context) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    async fn plan(&self, _cx: &Context) -> Result<Plan> {
        let planned = |name: &&str| PlannedArtifact {
            name: (*name).to_owned(),
            path: format!("{{id}}/{name}.bin"),
            content_type: "application/octet-stream".into(),
            compress: *name != "stored",
        };
        Ok(Plan {
            lineage: "shelf".into(),
            artifacts: self.0.keys().map(planned).collect(),
            jobs: 1,
        })
    }

    async fn backup(&self, _cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for planned in &plan.artifacts {
            let bytes = &self.0[planned.name.as_str()];
            outcome.artifacts.push(session.stream(planned, source(bytes)).await?);
        }
        Ok(outcome)
    }

    async fn verify(&self, _cx: &Context, _artifact: &Artifact, content: ByteStream) -> Result<()> {
        content.try_for_each(|_| async { Ok(()) }).await
    }

    fn sweep<'a>(&'a self, _cx: &'a Context, _kept: &'a [BackupId]) -> BoxStream<'a, Result<ObjectMeta>> {
        stream::empty().boxed()
    }
}

/// A folder with a repository, and the key files that open it.
struct Home(TempDir);

impl Home {
    /// `safe` holds the recovery key and the `verify` lines, `secret` the recovery key alone, `stranger` the keys of somebody else.
    fn new() -> (Self, Arc<Keyring>) {
        let home = Self(tempfile::tempdir().unwrap());
        let now = jiff::Timestamp::UNIX_EPOCH;
        let own = fresh_key_file(&SystemEntropy, now).unwrap();
        let pair = recovery_pair(&SystemEntropy, now).unwrap();
        let mut ring = Keyring::parse(own.expose(), "own").unwrap();
        ring.add_public(&pair.public, "recovery").unwrap();
        home.key_file("own", own.expose());
        home.key_file("secret", pair.secret_file.expose());
        home.key_file("safe", pair.trusting(&ring).unwrap().secret_file.expose());
        home.key_file("stranger", fresh_key_file(&SystemEntropy, now).unwrap().expose());
        (home, Arc::new(ring))
    }

    fn key_file(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("repository")
    }

    fn context(&self, keyring: Option<Arc<Keyring>>) -> Context {
        let config = StoreConfig::new(format!("file://{}", self.folder().display()));
        Context {
            store: connect(&config, Arc::new(SystemEntropy)).unwrap(),
            features: Features::default(),
            keyring,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            events: Arc::new(Quiet),
            cancel: CancellationToken::new(),
            tool: "shelf 1".into(),
        }
    }

    /// Runs the reader on the repository. Without a name of a key file it gets none.
    fn reader(&self, keys: Option<&str>, arguments: &[&str]) -> Output {
        let mut command = Command::new(python());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["-m", "reader", "repo"]);
        command.arg(self.folder());
        if let Some(name) = keys {
            command.arg("--key-file").arg(self.0.path().join(name));
        }
        command.args(arguments).output().unwrap()
    }

    fn extract(&self, keys: Option<&str>, manifest: &Manifest, name: &str) -> Output {
        self.reader(keys, &["--extract", &format!("{}/{name}", manifest.id)])
    }

    /// The reader finds everything whole, and gets out what went in.
    fn assert_reads(&self, keys: Option<&str>, manifest: &Manifest, shelf: &Shelf) {
        let all = self.reader(keys, &[]);
        assert_eq!(all.status.code(), Some(0), "{keys:?}: {}", shown(&all));
        for (name, bytes) in &shelf.0 {
            let got = self.extract(keys, manifest, name);
            assert_eq!(got.status.code(), Some(0), "{keys:?} {name}: {}", shown(&got));
            assert!(got.stdout == *bytes, "{keys:?} {name} differs");
        }
    }
}

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The interpreter that `scripts/install.sh` sets up.
fn python() -> PathBuf {
    let cache = std::env::var_os("PLATFORM_BACKUP_CACHE").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/platform-backup"),
        PathBuf::from,
    );
    let python = cache.join("venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run scripts/install.sh, which `make test` does",
        python.display()
    );
    python
}

fn request(mode: Mode) -> BackupRequest {
    BackupRequest {
        mode,
        kms_key: None,
        memory: 32 << 20,
        threads: 2,
        level: 3,
        lease_wait: Duration::ZERO,
    }
}

async fn back_up(cx: &Context, shelf: &Shelf, mode: Mode) -> Manifest {
    backup(cx, shelf, &request(mode)).await.unwrap().manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_independent_reader_restores_every_artifact_byte_for_byte() {
    let ((home, ring), shelf) = (Home::new(), Shelf::new());
    let manifest = back_up(&home.context(Some(ring)), &shelf, Mode::Sealed).await;
    for keys in ["own", "safe"] {
        home.assert_reads(Some(keys), &manifest, &shelf);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recovery_secret_alone_opens_only_what_the_operator_vouches_for() {
    let ((home, ring), shelf) = (Home::new(), Shelf::new());
    let manifest = back_up(&home.context(Some(ring)), &shelf, Mode::Sealed).await;
    assert_eq!(home.reader(Some("secret"), &[]).status.code(), Some(13));
    assert_eq!(home.extract(Some("secret"), &manifest, "text").stdout, b"");
    assert_eq!(home.reader(Some("secret"), &["--unsigned"]).status.code(), Some(0));
    assert_eq!(home.reader(Some("stranger"), &["--unsigned"]).status.code(), Some(13));
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_written_with_public_keys_alone_are_unsigned_and_open_in_the_safe() {
    let ((home, _), shelf) = (Home::new(), Shelf::new());
    let safe = std::fs::read_to_string(home.0.path().join("secret")).unwrap();
    let public = safe
        .lines()
        .find_map(|line| line.strip_prefix("# pbe1:recovery:"))
        .unwrap();
    let mut ring = Keyring::default();
    ring.add_public(&format!("pbe1:recovery:{public}"), "recovery").unwrap();
    back_up(&home.context(Some(Arc::new(ring))), &shelf, Mode::Sealed).await;
    assert_eq!(home.reader(Some("secret"), &[]).status.code(), Some(10));
    assert_eq!(home.reader(Some("secret"), &["--unsigned"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_encrypts_is_read_as_it_stands() {
    let (home, shelf) = (Home::new().0, Shelf::new());
    // A folder encrypts nothing: the bytes come from a store that says it does.
    let memory = MemoryStore::new(
        Arc::new(SystemClock),
        MemoryOptions {
            encrypts: true,
            ..MemoryOptions::default()
        },
    );
    let cx = Context {
        store: Arc::new(memory.clone()),
        ..home.context(None)
    };
    let manifest = back_up(&cx, &shelf, Mode::SseKms).await;
    for key in memory.keys() {
        let path = home.folder().join(key.as_str().unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, memory.peek(&key).unwrap()).unwrap();
    }
    home.assert_reads(None, &manifest, &shelf);
    // With a key, documents without a signature count for nothing, whatever the mode.
    assert_eq!(home.reader(Some("own"), &[]).status.code(), Some(10));
}

/// Both find the same damage in the same object.
#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_named_by_both() {
    let ((home, ring), shelf) = (Home::new(), Shelf::new());
    let cx = home.context(Some(ring));
    let manifest = back_up(&cx, &shelf, Mode::Sealed).await;
    let key = |name: &str| {
        let artifact = manifest.artifacts.iter().find(|artifact| artifact.name == name);
        artifact.unwrap().objects[0].key.clone()
    };
    for (name, change) in [
        ("text", (|bytes| bytes[2000] ^= 1) as fn(&mut Vec<u8>)),
        ("noise", |bytes| bytes.truncate(bytes.len() - 1)),
        ("one", |bytes| bytes.push(0)),
        ("empty", |bytes| *bytes.last_mut().unwrap() ^= 0x80),
    ] {
        let path = home.folder().join(key(name));
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        change(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let found = verify(&cx, &shelf, &manifest, Depth::Content).await;
        let [
            Damage {
                artifact, key: damaged, ..
            },
        ] = found.damage.as_slice()
        else {
            panic!("{name}: {found:?}")
        };
        assert_eq!((artifact.as_str(), damaged), (name, &key(name)));
        let python = home.reader(Some("own"), &[]);
        assert_eq!(python.status.code(), Some(10), "{name}");
        let named = format!("DAMAGED  '{}/{name}'", manifest.id);
        assert!(shown(&python).contains(&named), "{}", shown(&python));
        std::fs::write(&path, &whole).unwrap();
    }
    home.assert_reads(Some("own"), &manifest, &shelf);
}

/// A flipped byte in the header (slots and records included) is damage for both, although no digest covers it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_header_byte_opens_for_neither() {
    let ((home, ring), shelf) = (Home::new(), Shelf::new());
    let cx = home.context(Some(ring));
    let manifest = back_up(&cx, &shelf, Mode::Sealed).await;
    let one = manifest
        .artifacts
        .iter()
        .find(|artifact| artifact.name == "one")
        .unwrap();
    let path = home.folder().join(&one.objects[0].key);
    let whole = std::fs::read(&path).unwrap();
    let end = usize::try_from(one.objects[0].payload_offset).unwrap();
    for at in (0..end).step_by(61).chain([end - 1]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let rust = verify(&cx, &shelf, &manifest, Depth::Content).await;
        let kind = match (rust.damage.len(), &rust.interrupted) {
            (1, None) => 10,
            (0, Some(error)) if error.kind() == ErrorKind::Key => 13,
            _ => panic!("byte {at}: {rust:?}"),
        };
        let python = home.extract(Some("own"), &manifest, "one");
        assert_eq!(
            (python.status.code(), python.stdout.as_slice()),
            (Some(kind), &b""[..]),
            "byte {at}"
        );
    }
}

/// The limit of parts is lowered: the true one takes 45 GB.
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_of_several_objects_is_put_together() {
    let ((home, ring), shelf) = (Home::new(), Shelf::new());
    let cx = home.context(Some(ring.clone()));
    let mut manifest = back_up(&cx, &shelf, Mode::Sealed).await;
    let long = noise(23 << 20);
    let name = ObjectName {
        key: Key::from(format!("{}/long.bin.zst.pbe", manifest.id)),
        logical_path: format!("{}/long.bin", manifest.id),
        content_type: "application/octet-stream".into(),
        compress: true,
    };
    let recorder = Recorder {
        store: cx.store.clone(),
        shape: Shape {
            max_parts: 1,
            ..Shape::within(32 << 20, 1, 2, DEFAULT_LEVEL)
        },
        packing: Packing::Sealed(Sealing {
            keyring: ring.clone(),
            repository: manifest.repository,
            component: "shelf".into(),
            tool: "shelf 1".into(),
            encoder: Arc::new(FrameEncoder::new(3).unwrap()),
            entropy: cx.entropy.clone(),
        }),
        clock: cx.clock.clone(),
        cancel: cx.cancel.clone(),
    };
    let recorded = recorder.record(&name, source(&long), &|_, _| {}).await.unwrap();
    assert!(recorded.objects.len() > 2, "{}", recorded.objects.len());
    manifest.artifacts.push(Artifact {
        name: "long".into(),
        content_type: name.content_type,
        plain_length: recorded.plain_length,
        weight: None,
        objects: recorded.objects.clone(),
        details: serde_json::Map::new(),
    });
    let bytes = backup_core::catalog::document::encode(&manifest, Some(&ring)).unwrap();
    std::fs::write(
        home.folder().join(format!("_pbe/manifests/{}.json", manifest.id)),
        bytes,
    )
    .unwrap();
    let got = home.extract(Some("safe"), &manifest, "long");
    assert_eq!(got.status.code(), Some(0), "{}", shown(&got));
    assert!(got.stdout == long, "the long artifact differs");
    let ours = ContentSource {
        store: cx.store,
        repository: manifest.repository,
        component: "shelf".into(),
        keyring: Some(ring),
    };
    let long_artifact = manifest.artifacts.pop().unwrap();
    let read: Vec<Bytes> = content(ours, long_artifact).try_collect().await.unwrap();
    assert!(read.concat() == long, "the long artifact differs");
}
