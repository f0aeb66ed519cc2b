//! The servers of a Raft cluster.

use super::{
    failure::{RESTORE_POLICY, Result},
    vault::Vault,
};
use reqwest::Method;
use serde::Deserialize;

/// A server of the cluster, as `/sys/storage/raft/configuration` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RaftPeer {
    /// Its name in the cluster.
    #[serde(rename = "node_id")]
    pub id: String,
    /// Its cluster address.
    pub address: String,
    /// Whether it leads.
    #[serde(default)]
    pub leader: bool,
    /// Whether it takes part in elections.
    #[serde(default)]
    pub voter: bool,
}

#[derive(Deserialize)]
struct Data {
    data: Config,
}

#[derive(Deserialize)]
struct Config {
    config: Servers,
}

#[derive(Deserialize)]
struct Servers {
    servers: Vec<RaftPeer>,
}

impl Vault {
    /// The servers of the cluster. Needs more than the policy of a backup: a restore wants to know.
    ///
    /// # Errors
    /// `Forbidden` without the right to read `sys/storage/raft/configuration`.
    pub async fn raft_peers(&self) -> Result<Vec<RaftPeer>> {
        let request = self.request(
            Method::GET,
            "sys/storage/raft/configuration",
            "list the servers of the cluster",
        );
        let answer = self.json::<Data>(&request).await;
        Ok(answer
            .map_err(|error| error.needing(RESTORE_POLICY))?
            .data
            .config
            .servers)
    }
}
