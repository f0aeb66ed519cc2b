//! Chunks of the payload.

use super::{SEALED_CHUNK_LEN, TAG_LEN, damaged, schedule::PayloadKeys};
use crate::{Error, ErrorKind, Result};
use aws_lc_rs::aead::{Aad, Nonce};

impl PayloadKeys {
    fn nonce_of(&self, index: u64) -> Nonce {
        let mut nonce = self.nonce;
        for (byte, counter) in nonce[4..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= counter;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// Appends chunk `index`, sealed, to `out`. Plain text is never copied there. Each index is sealed once.
    pub(super) fn seal(&self, index: u64, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.resize(start + plain.len() + TAG_LEN, 0);
        let (text, tag) = out[start..].split_at_mut(plain.len());
        let sealed = self
            .key
            .seal_out_of_place_scatter(self.nonce_of(index), Aad::empty(), plain, text, &[], tag);
        if sealed.is_err() {
            out.truncate(start);
            return Err(Error::new(ErrorKind::Internal, format!("sealing chunk {index} failed")));
        }
        Ok(())
    }

    /// Appends the content of chunk `index` to `out`. On an error `out` is as it was.
    pub(super) fn open(&self, index: u64, sealed: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let Some((text, tag)) = sealed.split_last_chunk::<TAG_LEN>() else {
            return Err(super::sizes::cut());
        };
        out.resize(start + text.len(), 0);
        let opened = self
            .key
            .open_separate_gather(self.nonce_of(index), Aad::empty(), text, tag, &mut out[start..]);
        if opened.is_ok() {
            return Ok(());
        }
        out.truncate(start);
        if sealed.len() == SEALED_CHUNK_LEN {
            return Err(damaged(format!(
                "chunk {index} of the sealed object does not open: its bytes are damaged"
            )));
        }
        Err(damaged(format!(
            "the last chunk ({index}) of the sealed object does not open: it is damaged, cut short, or followed by other bytes"
        )))
    }
}
