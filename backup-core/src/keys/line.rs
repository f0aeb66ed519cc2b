//! One key as one line of text: `pbe1:<kind>:<64 hex>:<8 hex>`.

use super::{expand::sha256, secret::Secret, weak::weakness};
use crate::hex;
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Key-encryption key: seals and opens.
    Kek,
    /// Ed25519 seed: signs and verifies.
    Sign,
    /// Ed25519 public key: verifies.
    Verify,
    /// X25519 public key: everything is sealed for it too.
    Recovery,
    /// X25519 private key: opens what was sealed for its public key.
    RecoverySecret,
}

impl KeyKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Kek, Self::Sign, Self::Verify, Self::Recovery, Self::RecoverySecret];

    /// The word in the line of text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kek => "kek",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Recovery => "recovery",
            Self::RecoverySecret => "recovery-secret",
        }
    }

    /// Whether whoever reads such a key can open or sign.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Kek | Self::Sign | Self::RecoverySecret)
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// A line that was read. Its bytes count as secret, whatever the kind.
#[derive(Debug, Clone)]
pub(super) struct KeyLine {
    pub(super) kind: KeyKind,
    pub(super) bytes: Secret,
}

/// What is wrong with a line; says nothing of its content.
pub(super) type Complaint = String;

impl KeyLine {
    /// The line of a file without its comment; `None` if nothing is left.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, Complaint> {
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let key = Self::decode(text)?;
        match weakness(key.bytes.expose()) {
            Some(why) => Err(format!("this {} key is too weak to use: {why}", key.kind)),
            None => Ok(Some(key)),
        }
    }

    /// The line itself, whether weak or not.
    pub(super) fn decode(text: &str) -> Result<Self, Complaint> {
        let mut fields = text.split(':');
        let (Some("pbe1"), Some(kind), Some(digits), Some(check), None) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("not a key: a key looks like pbe1:<kind>:<64 hex>:<8 hex>".into());
        };
        let Ok(kind) = kind.parse::<KeyKind>() else {
            return Err("unknown kind of key: it is kek, sign, verify, recovery or recovery-secret".into());
        };
        let bytes = hex::decode(digits).map(Secret::new);
        let bytes = bytes.ok_or_else(|| format!("the {kind} key is not 64 lower-case hexadecimal digits"))?;
        match hex::decode::<4>(check) {
            None => Err(format!("the checksum of the {kind} key is not 8 lower-case hexadecimal digits")),
            Some(check) if check != checksum(kind, bytes.expose()) => {
                Err(format!("the checksum of the {kind} key is wrong: there is a typo in this line"))
            }
            Some(_) => Ok(Self { kind, bytes }),
        }
    }

    /// The text of the line, without a line end.
    pub(super) fn encode(&self) -> Zeroizing<String> {
        let bytes = self.bytes.expose();
        let digits = Zeroizing::new(hex::encode(bytes));
        let check = hex::encode(&checksum(self.kind, bytes));
        // Sized beforehand: a string that grows would leave copies behind that nobody wipes.
        let mut line = Zeroizing::new(String::with_capacity(128));
        for piece in ["pbe1:", self.kind.as_str(), ":", &digits, ":", &check] {
            line.push_str(piece);
        }
        line
    }
}

fn checksum(kind: KeyKind, bytes: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(&[b"pbe1/", kind.as_str().as_bytes(), b":", bytes]);
    [a, b, c, d]
}
