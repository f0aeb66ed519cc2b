mod damage;
mod header;
mod round_trip;
mod vectors;

use super::*;
use crate::{
    Result,
    clock::{Entropy, SystemEntropy},
    id::Id16,
    keys::{KeyKind, Keyring, generate},
};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// Draw number i (from 0) gives the bytes 37·i, 37·i + 1, … (mod 256).
#[derive(Debug, Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        let mut next = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(37);
        for byte in out {
            *byte = next;
            next = next.wrapping_add(1);
        }
        Ok(())
    }
}

fn spec() -> SealSpec {
    SealSpec {
        repository: Id16([9; 16]),
        component: "postgres".into(),
        logical_path: "20260422_170000/platform_money.pgdump".into(),
        content_type: "application/x-pg-dump".into(),
        codec: Codec::Stored,
        tool: "backup-postgres 0.1.0".into(),
        created: "2026-04-22T17:00:00.125Z".parse().unwrap(),
    }
}

fn expected() -> Expected {
    Expected::new(spec().repository, spec().logical_path)
}

fn ring(kinds: &[KeyKind]) -> Arc<Keyring> {
    let lines: Vec<_> = kinds
        .iter()
        .map(|kind| generate(*kind, &SystemEntropy).unwrap().expose().to_owned())
        .collect();
    Arc::new(Keyring::parse(&lines.join("\n"), "test").unwrap())
}

fn kek() -> Arc<Keyring> {
    ring(&[KeyKind::Kek])
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| ((7 * i + 3) % 256) as u8).collect()
}

fn seal_as(spec: SealSpec, plain: &[u8], ring: &Keyring) -> Vec<u8> {
    let (mut sealer, begin) = Sealer::begin(spec, ring, &SystemEntropy).unwrap();
    let mut out = begin.to_vec();
    sealer.update(plain, &mut out).unwrap();
    let length = sealer.stored_len().unwrap();
    sealer.finish(&mut out).unwrap();
    assert_eq!(out.len() as u64, length);
    out
}

fn seal(plain: &[u8], ring: &Keyring) -> Vec<u8> {
    seal_as(spec(), plain, ring)
}

/// Opens an object that arrives in pieces of `step` bytes.
fn open_in(step: usize, stored: &[u8], expected: &Expected, ring: &Arc<Keyring>) -> Result<Vec<u8>> {
    let mut opener = Opener::new(expected.clone(), Arc::clone(ring));
    let mut out = Vec::new();
    for piece in stored.chunks(step) {
        opener.update(piece, &mut out)?;
    }
    opener.finish(&mut out)?;
    Ok(out)
}

fn open(stored: &[u8], ring: &Arc<Keyring>) -> Result<Vec<u8>> {
    open_in(usize::MAX, stored, &expected(), ring)
}

fn header_of(stored: &[u8]) -> Header {
    Header::parse(stored).unwrap().unwrap()
}
