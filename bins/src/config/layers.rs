//! Puts the layers together.

use super::{
    Environment, file,
    setting::{Kind, Program, Setting},
    table::{DEFAULT_FILE, SETTINGS, find},
    value::{self, Value},
};
use backup_core::{Error, ErrorKind, Result};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{ErrorKind as Io, Read},
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

/// A setting with its value.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What it is.
    pub setting: &'static Setting,
    /// Its value, if it has one.
    pub value: Option<Value>,
    /// Where the value came from; the default if there is none.
    pub origin: Origin,
    rank: u8,
}

/// All settings of one program.
#[derive(Debug, Clone)]
pub struct Settings {
    program: Program,
    resolved: Vec<Resolved>,
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
    let mut settings = Settings {
        program,
        resolved: resolved?,
    };
    settings.default_keep_rule_yields();
    Ok(settings)
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
    value::parse(setting.kind, &given.text).map_err(|why| {
        let (kind, place) = match &given.origin {
            Origin::Flag(name) => (ErrorKind::Usage, format!("option --{name}")),
            Origin::Environment(name) => (ErrorKind::Config, format!("variable {name}")),
            origin => (ErrorKind::Config, format!("setting '{}' ({origin})", setting.name)),
        };
        Error::new(kind, place).because(why)
    })
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

fn split(setting: &Setting, text: &str) -> Vec<String> {
    if setting.kind != Kind::List {
        return vec![text.to_owned()];
    }
    let separator = |character: char| character.is_whitespace() || character == ',';
    text.split(separator)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The value of `setting` out of a file of its own; the line end at its end does not belong to it.
pub(super) fn given_by_file(setting: &Setting, path: &Path, named_by: &str) -> Result<Given> {
    let text = read_bounded(path, named_by)?.ok_or_else(|| missing(path, named_by))?;
    let trimmed = text.strip_suffix('\n').unwrap_or(&text);
    let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
    Ok(Given {
        text: split(setting, trimmed),
        origin: Origin::ValueFile(named_by.to_owned(), path.to_owned()),
    })
}

fn read_file(program: &Program, named: Option<&Given>, default_file: &Path) -> Result<Layer> {
    let Some(path) = named.and_then(|given| given.text.first()) else {
        return Ok(file::read(default_file, program)?.unwrap_or_default());
    };
    let path = Path::new(path);
    file::read(path, program)?.ok_or_else(|| missing(path, "configuration file"))
}

fn missing(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{what} {} does not exist", path.display()))
}

/// More than any configuration or secret needs.
const LONGEST_FILE: u64 = 1 << 20;

/// The text of a small file; `None` if there is none.
pub(super) fn read_bounded(path: &Path, what: &str) -> Result<Option<zeroize::Zeroizing<String>>> {
    let failed = |error: std::io::Error| {
        let denied = error.kind() == Io::PermissionDenied;
        let failed = Error::new(ErrorKind::Config, format!("read {what} {}", path.display())).because(error);
        if denied {
            failed.hint("let the user that runs this program read the file and enter its folders")
        } else {
            failed
        }
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == Io::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(LONGEST_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST_FILE {
        let message = format!("{what} {} is longer than 1 MiB", path.display());
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(Some(text))
}

impl Settings {
    /// Whose settings these are.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// All of them, in the order of the table.
    #[must_use]
    pub fn all(&self) -> &[Resolved] {
        &self.resolved
    }

    /// The value of the setting `name`, as `T`; `None` if nothing gives one.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if this program has no such setting, or one of another type.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<Option<T>> {
        let defect = || {
            Error::new(
                ErrorKind::Internal,
                format!("no setting '{name}' of this type in {}", self.program.name),
            )
        };
        let value = &self.find(name).ok_or_else(defect)?.value;
        value
            .as_ref()
            .map(|value| T::from_value(value).ok_or_else(defect))
            .transpose()
    }

    /// Like [`Self::get`], for a setting that must have a value.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if nothing gives one; the hint says how to.
    pub fn need<T: FromValue>(&self, name: &str) -> Result<T> {
        self.get(name)?.ok_or_else(|| {
            let missing = Error::new(ErrorKind::Config, format!("the setting '{name}' has no value"));
            match find(name) {
                Some(setting) => missing.hint(how_to_give(setting)),
                None => missing,
            }
        })
    }

    /// Which of two switches that exclude each other holds: the one from the higher layer; none if neither is on.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] or [`ErrorKind::Config`] if both stand in the same layer.
    pub(super) fn stronger<'a>(&self, one: &'a str, other: &'a str) -> Result<Option<&'a str>> {
        let (rank_of_one, rank_of_other) = (self.rank_if_on(one), self.rank_if_on(other));
        if rank_of_one.is_some() && rank_of_one == rank_of_other {
            let kind = if rank_of_one == Some(3) {
                ErrorKind::Usage
            } else {
                ErrorKind::Config
            };
            return Err(Error::new(kind, format!("'{one}' and '{other}' exclude each other")));
        }
        let winner = if rank_of_one > rank_of_other {
            (rank_of_one, one)
        } else {
            (rank_of_other, other)
        };
        Ok(winner.0.map(|_| winner.1))
    }

    fn rank_if_on(&self, name: &str) -> Option<u8> {
        let found = self.find(name)?;
        match found.value {
            None | Some(Value::Bool(false)) => None,
            Some(_) => Some(found.rank),
        }
    }

    fn find(&self, name: &str) -> Option<&Resolved> {
        self.resolved.iter().find(|resolved| resolved.setting.name == name)
    }

    /// Someone who says `--keep-last 5` does not mean "and 30 days".
    fn default_keep_rule_yields(&mut self) {
        let is_keep = |resolved: &Resolved| resolved.setting.name.starts_with("keep-");
        if !self
            .resolved
            .iter()
            .any(|resolved| is_keep(resolved) && resolved.rank > 0)
        {
            return;
        }
        for resolved in self
            .resolved
            .iter_mut()
            .filter(|resolved| is_keep(resolved) && resolved.rank == 0)
        {
            resolved.value = None;
        }
    }
}

fn how_to_give(setting: &Setting) -> String {
    let flag = setting.flag.map(|flag| format!("--{flag}"));
    let ways: Vec<_> = flag
        .into_iter()
        .chain(setting.env.iter().map(|&name| name.to_owned()))
        .collect();
    format!("give it as {}, or in the configuration file", ways.join(" or "))
}

/// A type that settings are read as.
pub trait FromValue: Sized {
    /// The value, if it is of this type.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($variant:ident => $type:ty),* $(,)?) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
        }
    )*};
}

from_value! {
    Text => String,
    Secret => super::Secret,
    Path => PathBuf,
    Number => u64,
    Duration => std::time::Duration,
    Bool => bool,
    List => Vec<String>,
    Sse => backup_core::store::ServerEncryption,
}
