//! The one place that reads time and randomness of this machine.

use jiff::Timestamp;
use std::fmt;

/// Reads the wall clock. Passed in, so that tests can stop it, move it and make it jump.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Makes random bytes. Passed in, so that golden files and property tests can repeat themselves.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `out` with bytes that nobody can foresee.
    ///
    /// # Errors
    /// Fails if the operating system has no randomness to give; nothing may be sealed then.
    fn fill(&self, out: &mut [u8]) -> crate::Result<()>;
}

/// Randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> crate::Result<()> {
        aws_lc_rs::rand::fill(out)
            .map_err(|_| crate::Error::new(crate::ErrorKind::Internal, "the operating system gave no random bytes"))
    }
}

/// Random bytes as an array.
///
/// # Errors
/// See [`Entropy::fill`].
pub fn random<const N: usize>(entropy: &dyn Entropy) -> crate::Result<[u8; N]> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
