//! Secret bytes.

use crate::{
    Result,
    clock::{Entropy, random},
};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Thirty-two secret bytes: wiped when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn random(entropy: &dyn Entropy) -> Result<Self> {
        random(entropy).map(Self)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
