//! Watches a restore for locks that others hold.
//!
//! An archive of `pg_dump` begins with `SET lock_timeout = 0`, so no setting of the session makes `pg_restore` give up: it would wait without end, and
//! everyone else behind it.

use crate::{RawText, ServerSettings, Session, connection::get};
use backup_core::{Error, ErrorKind, Result};
use std::{future::pending, time::Duration};
use tokio::time::{Instant, sleep};

const EVERY: Duration = Duration::from_secs(1);
/// A session that was ended is looked for this often, for ten seconds.
const GONE_EVERY: Duration = Duration::from_millis(50);
const GONE_LOOKS: u32 = 200;

/// Whom the restore waits for, first of all. A prepared transaction has no session. What other roles do is shown to members of `pg_read_all_stats` only.
/// The name of the user is bytes, as `bytes_of` has it.
const BLOCKER: &str = "SELECT ours.query_start::text, coalesce(other.pid, 0), \
    pg_catalog.replace(other.usename::pg_catalog.text, E'\\\\', E'\\\\\\\\')::pg_catalog.bytea, other.application_name, other.state, \
    to_char(other.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
    FROM pg_catalog.pg_stat_activity AS ours \
    CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(ours.pid)) WITH ORDINALITY AS blocking(pid, place) \
    LEFT JOIN pg_catalog.pg_stat_activity AS other ON other.pid = blocking.pid \
    WHERE ours.application_name = $1 AND ours.usename = session_user AND ours.wait_event_type = 'Lock' ORDER BY blocking.place LIMIT 1";

const END_OURS: &str = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
    WHERE application_name = $1 AND usename = session_user";

/// A session beside the one of `pg_restore`.
pub(super) struct LockWatch {
    session: Session,
    application: String,
    patience: Duration,
}

struct Blocker {
    /// When our statement that waits began.
    statement: Option<String>,
    pid: i32,
    user: Option<String>,
    application: Option<String>,
    state: Option<String>,
    since: Option<String>,
}

impl LockWatch {
    /// Watches the session that will have `application` as its name, of [`ServerSettings::singled_out`].
    pub(super) async fn begin(settings: &ServerSettings, application: &str) -> Result<Self> {
        Ok(Self {
            session: Session::connect(settings, &settings.maintenance_database).await?,
            application: application.to_owned(),
            patience: settings.lock_timeout,
        })
    }

    /// Ends when one statement has waited for a lock for too long. Never without a limit, and never if the watch itself fails: the restore may succeed.
    pub(super) async fn too_long(&self) -> Error {
        let mut waiting: Option<(Option<String>, Instant)> = None;
        while !self.patience.is_zero() {
            sleep(EVERY.min(self.patience)).await;
            let blocker = match self.blocker().await {
                Ok(blocker) => blocker,
                Err(error) => {
                    tracing::warn!("locks are no longer watched: {}", error.chain());
                    break;
                }
            };
            waiting = match (blocker, waiting) {
                (None, _) => None,
                (Some(blocker), Some((statement, since))) if blocker.statement == statement => {
                    if since.elapsed() >= self.patience {
                        return blocker.into_error(self.patience);
                    }
                    Some((statement, since))
                }
                (Some(blocker), _) => Some((blocker.statement, Instant::now())),
            };
        }
        pending().await
    }

    async fn blocker(&self) -> Result<Option<Blocker>> {
        let rows = self.session.rows(BLOCKER, &[&self.application]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Blocker {
            statement: get(row, 0)?,
            pid: get(row, 1)?,
            user: get::<Option<Vec<u8>>>(row, 2)?.map(|user| RawText::from(user).to_string()),
            application: get(row, 3)?,
            state: get(row, 4)?,
            since: get(row, 5)?,
        }))
    }

    /// Ends the session of a `pg_restore` that is gone, and waits until the server has rolled it back: one that waits for a lock does not notice that
    /// nobody is there any more. Only ever our own.
    pub(super) async fn end_ours(&self) -> Result<()> {
        for _ in 0..GONE_LOOKS {
            if self.session.rows(END_OURS, &[&self.application]).await?.is_empty() {
                return Ok(());
            }
            sleep(GONE_EVERY).await;
        }
        Err(Error::new(
            ErrorKind::SourceFailed,
            format!("the server has not ended the session '{}' yet", self.application),
        ))
    }
}

impl Blocker {
    fn into_error(self, patience: Duration) -> Error {
        let hint = if self.pid == 0 {
            "nothing was changed; commit or roll back the prepared transaction (pg_prepared_xacts), or use --swap"
                .to_owned()
        } else {
            format!(
                "nothing was changed; stop what works on the database, or end that session with SELECT pg_terminate_backend({}), and try again; or use --swap",
                self.pid
            )
        };
        Error::new(
            ErrorKind::SourceFailed,
            format!(
                "the restore waited {} seconds for a lock that {} holds",
                patience.as_secs(),
                self.described()
            ),
        )
        .hint(hint)
        .hint("--lock-wait sets how long to wait")
    }

    fn described(&self) -> String {
        if self.pid == 0 {
            return "a prepared transaction".to_owned();
        }
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "not shown to this role".to_owned());
        format!(
            "session {} (user {}, application '{}', {}, last query begun {})",
            self.pid,
            shown(&self.user),
            shown(&self.application),
            shown(&self.state),
            shown(&self.since)
        )
    }
}
