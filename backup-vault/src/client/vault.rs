//! The client.

use super::{
    address::Address,
    answer::Answer,
    endpoint::{Endpoint, Request},
    failure::{Result, VaultError, VaultErrorKind},
    redirect,
    settings::VaultSettings,
};
use crate::Secret;
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;

/// A Vault server, and the token to use there. Cheap to clone. Every method is cancel-safe on this side: a dropped future closes its connection.
#[derive(Debug, Clone)]
pub struct Vault {
    pub(super) settings: VaultSettings,
    pub(super) endpoint: Endpoint,
}

impl Vault {
    /// Reads certificates and checks the address; connects to nothing.
    ///
    /// # Errors
    /// `Config` if an address or a file of certificates cannot be used.
    pub fn new(settings: VaultSettings) -> backup_core::Result<Self> {
        let address = Address::parse(&settings.addr)?;
        let endpoint = Endpoint::new(&settings, address)?;
        Ok(Self { settings, endpoint })
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(mut self, token: Secret) -> Self {
        self.settings.token = Some(token);
        self
    }

    /// The same settings for the server at `address`, as for the leader of its cluster.
    ///
    /// # Errors
    /// `Refused` if the token would leave an encrypted line; else as [`Vault::new`].
    pub fn at(&self, address: &str) -> backup_core::Result<Self> {
        let address = Address::parse(address)?;
        if self.address().is_encrypted() && !address.is_encrypted() {
            let message = format!(
                "{address} is not encrypted, and {} is: the token is not sent there",
                self.address()
            );
            return Err(backup_core::Error::new(backup_core::ErrorKind::Refused, message)
                .hint("correct api_addr in the configuration of that server"));
        }
        Ok(Self {
            endpoint: Endpoint::new(&self.settings, address)?,
            settings: self.settings.clone(),
        })
    }

    /// The address of the server.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.endpoint.address
    }

    pub(super) fn request<'a>(&'a self, method: Method, path: &'a str, doing: &'a str) -> Request<'a> {
        Request {
            method,
            path,
            body: None,
            token: self.settings.token.as_ref().filter(|token| !token.is_empty()),
            doing,
        }
    }

    /// The whole answer to a small request, from this server or the one that it redirects to.
    pub(super) async fn answer(&self, request: &Request<'_>) -> Result<Answer> {
        let (response, at) = self.follow(request).await?;
        whole(response, &at, request).await
    }

    /// The whole answer of this very server; a redirect is none.
    pub(super) async fn own_answer(&self, request: &Request<'_>) -> Result<Answer> {
        let response = self.endpoint.send(request).await?;
        whole(response, &self.endpoint, request).await
    }

    /// The JSON of a good answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T> {
        let doing = self.endpoint.doing(request.doing);
        let answer = self.answer(request).await?.good(&doing);
        answer.map_err(|error| self.without_token(error))?.json(&doing)
    }

    /// Vault says the same to a request without a token as to one that lacks a policy.
    pub(super) fn without_token(&self, error: VaultError) -> VaultError {
        let none = self.settings.token.as_ref().is_none_or(Secret::is_empty);
        match error.kind() {
            VaultErrorKind::Forbidden if none => error.of_kind(VaultErrorKind::TokenMissing),
            _ => error,
        }
    }

    /// Sends a request; follows one redirect, with the token, to the same path.
    pub(super) async fn follow(&self, request: &Request<'_>) -> Result<(Response, Endpoint)> {
        let response = self.endpoint.send(request).await?;
        if !redirect::is_redirect(&response) {
            return Ok((response, self.endpoint.clone()));
        }
        let leader = self.redirected(&response, request)?;
        // Its body is not read: the connection closes with it.
        drop(response);
        let response = leader
            .send(request)
            .await
            .map_err(|error| self.unreachable(error, &leader, request))?;
        if redirect::is_redirect(&response) {
            let doing = self.endpoint.doing(request.doing);
            let said = format!("{} redirects again", leader.address);
            return Err(VaultError::new(VaultErrorKind::RedirectLoop, doing).said(said));
        }
        Ok((response, leader))
    }

    fn redirected(&self, response: &Response, request: &Request<'_>) -> Result<Endpoint> {
        let doing = self.endpoint.doing(request.doing);
        let refused = |why: String| VaultError::new(VaultErrorKind::RedirectRefused, doing.clone()).said(why);
        let address = redirect::target(response, self.address(), request.path).map_err(refused)?;
        if address == *self.address() {
            return Err(VaultError::new(VaultErrorKind::RedirectLoop, doing).said("it redirects to itself"));
        }
        Endpoint::new(&self.settings, address).map_err(|error| refused(error.chain()))
    }

    /// A leader that does not answer is explained by the redirect: its address may be one of the cluster's own network.
    fn unreachable(&self, error: VaultError, leader: &Endpoint, request: &Request<'_>) -> VaultError {
        use VaultErrorKind as K;
        if !matches!(error.kind(), K::Unreachable | K::Tls | K::Stalled) {
            return error;
        }
        VaultError::new(K::RedirectUnreachable, self.endpoint.doing(request.doing))
            .said(leader.address.to_string())
            .because(error)
    }
}

async fn whole(response: Response, at: &Endpoint, request: &Request<'_>) -> Result<Answer> {
    let doing = at.doing(request.doing);
    match tokio::time::timeout(at.idle(), Answer::read(response, &doing)).await {
        Ok(answer) => answer,
        Err(_) => Err(VaultError::new(VaultErrorKind::Stalled, doing)),
    }
}
