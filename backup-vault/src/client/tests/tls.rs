//! TLS on the wire. The certificates in `tls/` were made with OpenSSL for this test and are trusted nowhere; they end in a hundred years.

use super::fake::{FakeVault, json};
use crate::{
    Secret,
    client::{Vault, VaultErrorKind, VaultSettings},
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

const NAME: &str = "vault.example.org";

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/client/tests/tls")
        .join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(pem(name)).unwrap()
}

/// TLS in front of a server: certificate for [`NAME`], clients with a certificate only if `clients`.
struct Front {
    address: String,
    /// The name that each connection asked for.
    asked: Arc<Mutex<Vec<Option<String>>>>,
    serving: JoinHandle<()>,
    behind: FakeVault,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn acceptor(clients: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let builder = if clients {
        builder.unwrap().with_client_cert_verifier(verifier)
    } else {
        builder.unwrap().with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
    let config = builder.with_single_cert(vec![certificate("server.pem")], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Front {
    async fn start(clients: bool) -> Self {
        let behind = FakeVault::always(json(204, "")).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let target = behind.address.replace("http://", "");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, acceptor) = (Arc::clone(&asked), acceptor(clients));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut tls) = acceptor.accept(stream).await else {
                    continue;
                };
                noted
                    .lock()
                    .unwrap()
                    .push(tls.get_ref().1.server_name().map(str::to_owned));
                let mut plain = TcpStream::connect(&target).await.unwrap();
                copy_bidirectional(&mut tls, &mut plain).await.unwrap_or_default();
            }
        });
        Self {
            address,
            asked,
            serving,
            behind,
        }
    }

    async fn ask(&self, settings: VaultSettings) -> Result<(), VaultErrorKind> {
        let settings = VaultSettings {
            addr: self.address.clone(),
            token: Some(Secret::new("x")),
            ..settings
        };
        Vault::new(settings)
            .unwrap()
            .revoke_token()
            .await
            .map_err(|error| error.kind())
    }
}

fn trusting() -> VaultSettings {
    VaultSettings {
        cacert: Some(pem("ca.pem")),
        tls_server_name: Some(NAME.into()),
        ..VaultSettings::default()
    }
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_under_the_name_that_was_given() {
    let front = Front::start(false).await;
    assert_eq!(front.ask(trusting()).await, Ok(()));
    assert_eq!(*front.asked.lock().unwrap(), [Some(NAME.to_owned())]);
    let host = front.behind.seen()[0].header("host").map(str::to_owned);
    assert_eq!(host.as_deref(), front.address.strip_prefix("https://"));
}

#[tokio::test]
async fn a_server_of_another_name_or_authority_gets_no_token() {
    let front = Front::start(false).await;
    let unnamed = VaultSettings {
        tls_server_name: None,
        ..trusting()
    };
    let other_name = VaultSettings {
        tls_server_name: Some("other.example.org".into()),
        ..trusting()
    };
    let of_this_machine = VaultSettings {
        cacert: None,
        ..trusting()
    };
    for settings in [unnamed, other_name, of_this_machine] {
        assert_eq!(front.ask(settings).await, Err(VaultErrorKind::Tls));
    }
    assert!(front.behind.seen().is_empty());
}

#[tokio::test]
async fn without_verification_any_certificate_will_do() {
    let front = Front::start(false).await;
    let settings = VaultSettings {
        skip_verify: true,
        ..VaultSettings::default()
    };
    assert_eq!(front.ask(settings).await, Ok(()));
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let front = Front::start(true).await;
    assert!(front.ask(trusting()).await.is_err());
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("client.key");
    std::fs::copy(pem("client.key"), &key).unwrap();
    let settings = VaultSettings {
        client_cert: Some(pem("client.pem")),
        client_key: Some(key.clone()),
        ..trusting()
    };
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let refused = Vault::new(settings.clone()).unwrap_err();
    assert!(refused.chain().contains("others may read"), "{refused:?}");
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(front.ask(settings).await, Ok(()));
    assert_eq!(front.behind.seen().len(), 1);
}
