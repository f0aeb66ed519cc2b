//! Addresses of servers.

use backup_core::{Error, ErrorKind};
use reqwest::Url;
use std::fmt;

/// The address of a server: scheme, host, port, and perhaps a path before `/v1`. Holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads an address as `VAULT_ADDR` has it.
    ///
    /// # Errors
    /// `Config` if it is not an HTTP address, has a user, a query or a fragment, or is that of the API or of the user interface.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            // The text is not shown: it may hold a password.
            Error::new(ErrorKind::Config, format!("the address of Vault {why}"))
                .hint("set VAULT_ADDR to something like https://vault-active.vault.svc:8200")
        };
        let mut url = Url::parse(text).map_err(|error| wrong("cannot be read").because(error))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("is neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a user, a query or a fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if let Some(page) = ["/v1", "/ui"].into_iter().find(|page| path.ends_with(page)) {
            return Err(wrong(&format!("ends with {page}, which does not belong to it"))
                .hint("as the `vault` command has it: /v1 is added to every request, and /ui is for browsers"));
        }
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The URL of `path` (`sys/health`), with a query or without.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v1/{path}"));
        url
    }

    /// The server that `url` leads to, without its path; `None` unless it is an HTTP address without credentials.
    pub(super) fn of_url(url: &Url, base: &str) -> Option<Self> {
        let mut server = url.clone();
        server.set_path(base);
        server.set_query(None);
        server.set_fragment(None);
        Self::parse(server.as_str()).ok()
    }

    /// Whether the line is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn host(&self) -> String {
        // Brackets of an IPv6 address belong to the URL, not to the address.
        self.0
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned()
    }

    /// Host and port as a `Host` header has them.
    pub(super) fn authority(&self) -> &str {
        self.0.authority()
    }

    /// The same address for another host name: what a request is for when TLS must see another name. `None` unless it is a name: nobody looks up
    /// an IP address, in whatever form, so that the request would go there.
    pub(super) fn named(&self, host: &str) -> Option<Self> {
        let mut url = self.0.clone();
        url.set_host(Some(host)).ok()?;
        url.domain()?;
        Some(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}
