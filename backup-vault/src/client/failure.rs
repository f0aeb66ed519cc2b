//! Errors of a Vault server, and what may be tried again.

use backup_core::{Error, ErrorKind, error::BoxError, retry::Retryable, store::Retry};

/// Result of a request.
pub type Result<T, E = VaultError> = std::result::Result<T, E>;

/// What Vault said, or why nothing was heard from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VaultErrorKind {
    /// No connection.
    #[error("the server cannot be reached")]
    Unreachable,
    /// A connection, and no trust in it.
    #[error("TLS failed")]
    Tls,
    /// The connection ended before the answer did.
    #[error("the connection broke")]
    Interrupted,
    /// The connection stands, and nothing comes.
    #[error("the server has stopped sending")]
    Stalled,
    /// Sealed.
    #[error("it is sealed")]
    Sealed,
    /// Never initialised.
    #[error("it is not initialised")]
    NotInitialized,
    /// Taken out of its cluster for good.
    #[error("this server was removed from its cluster")]
    Removed,
    /// No leader, or none yet.
    #[error("the cluster has no active leader")]
    NoLeader,
    /// No token was given.
    #[error("it wants a token, and none was given")]
    TokenMissing,
    /// Expired, revoked, or never valid.
    #[error("the token is not valid: expired or revoked")]
    TokenInvalid,
    /// A valid token without the right.
    #[error("the policies of the token do not allow it")]
    Forbidden,
    /// A login that was refused.
    #[error("the login was refused")]
    LoginRefused,
    /// The request came with a namespace.
    #[error("it was asked within a namespace")]
    Namespace,
    /// Another storage than Raft.
    #[error("its storage is not Raft")]
    NotRaft,
    /// Just started: no log entry since the last snapshot.
    #[error("there is nothing new to snapshot yet")]
    NothingNew,
    /// Too many requests.
    #[error("it asks to slow down")]
    Throttled,
    /// A redirect to a redirect.
    #[error("it redirects in a circle")]
    RedirectLoop,
    /// A redirect that must not be followed.
    #[error("its redirect is not followed")]
    RedirectRefused,
    /// A redirect to where nobody answers.
    #[error("it redirects to a leader that cannot be reached from here")]
    RedirectUnreachable,
    /// A snapshot of another cluster, without force.
    #[error("the snapshot is of a cluster with other unseal keys")]
    OtherSeal,
    /// Vault gave up on a body that took too long.
    #[error("it did not read the whole snapshot")]
    UploadCut,
    /// It took the snapshot, and nothing came of it.
    #[error("it took the snapshot, and its old state is still in force")]
    NotInForce,
    /// It took the snapshot, and the last look at it told nothing.
    #[error("it took the snapshot, and nothing certain was heard of it since")]
    Unheard,
    /// A proxy before it answered in its place (5xx).
    #[error("a proxy before the server answered in its place")]
    Gateway,
    /// More than it, or a proxy before it, takes in one request.
    #[error("the request is larger than is taken")]
    BodyLimit,
    /// It failed by itself (5xx).
    #[error("the server failed")]
    Server,
    /// Anything else.
    #[error("unexpected answer")]
    Unexpected,
}

/// A failed request. `Display` is what failed where; the cause is in `source()`. Holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {kind}{}", said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default())]
pub struct VaultError {
    kind: VaultErrorKind,
    retry: Retry,
    doing: String,
    /// The server's own words.
    said: Option<String>,
    source: Option<BoxError>,
    /// What a token needs for it, where that is more than the policy `default`.
    policy: Option<&'static str>,
}

impl VaultError {
    /// An error while `doing` something ("take a snapshot from https://vault:8200"). Retryability follows from the kind.
    #[must_use]
    pub fn new(kind: VaultErrorKind, doing: impl Into<String>) -> Self {
        use VaultErrorKind as K;
        let retry = match kind {
            K::Unreachable
            | K::Interrupted
            | K::Stalled
            | K::NoLeader
            | K::NothingNew
            | K::Throttled
            | K::RedirectLoop
            | K::RedirectUnreachable
            | K::Gateway
            | K::Server => Retry::Maybe,
            _ => Retry::Never,
        };
        Self {
            kind,
            retry,
            doing: doing.into(),
            said: None,
            source: None,
            policy: None,
        }
    }

    /// Names the policy that a token needs for what was refused.
    pub(crate) fn needing(self, policy: &'static str) -> Self {
        Self {
            policy: Some(policy),
            ..self
        }
    }

    /// Adds the server's own words.
    #[must_use]
    pub(crate) fn said(mut self, said: impl Into<String>) -> Self {
        self.said = Some(said.into()).filter(|said| !said.is_empty());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same with another meaning.
    pub(super) fn of_kind(self, kind: VaultErrorKind) -> Self {
        let Self {
            doing, said, source, ..
        } = self;
        Self {
            said,
            source,
            ..Self::new(kind, doing)
        }
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> VaultErrorKind {
        self.kind
    }
}

impl Retryable for VaultError {
    fn retry(&self) -> Retry {
        self.retry
    }

    fn exhausted(mut self) -> Self {
        self.retry = Retry::Exhausted;
        self
    }
}

/// The least that a token needs for a backup.
pub const SNAPSHOT_POLICY: &str = r#"path "sys/storage/raft/snapshot" { capabilities = ["read"] }"#;

/// The least that a token needs for a restore. Beyond it, every token has its cubbyhole by the policy `default`.
pub const RESTORE_POLICY: &str = r#"path "sys/storage/raft/snapshot" { capabilities = ["update"] }
path "sys/storage/raft/snapshot-force" { capabilities = ["update"] }
path "sys/storage/raft/configuration" { capabilities = ["read"] }"#;

fn needed(policy: Option<&str>) -> String {
    match policy {
        Some(policy) => format!("the token needs a policy with:\n{policy}"),
        None => "the token lacks the policy `default`".into(),
    }
}

fn hint(kind: VaultErrorKind, policy: Option<&str>) -> Option<String> {
    use VaultErrorKind as K;
    let text = match kind {
        K::Unreachable | K::Interrupted | K::Stalled => "check VAULT_ADDR, the network, and that the server runs",
        K::Tls => {
            "name the authority with VAULT_CACERT; if the certificate is for another name, give that with VAULT_TLS_SERVER_NAME; a server without \
             TLS has an address that begins with http://"
        }
        K::Sealed => "unseal it: `vault operator unseal`",
        K::NotInitialized => {
            "initialise and unseal it first: `vault operator init -key-shares=1 -key-threshold=1`; those keys are thrown away by a restore"
        }
        K::Removed => {
            "name another server of the cluster with VAULT_ADDR; this one joins again with EMPTY storage only"
        }
        K::NoLeader => "wait for an election, and look at `vault operator raft list-peers`",
        K::TokenMissing => "set VAULT_TOKEN or VAULT_TOKEN_FILE, or log in with --auth kubernetes",
        K::TokenInvalid if policy == Some(RESTORE_POLICY) => {
            "make a new one that may restore: `backup-vault policy` shows how"
        }
        K::TokenInvalid => {
            "make a new one that lives on: `vault token create -orphan -period=768h -policy=vault-snapshot`; a token dies with the one \
             that made it unless it is an orphan"
        }
        K::Forbidden => return Some(needed(policy)),
        K::LoginRefused => {
            "check the role, its bound service accounts, namespaces and audience: `vault read auth/kubernetes/role/ROLE`; where nothing but \
             `permission denied` is said, Kubernetes does not vouch for the token (too old, or its pod or service account is gone), or Vault may \
             not ask it for reviews of tokens"
        }
        K::Namespace => {
            "snapshots exist only outside of namespaces: a proxy before Vault adds X-Vault-Namespace; use an address behind it"
        }
        K::NotRaft => "only the integrated storage (Raft) has snapshots; back the other storage up with its own tools",
        K::NothingNew => "Vault has just started; try again in a minute",
        K::RedirectLoop | K::RedirectUnreachable | K::RedirectRefused => {
            "a standby redirects to the api_addr of its leader: set VAULT_ADDR to an address that always leads to the leader, as the \
             service vault-active"
        }
        K::OtherSeal => "restore it with --force: then the unseal keys of the ORIGINAL cluster open this one",
        K::NotInForce => "the answer to a restore comes before the restore: why it failed is in the log of the server",
        K::Unheard => {
            "the restored state may be in force: look at the server and its log before you try again; once restored it opens with the ORIGINAL keys"
        }
        K::Gateway => "raise the timeout of the proxy before Vault, or set VAULT_ADDR to an address behind it",
        K::BodyLimit => {
            "raise the body limit of the proxy before Vault (nginx: `client_max_body_size 0`), or set VAULT_ADDR to an address behind it"
        }
        K::UploadCut => {
            "raise http_read_timeout in the listener of the server (30 s by default) to `30m`, and its free space for temporary files"
        }
        K::Server => {
            "why is in the log of the server; snapshots need room for temporary files there, both ways (TMPDIR of Vault, else /tmp)"
        }
        K::Unexpected => "Vault does not answer so: check that VAULT_ADDR leads to it, and what a proxy before it does",
        K::Throttled => return None,
    };
    Some(text.into())
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        use VaultErrorKind as K;
        let kind = match error.kind {
            K::Unreachable
            | K::Interrupted
            | K::Stalled
            | K::Tls
            | K::RedirectUnreachable
            | K::Gateway
            | K::Unheard => ErrorKind::SourceUnreachable,
            K::TokenMissing => ErrorKind::Config,
            K::RedirectRefused | K::OtherSeal => ErrorKind::Refused,
            _ => ErrorKind::SourceFailed,
        };
        let mut wrapped = Self::new(kind, error.to_string());
        if let Some(hint) = hint(error.kind, error.policy) {
            wrapped = wrapped.hint(hint);
        }
        match error.source {
            Some(source) => wrapped.because(source),
            None => wrapped,
        }
    }
}
