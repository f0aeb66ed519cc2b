//! What `backup-vault` is told beside the settings of all programs.

use super::{
    Environment, Secret, Settings,
    read::{missing, read_bounded},
    refused::{REFUSED_VAULT, refuse},
};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};
use std::path::{Path, PathBuf};

/// How to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// With this token; without one only the offline verbs work.
    Token(Option<Secret>),
    /// With the service account of the pod.
    Kubernetes {
        /// Where the auth method is mounted.
        mount: String,
        /// The role.
        role: String,
        /// The file of the signed claim.
        jwt_file: PathBuf,
    },
}

/// The server, and how to be let in.
#[derive(Debug, Clone)]
pub struct VaultConfig {
    /// Its address.
    pub addr: String,
    /// How to be let in.
    pub auth: Auth,
    /// Certificates that alone vouch for the server.
    pub cacert: Option<PathBuf>,
    /// Certificate of this client.
    pub client_cert: Option<PathBuf>,
    /// Private key of this client.
    pub client_key: Option<PathBuf>,
    /// The name to find in the certificate of the server.
    pub tls_server_name: Option<String>,
    /// Whether any certificate will do.
    pub skip_verify: bool,
    /// Where snapshots wait that do not fit into memory.
    pub spool_dir: PathBuf,
    /// What to tell before the server is asked anything.
    pub findings: Vec<Finding>,
}

impl VaultConfig {
    /// The typed form of `settings`, which must be those of `backup-vault`.
    ///
    /// # Errors
    /// Fails if a login lacks its role, or a role its login, and for variables of the `vault` command that this program does not follow.
    pub fn from_settings(settings: &Settings, environment: &Environment) -> Result<Self> {
        refuse(REFUSED_VAULT, environment)?;
        let skip_verify = settings.need("vault.skip-verify")?;
        Ok(Self {
            addr: settings.need("vault.addr")?,
            auth: auth(settings)?,
            cacert: settings.get("vault.cacert")?,
            client_cert: settings.get("vault.client-cert")?,
            client_key: settings.get("vault.client-key")?,
            tls_server_name: settings.get("vault.tls-server-name")?,
            skip_verify,
            spool_dir: settings.need("vault.spool-dir")?,
            findings: findings(skip_verify, environment)?,
        })
    }
}

/// The signed claim of a service account, from its file: read for each run, because Kubernetes renews it.
///
/// # Errors
/// [`ErrorKind::Config`] if the file cannot be read.
pub fn claim(file: &Path) -> Result<Secret> {
    const WHAT: &str = "service account token";
    let text = read_bounded(file, WHAT)?.ok_or_else(|| missing(file, WHAT).hint("name it with --jwt-file"))?;
    Ok(Secret::new(text.trim_end().to_owned()))
}

fn auth(settings: &Settings) -> Result<Auth> {
    let role: Option<String> = settings.get("vault.role")?;
    match (settings.need::<String>("vault.auth")?.as_str(), role) {
        ("kubernetes", Some(role)) => Ok(Auth::Kubernetes {
            mount: settings.need("vault.auth-mount")?,
            role,
            jwt_file: settings.need("vault.jwt-file")?,
        }),
        ("kubernetes", None) => Err(Error::new(ErrorKind::Config, "a login needs a role, and none is given")
            .hint("name it with --role or BACKUP_VAULT_ROLE; `backup-vault policy` shows how to make one")),
        (_, Some(_)) => Err(
            Error::new(ErrorKind::Config, "a role is given, and no login was asked for")
                .hint("log in with --auth kubernetes (BACKUP_VAULT_AUTH), or leave the role out"),
        ),
        (_, None) => Ok(Auth::Token(settings.get("vault.token")?.map(token).transpose()?)),
    }
}

/// `token`, if it can be one. Vault says of any other that it is not valid, as of one that has expired.
fn token(token: Secret) -> Result<Secret> {
    if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token);
    }
    let what = "the token for Vault holds spaces, line ends or other characters that no token has";
    Err(Error::new(ErrorKind::Config, what)
        .hint("look at what sets VAULT_TOKEN or VAULT_TOKEN_FILE: `vault token create … -field=token` prints nothing but the token"))
}

fn findings(skip_verify: bool, environment: &Environment) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    if skip_verify {
        findings.push(Finding {
            severity: Severity::Warning,
            subject: "TLS".to_owned(),
            message: "VAULT_SKIP_VERIFY: ANY server is trusted; whoever sits on the line reads the token, and all that a snapshot \
                      restores"
                .to_owned(),
            hint: Some("name the authority of the server with VAULT_CACERT instead".to_owned()),
        });
    }
    if environment.get("VAULT_NAMESPACE")?.is_some() {
        findings.push(Finding {
            severity: Severity::Note,
            subject: "VAULT_NAMESPACE".to_owned(),
            message:
                "it is not sent: a snapshot is always of the whole server, and cannot be asked for within a namespace"
                    .to_owned(),
            hint: None,
        });
    }
    Ok(findings)
}

#[cfg(test)]
mod tests;
