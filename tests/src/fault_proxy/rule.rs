//! Which request is hit, and by what.

use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// The proxy answers with this status and S3's XML error for it (500 `InternalError`, 503 `SlowDown`, 403
    /// `AccessDenied`, 404 `NoSuchKey` or `NoSuchUpload`, 507 `XMinioStorageFull`); the server never sees the request.
    Status(u16),
    /// The head and half of the answer's body, then the connection closes. An answer without a body is cut in its head.
    Cut,
    /// The answer's body ends after as many of its bytes as this says of the whole, and ends as if that were all: with a last chunk, or a length that
    /// fits. So Vault ends a snapshot when it fails after the first byte.
    EndEarly(fn(&[u8]) -> usize),
    /// The connection is reset as soon as the request's head is there; the server never sees it.
    Reset,
    /// The request reaches the server this much later.
    Stall(Duration),
    /// One bit in the middle of the answer's body is flipped.
    FlipResponseBit,
    /// One bit in the middle of the request's body is flipped before the server sees it.
    FlipRequestBit,
    /// Both bodies pass at this many bytes per second (at least one).
    Slow(u64),
    /// The server does its work and answers; the client sees the connection close instead.
    AnswerLost,
}

/// A fault and the requests that it is for. Without a filter it hits every request.
#[derive(Debug, Clone)]
pub struct Rule {
    action: Action,
    method: Option<String>,
    path: String,
    first: usize,
    last: usize,
}

impl Rule {
    /// A rule for every request.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            method: None,
            path: String::new(),
            first: 1,
            last: usize::MAX,
        }
    }

    /// Only requests with this method (`PUT`).
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only requests whose path and query, as sent (percent-encoded), contain `part`.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        part.clone_into(&mut self.path);
        self
    }

    /// Only the `n`th request that matches, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        (self.first, self.last) = (n, n);
        self
    }

    /// Only the first `n` requests that match.
    #[must_use]
    pub fn up_to(mut self, n: usize) -> Self {
        (self.first, self.last) = (1, n);
        self
    }

    fn matches(&self, request: &str) -> bool {
        let (method, path) = request.split_once(' ').unwrap_or((request, ""));
        self.method.as_deref().is_none_or(|wanted| wanted == method) && path.contains(&self.path)
    }
}

/// A rule and what it has seen.
#[derive(Debug)]
pub(super) struct Armed {
    rule: Rule,
    seen: usize,
}

impl Armed {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, seen: 0 }
    }

    /// Counts the request if it matches; true if it is one to be hit.
    pub(super) fn applies_to(&mut self, request: &str) -> bool {
        if !self.rule.matches(request) {
            return false;
        }
        self.seen += 1;
        (self.rule.first..=self.rule.last).contains(&self.seen)
    }

    pub(super) fn action(&self) -> Action {
        self.rule.action
    }
}
