//! New keys.

use super::{
    KeyKind, Keyring,
    line::KeyLine,
    recovery::{RecoveryKey, RecoverySecret},
    secret::Secret,
    sign::Signer,
    weak::weakness,
};
use crate::{Error, ErrorKind, Result, clock::Entropy};
use jiff::Timestamp;
use zeroize::Zeroizing;

/// One new key as a line of text without its end.
///
/// For the public kinds the private half is thrown away, so they are of no use but in tests; see [`recovery_pair`].
///
/// # Errors
/// [`ErrorKind::Internal`] if there is no randomness.
pub fn generate(kind: KeyKind, entropy: &dyn Entropy) -> Result<crate::Secret> {
    let secret = fresh(entropy)?;
    let bytes = match kind {
        KeyKind::Kek | KeyKind::Sign | KeyKind::RecoverySecret => secret,
        KeyKind::Verify => Secret::new(Signer::new(&secret)?.verifier().public),
        KeyKind::Recovery => public_half(&secret)?,
    };
    Ok(line(kind, bytes).into())
}

/// The text of a new key file: a `kek`, a `sign` key, and comments that say what to do with them. Write it with mode 0600.
///
/// # Errors
/// [`ErrorKind::Internal`] if there is no randomness.
pub fn fresh_key_file(entropy: &dyn Entropy, created: Timestamp) -> Result<crate::Secret> {
    let signing = fresh(entropy)?;
    let verify = Secret::new(Signer::new(&signing)?.verifier().public);
    let kek = line(KeyKind::Kek, fresh(entropy)?);
    let sign = line(KeyKind::Sign, signing);
    let verify = line(KeyKind::Verify, verify);
    let text = text(&[
        "# Keys of the platform's backups, made ",
        &created.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ".\n#\n# Whoever holds this file can read every backup; without it (or a recovery key) no backup can be read.\n",
        "# Keep a copy outside the cluster and outside the store of the backups. Mode 0600.\n",
        "# To change the key, put a new `kek` line above the old one: the first seals, all open.\n\n",
        "# Seals and opens backups.\n",
        &kek,
        "\n\n# Signs manifests.\n",
        &sign,
        "\n\n# For those who only check manifests (public):\n# ",
        &verify,
        "\n",
    ]);
    Ok(text.into())
}

/// Both halves of a new recovery key.
#[derive(Debug)]
pub struct RecoveryPair {
    /// The lines for `BACKUP_RECOVERY_KEY`: the recovery key, and the `verify` lines of the writers that the file names. Public.
    pub public: String,
    /// The text of the file that goes into the safe. Write it with mode 0600, best never on a machine of the platform.
    pub secret_file: crate::Secret,
}

impl RecoveryPair {
    /// The same pair, with the `verify` line of every writer of `ring` in the file for the safe and beside the public half: whoever restores with the file
    /// knows who wrote the backups, and whoever has the public half knows whom the file names.
    ///
    /// # Errors
    /// As [`with_writers`].
    pub fn trusting(self, ring: &Keyring) -> Result<Self> {
        let secret_file = with_writers(&self.secret_file, ring)?;
        let mut public = self.public;
        for (_, line) in ring.writers() {
            if !public.contains(&line) {
                public = public + "\n" + &line;
            }
        }
        Ok(Self { public, secret_file })
    }
}

/// The text of the key file `text`, with the `verify` line of every writer of `ring` that it does not know yet at its end. Nothing else changes.
///
/// # Errors
/// As [`Keyring::parse`], also if the new text would be too long.
pub fn with_writers(text: &crate::Secret, ring: &Keyring) -> Result<crate::Secret> {
    const WHAT: &str = "the recovery file";
    let known: Vec<_> = Keyring::parse(text.expose(), WHAT)?.writers();
    let new = ring.writers().into_iter().filter(|writer| !known.contains(writer));
    let lines: Vec<String> = new.map(|(_, line)| line + "\n").collect();
    if lines.is_empty() {
        return Ok(text.clone());
    }
    let end = if text.expose().ends_with('\n') { "" } else { "\n" };
    let longer = self::text(&[text.expose(), end, "\n# Sign manifests (public).\n", &lines.concat()]);
    Keyring::parse(&longer, WHAT)?;
    Ok(longer.into())
}

/// A new recovery key: backups are sealed for its public half, and opened with its private half when all else is lost.
///
/// # Errors
/// [`ErrorKind::Internal`] if there is no randomness.
pub fn recovery_pair(entropy: &dyn Entropy, created: Timestamp) -> Result<RecoveryPair> {
    let secret = fresh(entropy)?;
    let public = line(KeyKind::Recovery, public_half(&secret)?);
    let secret_file = text(&[
        "# Recovery key of the platform's backups, made ",
        &created.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ".\n#\n# Opens every backup that was sealed for its public half:\n# ",
        &public,
        "\n# Keep it offline, in a safe; no running system needs it. Test it once a quarter.\n",
        "# It needs the `verify` line of every key that signs manifests (`backup-admin keys show` prints them):\n",
        "# without them nobody knows who wrote a backup.\n\n",
        &line(KeyKind::RecoverySecret, secret),
        "\n",
    ]);
    let (public, secret_file) = (public.as_str().to_owned(), crate::Secret::from(secret_file));
    Ok(RecoveryPair { public, secret_file })
}

fn fresh(entropy: &dyn Entropy) -> Result<Secret> {
    let secret = Secret::random(entropy)?;
    match weakness(secret.expose()) {
        None => Ok(secret),
        Some(_) => Err(Error::new(
            ErrorKind::Internal,
            "the random bytes for a new key are not random",
        )),
    }
}

fn public_half(secret: &Secret) -> Result<Secret> {
    let public: RecoveryKey = RecoverySecret::new(secret)?.public;
    Ok(Secret::new(public.to_bytes()))
}

fn line(kind: KeyKind, bytes: Secret) -> Zeroizing<String> {
    KeyLine { kind, bytes }.encode()
}

/// Sized beforehand, so that no copy is left behind by growing.
fn text(pieces: &[&str]) -> Zeroizing<String> {
    let length = pieces.iter().map(|piece| piece.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for piece in pieces {
        text.push_str(piece);
    }
    text
}
