//! Signed documents: one line of JSON, one line of signature (`docs/FORMAT.md`, section 2).

mod proven;

use crate::{
    Error, ErrorKind, Result, hex,
    keys::{self, KeyId, Keyring},
    store::{Key, ObjectMeta, Store},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// The kinds of signed documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A manifest.
    Manifest,
    /// What a verification proved.
    Evidence,
    /// A started marker.
    Started,
    /// `repository.json`.
    Repository,
}

impl Kind {
    /// The name in the signature line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Evidence => "evidence",
            Self::Started => "started",
            Self::Repository => "repository",
        }
    }

    /// The most bytes of a document that nobody known signed: what is parsed takes up to 45 times as much memory, and anybody who may write to the store can make
    /// it.
    #[must_use]
    pub const fn unproven_limit(self) -> u64 {
        match self {
            Self::Manifest => 512 << 10,
            Self::Started | Self::Evidence | Self::Repository => self.limit(),
        }
    }

    /// The most bytes that such a document may have.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Manifest => 64 << 20,
            Self::Started => 4 << 20,
            Self::Evidence | Self::Repository => 64 << 10,
        }
    }
}

/// The format of every document of this version of the suite: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format;

impl Format {
    const NUMBER: u64 = 1;
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(Self::NUMBER)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            Self::NUMBER => Ok(Self),
            other => Err(serde::de::Error::custom(format!("format {other} is unknown"))),
        }
    }
}

/// A document that is kept as a signed document.
pub trait Document: Serialize + DeserializeOwned {
    /// Which kind it is.
    const KIND: Kind;
}

/// What is known of a document's author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Signed by this key of the ring.
    Signed(KeyId),
    /// Nobody signed it.
    Unsigned,
    /// Signed, it says, by this key, which the ring does not have: nothing is proved.
    UnknownSigner(KeyId),
}

impl Trust {
    /// Whether a key of the ring vouches for the document.
    #[must_use]
    pub fn is_signed(self) -> bool {
        matches!(self, Self::Signed(_))
    }
}

/// A document that was read, and what is known of its author.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed<T> {
    /// The document.
    pub value: T,
    /// Who vouches for it.
    pub trust: Trust,
    /// SHA-256 of its line of JSON, which names this very document.
    pub digest: [u8; 32],
}

/// The bytes of `document`, signed if the ring can.
///
/// # Errors
/// Fails if the document is longer than its kind allows, or signing fails.
pub fn encode<T: Document>(document: &T, keyring: Option<&Keyring>) -> Result<Bytes> {
    let kind = T::KIND;
    let failed = |why: &str| Error::new(ErrorKind::Internal, format!("write a {} document: {why}", kind.name()));
    let mut bytes = serde_json::to_vec(document).map_err(|error| failed("it has no JSON form").because(error))?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let signature = match keyring {
        Some(keyring) => keyring.sign(kind.name(), &digest)?,
        None => None,
    };
    let line = SignatureLine { digest, signature };
    bytes.extend_from_slice(format!("\n{}\n", line.text(kind)).as_bytes());
    if bytes.len() as u64 > kind.limit() {
        return Err(failed("it is too long"));
    }
    if line.signature.is_none() && bytes.len() as u64 > kind.unproven_limit() {
        return Err(failed("it is too long for one that nobody signs")
            .hint("give a key that signs: a `sign` line in the key file"));
    }
    Ok(bytes.into())
}

/// Reads the bytes of a document; only those that [`encode`] could have written are accepted.
///
/// # Errors
/// [`ErrorKind::Damaged`] if anything is wrong with the bytes, the digest or the signature; [`ErrorKind::Refused`] if a newer version of the
/// suite wrote it.
pub fn decode<T: Document>(bytes: &[u8], keyring: Option<&Keyring>) -> Result<Signed<T>> {
    let kind = T::KIND;
    let (json, line) =
        split(bytes, kind).ok_or_else(|| damaged(kind, "it is not one line of JSON and one of signature"))?;
    let line = SignatureLine::parse(line, kind).ok_or_else(|| damaged(kind, "the signature line is malformed"))?;
    if line.digest != <[u8; 32]>::from(Sha256::digest(json)) {
        return Err(damaged(kind, "the digest is wrong"));
    }
    let trust = line.trust(kind, keyring)?;
    check_format(json, kind)?;
    let value =
        serde_json::from_slice(json).map_err(|error| damaged(kind, "the JSON is not as specified").because(error))?;
    let digest = line.digest;
    Ok(Signed { value, trust, digest })
}

/// Reads the document under `key`; `None` if there is none. What nobody known signed takes no more memory than one of [`Kind::unproven_limit`], however long it is.
///
/// # Errors
/// As [`decode`]; [`ErrorKind::Refused`] if it is longer than that, and nobody known signed it; those of the store.
pub async fn read<T: Document>(store: &dyn Store, key: &Key, keyring: Option<&Keyring>) -> Result<Option<Signed<T>>> {
    Ok(read_dated(store, key, keyring).await?.map(|(document, _)| document))
}

/// As [`read`], with what the store says of it: when it was written, by the store's clock.
pub(super) async fn read_dated<T: Document>(
    store: &dyn Store,
    key: &Key,
    keyring: Option<&Keyring>,
) -> Result<Option<(Signed<T>, ObjectMeta)>> {
    let Some((bytes, meta)) = proven::fetch_proven(store, key, T::KIND, keyring).await? else {
        return Ok(None);
    };
    let decoded = decode(&bytes, keyring).map_err(|error| error.context(format!("read {key}")))?;
    Ok(Some((decoded, meta)))
}

fn split(bytes: &[u8], kind: Kind) -> Option<(&[u8], &str)> {
    if bytes.len() as u64 > kind.limit() || bytes.contains(&b'\r') {
        return None;
    }
    let text = bytes.strip_suffix(b"\n")?;
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (json, line) = (&text[..end], &text[end + 1..]);
    // Serde would take an array for a struct too.
    let object = json.starts_with(b"{") && json.ends_with(b"}") && !line.contains(&b'\n');
    std::str::from_utf8(line)
        .ok()
        .filter(|_| object)
        .map(|line| (json, line))
}

fn check_format(json: &[u8], kind: Kind) -> Result<()> {
    #[derive(Deserialize)]
    struct Head {
        format: u64,
    }
    let head: Head =
        serde_json::from_slice(json).map_err(|error| damaged(kind, "it names no format").because(error))?;
    if head.format <= Format::NUMBER {
        return Ok(());
    }
    let message = format!(
        "the {} document has format {}, newer than this program",
        kind.name(),
        head.format
    );
    Err(Error::new(ErrorKind::Refused, message).hint("use the version of the program that wrote it, or a later one"))
}

fn damaged(kind: Kind, what: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the {} document is damaged: {what}", kind.name()),
    )
}

struct SignatureLine {
    digest: [u8; 32],
    signature: Option<(KeyId, [u8; 64])>,
}

impl SignatureLine {
    fn text(&self, kind: Kind) -> String {
        let mut text = format!("pbe1-{} sha256={}", kind.name(), hex::encode(&self.digest));
        if let Some((key, signature)) = &self.signature {
            text.push_str(&format!(" ed25519={key}:{}", hex::encode(signature)));
        }
        text
    }

    fn parse(line: &str, kind: Kind) -> Option<Self> {
        let rest = line
            .strip_prefix("pbe1-")?
            .strip_prefix(kind.name())?
            .strip_prefix(" sha256=")?;
        let (digest, rest) = rest.split_at_checked(64)?;
        let digest = hex::decode(digest)?;
        if rest.is_empty() {
            return Some(Self {
                digest,
                signature: None,
            });
        }
        let (key, signature) = rest.strip_prefix(" ed25519=")?.split_once(':')?;
        let signature = Some((KeyId(hex::decode(key)?), hex::decode(signature)?));
        Some(Self { digest, signature })
    }

    fn trust(&self, kind: Kind, keyring: Option<&Keyring>) -> Result<Trust> {
        let Some((key, signature)) = &self.signature else {
            return Ok(Trust::Unsigned);
        };
        let Some(keyring) = keyring else {
            return Ok(Trust::UnknownSigner(*key));
        };
        Ok(match keyring.verify(kind.name(), &self.digest, *key, signature)? {
            keys::Trust::Signed(key) => Trust::Signed(key),
            keys::Trust::UnknownSigner(key) => Trust::UnknownSigner(key),
        })
    }
}
