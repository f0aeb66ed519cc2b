//! The HTTP client for one server.

use super::{address::Address, settings::VaultSettings};
use backup_core::{Error, ErrorKind, Result, keys::demand_secret_mode};
use reqwest::{
    Certificate, Client, Identity,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use std::{fs::File, io::Read, path::Path, sync::Arc};
use zeroize::Zeroizing;

/// A client that does what it is told: no redirects, proxies, repeats, decompression or connections kept for later.
pub(super) fn client(settings: &VaultSettings, address: &Address) -> Result<Client> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(settings.connect_timeout)
        .tls_danger_accept_invalid_certs(settings.skip_verify);
    if let Some(file) = &settings.cacert {
        builder = builder.tls_certs_only(authorities(file)?);
    }
    if let Some(identity) = identity(settings)? {
        builder = builder.identity(identity);
    }
    if settings.tls_server_name.is_some() {
        builder = builder.dns_resolver(Arc::new(Always(address.host())));
    }
    builder
        .build()
        .map_err(|error| Error::new(ErrorKind::Config, "TLS to Vault cannot be set up").because(error))
}

fn authorities(file: &Path) -> Result<Vec<Certificate>> {
    let unusable = |error: Error| error.hint("VAULT_CACERT must name a PEM file of certificates");
    let pem = read(file).map_err(unusable)?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(wrong(file).because(error)))?;
    if certificates.is_empty() {
        return Err(unusable(wrong(file)));
    }
    Ok(certificates)
}

fn identity(settings: &VaultSettings) -> Result<Option<Identity>> {
    let (certificate, key) = match (&settings.client_cert, &settings.client_key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => {
            return Err(Error::new(
                ErrorKind::Config,
                "a client certificate needs its key, and a key its certificate",
            )
            .hint("set both of VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, or none"));
        }
    };
    let pem = Zeroizing::new([read(certificate)?.as_slice(), b"\n", &read_key(key)?].concat());
    let identity = Identity::from_pem(&pem).map_err(|error| wrong(certificate).because(error))?;
    Ok(Some(identity))
}

fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let unusable = |error| wrong(path).because(error);
    let mut file = File::open(path).map_err(unusable)?;
    demand_secret_mode(&file.metadata().map_err(unusable)?, "private key", path)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes).map_err(unusable)?;
    Ok(bytes)
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = std::fs::read(file);
    bytes.map(Zeroizing::new).map_err(|error| wrong(file).because(error))
}

fn wrong(file: &Path) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the certificates in {} cannot be used", file.display()),
    )
}

/// Looks one host up, whatever name the request has: TLS then sees the name, and the connection goes to the host.
struct Always(String);

impl Resolve for Always {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
