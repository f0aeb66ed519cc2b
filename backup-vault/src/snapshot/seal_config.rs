//! The configurations of the seal: the few values of `state.bin` that are not encrypted.

use super::{
    facts::{SealFacts, printable},
    flaw::Flaw,
};
use serde::Deserialize;

/// The part of Vault's `SealConfig` that tells how to unseal.
#[derive(Debug, Deserialize)]
struct SealConfig {
    r#type: String,
    secret_shares: u32,
    secret_threshold: u32,
}

pub(super) fn parse(text: &[u8]) -> Result<SealFacts, Flaw> {
    let config: SealConfig = serde_json::from_slice(text).map_err(|_| Flaw::SealConfig)?;
    Ok(SealFacts {
        kind: printable(&config.r#type),
        shares: config.secret_shares,
        threshold: config.secret_threshold,
    })
}
