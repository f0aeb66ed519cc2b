//! What really lies in a store, seen past the programs.

use backup_core::{
    clock::SystemEntropy,
    store::{Key, ListDepth, ListEntry, ObjectMeta, PutMode, Store, StoreConfig, UnfinishedUpload, connect},
};
use futures::TryStreamExt;
use std::{future::Future, sync::Arc, time::Duration};

/// A store, to look into and to tamper with.
pub(crate) struct Look(Arc<dyn Store>);

/// The store at `url` with the variables that the programs are given.
pub(crate) fn look(url: &str, variables: &[(String, String)]) -> Look {
    let mut config = StoreConfig::new(url);
    let aws = variables.iter().filter(|(name, _)| name.starts_with("AWS_"));
    config.options = backup_core::store::from_environment(aws.cloned()).unwrap();
    config.deadline = Duration::from_secs(20);
    Look(connect(&config, Arc::new(SystemEntropy)).unwrap())
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}

impl Look {
    /// All objects, sorted by their keys.
    pub(crate) fn objects(&self) -> Vec<ObjectMeta> {
        let listed: Vec<ListEntry> = wait(self.0.list(&Key::root(), ListDepth::Flat).try_collect()).unwrap();
        let mut objects: Vec<_> = listed
            .into_iter()
            .map(|entry| match entry {
                ListEntry::Object(meta) => meta,
                ListEntry::Folder(folder) => panic!("{folder} in a flat listing"),
            })
            .collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        objects
    }

    /// All keys, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects().iter().map(|meta| meta.key.to_string()).collect()
    }

    /// The keys outside `_pbe/`, sorted.
    pub(crate) fn data(&self) -> Vec<String> {
        let mut keys = self.keys();
        keys.retain(|key| !key.starts_with("_pbe/"));
        keys
    }

    /// The keys of manifests, sorted.
    pub(crate) fn manifests(&self) -> Vec<String> {
        let mut keys = self.keys();
        keys.retain(|key| key.starts_with("_pbe/manifests/"));
        keys
    }

    pub(crate) fn head(&self, key: &str) -> Option<ObjectMeta> {
        wait(self.0.head(&Key::from(key))).unwrap()
    }

    pub(crate) fn read(&self, key: &str) -> Vec<u8> {
        wait(async {
            let download = self.0.get(&Key::from(key), None, None).await.unwrap().unwrap();
            let pieces: Vec<_> = download.body.try_collect().await.unwrap();
            pieces.concat()
        })
    }

    pub(crate) fn write(&self, key: &str, bytes: Vec<u8>) {
        wait(self.0.put(&Key::from(key), bytes.into(), PutMode::Overwrite)).unwrap();
    }

    pub(crate) fn delete(&self, key: &str) {
        for result in wait(self.0.delete(&[Key::from(key)])) {
            result.unwrap();
        }
    }

    /// Flips a bit in the middle of an object.
    pub(crate) fn flip(&self, key: &str) {
        let mut bytes = self.read(key);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.write(key, bytes);
    }

    /// Unfinished uploads of the key, by its whole name: MinIO answers for nothing less.
    pub(crate) fn uploads(&self, key: &str) -> Vec<UnfinishedUpload> {
        wait(self.0.uploads(&Key::from(key)).try_collect()).unwrap()
    }
}
