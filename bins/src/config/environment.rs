//! The only place that reads environment variables.

use crate::repeatable::looks_secret;
use backup_core::{Error, ErrorKind, Result};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
};

/// The variables of this process, or of a test.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// What this process was given.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the configuration layer that everyone else asks"
    )]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The value of `name`. Set and empty is the same as not set: schedulers set variables that they have no value for.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the value is not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        match self.raw(name) {
            Some(value) if !value.is_empty() => Ok(Some(text(name, value)?)),
            _ => Ok(None),
        }
    }

    /// Whether `name` is set and empty.
    #[must_use]
    pub fn is_empty_text(&self, name: &str) -> bool {
        self.raw(name).is_some_and(OsStr::is_empty)
    }

    /// The variables that [`backup_core::store`] understands or refuses by name: all of `AWS_`, `GOOGLE_` and `AZURE_`, empty ones left out.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if a value is not UTF-8.
    pub fn store_variables(&self) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for (name, value) in &self.0 {
            let Some(name) = name.to_str() else { continue };
            let belongs = ["AWS_", "GOOGLE_", "AZURE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if belongs && !value.is_empty() {
                let value = text(name, value)?;
                // Addresses are repeated in messages.
                if ["URL", "ENDPOINT", "URI"].iter().any(|word| name.contains(word)) && looks_secret(value) {
                    let message = format!("variable {name} holds what looks like a secret, and is not repeated here");
                    return Err(Error::new(ErrorKind::Config, message).hint(
                        "give access keys in variables of their own: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                    ));
                }
                found.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(found)
    }

    fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }
}

fn text<'a>(name: &str, value: &'a OsStr) -> Result<&'a str> {
    value
        .to_str()
        .ok_or_else(|| Error::new(ErrorKind::Config, format!("the value of {name} is not UTF-8 text")))
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.into(), value.into())).into())
    }
}

/// Names only: any value may be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
