//! The drops of a restore in place, from the dump and the live catalog: those that cannot work are made to work or left out, and a restore that would
//! take away what was made after the backup is refused.

mod dependents;
mod findings;
mod kept;
mod live;
mod unhook;

use crate::{
    Session,
    archive::{Contents, Edits},
};
use backup_core::{Result, event::Finding};
use dependents::Dependents;
use live::Live;

/// What has to be known of the live database before `pg_restore --clean` can drop what the dump replaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drops {
    /// What makes the archive one that can be restored onto this database.
    pub(crate) edits: Edits,
    /// What somebody should know before.
    pub(crate) findings: Vec<Finding>,
}

impl Drops {
    /// Looks at the session's database. Of a dump that holds more than can be compared, nothing is known, and nothing is refused.
    ///
    /// # Errors
    /// `Refused` with what stands in the way; `SourceFailed`.
    pub(crate) async fn plan(session: &Session, database: &str, contents: &Contents) -> Result<Self> {
        let Some(objects) = &contents.objects else {
            return Ok(Self::default());
        };
        let mut live = Live::read(session, contents, objects).await?;
        let mut kept = kept::foreign(session, &mut live).await?;
        let filled = kept::filled(session, &kept, contents).await?;
        let dependents = Dependents::read(session, &live).await?;
        findings::demand(database, &dependents, &filled)?;
        kept.extend(kept::schemas(session, &mut live, &dependents.schemas).await?);
        let mut found = findings::along(database, &dependents);
        found.extend(findings::kept(session, database, &kept).await);
        found.extend(findings::slots(session, database, &live).await?);
        let edits = Edits {
            first: unhook::unhook(session, &live).await?,
            kept: kept::entries(session, contents, &kept).await?,
            undone: true,
        };
        Ok(Self { edits, findings: found })
    }
}
