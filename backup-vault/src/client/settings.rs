//! How to reach a server.

use crate::Secret;
use std::{path::PathBuf, time::Duration};

/// How to reach a server, and with which token. Named after the variables of Vault's own client.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// `VAULT_ADDR`: `http://` or `https://`, host, port, and a path if Vault is behind one.
    pub addr: String,
    /// `VAULT_TOKEN`. Sent to this server, and to the leader that it names.
    pub token: Option<Secret>,
    /// `VAULT_CACERT`: a PEM file of the only authorities that are trusted; else those of this machine.
    pub cacert: Option<PathBuf>,
    /// `VAULT_CLIENT_CERT`: a PEM file. Goes with the key.
    pub client_cert: Option<PathBuf>,
    /// `VAULT_CLIENT_KEY`: a PEM file.
    pub client_key: Option<PathBuf>,
    /// `VAULT_TLS_SERVER_NAME`: the name to ask for and to find in the certificate, instead of the host of the address. No IP address.
    pub tls_server_name: Option<String>,
    /// `VAULT_SKIP_VERIFY`: any certificate will do. Whoever sits on the line reads the token then.
    pub skip_verify: bool,
    /// When to give up on a connection.
    pub connect_timeout: Duration,
    /// When to give up on a server that sends nothing. A transfer that moves may take as long as it takes.
    pub idle_timeout: Duration,
}

impl Default for VaultSettings {
    /// The address of Vault's own client, no token; gives up after 10 seconds without a connection and 60 without a byte.
    fn default() -> Self {
        Self {
            addr: "https://127.0.0.1:8200".into(),
            token: None,
            cacert: None,
            client_cert: None,
            client_key: None,
            tls_server_name: None,
            skip_verify: false,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
        }
    }
}
