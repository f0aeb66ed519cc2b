//! Puts the layers together.

use super::{
    Environment, file,
    read::{given_by_file, missing},
    setting::{Kind, Program, Setting},
    settings::{Resolved, Settings},
    table::{DEFAULT_FILE, SETTINGS, find},
    value::{self, Value},
};
use crate::repeatable::{is_path, looks_secret};
use backup_core::{Error, ErrorKind, Result};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Where a value came from. Later ones outrank earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A file that a setting named, for this setting's value alone.
    ValueFile(String, PathBuf),
    /// A variable.
    Environment(&'static str),
    /// An option of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::ValueFile(named_by, path) => write!(f, "{named_by} {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// What one layer says of one setting, not parsed yet.
#[derive(Clone)]
pub struct Given {
    /// One text, or the items of a list.
    pub text: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// The text may be a secret.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

/// What one layer says, by the full name of the setting.
pub type Layer = BTreeMap<&'static str, Given>;

/// Everything that configuration is read from; a test makes its own.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Options of the command line.
    pub flags: Layer,
    /// Variables.
    pub environment: Environment,
    /// The configuration file to read if none is named and it exists.
    pub default_file: PathBuf,
}

impl Sources {
    /// Those of this process, with `flags` from its command line.
    #[must_use]
    pub fn of_process(flags: Layer) -> Self {
        Self {
            flags,
            environment: Environment::of_process(),
            default_file: DEFAULT_FILE.into(),
        }
    }
}

/// Puts the layers together for `program`. Every value is checked, used or not.
///
/// # Errors
/// [`ErrorKind::Usage`] for a wrong flag, [`ErrorKind::Config`] for anything wrong elsewhere.
pub fn resolve(program: Program, sources: &Sources) -> Result<Settings> {
    let mut environment = environment_layer(&program, &sources.environment)?;
    let named = sources.flags.get("config").or_else(|| environment.get("config"));
    let file = read_file(&program, named, &sources.default_file)?;
    let mut flags = sources.flags.clone();
    let mut layers = [file, std::mem::take(&mut environment), std::mem::take(&mut flags)];
    let resolved: Result<_> = SETTINGS
        .iter()
        .filter(|setting| program.uses(setting))
        .map(|setting| one(&program, setting, &mut layers))
        .collect();
    Ok(Settings::new(program, resolved?))
}

fn one(program: &Program, setting: &'static Setting, layers: &mut [Layer; 3]) -> Result<Resolved> {
    let (mut rank, mut winner) = (0, program.default_of(setting).map(|text| built_in(setting, text)));
    for (layer, own_rank) in layers.iter_mut().zip(1..) {
        if let Some(given) = layer.remove(setting.name) {
            // A value that is outranked must be right as well: the flag that hides it may be gone tomorrow.
            checked(setting, &given)?;
            (rank, winner) = (own_rank, Some(given));
        }
    }
    let value = winner.as_ref().map(|given| checked(setting, given)).transpose()?;
    let origin = winner.map_or(Origin::Default, |given| given.origin);
    Ok(Resolved {
        setting,
        value,
        origin,
        rank,
    })
}

fn built_in(setting: &Setting, text: &str) -> Given {
    let text = match setting.kind {
        Kind::List => text.split_whitespace().map(str::to_owned).collect(),
        _ => vec![text.to_owned()],
    };
    Given {
        text,
        origin: Origin::Default,
    }
}

fn checked(setting: &Setting, given: &Given) -> Result<Value> {
    demand_no_secret(setting, given)?;
    value::parse(setting.kind, &given.text).map_err(|why| {
        let error = wrong(setting, given).because(why);
        match (&given.origin, given.text.is_empty()) {
            (Origin::Environment(name), true) => {
                error.hint(format!("unset {name} to get the default, or name something"))
            }
            _ => error,
        }
    })
}

/// Messages repeat what a setting holds, so a secret in the wrong place ends here.
fn demand_no_secret(setting: &Setting, given: &Given) -> Result<()> {
    let [texts, path] = [
        !setting.is_secret() && given.text.iter().any(|text| looks_secret(text)),
        matches!(setting.kind, Kind::Path | Kind::Folder)
            && given
                .text
                .iter()
                .any(|text| !text.is_empty() && !is_path(Path::new(text))),
    ];
    if texts {
        return Err(wrong(setting, given)
            .because("it holds what looks like a secret, and is not repeated here".to_owned())
            .hint(
                "passwords, tokens and keys have settings and files of their own; treat this one as known to others",
            ));
    }
    if path {
        return Err(wrong(setting, given)
            .because("it names nothing that is there, and is not repeated here because it may be a secret".to_owned())
            .hint("it takes the path of a file or folder, as /secrets/backup.key, not its content"));
    }
    Ok(())
}

fn wrong(setting: &Setting, given: &Given) -> Error {
    let (kind, place) = match &given.origin {
        Origin::Flag(name) => (ErrorKind::Usage, format!("option --{name}")),
        Origin::Environment(name) => (ErrorKind::Config, format!("variable {name}")),
        origin => (ErrorKind::Config, format!("setting '{}' ({origin})", setting.name)),
    };
    Error::new(kind, place)
}

fn environment_layer(program: &Program, environment: &Environment) -> Result<Layer> {
    let mut layer = Layer::new();
    for setting in SETTINGS.iter().filter(|setting| program.uses(setting)) {
        for name in setting.env.iter().copied() {
            if let Some(given) = from_variable(setting, name, environment)? {
                layer.insert(setting.name, given);
                break;
            }
        }
    }
    Ok(layer)
}

fn from_variable(setting: &Setting, name: &'static str, environment: &Environment) -> Result<Option<Given>> {
    let origin = Origin::Environment(name);
    let name_of_file = format!("{name}_FILE");
    let file = if setting.from_file {
        environment.get(&name_of_file)?
    } else {
        None
    };
    match (environment.get(name)?, file) {
        (Some(_), Some(_)) => Err(
            Error::new(ErrorKind::Config, format!("{name} and {name_of_file} are both set"))
                .hint("unset one of them; nobody can say which one is meant"),
        ),
        (None, Some(path)) => given_by_file(setting, Path::new(path), &name_of_file).map(Some),
        (Some(text), None) => Ok(Some(Given {
            text: split(setting, text),
            origin,
        })),
        // "No databases" is never what was meant, so an empty list is not taken for "not set".
        (None, None) if setting.kind == Kind::List && environment.is_empty_text(name) && !setting.from_file => {
            Ok(Some(Given {
                text: Vec::new(),
                origin,
            }))
        }
        (None, None) => Ok(None),
    }
}

pub(super) fn split(setting: &Setting, text: &str) -> Vec<String> {
    if setting.kind != Kind::List {
        return vec![text.to_owned()];
    }
    let separator = |character: char| character.is_whitespace() || character == ',';
    text.split(separator)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn read_file(program: &Program, named: Option<&Given>, default_file: &Path) -> Result<Layer> {
    if let (Some(setting), Some(given)) = (find("config"), named) {
        demand_no_secret(setting, given)?;
    }
    let Some(path) = named.and_then(|given| given.text.first()) else {
        return Ok(file::read(default_file, program)?.unwrap_or_default());
    };
    let path = Path::new(path);
    file::read(path, program)?.ok_or_else(|| missing(path, "configuration file"))
}
