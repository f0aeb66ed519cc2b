//! One server at one address.

use super::{
    address::Address,
    answer::transport,
    connect,
    failure::{Result, VaultError, VaultErrorKind},
    settings::VaultSettings,
};
use crate::Secret;
use reqwest::{
    Body, Client, Method, RequestBuilder, Response,
    header::{CONTENT_LENGTH, HOST, HeaderValue},
};
use std::time::Duration;
use tokio::time::timeout;

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Behind `/v1/`.
    pub(super) path: &'a str,
    /// JSON. May hold a secret.
    pub(super) body: Option<&'a [u8]>,
    pub(super) token: Option<&'a Secret>,
    /// For errors: "take a snapshot".
    pub(super) doing: &'a str,
}

/// One server at one address. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    client: Client,
    pub(super) address: Address,
    /// What requests are for: the same host, under the name that TLS must see.
    named: Address,
    idle: Duration,
}

impl Endpoint {
    pub(super) fn new(settings: &VaultSettings, address: Address) -> backup_core::Result<Self> {
        let named = match &settings.tls_server_name {
            None => address.clone(),
            Some(name) => address.named(name).ok_or_else(|| {
                backup_core::Error::new(backup_core::ErrorKind::Config, "the TLS server name is not a host name")
                    .hint("correct VAULT_TLS_SERVER_NAME; it cannot be an IP address: for a certificate of one, put that into VAULT_ADDR")
            })?,
        };
        Ok(Self {
            client: connect::client(settings, &address)?,
            address,
            named,
            idle: settings.idle_timeout,
        })
    }

    /// `doing` and where.
    pub(super) fn doing(&self, doing: &str) -> String {
        format!("{doing} at {}", self.address)
    }

    /// How long nothing may come.
    pub(super) fn idle(&self) -> Duration {
        self.idle
    }

    /// Sends a request and waits for the head of the answer, no longer than the idle timeout.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<Response> {
        let doing = self.doing(request.doing);
        let mut builder = self.begin(request.method.clone(), request.path, request.token, &doing)?;
        if let Some(body) = request.body {
            builder = builder.body(body.to_vec());
        }
        match timeout(self.idle, builder.send()).await {
            Ok(answer) => answer.map_err(|error| transport(error, &doing)),
            Err(_) => Err(VaultError::new(VaultErrorKind::Stalled, doing)),
        }
    }

    /// Sends a body of `length` bytes with an answer when it comes: who calls sets the limit of time.
    pub(super) async fn upload(&self, request: &Request<'_>, body: Body, length: u64) -> Result<Response> {
        let doing = self.doing(request.doing);
        let builder = self.begin(request.method.clone(), request.path, request.token, &doing)?;
        let builder = builder.header(CONTENT_LENGTH, length).body(body);
        builder.send().await.map_err(|error| transport(error, &doing))
    }

    fn begin(&self, method: Method, path: &str, token: Option<&Secret>, doing: &str) -> Result<RequestBuilder> {
        let mut builder = self
            .client
            .request(method, self.named.url(path))
            .header("X-Vault-Request", "true");
        if self.named != self.address {
            builder = builder.header(HOST, self.address.authority());
        }
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                VaultError::new(VaultErrorKind::TokenInvalid, doing).said("it holds characters that no token has")
            })?;
            value.set_sensitive(true);
            builder = builder.header("X-Vault-Token", value);
        }
        Ok(builder)
    }
}
