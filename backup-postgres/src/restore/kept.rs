//! What goes on in a database that an exchange kept.
//!
//! A subscription, the jobs of an extension and settings belong to a database and not to its name: they stay with the old one.

use crate::{
    RawText, ServerSettings, Session,
    connection::get,
    raw_statement::execute_raw,
    raw_text::{bytes_of, get_raw},
};
use backup_core::{
    Error, Result,
    event::{Finding, Severity},
};

/// The two databases of an exchange, under the names that they have now.
pub(super) struct Exchanged<'a> {
    pub(super) settings: &'a ServerSettings,
    /// The restored one.
    pub(super) restored: &'a str,
    /// The old one.
    pub(super) kept: &'a str,
}

struct Subscription {
    name: RawText,
    /// As SQL has it.
    quoted: RawText,
    enabled: bool,
}

/// Extensions whose workers look for work in every database that has them.
const AT_WORK: &str = "SELECT extname::pg_catalog.text FROM pg_catalog.pg_extension WHERE extname IN ('timescaledb', 'pgagent') ORDER BY 1";

impl Exchanged<'_> {
    /// Stops what would go on twice, and names what somebody has to look at. Never fails: the exchange is done.
    pub(super) async fn look(&self, admin: Result<Session>) -> Vec<Finding> {
        let admin = match admin {
            Ok(admin) => admin,
            Err(error) => return vec![self.unseen("subscriptions and jobs", &error)],
        };
        let mut findings = Vec::new();
        for (what, looked) in [
            ("subscriptions", self.subscriptions(&admin).await),
            ("jobs and event triggers", self.within().await),
            ("jobs of pg_cron", self.scheduled(&admin).await),
            ("settings", self.settings_of_old(&admin).await),
        ] {
            match looked {
                Ok(found) => findings.extend(found),
                Err(error) => findings.push(self.unseen(what, &error)),
            }
        }
        findings
    }

    fn finding(&self, severity: Severity, message: String, hint: Option<String>) -> Finding {
        Finding {
            severity,
            subject: self.restored.to_owned(),
            message,
            hint,
        }
    }

    fn unseen(&self, what: &str, error: &Error) -> Finding {
        let message = format!(
            "{what} of the old database {} could not be looked at: {}",
            self.kept,
            error.chain()
        );
        self.finding(Severity::Warning, message, error.hints().first().cloned())
    }

    /// The restored ones are disabled: `pg_dump` writes them so.
    async fn subscriptions(&self, admin: &Session) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for subscription in subscriptions(admin, self.kept)
            .await?
            .iter()
            .filter(|found| found.enabled)
        {
            findings.push(match self.disable(subscription).await {
                Ok(()) => self.disabled(subscription),
                Err(error) => self.goes_on(subscription, &error),
            });
        }
        Ok(findings)
    }

    async fn disable(&self, subscription: &Subscription) -> Result<()> {
        let session = Session::connect(self.settings, self.kept).await?;
        let statement = [b"ALTER SUBSCRIPTION ", subscription.quoted.as_bytes(), b" DISABLE"].concat();
        let statement = RawText::from(statement);
        match statement.as_str() {
            Some(text) if text.is_ascii() || session.takes_bytes().await? => session.execute(text).await,
            _ => execute_raw(&session, &statement).await,
        }
    }

    fn disabled(&self, subscription: &Subscription) -> Finding {
        let (name, quoted, kept) = (&subscription.name, &subscription.quoted, self.kept);
        let message = format!(
            "subscription {name} was at work in the old database and is disabled there, as it is in the restored one: what its publisher changes reaches neither"
        );
        let hint = format!(
            "to go on with its slot: in {kept} ALTER SUBSCRIPTION {quoted} SET (slot_name = NONE); in {restored} empty the tables that it fills, \
            then ALTER SUBSCRIPTION {quoted} ENABLE and ALTER SUBSCRIPTION {quoted} REFRESH PUBLICATION. Until then the publisher keeps its log for the slot",
            restored = self.restored
        );
        self.finding(Severity::Warning, message, Some(hint))
    }

    fn goes_on(&self, subscription: &Subscription, error: &Error) -> Finding {
        let message = format!(
            "subscription {} goes on in the old database, and the restored one gets nothing: it could not be disabled: {}",
            subscription.name,
            error.chain()
        );
        let hint = format!(
            "in {}, as its owner: ALTER SUBSCRIPTION {} DISABLE",
            self.kept, subscription.quoted
        );
        self.finding(Severity::Error, message, Some(hint))
    }

    async fn within(&self) -> Result<Vec<Finding>> {
        let session = Session::connect(self.settings, self.kept).await?;
        let mut findings = Vec::new();
        for row in session.rows(AT_WORK, &[]).await? {
            let extension: String = get(&row, 0)?;
            let message = format!("{extension} runs its jobs in the old database {} as well", self.kept);
            let hint = "stop them there, if they should not run twice".to_owned();
            findings.push(self.finding(Severity::Warning, message, Some(hint)));
        }
        let sql = format!(
            "SELECT {} FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' ORDER BY evtname",
            bytes_of("evtname")
        );
        let rows = session.rows(&sql, &[]).await?;
        let names: Vec<String> = rows
            .iter()
            .map(|row| Ok(get_raw(row, 0)?.to_string()))
            .collect::<Result<_>>()?;
        if !names.is_empty() {
            let message = format!(
                "event triggers stay enabled in the old database {}: {}",
                self.kept,
                names.join(", ")
            );
            let hint = "ALTER EVENT TRIGGER … DISABLE there, if they reach beyond their database".to_owned();
            findings.push(self.finding(Severity::Note, message, Some(hint)));
        }
        Ok(findings)
    }

    /// `pg_cron` has its jobs in one database of the server, and each names the database that it runs in.
    async fn scheduled(&self, admin: &Session) -> Result<Vec<Finding>> {
        let sql = "SELECT pg_catalog.current_setting('cron.database_name', true)";
        let Some(home) = get::<Option<String>>(&admin.one(sql, &[]).await?, 0)? else {
            return Ok(Vec::new());
        };
        if home == self.restored {
            let message =
                "the jobs of pg_cron are those of the backup: what was scheduled since is in the old database only";
            let hint = format!("compare cron.job in {} and {}", self.restored, self.kept);
            return Ok(vec![self.finding(Severity::Warning, message.into(), Some(hint))]);
        }
        let jobs = jobs_in(&Session::connect(self.settings, &home).await?, self.restored).await?;
        Ok((jobs > 0)
            .then(|| {
                let message = format!(
                    "{jobs} jobs of pg_cron run in {0}, and go on in the restored one",
                    self.restored
                );
                self.finding(Severity::Note, message, Some(format!("cron.job in {home} has them")))
            })
            .into_iter()
            .collect())
    }

    /// Settings belong to the database: the restored one has those of the dump.
    async fn settings_of_old(&self, admin: &Session) -> Result<Vec<Finding>> {
        let of = |parameter| {
            format!(
                "SELECT coalesce(r.rolname, '') AS role, c.setting FROM pg_catalog.pg_db_role_setting s \
                JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
                CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting) WHERE {} = {parameter}",
                bytes_of("d.datname")
            )
        };
        let (old, new) = (of("$1"), of("$2"));
        let sql = format!(
            "SELECT DISTINCT pg_catalog.split_part(setting, '=', 1) FROM (({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old})) AS differ ORDER BY 1"
        );
        let rows = admin
            .rows(&sql, &[&self.kept.as_bytes(), &self.restored.as_bytes()])
            .await?;
        let names: Vec<String> = rows.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
        Ok((!names.is_empty())
            .then(|| {
                let message = format!(
                    "settings of the database are those of the backup; the old one has others for {}",
                    names.join(", ")
                );
                self.finding(
                    Severity::Note,
                    message,
                    Some(format!("\\\\drds {} in psql shows them", self.kept)),
                )
            })
            .into_iter()
            .collect())
    }
}

/// Subscriptions of `database`, from any session of the server.
async fn subscriptions(session: &Session, database: &str) -> Result<Vec<Subscription>> {
    let sql = format!(
        "SELECT {}, {}, subenabled FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid \
        WHERE {} = $1 ORDER BY subname",
        bytes_of("subname"),
        bytes_of("pg_catalog.quote_ident(subname)"),
        bytes_of("d.datname")
    );
    let rows = session.rows(&sql, &[&database.as_bytes()]).await?;
    let subscription = |row| {
        Ok(Subscription {
            name: get_raw(row, 0)?,
            quoted: get_raw(row, 1)?,
            enabled: get(row, 2)?,
        })
    };
    rows.iter().map(subscription).collect()
}

/// The table of the extension and no other of its name: nothing of a database's owner is read.
async fn jobs_in(session: &Session, database: &str) -> Result<u64> {
    let its = "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e' \
        JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
        WHERE n.nspname = 'cron' AND c.relname = 'job' AND c.relkind = 'r' AND e.extname = 'pg_cron'";
    if session.rows(its, &[]).await?.is_empty() {
        return Ok(0);
    }
    let sql = "SELECT pg_catalog.count(*) FROM cron.job WHERE database = $1 AND active";
    Ok(get::<i64>(&session.one(sql, &[&database]).await?, 0)?.unsigned_abs())
}
