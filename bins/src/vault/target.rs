//! The server, by the settings.

use crate::{
    config::vault::{Auth, VaultConfig, claim},
    context::Context,
};
use backup_core::{Error, ErrorKind, Result, event::Event, pipeline::SpoolRoom};
use backup_vault::{LoginChoice, VaultRaft, client::VaultSettings, snapshot::Limits};

/// What may stay in memory of a snapshot that waits for its proof; a longer one goes into a file.
const IN_MEMORY: usize = 64 << 20;

/// The target of verbs that talk to the server. What has to be told of the settings is told.
pub(super) fn target(context: &Context) -> Result<VaultRaft> {
    let config = config(context)?;
    for finding in &config.findings {
        context.events.emit(Event::Finding(finding.clone()));
    }
    let (token, login) = match &config.auth {
        Auth::Token(token) => {
            let token = token.as_ref().ok_or_else(no_token)?;
            (Some(token.clone()), LoginChoice::Token)
        }
        Auth::Kubernetes { mount, role, jwt_file } => {
            let login = LoginChoice::Kubernetes {
                mount: mount.clone(),
                role: role.clone(),
                jwt: claim(jwt_file)?,
            };
            (None, login)
        }
    };
    let mut target = of(context, config);
    target.settings.token = token;
    target.login = login;
    Ok(target)
}

/// Told before the server is asked: what it answers to nobody depends on its version.
fn no_token() -> Error {
    Error::new(ErrorKind::Config, "there is no token for Vault")
        .hint("set VAULT_TOKEN or VAULT_TOKEN_FILE, or log in with --auth kubernetes; `backup-vault policy` shows how to make one")
}

/// The target of verbs that work on what is stored: without a token, and nothing is asked of a server.
pub(super) fn stored(context: &Context) -> Result<VaultRaft> {
    Ok(of(context, config(context)?))
}

fn config(context: &Context) -> Result<VaultConfig> {
    VaultConfig::from_settings(&context.settings, &context.environment)
}

fn of(context: &Context, config: VaultConfig) -> VaultRaft {
    let defaults = VaultSettings::default();
    VaultRaft {
        settings: VaultSettings {
            addr: config.addr,
            token: None,
            cacert: config.cacert,
            client_cert: config.client_cert,
            client_key: config.client_key,
            tls_server_name: config.tls_server_name,
            skip_verify: config.skip_verify,
            connect_timeout: defaults.connect_timeout.min(context.config.deadline),
            idle_timeout: context.config.deadline,
        },
        login: LoginChoice::Token,
        spool: SpoolRoom {
            memory: usize::try_from(context.config.memory / 2)
                .unwrap_or(IN_MEMORY)
                .min(IN_MEMORY),
            folder: config.spool_dir,
        },
        deadline: context.config.deadline,
        limits: Limits::default(),
    }
}
