//! `tests/golden/`: a whole repository in each persisted format there ever was. This version writes the newest byte for byte, and reads them all.

use super::kit::{Kit, NO_PATIENCE, TARGET, holder, manifest, series};
use crate::{
    Context,
    catalog::{
        Artifact, Depth, Evidence, Format, Lease, Manifest, MarkerState, Repository, State, claim, commit, evidence,
        layout, lease, lease::LeaseState, list, started,
    },
    clock::Clock,
    event::{Finding, Severity},
    frames::FrameEncoder,
    id::BackupId,
    keys::Keyring,
    pipeline::{ContentSource, ObjectName, Packing, Recorder, Sealing, Shape, Source, content},
    store::Key,
    testing::{ManualClock, MemoryOptions, SeededEntropy},
};
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use jiff::SignedDuration;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
const NEWEST: &str = "1";
const PAGE: &str = include_str!("../../../../docs/FORMAT.md");
/// Each artifact: name, path, and whether it is compressed.
const ARTIFACTS: [(&str, &str, bool); 2] = [
    ("platform_money", "platform_money.pgdump", true),
    ("globals.sql", "globals.sql", false),
];

/// Keys of `docs/FORMAT.md`, section 8.
fn documented(kinds: &[&str]) -> Arc<Keyring> {
    let line = |kind: &&str| {
        let name = format!("key.{kind} = ");
        PAGE.lines().find_map(|line| line.strip_prefix(&name)).unwrap()
    };
    let lines: Vec<&str> = kinds.iter().map(line).collect();
    Arc::new(Keyring::documented(&lines.join("\n")).unwrap())
}

/// What an artifact holds. Nothing that compresses: stored bytes must not depend on the version of zstd.
fn plain(name: &str) -> Vec<u8> {
    if name == "globals.sql" {
        return b"CREATE ROLE kernel;\n".to_vec();
    }
    let mut bytes = vec![0; 40_000];
    crate::clock::Entropy::fill(&SeededEntropy::new(8), &mut bytes).unwrap();
    bytes
}

fn context(kit: &Kit, keys: &[&str]) -> Context {
    Context {
        keyring: Some(documented(keys)),
        clock: Arc::new(ManualClock::at("2026-04-22T17:00:00.125Z".parse().unwrap())),
        entropy: Arc::new(SeededEntropy::new(1)),
        tool: "backup-postgres 0.1.0".into(),
        ..kit.cx.clone()
    }
}

fn name(id: BackupId, path: &str, compress: bool) -> ObjectName {
    let suffix = if compress { ".zst.pbe" } else { ".pbe" };
    ObjectName {
        key: Key::from(format!("{id}/{path}{suffix}")),
        logical_path: format!("{id}/{path}"),
        content_type: "application/x-pg-dump".into(),
        compress,
    }
}

fn planned(id: BackupId) -> Vec<Key> {
    ARTIFACTS.map(|(_, path, compress)| name(id, path, compress).key).into()
}

/// Cut so that the first artifact has several frames and goes on in a second object.
fn recorder(cx: &Context, repository: &Repository) -> Recorder {
    Recorder {
        store: cx.store.clone(),
        shape: Shape {
            frame: 10_000,
            workers: 1,
            part: 16_000,
            in_flight: 1,
            max_parts: 1,
        },
        packing: Packing::Sealed(Sealing {
            keyring: cx.keyring.clone().unwrap(),
            repository: repository.id,
            component: "postgres".into(),
            tool: cx.tool.clone(),
            encoder: Arc::new(FrameEncoder::new(3).unwrap()),
            entropy: cx.entropy.clone(),
        }),
        clock: cx.clock.clone(),
        cancel: cx.cancel.clone(),
    }
}

async fn record(recorder: &Recorder, id: BackupId) -> Vec<Artifact> {
    let mut artifacts = Vec::new();
    for (artifact, path, compress) in ARTIFACTS {
        let bytes = plain(artifact);
        let source = Source::sized(stream::iter([Ok(Bytes::from(bytes.clone()))]), bytes.len() as u64);
        let name = name(id, path, compress);
        let recorded = recorder.record(&name, source, &|_, _| {}).await.unwrap();
        artifacts.push(Artifact {
            name: artifact.into(),
            content_type: name.content_type,
            plain_length: recorded.plain_length,
            weight: None,
            objects: recorded.objects,
            details: [("lsn_before".into(), "0/15D68C0".into())].into_iter().collect(),
        });
    }
    artifacts
}

/// A first run, its verification an hour later, and the lease as it stands while the run is at work.
async fn write(cx: &Context) {
    let repository = Repository::open_or_create(cx, &holder()).await.unwrap();
    let lease = Lease::acquire(cx, TARGET, &holder(), "backup", NO_PATIENCE)
        .await
        .unwrap();
    let claim = claim(cx, series(&repository), &holder(), planned).await.unwrap();
    let manifest = Manifest {
        artifacts: record(&recorder(cx, &repository), claim.id).await,
        findings: vec![Finding {
            severity: Severity::Note,
            subject: "platform_money".into(),
            message: "no schema version".into(),
            hint: None,
        }],
        details: [("server_version".into(), "15.14".into())].into_iter().collect(),
        ..manifest(cx, &repository, &claim, 0)
    };
    commit(cx, &repository, &lease, &claim, &manifest).await.unwrap();
    let stored = list::entry(cx, &repository, claim.id).await.unwrap().unwrap();
    let proved = Evidence {
        format: Format,
        id: claim.id,
        repository: repository.id,
        manifest: stored.manifest.unwrap().digest,
        target: TARGET.into(),
        at: cx.clock.now() + SignedDuration::from_hours(1),
        depth: Depth::Content,
        ok: true,
        damaged: vec![],
        tool: cx.tool.clone(),
    };
    evidence::record(cx, &proved).await.unwrap();
}

/// All files below a folder, by their names from there.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn this_version_writes_the_newest_golden_repository() {
    let kit = Kit::new(MemoryOptions {
        part_min: 1,
        ..MemoryOptions::default()
    });
    write(&context(&kit, &["kek", "sign", "recovery"])).await;
    let golden = files(&Path::new(GOLDEN).join(NEWEST));
    let written: Vec<String> = kit.memory.keys().iter().map(Key::to_string).collect();
    assert_eq!(written, golden.keys().cloned().collect::<Vec<_>>());
    for (key, bytes) in &golden {
        let now = kit.memory.peek(&Key::from(key.as_str())).unwrap();
        assert!(now == bytes, "{key} is now {}", String::from_utf8_lossy(&now));
    }
}

#[tokio::test(start_paused = true)]
async fn every_golden_repository_is_read() {
    let versions: Vec<PathBuf> = fs::read_dir(GOLDEN)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!versions.is_empty());
    for version in versions {
        let kit = Kit::new(MemoryOptions::default());
        for (key, bytes) in files(&version) {
            kit.memory.plant(&Key::from(key), bytes);
        }
        for keys in [&["kek", "sign"][..], &["recovery-secret", "verify"]] {
            read(&kit, &context(&kit, keys)).await;
        }
    }
}

async fn read(kit: &Kit, cx: &Context) {
    let repository = Repository::open(cx).await.unwrap().unwrap();
    assert!(repository.trust.is_signed());
    let found = list::entries(cx, &repository).await.unwrap();
    let entry = found.try_collect::<Vec<_>>().await.unwrap().remove(0);
    assert!(entry.is_authentic(cx) && entry.state() == State::Complete);
    assert_eq!(entry.proof.verified.as_ref().unwrap().depth, Depth::Content);
    let manifest = entry.manifest.unwrap().value;
    let marker = started::read(cx, &layout::marker(manifest.id, manifest.nonce))
        .await
        .unwrap()
        .unwrap();
    assert!(marker.trust.is_signed() && marker.value.state == MarkerState::Started);
    let held = lease::live(cx, TARGET, kit.clock.now(), None).await.unwrap().unwrap();
    assert_eq!(held.body.unwrap().state, LeaseState::Held);
    assert_eq!(manifest.artifacts.len(), ARTIFACTS.len());
    for artifact in manifest.artifacts {
        let source = ContentSource {
            store: cx.store.clone(),
            repository: repository.id,
            component: "postgres".into(),
            keyring: cx.keyring.clone(),
        };
        let name = artifact.name.clone();
        let pieces: Vec<Bytes> = content(source, artifact).try_collect().await.unwrap();
        assert!(pieces.concat() == plain(&name), "{name}");
    }
}
