//! Whose rights are used.

use crate::{
    Secret,
    client::{Result, Vault, VaultError, VaultErrorKind},
};
use std::time::Duration;
use tokio::time::timeout;

/// A run that was told to stop has 30 seconds in a pod, and other things to clean up.
const REVOCATION: Duration = Duration::from_secs(5);

/// Whose rights are used at the server.
#[derive(Debug, Clone)]
pub enum LoginChoice {
    /// Those of the token in the settings.
    Token,
    /// Those of a role that a pod may take. The token of the login is revoked at the end.
    Kubernetes {
        /// Where the auth method is mounted: `kubernetes`.
        mount: String,
        /// The role.
        role: String,
        /// The signed claim of the pod's service account.
        jwt: Secret,
    },
}

/// A client with a token, to be given back with [`LoggedIn::end`].
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) vault: Vault,
    revocable: bool,
}

impl LoginChoice {
    /// Logs in at `vault`, if that is the choice.
    pub(crate) async fn log_in(&self, vault: &Vault) -> Result<LoggedIn> {
        match self {
            Self::Token => Ok(LoggedIn {
                vault: vault.clone(),
                revocable: false,
            }),
            Self::Kubernetes { mount, role, jwt } => {
                let login = vault.login_kubernetes(mount, role, jwt).await?;
                Ok(LoggedIn {
                    vault: login.vault,
                    revocable: login.revocable,
                })
            }
        }
    }

    /// Whether the token is made for each run: how long it lives is then the role's business.
    pub(crate) fn is_fresh(&self) -> bool {
        !matches!(self, Self::Token)
    }
}

impl LoggedIn {
    /// Revokes the token of a login, within 5 seconds. A token that was given is left alone.
    pub(crate) async fn end(&self) -> Result<()> {
        if !self.revocable {
            return Ok(());
        }
        match timeout(REVOCATION, self.vault.revoke_token()).await {
            Ok(revoked) => revoked,
            Err(_) => {
                let doing = format!("revoke the token at {}", self.vault.address());
                Err(VaultError::new(VaultErrorKind::Stalled, doing))
            }
        }
    }
}
