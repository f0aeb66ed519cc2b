//! The server that a restore must go to.

use super::{
    failure::{VaultError, VaultErrorKind},
    vault::Vault,
};

impl Vault {
    /// A client for the leader of the cluster; this one if it leads. A body cannot be sent twice, so that the leader must be known before a
    /// restore: the redirect of a standby would come too late.
    ///
    /// # Errors
    /// `NoLeader` if there is none, `RedirectUnreachable` if its address is of no use from here.
    pub async fn at_leader(&self) -> backup_core::Result<Self> {
        let leader = self.leader().await?;
        if leader.is_self || !leader.ha_enabled {
            return Ok(self.clone());
        }
        let doing = self.endpoint.doing("look for the leader");
        if leader.leader_address.is_empty() {
            return Err(VaultError::new(VaultErrorKind::NoLeader, doing).into());
        }
        let at = self.at(&leader.leader_address)?;
        let unreachable = |error: VaultError| {
            VaultError::new(VaultErrorKind::RedirectUnreachable, doing)
                .said(at.address().to_string())
                .because(error)
        };
        at.health().await.map_err(unreachable)?;
        Ok(at)
    }
}
