//! The layer of the TOML file.

use super::{
    layers::{Given, Layer, Origin},
    read::{given_by_file, read_bounded},
    setting::{Kind, Program, Setting},
    table::{COMPONENTS, SETTINGS},
    value::expected,
};
use crate::repeatable::masked;
use backup_core::{Error, ErrorKind, Result};
use std::path::Path;
use toml::{Table, Value};

/// Reads the file at `path`; `None` if there is none.
///
/// # Errors
/// [`ErrorKind::Config`] if it cannot be read, is not TOML, or holds anything that is not a setting of the suite.
pub(super) fn read(path: &Path, program: &Program) -> Result<Option<Layer>> {
    let Some(text) = read_bounded(path, "configuration file")? else {
        return Ok(None);
    };
    let table = toml::from_str(&text).map_err(|error| not_toml(path, &text, &error))?;
    refuse_unknown(path, &table)?;
    layer(path, &table, program).map(Some)
}

/// The parser's own message would quote the line, which may hold what someone wrongly put there.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    let message = format!("configuration file {} is not TOML at line {line}", path.display());
    Error::new(ErrorKind::Config, message)
        .because(masked(error.message()).into_owned())
        .hint("text stands in quotes, as in store = \"s3://bucket/prefix\"")
}

fn refuse_unknown(path: &Path, table: &Table) -> Result<()> {
    for (key, value) in table {
        if !COMPONENTS.iter().any(|program| program.section == Some(key)) {
            known(path, None, key)?;
            continue;
        }
        let Value::Table(section) = value else {
            return Err(wrong(
                path,
                key,
                &format!("expected a section [{key}], found {}", found(value)),
            ));
        };
        for key_of_section in section.keys() {
            known(path, Some(key), key_of_section)?;
        }
    }
    Ok(())
}

/// A section may hold its own settings and those of all programs.
fn known(path: &Path, section: Option<&str>, key: &str) -> Result<()> {
    let full = section.map_or_else(|| key.to_owned(), |section| format!("{section}.{key}"));
    let matching = SETTINGS.iter().find(|setting| {
        let (own, name) = setting.section_and_key();
        (own.is_none() || own == section) && (name == key || key == format!("{name}-file") && setting.from_file)
    });
    match matching {
        Some(setting) if !setting.in_config => {
            Err(wrong(path, &full, "not a setting of the file").hint("give it on the command line"))
        }
        Some(setting) if setting.is_secret() && !key.ends_with("-file") => {
            let hint = format!("put it into a file of its own (mode 0600) and name that: {key}-file = \"…\"");
            Err(wrong(path, &full, "a secret may not stand in the configuration file").hint(hint))
        }
        Some(_) => Ok(()),
        None => Err(wrong(path, &full, "there is no such setting")
            .hint("`backup-admin show-config --config /dev/null` lists all settings")),
    }
}

fn layer(path: &Path, table: &Table, program: &Program) -> Result<Layer> {
    let mut layer = Layer::new();
    let own = program
        .section
        .and_then(|section| table.get(section))
        .and_then(Value::as_table);
    for setting in SETTINGS
        .iter()
        .filter(|setting| program.uses(setting) && setting.in_config)
    {
        let (section, _) = setting.section_and_key();
        let top = Some(table).filter(|_| section.is_none());
        for table in [own, top].into_iter().flatten() {
            if let Some(given) = given_in(path, table, setting)? {
                layer.insert(setting.name, given);
                break;
            }
        }
    }
    Ok(layer)
}

fn given_in(path: &Path, table: &Table, setting: &Setting) -> Result<Option<Given>> {
    let (_, key) = setting.section_and_key();
    let named = table.get(&format!("{key}-file")).filter(|_| setting.from_file);
    match (table.get(key), named) {
        (Some(_), Some(_)) => Err(wrong(
            path,
            setting.name,
            &format!("{key} and {key}-file are both given"),
        )),
        (Some(value), None) => {
            let text = as_given(setting.kind, value).ok_or_else(|| {
                let expected = expected(setting.kind);
                wrong(
                    path,
                    setting.name,
                    &format!("expected {expected}, found {}", found(value)),
                )
            })?;
            Ok(Some(Given {
                text,
                origin: Origin::File(path.to_owned()),
            }))
        }
        (None, Some(Value::String(file))) => given_by_file(setting, Path::new(file), &format!("{key}-file")).map(Some),
        (None, Some(other)) => {
            let message = format!("expected a path, found {}", found(other));
            Err(wrong(path, &format!("{}-file", setting.name), &message))
        }
        (None, None) => Ok(None),
    }
}

/// The value as text, if it has the TOML type that belongs to `kind`.
fn as_given(kind: Kind, value: &Value) -> Option<Vec<String>> {
    match (kind, value) {
        (Kind::Number(..) | Kind::Bytes | Kind::Duration, Value::Integer(number)) => Some(vec![number.to_string()]),
        (Kind::Bool, Value::Boolean(yes)) => Some(vec![yes.to_string()]),
        (Kind::List, Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        (Kind::Number(..) | Kind::Bool | Kind::List, _) => None,
        (_, Value::String(text)) => Some(vec![text.clone()]),
        _ => None,
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

fn wrong(path: &Path, setting: &str, why: &str) -> Error {
    let setting = masked(setting);
    let setting = setting.escape_debug();
    Error::new(ErrorKind::Config, format!("setting '{setting}' in {}", path.display())).because(why.to_owned())
}
