//! TLS to a server with the meaning that libpq gives the modes.

use crate::{ServerSettings, SslMode};
use backup_core::{Error, ErrorKind, Result};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InconsistentKeys, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::{CertifiedKey, SingleCertAndKey},
};
use std::{path::Path, sync::Arc};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much of the server's certificate is checked.
#[derive(Debug)]
enum Check {
    /// Only that the server holds its key.
    Nothing,
    /// The chain up to a root, whatever host it names.
    Chain(Arc<WebPkiServerVerifier>),
    /// The chain, and the host.
    Full(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    /// Root certificates that may be the server's own: the self-signed one of PostgreSQL's manual names itself as an authority, which rustls
    /// refuses in a server's certificate and OpenSSL does not.
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

/// Makes the TLS side of a connection.
pub(crate) fn connector(settings: &ServerSettings) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier {
        check: check(settings, &provider)?,
        own: settings.sslrootcert.as_deref().map_or(Ok(Vec::new()), certificates)?,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").because(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match own_certificate(settings, &provider)? {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The certificate that this client shows, and its key. The manual of PostgreSQL makes certificates of version 1, which rustls does not read in full: whether
/// such a one belongs to the key, the server finds out.
fn own_certificate(settings: &ServerSettings, provider: &CryptoProvider) -> Result<Option<CertifiedKey>> {
    let (file, key) = match (&settings.sslcert, &settings.sslkey) {
        (None, None) => return Ok(None),
        (Some(file), Some(key)) => (file, key),
        _ => {
            return Err(Error::new(
                ErrorKind::Config,
                "a client certificate needs its key, and a key its certificate",
            )
            .hint("give both: sslcert and sslkey (PGSSLCERT and PGSSLKEY)"));
        }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable_own(file, error))?;
    let own = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable_own(key, error))?;
    let own = provider.key_provider.load_private_key(own);
    let own = CertifiedKey::new(chain, own.map_err(|error| unusable_own(key, error))?);
    match own.keys_match() {
        Err(
            error @ (rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)
            | rustls::Error::NoCertificatesPresented),
        ) => Err(unusable_own(file, error)),
        _ => Ok(Some(own)),
    }
}

fn unusable_own(file: &Path, error: impl Into<backup_core::error::BoxError>) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the client certificate or key '{}' cannot be used", file.display()),
    )
    .because(error)
    .hint("both are PEM files; the key has no passphrase, and belongs to the first certificate")
}

/// `require` with a root certificate checks as `verify-ca` does; the modes below `require` never check (libpq, section 34.19.4 of its manual).
fn check(settings: &ServerSettings, provider: &Arc<CryptoProvider>) -> Result<Check> {
    match (settings.sslmode, &settings.sslrootcert) {
        (SslMode::VerifyFull, Some(root)) => Ok(Check::Full(chain_verifier(root, provider)?)),
        (SslMode::VerifyCa | SslMode::Require, Some(root)) => Ok(Check::Chain(chain_verifier(root, provider)?)),
        (SslMode::VerifyCa | SslMode::VerifyFull, None) => Err(Error::new(
            ErrorKind::Config,
            format!(
                "sslmode {} needs root certificates, and none are named",
                settings.sslmode
            ),
        )
        .hint("name a file of root certificates with sslrootcert, or the word `system` for those of this machine")),
        _ => Ok(Check::Nothing),
    }
}

fn chain_verifier(root: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let roots = if root == Path::new("system") {
        system_roots()?
    } else {
        file_roots(root)?
    };
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(root, error))
}

fn unusable(root: &Path, error: impl Into<backup_core::error::BoxError>) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the root certificates '{}' cannot be used", root.display()),
    )
    .because(error)
}

fn file_roots(file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unusable(file, error))?;
    }
    Ok(roots)
}

/// Those of the file; none for the word `system`.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    if file == Path::new("system") {
        return Ok(Vec::new());
    }
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(file, error))
}

fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(Error::new(ErrorKind::Config, "this machine has no root certificates")
            .hint("install the package ca-certificates, or name a file with sslrootcert"));
    }
    Ok(roots)
}

impl Verifier {
    /// A certificate that was named itself needs no chain. Its dates are not looked at here; the client programs do.
    fn own_certificate(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if matches!(self.check, Check::Full(_)) {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (Check::Chain(inner) | Check::Full(inner)) = &self.check else {
            return Ok(ServerCertVerified::assertion());
        };
        if self.own.iter().any(|own| own == end_entity) {
            return self.own_certificate(end_entity, name);
        }
        let result = inner.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        // The name is looked at last: this error says that the chain is good.
        match (&self.check, result) {
            (
                Check::Chain(_),
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )),
            ) => Ok(ServerCertVerified::assertion()),
            (_, result) => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
