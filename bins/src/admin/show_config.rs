//! `backup-admin show-config`.

use crate::{
    args::flags::{Everywhere, Flags},
    config::{
        Config, PostgresConfig, Settings, Sources, VaultConfig, resolve,
        setting::Program,
        show,
        table::{COMPONENTS, POSTGRES, VAULT},
    },
    context::Context,
    output::Report,
};
use backup_core::Result;
use serde_json::{Map, Value};

/// The settings of `program`, or of all that have a section, as they would run with this environment, file and these options.
pub(super) fn run(program: Option<Program>, flags: &Flags<Everywhere>, context: &Context) -> Result<()> {
    let programs = program.map_or_else(|| COMPONENTS.to_vec(), |program| vec![program]);
    let sources = Sources {
        environment: context.environment.as_ref().clone(),
        ..Sources::of_process(flags.given().clone())
    };
    let shown: Result<Vec<_>> = programs.into_iter().map(|program| checked(program, &sources)).collect();
    context.output.report(&Shown(shown?))
}

/// What is shown must also work: contradictions are told here, not by the next backup.
fn checked(program: Program, sources: &Sources) -> Result<Settings> {
    let settings = resolve(program, sources)?;
    Config::from_settings(&settings)?;
    if program.name == POSTGRES.name {
        PostgresConfig::from_settings(&settings, &sources.environment)?;
    } else if program.name == VAULT.name {
        VaultConfig::from_settings(&settings, &sources.environment)?;
    }
    Ok(settings)
}

struct Shown(Vec<Settings>);

impl Report for Shown {
    fn text(&self) -> String {
        let sections = self
            .0
            .iter()
            .map(|settings| format!("{}\n{}", settings.program().name, show::text(settings)));
        sections.collect::<Vec<_>>().join("\n")
    }
}

impl serde::Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |settings: &Settings| (settings.program().name.to_owned(), show::json(settings));
        Value::Object(self.0.iter().map(entry).collect::<Map<_, _>>()).serialize(serializer)
    }
}
