//! The settings of one program, as the layers gave them.

use super::{
    layers::Origin,
    setting::{Program, Setting},
    table::find,
    value::Value,
};
use backup_core::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// Rank of the command line.
const FLAGS: u8 = 3;

/// A setting with its value.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What it is.
    pub setting: &'static Setting,
    /// Its value, if it has one.
    pub value: Option<Value>,
    /// Where the value came from; the default if there is none.
    pub origin: Origin,
    /// The layer: 0 default, 1 file, 2 environment, 3 flags.
    pub(super) rank: u8,
}

/// All settings of one program.
#[derive(Debug, Clone)]
pub struct Settings {
    program: Program,
    resolved: Vec<Resolved>,
}

impl Settings {
    pub(super) fn new(program: Program, resolved: Vec<Resolved>) -> Self {
        let mut settings = Self { program, resolved };
        settings.default_keep_rule_yields();
        settings
    }

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
            let kind = if rank_of_one == Some(FLAGS) {
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
