//! What a server says about itself. No token is needed or sent.

use super::{endpoint::Request, failure::Result, vault::Vault};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};

/// The answer of `/sys/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Whether it was ever initialised.
    pub initialized: bool,
    /// Whether it is sealed. A sealed server does not know its cluster.
    pub sealed: bool,
    /// Whether another server leads.
    pub standby: bool,
    /// Its version, as `1.19.3`.
    pub version: String,
    /// The name of its cluster.
    #[serde(default)]
    pub cluster_name: Option<String>,
    /// The id of its cluster.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// Whether it was removed from its cluster for good (1.19 and later).
    #[serde(default)]
    pub removed_from_cluster: Option<bool>,
}

/// The answer of `/sys/leader`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Leader {
    /// Whether there can be several servers.
    pub ha_enabled: bool,
    /// Whether the server that was asked leads.
    #[serde(default)]
    pub is_self: bool,
    /// The leader's `api_addr`; empty if there is none.
    #[serde(default)]
    pub leader_address: String,
    /// The leader's address for other servers.
    #[serde(default)]
    pub leader_cluster_address: String,
}

/// The answer of `/sys/seal-status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SealStatus {
    /// Type of the seal: `shamir`, `awskms`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it was ever initialised.
    pub initialized: bool,
    /// Whether it is sealed.
    pub sealed: bool,
    /// How many shares open it.
    #[serde(rename = "t")]
    pub threshold: u32,
    /// How many shares there are.
    #[serde(rename = "n")]
    pub shares: u32,
    /// How many shares were given so far.
    #[serde(default)]
    pub progress: u32,
    /// Its version.
    pub version: String,
    /// Kind of its storage: `raft`.
    #[serde(default)]
    pub storage_type: Option<String>,
    /// The name of its cluster, unless sealed.
    #[serde(default)]
    pub cluster_name: Option<String>,
    /// The id of its cluster, unless sealed.
    #[serde(default)]
    pub cluster_id: Option<String>,
}

impl Vault {
    /// The health of this very server; no redirect is followed. Its HTTP status says the same as the fields (200 active, 429 standby, 472 and 473
    /// replicas, 501 not initialised, 503 sealed, 530 removed), so that only the fields are read.
    ///
    /// # Errors
    /// If nothing, or something else, answers.
    pub async fn health(&self) -> Result<Health> {
        let request = self.open("sys/health", "ask for the health");
        let doing = self.endpoint.doing(request.doing);
        let answer = self.own_answer(&request).await?;
        // Something else in Vault's place may answer anything with any status.
        answer.json(&doing).map_err(|error| {
            if answer.status.is_success() {
                error
            } else {
                answer.error(&doing)
            }
        })
    }

    /// Who leads the cluster of this server.
    ///
    /// # Errors
    /// `Sealed` and `NotInitialized` among others: such a server knows no leader.
    pub async fn leader(&self) -> Result<Leader> {
        self.own("sys/leader", "ask for the leader").await
    }

    /// The seal of this very server.
    ///
    /// # Errors
    /// If nothing, or something else, answers.
    pub async fn seal_status(&self) -> Result<SealStatus> {
        self.own("sys/seal-status", "ask for the seal").await
    }

    async fn own<T: DeserializeOwned>(&self, path: &str, doing: &str) -> Result<T> {
        let request = self.open(path, doing);
        let doing = self.endpoint.doing(doing);
        self.own_answer(&request).await?.good(&doing)?.json(&doing)
    }

    /// A request without a token.
    fn open<'a>(&'a self, path: &'a str, doing: &'a str) -> Request<'a> {
        Request {
            token: None,
            ..self.request(Method::GET, path, doing)
        }
    }
}
