//! `policy`: what has to be set up in Vault, ready to be pasted.

use crate::{context::Context, output::Report};
use backup_core::Result;
use backup_vault::client::{RESTORE_POLICY, SNAPSHOT_POLICY};
use serde::Serialize;

const TOKEN: &str =
    "vault token create -orphan -period=768h -policy=vault-snapshot -display-name=backup-vault -field=token";
const ROLE: &str = "vault write auth/kubernetes/role/vault-snapshot bound_service_account_names=backup-vault \
                    bound_service_account_namespaces=platform-infra token_policies=vault-snapshot token_type=batch token_ttl=15m";
const RESTORE_TOKEN: &str = "vault token create -policy=vault-restore -ttl=1h -field=token";

/// Prints policies and the commands that make tokens with them. Asks no server.
pub(super) fn policy(context: &Context) -> Result<()> {
    context.output.report(&Shown {
        snapshot_policy: SNAPSHOT_POLICY,
        snapshot_token: TOKEN,
        kubernetes_role: ROLE,
        restore_policy: RESTORE_POLICY,
        restore_token: RESTORE_TOKEN,
    })
}

#[derive(Serialize)]
struct Shown {
    snapshot_policy: &'static str,
    snapshot_token: &'static str,
    kubernetes_role: &'static str,
    restore_policy: &'static str,
    restore_token: &'static str,
}

impl Report for Shown {
    fn text(&self) -> String {
        let Self {
            snapshot_policy,
            snapshot_token,
            kubernetes_role,
            restore_policy,
            restore_token,
        } = self;
        format!(
            "# The policy of backups: the right to read a snapshot, and nothing else.
vault policy write vault-snapshot - <<EOF
{snapshot_policy}
EOF

# Its token. It is periodic: each run renews it, and it lives as long as there is a run within 32 days. It is an orphan:
# it does not die with the token that made it. (The documented `ttl=0` gives neither.) Put it into VAULT_TOKEN, or a file.
{snapshot_token}

# Or no token at all: the pod logs in with its service account (--auth kubernetes --role vault-snapshot).
# A batch token leaves no trace in the storage, and so in no snapshot.
{kubernetes_role}

# The policy of restores. Not for the token of the backups: whoever has it can replace everything in this Vault.
vault policy write vault-restore - <<EOF
{restore_policy}
EOF
{restore_token}
"
        )
    }
}
