//! The keys that a run works with.

use super::{
    KeyId, KeyKind,
    expand::expand,
    line::{Complaint, KeyLine},
    recovery::{RecoveryKey, RecoverySecret},
    secret::Secret,
    sign::{Signer, Verifier},
};
use crate::{Error, ErrorKind, Result};

/// Longest text of keys that is read, in bytes.
pub const MAX_KEY_FILE_LEN: usize = 64 * 1024;
/// Most recovery keys in one ring: with the key-encryption key they fill the eight slots of a sealed object.
pub const MAX_RECOVERY_KEYS: usize = 7;

/// A key-encryption key.
#[derive(Debug)]
pub(crate) struct Kek {
    pub(crate) secret: Secret,
    pub(crate) id: KeyId,
    signer: Signer,
}

impl Kek {
    fn new(secret: Secret) -> Result<Self> {
        let id = KeyId(*expand(secret.expose(), &[b"pbe1/kek-id"])?);
        let seed = expand(secret.expose(), &[b"pbe1/sign"])?;
        let signer = Signer::new(&Secret::new(*seed))?;
        Ok(Self { secret, id, signer })
    }
}

/// One key of a ring, as `keys show` lists it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// What kind of key it is.
    pub kind: KeyKind,
    /// Its public name; for a `kek`, the one in the slots of sealed objects.
    pub id: KeyId,
    /// The id of the signatures that it makes or verifies, for those kinds that do.
    pub signs_as: Option<KeyId>,
    /// Whether this is the key that seals (`kek`) or signs (`sign`, or `kek` without any `sign`) in this ring.
    pub active: bool,
    /// Its public half as a line of a key file (`verify` or `recovery`), for those kinds that have one.
    pub public: Option<String>,
}

/// The keys that a run works with: at most one seals and one signs, all open and verify.
///
/// Secrets are wiped from memory when the ring is dropped, and shown by nothing but [`super::generate`]'s texts. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Keyring {
    keks: Vec<Kek>,
    recovery: Vec<RecoveryKey>,
    recovery_secrets: Vec<RecoverySecret>,
    signers: Vec<Signer>,
    verify_only: Vec<Verifier>,
}

impl Keyring {
    /// Reads the text of a key file; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] with the number of the line, never its content: a typo, a weak key, an unknown kind, no key at all.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let mut ring = Self::default();
        ring.add(text, origin)?;
        Ok(ring)
    }

    /// A ring of the keys in `docs/FORMAT.md`, section 8, which [`Keyring::parse`] refuses because everybody knows them.
    ///
    /// # Errors
    /// As [`Keyring::parse`].
    #[cfg(any(test, feature = "testing"))]
    pub fn documented(text: &str) -> Result<Self> {
        let mut ring = Self::default();
        for (index, line) in text.lines().enumerate() {
            let wrong = |complaint| wrong_line("the documented keys", index + 1, complaint);
            ring.insert(&KeyLine::decode(line).map_err(wrong)?).map_err(wrong)?;
        }
        Ok(ring)
    }

    /// Adds the keys of another text. A key that the ring has is not added twice. On an error the ring is as it was, or holds some of them.
    ///
    /// # Errors
    /// As [`Keyring::parse`].
    pub fn add(&mut self, text: &str, origin: &str) -> Result<()> {
        self.add_lines(text, origin, true)
    }

    /// Adds keys that may stand where anyone can read them (a variable, a command line): [`KeyKind::Recovery`] and [`KeyKind::Verify`].
    ///
    /// # Errors
    /// As [`Keyring::parse`], and if a key is secret.
    pub fn add_public(&mut self, text: &str, origin: &str) -> Result<()> {
        self.add_lines(text, origin, false)
    }

    fn add_lines(&mut self, text: &str, origin: &str, secrets: bool) -> Result<()> {
        if text.len() > MAX_KEY_FILE_LEN {
            return Err(Error::new(
                ErrorKind::Key,
                format!("{origin} is too long for a file of keys"),
            ));
        }
        let mut found = false;
        for (index, line) in text.lines().enumerate() {
            let wrong = |complaint| wrong_line(origin, index + 1, complaint);
            let Some(key) = KeyLine::parse(line).map_err(wrong)? else {
                continue;
            };
            if key.kind.is_secret() && !secrets {
                return Err(
                    wrong(format!("a {} key is secret and does not belong here", key.kind)).hint(
                        "keep it in a file of mode 0600 that BACKUP_KEY_FILE names; treat this one as known to others",
                    ),
                );
            }
            self.insert(&key).map_err(wrong)?;
            found = true;
        }
        if found {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Key, format!("{origin} holds no key"))
            .hint("`backup-admin keys new --out FILE` makes a key file"))
    }

    pub(super) fn insert(&mut self, key: &KeyLine) -> Result<(), Complaint> {
        let bytes = key.bytes.expose();
        let said = |error: Error| error.to_string();
        match key.kind {
            KeyKind::Kek if self.keks.iter().any(|kek| kek.secret.expose() == bytes) => {}
            KeyKind::Kek => self.keks.push(Kek::new(key.bytes.clone()).map_err(said)?),
            KeyKind::Sign => push_new(&mut self.signers, Signer::new(&key.bytes).map_err(said)?, |s| {
                s.verifier()
            }),
            KeyKind::Verify => push_new(&mut self.verify_only, Verifier::new(*bytes), |v| *v),
            KeyKind::Recovery => {
                let recovery = RecoveryKey::new(bytes).ok_or("nothing can be sealed for this recovery key")?;
                push_new(&mut self.recovery, recovery, Clone::clone);
            }
            KeyKind::RecoverySecret => {
                let secret = RecoverySecret::new(&key.bytes).map_err(said)?;
                push_new(&mut self.recovery_secrets, secret, |s| s.public.clone());
            }
        }
        if self.recovery.len() > MAX_RECOVERY_KEYS {
            return Err(format!("more than {MAX_RECOVERY_KEYS} recovery keys"));
        }
        Ok(())
    }

    /// Whether something can be sealed: with a `kek`, or for `recovery` keys alone.
    #[must_use]
    pub fn can_seal(&self) -> bool {
        !self.keks.is_empty() || !self.recovery.is_empty()
    }

    /// Whether anything can be opened.
    #[must_use]
    pub fn can_open(&self) -> bool {
        !self.keks.is_empty() || !self.recovery_secrets.is_empty()
    }

    /// Whether documents can be signed.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.signer().is_some()
    }

    /// Demands that something can be sealed.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] with the ways out.
    pub fn require_seal(&self) -> Result<()> {
        if self.can_seal() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Key, "there is no key to seal backups with")
            .hint("make one with `backup-admin keys new --out FILE` and name it in BACKUP_KEY_FILE or --key-file")
            .hint("or let the store encrypt: --sse aws:kms"))
    }

    /// Demands that something can be opened.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] with the way out.
    pub fn require_open(&self) -> Result<()> {
        if self.can_open() {
            return Ok(());
        }
        Err(
            Error::new(ErrorKind::Key, "there is no key to open sealed backups with")
                .hint("name the file that holds the `kek` or the `recovery-secret` in BACKUP_KEY_FILE or --key-file"),
        )
    }

    /// All keys by their public names, for `keys show`.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyInfo> {
        let info = |kind, id, signs_as, active, public| KeyInfo {
            kind,
            id,
            signs_as,
            active,
            public,
        };
        let keks = self.keks.iter().enumerate().map(|(n, kek)| {
            let verifier = kek.signer.verifier();
            info(
                KeyKind::Kek,
                kek.id,
                Some(verifier.id),
                n == 0,
                Some(verify_line(&verifier)),
            )
        });
        let verifiers = self.signers.iter().map(Signer::verifier).enumerate();
        let signers = verifiers.map(|(n, v)| info(KeyKind::Sign, v.id, Some(v.id), n == 0, Some(verify_line(&v))));
        let verifiers = self.verify_only.iter();
        let verifiers = verifiers.map(|v| info(KeyKind::Verify, v.id, Some(v.id), false, Some(verify_line(v))));
        let recovery = self.recovery.iter();
        let recovery = recovery.map(|key| info(KeyKind::Recovery, key.id, None, true, Some(recovery_line(key))));
        let secrets = self.recovery_secrets.iter().map(|key| &key.public);
        let secrets = secrets.map(|key| info(KeyKind::RecoverySecret, key.id, None, false, Some(recovery_line(key))));
        keks.chain(signers)
            .chain(verifiers)
            .chain(recovery)
            .chain(secrets)
            .collect()
    }

    /// Every key whose signatures this ring trusts, once each: its id, and its `verify` line.
    #[must_use]
    pub fn writers(&self) -> Vec<(KeyId, String)> {
        let mut writers: Vec<Verifier> = Vec::new();
        for verifier in self.verifiers() {
            push_new(&mut writers, verifier, |known| *known);
        }
        writers.iter().map(|writer| (writer.id, verify_line(writer))).collect()
    }

    /// The id that the signatures of this ring carry; `None` if it cannot sign.
    #[must_use]
    pub fn signs_as(&self) -> Option<KeyId> {
        self.signer().map(|signer| signer.verifier().id)
    }

    pub(crate) fn writing_kek(&self) -> Option<&Kek> {
        self.keks.first()
    }

    pub(crate) fn keks(&self) -> &[Kek] {
        &self.keks
    }

    pub(crate) fn recovery(&self) -> &[RecoveryKey] {
        &self.recovery
    }

    pub(crate) fn recovery_secrets(&self) -> &[RecoverySecret] {
        &self.recovery_secrets
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        self.signers
            .first()
            .or_else(|| self.keks.first().map(|kek| &kek.signer))
    }

    pub(super) fn verifiers(&self) -> impl Iterator<Item = Verifier> {
        let signers = self.signers.iter().chain(self.keks.iter().map(|kek| &kek.signer));
        signers.map(Signer::verifier).chain(self.verify_only.iter().copied())
    }
}

fn verify_line(verifier: &Verifier) -> String {
    public_line(KeyKind::Verify, verifier.public)
}

fn recovery_line(key: &RecoveryKey) -> String {
    public_line(KeyKind::Recovery, key.to_bytes())
}

fn public_line(kind: KeyKind, bytes: [u8; 32]) -> String {
    let line = KeyLine {
        kind,
        bytes: Secret::new(bytes),
    };
    line.encode().as_str().to_owned()
}

fn push_new<T, P: PartialEq>(list: &mut Vec<T>, item: T, public: impl Fn(&T) -> P) {
    if !list.iter().any(|known| public(known) == public(&item)) {
        list.push(item);
    }
}

fn wrong_line(origin: &str, number: usize, complaint: Complaint) -> Error {
    Error::new(ErrorKind::Key, format!("line {number} of {origin}: {complaint}"))
}
