//! From an address to a [`Store`].

use super::{
    ListOrder, Location, Retrying, ServerEncryption, Store,
    adapter::{Adapter, Backend, IDLE, Listing, WatchingConnector},
    file::FileStore,
    s3,
};
use crate::{
    Error, ErrorKind, Result,
    clock::Entropy,
    retry::{Policy, Retrier},
};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig, list::PaginatedListStore, memory::InMemory, multipart::MultipartStore,
};
use std::{fmt, path::Path, str::FromStr, sync::Arc, time::Duration};

const CONNECT: Duration = Duration::from_secs(10);
/// Bytes that a store is asked to copy at once: done well before it counts as stalled.
const COPY_PART: u64 = 1 << 30;

/// What a store is reached with.
#[derive(Clone)]
pub struct StoreConfig {
    /// `s3://bucket/prefix`, `file:///path`, `memory:`, `gs://bucket/prefix` or `az://container/prefix` (the last two are untested: no emulator of
    /// them runs in this project's tests).
    pub url: String,
    /// Options by the names of `object_store`, as `aws_access_key_id`; see [`from_environment`](super::from_environment). May hold secrets.
    pub options: Vec<(String, String)>,
    /// Encryption that the store must confirm for every object; S3 only.
    pub encryption: Option<ServerEncryption>,
    /// How long an operation that fails is tried again.
    pub deadline: Duration,
    /// Objects that are longer, in bytes, are copied inside S3 in parts of this length: 1 GiB by default, 5 MiB at least, 5 GiB at most.
    pub copy_part: u64,
}

impl StoreConfig {
    /// The store at `url` without options, given up after 60 s.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            options: Vec::new(),
            encryption: None,
            deadline: Policy::default().deadline,
            copy_part: COPY_PART,
        }
    }

    /// Adds an option.
    #[must_use]
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }
}

/// Shows no value of an option: some are secret.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.options.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("StoreConfig")
            .field("url", &shown(&self.url))
            .field("options", &names)
            .field("encryption", &self.encryption)
            .field("deadline", &self.deadline)
            .field("copy_part", &self.copy_part)
            .finish()
    }
}

/// Opens a store, wrapped in the retry layer. Nothing is sent yet; a local folder is made.
///
/// Nothing is heard for 30 s, or no connection is made for 10 s: the attempt failed and is made again until the deadline.
///
/// # Errors
/// `Config` if the address or an option is wrong, or S3 credentials are missing.
pub fn connect(config: &StoreConfig, entropy: Arc<dyn Entropy>) -> Result<Arc<dyn Store>> {
    let policy = Policy {
        deadline: config.deadline,
        ..Policy::default()
    };
    let retrier = Retrier::new(policy, entropy);
    if let Some(folder) = config.url.strip_prefix("file://") {
        without_encryption(config)?;
        return Ok(Arc::new(Retrying::new(Arc::new(open_folder(folder)?), retrier)));
    }
    let adapter = if matches!(config.url.as_str(), "memory:" | "memory://") {
        without_encryption(config)?;
        in_memory()
    } else {
        open_bucket(config)?
    };
    Ok(Arc::new(Retrying::new(Arc::new(adapter), retrier)))
}

/// The address as it may be shown: one with `@` may hold a secret that somebody put there.
pub(super) fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("…@{}", rest.escape_debug()),
        None => url.escape_debug().to_string(),
    }
}

fn open_bucket(config: &StoreConfig) -> Result<Adapter> {
    let wrong = || {
        Error::new(
            ErrorKind::Config,
            format!("'{}' is not the address of a store", shown(&config.url)),
        )
        .hint("an address looks like s3://bucket/prefix or file:///path")
    };
    let (scheme, rest) = config.url.split_once("://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let folded = prefix.split('/').any(|part| matches!(part, "" | "." | ".."));
    if bucket.is_empty() || bucket.contains(['@', '?', '#', '%']) || (folded && !prefix.is_empty()) {
        return Err(wrong());
    }
    let location = Location {
        scheme: scheme.to_owned(),
        endpoint: None,
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    };
    match scheme {
        "s3" => s3::open(config, location),
        "gs" => without_encryption(config).and_then(|()| open_gcs(config, location)),
        "az" => without_encryption(config).and_then(|()| open_azure(config, location)),
        _ => Err(wrong()),
    }
}

fn without_encryption(config: &StoreConfig) -> Result<()> {
    if config.encryption.is_none() {
        return Ok(());
    }
    Err(
        Error::new(ErrorKind::Config, format!("{} cannot be asked to encrypt", config.url))
            .hint("only s3:// stores encrypt and confirm it; give a key (BACKUP_KEY_FILE) to encrypt here"),
    )
}

fn open_folder(folder: &str) -> Result<FileStore> {
    let failed = || {
        Error::new(
            ErrorKind::Config,
            format!("cannot use the folder '{}' as a store", folder.escape_debug()),
        )
    };
    if !folder.starts_with('/') {
        return Err(failed().hint("the path is absolute: file:///path, with three slashes"));
    }
    FileStore::open(Path::new(folder)).map_err(|error| {
        failed()
            .because(error)
            .hint("it is a folder, or a place where this user may make one")
    })
}

/// An empty store in memory, gone when it is dropped.
pub(super) fn in_memory() -> Adapter {
    let location = Location {
        scheme: "memory".into(),
        endpoint: None,
        bucket: String::new(),
        prefix: String::new(),
    };
    let memory = Arc::new(InMemory::new());
    Adapter::new(Backend {
        objects: memory.clone(),
        parts: Some(memory),
        listing: Listing::Walk,
        location,
        order: ListOrder::Bytes,
        encryption: None,
        copy_part: COPY_PART,
    })
}

/// Untested: no emulator runs in this project's tests.
fn open_gcs(config: &StoreConfig, location: Location) -> Result<Adapter> {
    use object_store::gcp::GoogleCloudStorageBuilder;
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&location.bucket)
        .with_retry(no_retry())
        .with_http_connector(WatchingConnector { idle: IDLE })
        .with_client_options(client_options());
    let builder = with_options(builder, not_of_aws(config), |builder, name, value| {
        builder.with_config(name, value)
    })?;
    let store = builder.build().map_err(|error| wrong_store(&location, error))?;
    Ok(paged(Arc::new(store), location))
}

/// Untested: no emulator runs in this project's tests.
fn open_azure(config: &StoreConfig, location: Location) -> Result<Adapter> {
    use object_store::azure::MicrosoftAzureBuilder;
    let builder = MicrosoftAzureBuilder::new()
        .with_container_name(&location.bucket)
        .with_retry(no_retry())
        .with_http_connector(WatchingConnector { idle: IDLE })
        .with_client_options(client_options());
    let builder = with_options(builder, not_of_aws(config), |builder, name, value| {
        builder.with_config(name, value)
    })?;
    let store = builder.build().map_err(|error| wrong_store(&location, error))?;
    Ok(paged(Arc::new(store), location))
}

fn paged<S: ObjectStore + MultipartStore + PaginatedListStore>(store: Arc<S>, location: Location) -> Adapter {
    Adapter::new(Backend {
        objects: store.clone(),
        parts: Some(store.clone()),
        listing: Listing::Paged(store),
        location,
        order: ListOrder::None,
        encryption: None,
        copy_part: COPY_PART,
    })
}

/// The retry layer is the only one that tries again: `object_store` would repeat a lost `Create` blindly.
pub(super) fn no_retry() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// No limit for whole requests, which may carry gigabytes; the connector ends what has stalled.
pub(super) fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT)
        .with_timeout_disabled()
}

fn not_of_aws(config: &StoreConfig) -> impl Iterator<Item = (&str, &str)> {
    let options = config
        .options
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    options.filter(|(name, _)| !name.starts_with("aws_"))
}

/// Hands each option to a builder of `object_store` by `set`. The builders have no trait in common.
pub(super) fn with_options<'a, B, K>(
    builder: B,
    mut options: impl Iterator<Item = (&'a str, &'a str)>,
    set: impl Fn(B, K, &'a str) -> B,
) -> Result<B>
where
    K: FromStr<Err = object_store::Error>,
{
    options.try_fold(builder, |builder, (name, value)| {
        let key = name.parse().map_err(|error| wrong_option(name, error))?;
        Ok(set(builder, key, value))
    })
}

fn wrong_option(name: &str, error: object_store::Error) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the store has no option '{}'", name.escape_debug()),
    )
    .because(error)
}

pub(super) fn wrong_store(location: &Location, error: object_store::Error) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use {location}")).because(error)
}
