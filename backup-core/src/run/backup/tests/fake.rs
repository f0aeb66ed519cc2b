//! A component that backs up bytes that it makes up, and the repository that it is backed up to.

use super::super::{BackupReport, BackupRequest, backup_cut};
use crate::{
    Context, Error, ErrorKind, Result,
    catalog::{
        Artifact, Depth, Entry, Holder, Mode, Repository, layout, list, remove,
        tests::kit::{Kit, holder},
    },
    event::Finding,
    id::BackupId,
    pipeline::{ByteStream, Shape, Source, SpoolRoom, Witness},
    retention::Policy,
    run::{
        Damage, Verification,
        prune::{PruneReport, PruneRequest, prune},
        verify,
    },
    session::Session,
    store::{Key, ObjectMeta},
    target::{BackupTarget, FailedArtifact, Outcome, Plan, PlannedArtifact},
    testing::{MemoryOptions, SeededEntropy},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use std::{collections::HashSet, time::Duration};
use tokio::time::sleep;

/// Several artifacts: none, one part, several parts that do not compress, several objects; one that is staged.
pub(crate) const NAMES: [&str; 4] = ["empty", "small", "large", "staged"];
/// Cut so that `large` takes several parts and two objects.
pub(crate) const TINY: Shape = Shape {
    frame: 10_000,
    workers: 2,
    part: 8_000,
    in_flight: 2,
    max_parts: 4,
};
const LARGE: usize = 60_000;

#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pub(crate) name: &'static str,
    /// Artifacts whose source fails half-way.
    pub(crate) broken: Vec<&'static str>,
    /// How long the source of each artifact is silent.
    pub(crate) silent: Duration,
    /// What it wants swept.
    pub(crate) unneeded: Vec<Key>,
    /// Whether it has a defect.
    pub(crate) panics: bool,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            name: "postgres.dump",
            broken: vec![],
            silent: Duration::ZERO,
            unneeded: vec![],
            panics: false,
        }
    }
}

/// What the artifact of this name holds; nothing that compresses.
pub(crate) fn data(name: &str) -> Vec<u8> {
    let length = match name {
        "empty" => 0,
        "small" => 700,
        "staged" => 20_000,
        _ => LARGE,
    };
    let mut state = name.len() as u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(next).collect()
}

fn planned(name: &str) -> PlannedArtifact {
    PlannedArtifact {
        name: name.to_owned(),
        path: format!("{{id}}/{name}.bin"),
        content_type: "application/octet-stream".to_owned(),
        compress: matches!(name, "empty" | "small"),
    }
}

impl Fake {
    fn source(&self, name: &str) -> Source {
        let pieces: Vec<Result<Bytes>> = data(name)
            .chunks(3_000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let (silent, broken) = (self.silent, self.broken.contains(&name));
        let quiet = stream::once(async move {
            sleep(silent).await;
            Ok(Bytes::new())
        });
        let end = stream::iter(broken.then(|| Err(Error::new(ErrorKind::SourceFailed, "the source went away"))));
        let kept = if broken { pieces.len() / 2 } else { pieces.len() };
        Source::vouched(quiet.chain(stream::iter(pieces.into_iter().take(kept))).chain(end))
    }
}

/// Some of it stays in memory, the rest goes into a file.
async fn staged(planned: &PlannedArtifact, source: Source, session: &Session) -> Result<Artifact> {
    let room = SpoolRoom {
        memory: TINY.part,
        folder: std::env::temp_dir(),
    };
    let staged = session.stage(planned, source, &room, &SeededEntropy::new(3)).await?;
    session.store(planned, staged, &Same(data(&planned.name))).await
}

/// The content must be this.
struct Same(Vec<u8>);

#[async_trait]
impl Witness for Same {
    async fn look(&self, content: ByteStream) -> Result<()> {
        let pieces: Vec<Bytes> = content.try_collect().await?;
        match pieces.concat() == self.0 {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Damaged, "other bytes than were staged")),
        }
    }
}

#[async_trait]
impl BackupTarget for Fake {
    fn name(&self) -> &str {
        self.name
    }

    fn component(&self) -> &str {
        "fake"
    }

    async fn check(&self, _cx: &Context) -> Result<Vec<Finding>> {
        Ok(vec![])
    }

    async fn plan(&self, _cx: &Context) -> Result<Plan> {
        Ok(Plan {
            lineage: "cluster-1".into(),
            artifacts: NAMES.map(planned).into(),
            jobs: 2,
        })
    }

    /// As a component should: what fails is reported, the others go on.
    async fn backup(&self, _cx: &Context, plan: &Plan, session: &Session) -> Result<Outcome> {
        assert!(!self.panics, "a defect");
        let mut outcome = Outcome::default();
        let work: Vec<_> = plan
            .artifacts
            .iter()
            .map(|planned| async move {
                let source = self.source(&planned.name);
                let done = match planned.name.as_str() {
                    "staged" => staged(planned, source, session).await,
                    _ => session.stream(planned, source).await,
                };
                (planned, done)
            })
            .collect();
        let mut done = stream::iter(work).buffered(plan.jobs);
        while let Some((planned, result)) = done.next().await {
            match result {
                Ok(artifact) => outcome.artifacts.push(artifact),
                Err(error) => outcome.failures.push(FailedArtifact {
                    name: planned.name.clone(),
                    error,
                }),
            }
        }
        Ok(outcome)
    }

    async fn verify(&self, _cx: &Context, artifact: &Artifact, content: ByteStream) -> Result<()> {
        let pieces: Vec<Bytes> = content.try_collect().await?;
        if pieces.concat() == data(&artifact.name) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Damaged, "other bytes than were backed up"))
        }
    }

    fn sweep<'a>(&'a self, cx: &'a Context, _kept: &'a [BackupId]) -> BoxStream<'a, Result<ObjectMeta>> {
        let named = |meta: &ObjectMeta| self.unneeded.contains(&meta.key);
        remove::objects(cx, &Key::root())
            .try_filter(move |meta| ready(named(meta)))
            .boxed()
    }
}

/// A store with everything, and one without conditional put; both with somebody else's files.
pub(crate) fn kits() -> [Kit; 2] {
    let options = MemoryOptions {
        part_min: 1,
        ..MemoryOptions::default()
    };
    let without = MemoryOptions {
        conditional: false,
        whole_seconds: true,
        ..options
    };
    [options, without].map(|options| {
        let kit = Kit::new(options);
        for key in FOREIGN {
            kit.memory.plant(&Key::from(key), "not ours");
        }
        kit
    })
}

pub(crate) const FOREIGN: [&str; 2] = ["20250101_000000/platform_money.pgdump", "readme.txt"];

pub(crate) fn request() -> BackupRequest {
    BackupRequest {
        mode: Mode::Sealed,
        kms_key: None,
        // Enough for both jobs; what a run really takes is cut by `TINY`.
        memory: 64 << 20,
        threads: 2,
        level: 1,
        lease_wait: Duration::from_secs(100),
    }
}

pub(crate) async fn run(cx: &Context, target: &Fake) -> Result<BackupReport> {
    backup_cut(cx, target, &request(), |_| TINY).await
}

/// The backups that `list` shows, oldest first.
pub(crate) async fn listed(cx: &Context) -> Vec<Entry> {
    let Some(repository) = Repository::open(cx).await.unwrap() else {
        return vec![];
    };
    let entries = list::entries(cx, &repository).await.unwrap();
    let mut entries: Vec<Entry> = entries.try_collect().await.unwrap();
    entries.reverse();
    entries
}

/// What is in the store beside the condemned markers of runs that were given up.
pub(crate) fn but_condemned(kit: &Kit) -> Vec<String> {
    let condemned = |name: &String| {
        let body = kit.memory.peek(&Key::from(name.as_str())).unwrap();
        name.starts_with("_pbe/started/") && String::from_utf8_lossy(&body).contains("\"condemned\"")
    };
    kit.names().into_iter().filter(|name| !condemned(name)).collect()
}

/// The damage that a verification found, which looked everywhere.
pub(crate) fn damage_of(found: Verification) -> Vec<Damage> {
    assert!(found.interrupted.is_none(), "{:?}", found.interrupted);
    found.damage
}

/// Everything that a listed backup claims is there and verifies, and it claims to be complete only if nothing is missing.
pub(crate) async fn demand_whole(cx: &Context, entry: &Entry, what: &str) {
    let manifest = &entry
        .manifest
        .as_ref()
        .unwrap_or_else(|error| panic!("{what}: {error:?}"))
        .value;
    let damage = damage_of(verify(cx, &Fake::default(), manifest, Depth::Content).await);
    assert!(damage.is_empty(), "{what}: {damage:?}");
    let missing: HashSet<&str> = manifest.failures.iter().map(|failure| failure.name.as_str()).collect();
    let stored: HashSet<&str> = manifest
        .artifacts
        .iter()
        .map(|artifact| artifact.name.as_str())
        .collect();
    assert_eq!(manifest.complete, missing.is_empty(), "{what}");
    assert_eq!(missing.len() + stored.len(), NAMES.len(), "{what}");
}

/// Prunes by the rule that nothing expires: what goes is what dead runs left.
pub(crate) async fn pruned(kit: &Kit, target: &Fake) -> PruneReport {
    let request = PruneRequest {
        repository: Repository::open_or_create(&kit.cx, &holder()).await.unwrap(),
        policy: Policy::default(),
        just_made: None,
        holder: Holder::of_this_process(),
        patience: Duration::from_secs(100),
    };
    prune(&kit.cx, target, &request).await.unwrap()
}

/// A day later prune leaves what backups own, what is foreign, and nothing of dead runs.
pub(crate) async fn demand_clean(kit: &Kit, target: &Fake, what: &str) {
    kit.hours(25);
    pruned(kit, target).await;
    let mut known: HashSet<String> = FOREIGN.map(str::to_owned).into();
    let mut ids: Vec<BackupId> = vec![];
    for entry in listed(&kit.cx).await {
        let manifest = entry.manifest.unwrap().value;
        known.extend(manifest.owned_keys().map(|key| key.to_string()));
        known.insert(layout::manifest(manifest.id).to_string());
        known.insert(layout::marker(manifest.id, manifest.nonce).to_string());
        ids.push(manifest.id);
    }
    for name in kit.names() {
        assert!(known.remove(&name), "{what}: {name} is left over");
    }
    assert!(known.is_empty(), "{what}: {known:?} is lost");
    assert_eq!(kit.memory.unfinished(), 0, "{what}");
}
