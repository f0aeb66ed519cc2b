//! Variables that are refused: another client of the same server would follow them, and do something else than we do.

use super::Environment;
use backup_core::{Error, ErrorKind, Result};

/// A variable that another client of the same server follows, and that this program does not.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Its name.
    pub name: &'static str,
    /// Values that ask for nothing but what is done anyway.
    pub harmless: &'static [&'static str],
    /// What to use instead.
    pub instead: &'static str,
}

const fn refused(name: &'static str, harmless: &'static [&'static str], instead: &'static str) -> Refused {
    Refused {
        name,
        harmless,
        instead,
    }
}

/// Fails if one of `list` is set to anything that matters.
///
/// # Errors
/// [`ErrorKind::Config`], with what to use instead.
pub(super) fn refuse(list: &[Refused], environment: &Environment) -> Result<()> {
    for refused in list {
        if let Some(value) = environment.get(refused.name)?
            && !refused.harmless.contains(&value)
        {
            let message = format!("variable {} asks for what is not supported", refused.name);
            return Err(Error::new(ErrorKind::Config, message).hint(refused.instead));
        }
    }
    Ok(())
}

const GSS: &str = "unset it and use TLS with a password or a client certificate: GSSAPI is not supported";
const CRL: &str = "use a root certificate that vouches for the server alone";
const PROTOCOL: &str = "unset it: the versions of the protocol and of TLS are negotiated, TLS 1.2 or newer";
const SERVER: &str = "give host, port and user themselves";

/// Variables of libpq that would send `pg_dump` elsewhere than this program, or ask for a protection that it does not give. Those that only change how a
/// session looks (`PGAPPNAME`, `PGTZ`, `PGDATESTYLE`, `PGCLIENTENCODING`, `PGGEQO`, `PGLOCALEDIR`) mean nothing to a backup, nor does
/// `PGDATABASE`: as in the script, every call names its database.
pub const REFUSED_LIBPQ: &[Refused] = &[
    refused("PGSERVICE", &[], SERVER),
    refused("PGSERVICEFILE", &[], SERVER),
    refused("PGSYSCONFDIR", &[], SERVER),
    refused("PGHOSTADDR", &[], "give the address as PGHOST"),
    refused("PGPASSFILE", &[], "give the password in a file: POSTGRES_PASSWORD_FILE"),
    refused("PGOPTIONS", &[], "set server parameters with ALTER ROLE … SET"),
    refused("PGTARGETSESSIONATTRS", &["any"], "name the server to back up as PGHOST"),
    refused(
        "PGLOADBALANCEHOSTS",
        &["disable"],
        "name the server to back up as PGHOST",
    ),
    refused("PGREQUIREPEER", &[], "use PGSSLMODE=verify-full"),
    refused("PGREQUIREAUTH", &[], "use PGSSLMODE=verify-full"),
    refused("PGCHANNELBINDING", &["prefer", "disable"], "use PGSSLMODE=verify-full"),
    refused("PGREQUIRESSL", &["0"], "use PGSSLMODE=require"),
    refused(
        "PGSSLNEGOTIATION",
        &["postgres"],
        "unset it: TLS is asked for as every server understands it",
    ),
    refused("PGSSLCOMPRESSION", &["0"], "unset it: TLS is never compressed"),
    refused("PGSSLSNI", &["1"], "unset it: the name of the host is always sent"),
    refused(
        "PGSSLCERTMODE",
        &["allow"],
        "unset it: a certificate is shown if PGSSLCERT names one",
    ),
    refused("PGSSLCRL", &[], CRL),
    refused("PGSSLCRLDIR", &[], CRL),
    refused("PGSSLMINPROTOCOLVERSION", &["TLSv1", "TLSv1.1", "TLSv1.2"], PROTOCOL),
    refused("PGSSLMAXPROTOCOLVERSION", &[], PROTOCOL),
    refused("PGMINPROTOCOLVERSION", &["3.0"], PROTOCOL),
    refused("PGMAXPROTOCOLVERSION", &[], PROTOCOL),
    refused("PGGSSENCMODE", &["disable", "prefer"], GSS),
    refused("PGGSSDELEGATION", &["0"], GSS),
    refused("PGGSSLIB", &[], GSS),
    refused("PGKRBSRVNAME", &[], GSS),
];

const FALSE: &[&str] = &["0", "f", "F", "false", "FALSE", "False"];
const DIRECT: &str = "name the server itself in VAULT_ADDR: this program talks to no proxy and no agent";

/// Variables of the `vault` command that would lead it elsewhere, or make it trust others, than this program. Those that only change how it looks
/// (`VAULT_FORMAT`, `VAULT_CLI_NO_COLOR`, `VAULT_DETAILED`, `VAULT_LOG_LEVEL`) mean nothing to a backup, nor do those that pace it
/// (`VAULT_CLIENT_TIMEOUT`, `VAULT_MAX_RETRIES`, `VAULT_RATE_LIMIT`): a run ends by silence, not by time, and sends a dozen requests. A job that has
/// them for the script must go on working. `VAULT_NAMESPACE` is told about.
pub const REFUSED_VAULT: &[Refused] = &[
    refused(
        "VAULT_CAPATH",
        &[],
        "put the certificates into one file and name that: VAULT_CACERT",
    ),
    refused(
        "VAULT_CACERT_BYTES",
        &[],
        "put the certificates into a file and name that: VAULT_CACERT",
    ),
    refused("VAULT_AGENT_ADDR", &[], DIRECT),
    refused("VAULT_PROXY_ADDR", &[], DIRECT),
    refused("VAULT_HTTP_PROXY", &[], DIRECT),
    refused("VAULT_SRV_LOOKUP", FALSE, "name host and port in VAULT_ADDR"),
    refused("VAULT_WRAP_TTL", &[], "unset it: a snapshot is never wrapped"),
    refused("VAULT_MFA", &[], "use a token or a role that needs no second factor"),
    refused("VAULT_HEADERS", &[], "unset it: no other headers are sent"),
    refused(
        "VAULT_DISABLE_REDIRECTS",
        FALSE,
        "name the active server in VAULT_ADDR: a standby's redirect to it is followed once",
    ),
];
