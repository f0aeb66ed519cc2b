//! Stop signals become a cancelled token, so that a run aborts its uploads and gives its lease back.

use backup_core::{Error, ErrorKind, Result};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, from a terminal.
    Interrupt,
    /// SIGTERM, from a scheduler.
    Terminate,
}

/// The first stop signal of this run, if one came.
#[derive(Debug, Clone, Default)]
pub struct Received(Arc<AtomicU8>);

const NONE: u8 = 0;
const INTERRUPT: u8 = 1;
const TERMINATE: u8 = 2;

impl Received {
    /// Which signal came first.
    #[must_use]
    pub fn first(&self) -> Option<Signal> {
        match self.0.load(Ordering::Acquire) {
            INTERRUPT => Some(Signal::Interrupt),
            TERMINATE => Some(Signal::Terminate),
            _ => None,
        }
    }

    fn note(&self, signal: Signal) -> bool {
        let code = match signal {
            Signal::Interrupt => INTERRUPT,
            Signal::Terminate => TERMINATE,
        };
        self.0
            .compare_exchange(NONE, code, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// Listens from now on: the first signal cancels `token`, the second ends the process at once.
///
/// Must be called inside a runtime; the listener ends with it.
///
/// # Errors
/// Fails if the operating system refuses the handlers.
pub fn listen(token: CancellationToken) -> Result<Received> {
    let refused = |error| Error::new(ErrorKind::Internal, "install the signal handlers").because(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let received = Received::default();
    let noted = received.clone();
    tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                Some(()) = interrupt.recv() => Signal::Interrupt,
                Some(()) = terminate.recv() => Signal::Terminate,
                else => return,
            };
            if !noted.note(signal) {
                end_at_once(signal);
            }
            tracing::warn!("stopping; a second signal ends the program at once");
            token.cancel();
        }
    });
    Ok(received)
}

#[expect(
    clippy::exit,
    reason = "the second signal means that the operator does not want to wait for a clean end"
)]
fn end_at_once(signal: Signal) -> ! {
    let exit = match signal {
        Signal::Interrupt => crate::exit::Exit::Interrupted,
        Signal::Terminate => crate::exit::Exit::Terminated,
    };
    // They have process groups of their own, and nothing is dropped on this way out.
    backup_postgres::kill_client_programs();
    std::process::exit(i32::from(exit.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_is_the_one_that_counts() {
        let received = Received::default();
        assert_eq!(received.first(), None);
        assert!(received.note(Signal::Terminate));
        assert!(!received.note(Signal::Interrupt));
        assert_eq!(received.first(), Some(Signal::Terminate));
    }

    #[tokio::test]
    async fn a_signal_cancels_the_token_and_is_remembered() {
        let token = CancellationToken::new();
        let received = listen(token.clone()).unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
        token.cancelled().await;
        assert_eq!(received.first(), Some(Signal::Terminate));
    }
}
