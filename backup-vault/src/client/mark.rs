//! What tells the state before a restore from the one after it.

use super::{
    failure::{Result, VaultError},
    token::TokenFacts,
    vault::Vault,
};
use std::time::Duration;
use tokio::time::Instant;

/// A marker in the state before a restore, and what is known of the token that may read it: a token that is not known any more tells of another state
/// only as long as it would live in this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub(super) nonce: String,
    pub(super) token_ends: Option<Instant>,
    pub(super) cluster: String,
    orphan: bool,
}

impl Mark {
    /// A marker with this nonce, of an orphan token that ends then (`None`: never), in the cluster with this id.
    #[must_use]
    pub fn new(nonce: impl Into<String>, token_ends: Option<Instant>, cluster: impl Into<String>) -> Self {
        Self {
            nonce: nonce.into(),
            token_ends,
            cluster: cluster.into(),
            orphan: true,
        }
    }

    /// Whether the token outlives the one that made it.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        self.orphan
    }

    /// How long the token lives from now; `None` for ever.
    #[must_use]
    pub fn token_lives(&self) -> Option<Duration> {
        self.token_ends
            .map(|ends| ends.saturating_duration_since(Instant::now()))
    }

    /// Whether the token, if it is not known any more, tells of another state: it has not ended by itself, or the cluster is another one.
    pub(super) fn tells_without_token(&self, cluster: Option<&str>) -> bool {
        let other = cluster.is_some_and(|cluster| cluster != self.cluster);
        other || self.token_ends.is_none_or(|ends| Instant::now() < ends)
    }
}

impl Vault {
    /// Prolongs the life of the token as far as it goes, and writes a marker with `nonce` into the cluster with the id `cluster`.
    ///
    /// # Errors
    /// Batch tokens have no place for a marker. A token without the policy `default` may not look at itself.
    pub async fn mark(&self, nonce: &str, cluster: &str) -> Result<Mark> {
        let asked = Instant::now();
        let facts = self.token().await?;
        let ends = self.prolonged(&facts).await?.map(|ttl| asked + ttl);
        self.write_marker(nonce).await?;
        Ok(Mark {
            orphan: facts.orphan,
            ..Mark::new(nonce, ends, cluster)
        })
    }

    /// How long the token lives from the question on, at least; `None` for ever.
    async fn prolonged(&self, facts: &TokenFacts) -> Result<Option<Duration>, VaultError> {
        let Some(ttl) = facts.ttl() else { return Ok(None) };
        if !facts.renewable {
            return Ok(Some(ttl));
        }
        // A token that is refused to be renewed lives as long as it does.
        Ok(Some(self.renew_token().await.map_or(ttl, |lease| lease.ttl())))
    }
}
