//! Waiting for a server: as long as it works, and no longer.
//!
//! No limit of time tells a statement that takes hours (an index, a view that is made anew) from a server that stands still: in both, nothing comes.
//! So whenever nothing came for [`ServerSettings::deadline`], a second session asks what the server does about it. The wait ends
//!
//! - if the server answers the second session neither (the machine or the network is gone): `SourceUnreachable`;
//! - if the awaited session is gone, or waits for its client, that is for us (somebody between swallows what is sent): `SourceUnreachable`;
//! - if its process is stopped, or waits for another process of the server that does not react: `SourceFailed`. Whether a process is stopped is shown by
//!   Linux, to superusers and members of `pg_read_server_files`;
//!
//! and if a second look, a moment later, finds it so without the least change. Otherwise the server is at work, or waits for a lock, a disk or a standby
//! as it says itself, and is waited for.

mod picture;
mod process;
mod verdict;

use crate::{ServerSettings, client_process::ClientProcess};
use backup_core::{Error, Result, patience::Patience};
use picture::look;
use std::{pin::pin, time::Duration};
use tokio::time::sleep;
use verdict::Look;

/// Two looks are so far apart at least, and at most: a process that works uses some of that time.
const BETWEEN_LOOKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// A session that something is awaited of.
#[derive(Debug, Clone)]
pub(crate) struct Awaited {
    settings: ServerSettings,
    /// The server for error messages.
    subject: String,
    session: Session,
    program: Option<Program>,
}

/// How the session is found among those of the server.
#[derive(Debug, Clone)]
enum Session {
    /// By the process that serves it.
    Process(i32),
    /// By its `application_name`, which no other has.
    Application(String),
}

/// A client program between the session and us.
#[derive(Debug, Clone)]
struct Program {
    name: String,
    id: u32,
}

impl Awaited {
    /// Our own session that the server's process `id` serves.
    pub(crate) fn own(settings: &ServerSettings, subject: &str, id: i32) -> Self {
        Self {
            settings: settings.clone(),
            subject: subject.to_owned(),
            session: Session::Process(id),
            program: None,
        }
    }

    /// The only session of `program`, which runs with `settings`: those of [`ServerSettings::singled_out`].
    pub(crate) fn of(program: &ClientProcess, settings: &ServerSettings) -> Self {
        Self {
            settings: settings.clone(),
            subject: settings.address(),
            session: Session::Application(settings.application_name.clone()),
            program: program.id().map(|id| Program {
                name: program.name().to_owned(),
                id,
            }),
        }
    }

    /// A limit for many waits, see [`Awaited::within`].
    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.settings.deadline)
    }

    /// What `work` gives, however long the server works on it. As cancel-safe as `work`.
    ///
    /// # Errors
    /// `SourceUnreachable` and `SourceFailed` if the server stands still, with what was seen; `Internal` if the client program does.
    pub(crate) async fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.within(&mut self.patience(), work).await
    }

    /// As [`Awaited::wait`], one of many.
    pub(crate) async fn within<T>(&self, patience: &mut Patience, work: impl Future<Output = T>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            if let Some(done) = patience.within(&mut work).await {
                return Ok(done);
            }
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                stands = Box::pin(self.stands_still()) => match stands {
                    Some(error) => return Err(error),
                    None => tracing::debug!("{}: nothing came for a while, and the server is at work", self.subject),
                },
            }
        }
    }

    async fn stands_still(&self) -> Option<Error> {
        let first = look(self).await;
        let second = match &first {
            // It had all the time that an answer may take.
            Look::Silent => Look::Silent,
            _ => {
                sleep((self.settings.deadline / 2).clamp(BETWEEN_LOOKS[0], BETWEEN_LOOKS[1])).await;
                look(self).await
            }
        };
        verdict::stands_still(self, first, second)
    }
}
