//! Logging in with the identity of a pod.

use super::{
    endpoint::Request,
    failure::{Result, VaultError, VaultErrorKind},
    token::TokenLease,
    vault::Vault,
};
use crate::Secret;
use reqwest::Method;
use serde::Deserialize;
use std::fmt;

/// A login.
pub struct Login {
    /// The client with the token of the login.
    pub vault: Vault,
    /// How long it lives.
    pub lease: TokenLease,
    /// Whether the token can be revoked, and should be when it is no longer needed. Batch tokens cannot, and leave no trace in the storage.
    pub revocable: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answered {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(flatten)]
    lease: TokenLease,
}

impl Vault {
    /// Logs in at the Kubernetes auth method mounted at `mount` (`kubernetes`) as `role`, with the signed claim of a service account.
    ///
    /// # Errors
    /// `LoginRefused` if Vault does not accept the claim or the role.
    pub async fn login_kubernetes(&self, mount: &str, role: &str, claim: &Secret) -> Result<Login> {
        let path = format!("auth/{}/login", mount.trim_matches('/'));
        let body = zeroize::Zeroizing::new(serde_json::json!({ "role": role, "jwt": claim.expose() }).to_string());
        let doing = format!("log in as {role}");
        let request = Request {
            token: None,
            body: Some(body.as_bytes()),
            ..self.request(Method::POST, &path, &doing)
        };
        let auth = self.json::<Answered>(&request).await.map_err(refused)?.auth;
        Ok(Login {
            vault: self.clone().with_token(Secret::new(auth.client_token)),
            lease: auth.lease,
            revocable: auth.token_type != "batch",
        })
    }
}

/// 400 and 403 here are about the claim and the role, not about a token.
fn refused(error: VaultError) -> VaultError {
    use VaultErrorKind as K;
    match error.kind() {
        K::Forbidden | K::TokenInvalid | K::TokenMissing | K::Unexpected => error.of_kind(K::LoginRefused),
        _ => error,
    }
}
