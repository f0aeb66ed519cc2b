//! What may be repeated in a message: a secret often stands where an address, a path or a name should.

use std::{borrow::Cow, path::Path};

/// Stands for what is not repeated.
pub const MASK: &str = "********";

/// Whether `text` holds what has the form of a secret: a key, a token, an address with a password, a connection string.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    const TELLTALES: [&str; 11] = [
        "pbe1:kek:",
        "pbe1:sign:",
        "pbe1:recovery-secret:",
        "-----begin",
        "password=",
        "passwd=",
        "secret=",
        "token=",
        "accountkey=",
        "signature=",
        "sig=",
    ];
    let lower = text.to_ascii_lowercase();
    TELLTALES.iter().any(|telltale| lower.contains(telltale)) || has_credentials(text) || has_token(text)
}

/// `text`, with every word masked that has the form of a secret: for what others wrote, as a server or a client program.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    if !looks_secret(text) {
        return Cow::Borrowed(text);
    }
    let ends_word = |character: char| character.is_whitespace() || "'\"`()<>,;".contains(character);
    let pieces = text.split_inclusive(ends_word).map(|piece| {
        let word = piece.trim_end_matches(ends_word);
        if looks_secret(word) {
            MASK.to_owned() + &piece[word.len()..]
        } else {
            piece.to_owned()
        }
    });
    Cow::Owned(pieces.collect())
}

/// Whether `path`, where a path is asked for, may be repeated: it is there, or it is spelled as paths are and secrets are not.
#[must_use]
pub fn is_path(path: &Path) -> bool {
    const ENDINGS: [&str; 8] = ["key", "toml", "pem", "crt", "pub", "token", "txt", "conf"];
    let Some(text) = path.to_str() else {
        return path.exists();
    };
    if looks_secret(text) {
        return false;
    }
    let below_a_folder = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    let named = path
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending));
    // A word that libpq understands in the place of a path.
    text == "system"
        || std::fs::symlink_metadata(path).is_ok()
        || (below_a_folder || named) && !text.split('/').any(is_random)
}

/// An address as `scheme://user:password@host`. In Azure's `abfs`, the container stands before the `@`.
fn has_credentials(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let (scheme, rest) = (&text[..at], &text[at + mark.len()..]);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        let password_with_slash =
            port.is_some_and(|port| !authority.ends_with(']') && port.parse::<u16>().is_err()) && rest.contains('@');
        password_with_slash || authority.contains('@') && !scheme.ends_with("abfs") && !scheme.ends_with("abfss")
    })
}

/// A token of Vault: of today's form, or of that before 1.10.
fn has_token(text: &str) -> bool {
    let in_token = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    text.split(|character| !in_token(character)).any(|word| {
        let new = ["hvs.", "hvb.", "hvr."].iter().any(|start| word.starts_with(start)) && word.len() > 20;
        let old = word
            .strip_prefix("s.")
            .is_some_and(|rest| rest.len() == 24 && is_random(rest));
        new || old
    })
}

/// A long word of letters of both cases and digits, as base64 makes them.
fn is_random(word: &str) -> bool {
    let has = |what: fn(&char) -> bool| word.chars().any(|character| what(&character));
    word.len() >= 20
        && !word.contains('.')
        && has(char::is_ascii_digit)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: [&str; 10] = [
        "pbe1:kek:51d352d8d53eabf8:00",
        "postgres://u:pw@h/db",
        "postgres://u:p/w@h/db",
        "s3://key:secret@bucket/prefix",
        "https://token@vault:8200",
        "host=h password=x",
        "hvs.CAESIJ0123456789abcdefghij",
        "s.0123456789abcdefABCDEF01",
        "-----BEGIN PRIVATE KEY-----",
        "https://a.blob.core.windows.net/c?sv=1&sig=abc",
    ];

    #[test]
    fn secrets_in_the_place_of_something_else_are_known_by_their_form() {
        for text in SECRETS {
            assert!(looks_secret(text), "{text}");
            assert!(!is_path(Path::new(text)), "{text}");
            assert!(looks_secret(&format!("--store={text}")), "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_is_repeated() {
        for text in [
            "s3://bucket/prefix@2",
            "file:///backups/a@b",
            "http://[::1]:9000/a@b",
            "https://vault:8200",
            "abfss://container@account.dfs.core.windows.net/p",
            "pbe1:recovery:efcd:00",
            "pbe1:verify:efcd:00",
            "platform_money",
            "a b=c",
            "s.nap",
        ] {
            assert!(!looks_secret(text), "{text}");
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn only_what_can_be_a_path_is_one() {
        for path in ["/secrets/backup/key", "./k", "../k", "backup.key", "/etc", "system"] {
            assert!(is_path(Path::new(path)), "{path}");
        }
        for secret in ["hunter2", "correct horse", "/aB3/xYz0123456789abcdefABCDEF=", "ab/cd=="] {
            assert!(!is_path(Path::new(secret)), "{secret}");
        }
    }

    #[test]
    fn words_are_masked_and_the_rest_stays() {
        assert_eq!(
            masked("connect to 'postgres://u:pw@h/db' failed: no\nroute"),
            "connect to '********' failed: no\nroute"
        );
    }
}
