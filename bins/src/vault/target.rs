//! The server, by the settings.

use super::PROGRAM;
use crate::{
    config::vault::{Auth, VaultConfig, claim},
    context::Context,
    repository,
};
use backup_core::{
    Error, ErrorKind, Result,
    event::Event,
    pipeline::{Shape, SpoolRoom},
};
use backup_vault::{LoginChoice, VaultRaft, client::VaultSettings, snapshot::Limits};

/// The most of a snapshot that may wait in memory; the rest of a longer one goes into a file.
const IN_MEMORY: usize = 64 << 20;
/// How often a snapshot is tried, each time until nothing came for `--deadline`.
const TRIES: u32 = 3;

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

/// The target of a restore. Where no token is given, the server may have none yet: what is wrong with it is said first.
pub(super) async fn target_of_restore(context: &Context) -> Result<VaultRaft> {
    if matches!(config(context)?.auth, Auth::Token(None)) {
        let cx = repository::without_store(context, PROGRAM)?;
        stored(context)?.cluster_id(&cx).await?;
    }
    target(context)
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
            memory: in_memory(context.config.memory, context.config.compression_level),
            folder: config.spool_dir,
        },
        // As long as all of them take where nothing answers.
        deadline: context.config.deadline.saturating_mul(TRIES),
        limits: Limits::default(),
    }
}

/// What of `budget` bytes a snapshot may take that waits: half of it, as long as the way into the store keeps what it needs.
fn in_memory(budget: u64, level: i32) -> usize {
    let budget = usize::try_from(budget).unwrap_or(usize::MAX);
    (budget / 2)
        .min(budget.saturating_sub(Shape::min_budget(level)))
        .min(IN_MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_snapshot_and_its_way_into_the_store_share_one_budget() {
        for level in [1, 3, 19] {
            let least = Shape::min_budget(level);
            for budget in [least, least + 1, 2 * least, 128 << 20, 1 << 30] {
                let held = in_memory(budget as u64, level);
                let shape = Shape::within(budget - held, 1, 4, level);
                assert!(
                    held + shape.bound(level) <= budget,
                    "{held} of {budget} at level {level}"
                );
            }
            assert_eq!((in_memory(1 << 20, level), in_memory(1 << 40, level)), (0, IN_MEMORY));
        }
    }
}
