//! Parsed values, and how each is spelled.

use super::{Secret, setting::Kind};
use backup_core::store::ServerEncryption;
use std::{fmt, path::PathBuf, time::Duration};

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// [`Kind::Text`] or [`Kind::Choice`].
    Text(String),
    /// [`Kind::Secret`].
    Secret(Secret),
    /// [`Kind::Path`] or [`Kind::Folder`].
    Path(PathBuf),
    /// [`Kind::Number`] or [`Kind::Bytes`].
    Number(u64),
    /// [`Kind::Duration`].
    Duration(Duration),
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::List`].
    List(Vec<String>),
    /// [`Kind::Sse`].
    Sse(ServerEncryption),
}

/// Parses what a layer gave. The error says what was expected; it never repeats the value, which may be a secret in the wrong place.
pub(super) fn parse(kind: Kind, given: &[String]) -> Result<Value, String> {
    if kind == Kind::List {
        return list(given);
    }
    let [text] = given else {
        return Err(format!("expected one value, found {}", given.len()));
    };
    if text.is_empty() {
        return Err("the value is empty".into());
    }
    let parsed = match kind {
        Kind::Text | Kind::List => Some(Value::Text(text.clone())),
        Kind::Secret => Some(Value::Secret(Secret::new(text.clone()))),
        Kind::Path | Kind::Folder => Some(Value::Path(text.into())),
        Kind::Number(low, high) => text
            .parse()
            .ok()
            .filter(|number| (low..=high).contains(number))
            .map(Value::Number),
        Kind::Bytes => bytes(text).map(Value::Number),
        Kind::Duration => duration(text).map(Value::Duration),
        Kind::Bool => boolean(text).map(Value::Bool),
        Kind::Choice(words) => words.contains(&text.as_str()).then(|| Value::Text(text.clone())),
        Kind::Sse => sse(text).map(Value::Sse),
    };
    parsed.ok_or_else(|| format!("expected {}", expected(kind)))
}

/// A time span, for arguments that are no settings.
///
/// # Errors
/// Says what was expected.
pub fn time_span(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| format!("expected {}", expected(Kind::Duration)))
}

/// What a value of this kind looks like, for messages.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Secret => "text".into(),
        Kind::Path | Kind::Folder => "a path".into(),
        Kind::Number(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Bytes => "a number of bytes, as 128MiB".into(),
        Kind::Duration => "a time span, as 90s, 5m or 2h".into(),
        Kind::Bool => "true or false".into(),
        Kind::List => "a list of texts".into(),
        Kind::Choice(words) => words.join(" | "),
        Kind::Sse => "aws:kms, aws:kms:KEYID or AES256".into(),
    }
}

fn list(given: &[String]) -> Result<Value, String> {
    if given.is_empty() {
        return Err("the list is empty".into());
    }
    if given.iter().any(String::is_empty) {
        return Err("the list holds an empty name".into());
    }
    Ok(Value::List(given.to_vec()))
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit: u64 = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    // A year is more than anyone waits, and keeps every sum with a time stamp in range.
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (seconds <= 31_536_000).then(|| Duration::from_secs(seconds))
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn sse(text: &str) -> Option<ServerEncryption> {
    match text {
        "AES256" => Some(ServerEncryption::S3),
        "aws:kms" => Some(ServerEncryption::Kms(None)),
        _ => {
            let key = text.strip_prefix("aws:kms:").filter(|key| !key.is_empty())?;
            Some(ServerEncryption::Kms(Some(key.to_owned())))
        }
    }
}

/// As it is shown: secrets masked, lists separated by spaces.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Secret(_) => f.write_str("********"),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Duration(span) => write!(f, "{}s", span.as_secs()),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::List(texts) => f.write_str(&texts.join(" ")),
            Self::Sse(ServerEncryption::S3) => f.write_str("AES256"),
            Self::Sse(ServerEncryption::Kms(None)) => f.write_str("aws:kms"),
            Self::Sse(ServerEncryption::Kms(Some(key))) => write!(f, "aws:kms:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: Kind, text: &str) -> Result<Value, String> {
        parse(kind, &[text.to_owned()])
    }

    #[test]
    fn sizes_spans_and_encryption_read_as_documented() {
        assert_eq!(one(Kind::Bytes, "128MiB"), Ok(Value::Number(128 << 20)));
        assert_eq!(one(Kind::Bytes, "4096"), Ok(Value::Number(4096)));
        assert_eq!(one(Kind::Duration, "5m"), Ok(Value::Duration(Duration::from_secs(300))));
        assert_eq!(one(Kind::Duration, "0"), Ok(Value::Duration(Duration::ZERO)));
        let arn = "aws:kms:arn:aws:kms:eu-central-1:1:key/a";
        assert_eq!(one(Kind::Sse, arn).unwrap().to_string(), arn);
        assert_eq!(one(Kind::Sse, "AES256"), Ok(Value::Sse(ServerEncryption::S3)));
    }

    #[test]
    fn what_is_not_meant_is_refused() {
        for (kind, text) in [
            (Kind::Bytes, "128MB"),
            (Kind::Bytes, "0"),
            (Kind::Bytes, "99999999999GiB"),
            (Kind::Bytes, "MiB"),
            (Kind::Duration, "1w"),
            (Kind::Duration, "9999999999h"),
            (Kind::Number(1, 9), "10"),
            (Kind::Number(0, 9), "-1"),
            (Kind::Bool, "maybe"),
            (Kind::Sse, "aws:kms:"),
            (Kind::Sse, "aes256"),
            (Kind::Text, ""),
            (Kind::List, ""),
            (Kind::Choice(&["text", "json"]), "xml"),
        ] {
            assert!(one(kind, text).is_err(), "{kind:?} {text}");
        }
        assert_eq!(parse(Kind::List, &[]), Err("the list is empty".into()));
    }
}
