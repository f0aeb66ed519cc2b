//! `repository restore`: bring back what identifies a repository.

use crate::{context::Context, output::Report, repository};
use backup_core::{
    Result,
    catalog::{
        Holder,
        repository::{Restored, restore as core_restore},
    },
    id::RepositoryId,
};
use serde::Serialize;

/// Makes `repository.json` anew unless it is good.
pub(super) async fn restore(context: &Context, id: Option<RepositoryId>) -> Result<()> {
    let cx = repository::for_reading(context, "backup-admin")?.probed().await?;
    let restored = core_restore(&cx, &Holder::of_this_process(), id).await?;
    context.output.report(&Shown::of(restored))
}

#[derive(Serialize)]
struct Shown {
    repository: String,
    written: bool,
}

impl Shown {
    fn of(restored: Restored) -> Self {
        let (Restored::WasGood(id) | Restored::Written(id)) = restored;
        Self {
            repository: id.to_string(),
            written: matches!(restored, Restored::Written(_)),
        }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        match self.written {
            true => format!("repository.json names repository {} again\n", self.repository),
            false => format!("repository.json is good: repository {}\n", self.repository),
        }
    }
}
