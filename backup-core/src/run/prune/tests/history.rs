//! Random histories: whatever runs, dies and prunes in whatever order, on whatever store.

use super::*;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Mutex};
use tokio::task::JoinHandle;

const TARGETS: [&str; 4] = [TARGET, "postgres.base", "vault.raft", "seaweed.files"];

#[derive(Debug, Clone)]
enum Step {
    /// A run begins; its task dies after so many turns, if that is before its end.
    Run { target: usize, turns: Option<u32> },
    /// A prune begins, likewise.
    Prune { turns: Option<u32> },
    /// The operator breaks the lease of a target, whoever holds it.
    Unlock { target: usize },
    /// Everybody gets so many turns.
    Turns(u32),
    /// So many seconds pass, while everybody works.
    Seconds(u64),
    /// The clocks jump by so many hours, as if every machine had slept.
    Jump(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let turns = || proptest::option::of(0u32..400);
    prop_oneof![
        4 => (0..TARGETS.len(), turns()).prop_map(|(target, turns)| Step::Run { target, turns }),
        2 => turns().prop_map(|turns| Step::Prune { turns }),
        1 => (0..TARGETS.len()).prop_map(|target| Step::Unlock { target }),
        3 => (0u32..300).prop_map(Step::Turns),
        2 => (1u64..100).prop_map(Step::Seconds),
        1 => prop_oneof![Just(1i64), Just(25), Just(60)].prop_map(Step::Jump),
    ]
}

/// What the world knows of live runs and of others' files.
#[derive(Default)]
struct World {
    /// The ids that live runs hold. (Once a backup is pruned without a trace, its second could in theory be claimed again.)
    live: Mutex<BTreeMap<BackupId, Live>>,
    foreign: Mutex<Vec<Key>>,
}

/// What a live run wrote, and since when it has its id.
struct Live {
    began: jiff::Timestamp,
    written: Vec<Key>,
}

impl World {
    /// Somebody else's file comes.
    fn plant(&self, kit: &Kit, key: Key) {
        kit.memory.plant(&key, "old");
        self.foreign.lock().unwrap().push(key);
    }

    /// What backups own is there, what runs wrote that nobody can take for dead, and what others wrote. Looks without giving way.
    fn unharmed(&self, kit: &Kit) {
        whole(kit);
        for (id, run) in &*self.live.lock().unwrap() {
            let age = kit.cx.clock.now().duration_since(run.began);
            let spared = age < super::super::orphan::GRACE - jiff::SignedDuration::from_secs(2);
            for key in run.written.iter().filter(|_| spared) {
                assert!(kit.memory.peek(key).is_some(), "{key} of the live run {id}");
            }
        }
        for key in &*self.foreign.lock().unwrap() {
            assert!(kit.memory.peek(key).is_some(), "{key} was not ours to delete");
        }
    }
}

/// An id that is held until this is dropped, by the end or the death of its run.
struct Holds(Arc<World>, BackupId);

impl Holds {
    fn new(world: &Arc<World>, id: BackupId, began: jiff::Timestamp) -> Self {
        let live = Live { began, written: vec![] };
        assert!(
            world.live.lock().unwrap().insert(id, live).is_none(),
            "two holders of {id}"
        );
        Self(world.clone(), id)
    }

    fn wrote(&self, key: &Key) {
        let mut live = self.0.live.lock().unwrap();
        live.get_mut(&self.1).unwrap().written.push(key.clone());
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        self.0.live.lock().unwrap().remove(&self.1);
    }
}

fn begin_run(kit: &Arc<Kit>, world: &Arc<World>, target: usize) -> JoinHandle<Result<()>> {
    let (kit, cx, world) = (kit.clone(), kit.cx.clone(), world.clone());
    tokio::spawn(async move {
        let target = TARGETS[target];
        let repository = Repository::open_or_create(&cx, &holder()).await?;
        let lease = Lease::acquire(&cx, target, &holder(), "backup", Duration::from_secs(30)).await?;
        let series = crate::catalog::Series {
            target,
            ..crate::catalog::tests::kit::series(&repository)
        };
        let claim = crate::catalog::claim(&cx, series, &holder(), crate::catalog::tests::kit::keys_of).await?;
        let holds = Holds::new(&world, claim.id, cx.clock.now());
        world.plant(&kit, Key::from(format!("{}/notes.txt", claim.id)));
        for key in &claim.keys {
            if lease.lost().is_cancelled() {
                return Ok(());
            }
            cx.store
                .put(key, "data".into(), crate::store::PutMode::Overwrite)
                .await?;
            holds.wrote(key);
        }
        let mut manifest = manifest(&cx, &repository, &claim, 100);
        manifest.target = target.into();
        crate::catalog::commit(&cx, &repository, &lease, &claim, &manifest).await?;
        lease.release().await
    })
}

fn begin_prune(kit: &Kit) -> JoinHandle<Result<()>> {
    let cx = kit.cx.clone();
    tokio::spawn(async move {
        let request = PruneRequest {
            patience: Duration::from_secs(30),
            ..request(&cx).await?
        };
        prune(&cx, &Fake::default(), &request).await.map(drop)
    })
}

async fn turns(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

fn die_after(task: &JoinHandle<Result<()>>, count: Option<u32>) {
    let Some(count) = count else { return };
    let victim = task.abort_handle();
    tokio::spawn(async move {
        turns(count).await;
        victim.abort();
    });
}

async fn play(options: MemoryOptions, steps: Vec<Step>) {
    let (kit, world) = (Arc::new(Kit::new(options)), Arc::new(World::default()));
    for key in ["20250101_000000/a.dump", "readme.txt"] {
        world.plant(&kit, Key::from(key));
    }
    let mut tasks = Vec::new();
    for step in steps {
        match step {
            Step::Run { target, turns } => {
                tasks.push(begin_run(&kit, &world, target));
                die_after(&tasks[tasks.len() - 1], turns);
            }
            Step::Prune { turns } => {
                tasks.push(begin_prune(&kit));
                die_after(&tasks[tasks.len() - 1], turns);
            }
            Step::Turns(count) => {
                for _ in 0..count {
                    turns(1).await;
                    world.unharmed(&kit);
                }
            }
            Step::Unlock { target } => {
                crate::catalog::lease::unlock(&kit.cx, TARGETS[target]).await.unwrap();
            }
            Step::Seconds(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Step::Jump(hours) => kit.hours(hours),
        }
        world.unharmed(&kit);
    }
    for task in tasks {
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => assert!(
                matches!(error.kind(), ErrorKind::Locked | ErrorKind::Refused),
                "{error:?}"
            ),
            Err(ended) => assert!(ended.is_cancelled(), "{ended}"),
        }
    }
    world.unharmed(&kit);
    assert!(world.live.lock().unwrap().is_empty());
    ends_clean(&kit, &world).await;
}

/// When all is quiet, prune leaves what backups own, what is foreign, and nothing of dead runs.
async fn ends_clean(kit: &Kit, world: &World) {
    for target in TARGETS {
        kit.hours(25);
        let target = Fake {
            name: target,
            ..Fake::default()
        };
        prune(&kit.cx, &target, &request(&kit.cx).await.unwrap()).await.unwrap();
    }
    world.unharmed(kit);
    let foreign = world.foreign.lock().unwrap().clone();
    let backups: Vec<String> = list::ids(&kit.cx)
        .await
        .unwrap()
        .iter()
        .map(BackupId::to_string)
        .collect();
    for key in kit.memory.keys() {
        let name = key.to_string();
        let known = backups.iter().any(|id| name.contains(id)) || foreign.contains(&key);
        assert!(
            known || name == "_pbe/repository.json" || name.ends_with("/current"),
            "{name} is left over"
        );
    }
}

fn paused(history: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(history);
}

#[test]
fn runs_that_begin_at_once_part() {
    for options in [MemoryOptions::default(), seaweed()] {
        let run = |target| Step::Run { target, turns: None };
        paused(play(options, (0..TARGETS.len()).map(run).collect()));
    }
}

proptest! {
    #[test]
    fn no_history_shares_an_id_or_loses_what_is_owned_or_foreign(
        conditional in any::<bool>(),
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let options = if conditional { MemoryOptions::default() } else { seaweed() };
        paused(play(MemoryOptions { seed, ..options }, steps));
    }
}
