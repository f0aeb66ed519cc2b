//! The four files: each exactly once, in their order, each as it has to be.

use super::{
    flaw::{Flaw, Member},
    limits::Limits,
    meta::Meta,
    records::{Records, StateFacts},
    sums::{self, Digest},
};
use sha2::{Digest as _, Sha256};

/// The file that is going by.
#[derive(Debug)]
enum Content {
    Meta(Vec<u8>),
    State(Box<(Sha256, Records)>),
    Sums(Vec<u8>),
    SealedSums,
}

/// What was proven of the files so far.
#[derive(Debug)]
pub(super) struct Members {
    limits: Limits,
    ended: usize,
    content: Option<Content>,
    meta: Option<(Meta, Digest)>,
    state: Option<(StateFacts, Digest)>,
}

impl Members {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ended: 0,
            content: None,
            meta: None,
            state: None,
        }
    }

    /// The file that is going by or must come next; `None` after the last.
    pub(super) fn current(&self) -> Option<Member> {
        Member::ALL.get(self.ended).copied()
    }

    /// Where in the current file a flaw is that [`Members::feed`] or [`Members::end`] has just found.
    pub(super) fn position(&self) -> u64 {
        match &self.content {
            Some(Content::State(state)) => state.1.position(),
            _ => 0,
        }
    }

    /// A file begins. All limits are checked here, before its first byte.
    pub(super) fn begin(&mut self, name: &[u8], size: u64) -> Result<(), Flaw> {
        let member = self.current().filter(|member| member.name().as_bytes() == name);
        self.content = Some(match member.ok_or(Flaw::WrongMember)? {
            Member::Meta => Content::Meta(collector(size, self.limits.meta)?),
            Member::State if self.meta.as_ref().is_some_and(|meta| meta.0.size == size) => {
                Content::State(Box::new((Sha256::new(), Records::new(self.limits))))
            }
            Member::State => return Err(Flaw::StateLength),
            Member::Sums if size == sums::LENGTH as u64 => Content::Sums(collector(size, sums::LENGTH)?),
            Member::Sums => return Err(Flaw::Sums),
            Member::SealedSums if size == 0 => return Err(Flaw::NoSealedSums),
            Member::SealedSums if size > self.limits.sealed => return Err(Flaw::MemberTooLong),
            Member::SealedSums => Content::SealedSums,
        });
        Ok(())
    }

    /// More of the file that began.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        match &mut self.content {
            Some(Content::Meta(kept) | Content::Sums(kept)) => kept.extend_from_slice(bytes),
            Some(Content::State(state)) => {
                state.1.feed(bytes)?;
                state.0.update(bytes);
            }
            Some(Content::SealedSums) | None => {}
        }
        Ok(())
    }

    /// The file that began ends.
    pub(super) fn end(&mut self) -> Result<(), Flaw> {
        match &mut self.content {
            Some(Content::Meta(text)) => self.meta = Some((Meta::parse(text)?, Sha256::digest(text).into())),
            Some(Content::State(state)) => {
                let facts = state.1.end()?;
                self.state = Some((facts, state.0.clone().finalize().into()));
            }
            Some(Content::Sums(text)) => {
                let listed = sums::parse(text)?;
                self.compare(&listed)?;
            }
            Some(Content::SealedSums) | None => {}
        }
        self.content = None;
        self.ended += 1;
        Ok(())
    }

    fn compare(&self, listed: &sums::Sums) -> Result<(), Flaw> {
        if self.meta.as_ref().is_none_or(|meta| meta.1 != listed.meta) {
            return Err(Flaw::MetaSum);
        }
        if self.state.as_ref().is_none_or(|state| state.1 != listed.state) {
            return Err(Flaw::StateSum);
        }
        Ok(())
    }

    /// What the files say; `None` unless all four were proven.
    pub(super) fn into_facts(self) -> Option<(Meta, StateFacts, Digest)> {
        let all = self.current().is_none();
        let (state, digest) = self.state.filter(|_| all)?;
        Some((self.meta?.0, state, digest))
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        match &self.content {
            Some(Content::Meta(kept) | Content::Sums(kept)) => kept.capacity(),
            Some(Content::State(state)) => state.1.held(),
            Some(Content::SealedSums) | None => 0,
        }
    }
}

/// Memory for a small file that is kept.
fn collector(size: u64, limit: usize) -> Result<Vec<u8>, Flaw> {
    let size = usize::try_from(size).ok().filter(|size| *size <= limit);
    Ok(Vec::with_capacity(size.ok_or(Flaw::MemberTooLong)?))
}
