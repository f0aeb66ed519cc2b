//! The programs, when something breaks: killed at any step, faults on the wire, servers that go away, stores that are full.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod gone;
mod killed;
mod kit;
mod many;
mod wire;
