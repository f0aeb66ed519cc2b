//! Stop signals become a cancelled token, so that a run aborts its uploads and gives its lease back.

use backup_core::{Error, ErrorKind, Result};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use tokio::signal::unix::{Signal as Handler, SignalKind, signal};
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
/// On a thread of its own, until the process ends: no worker of a runtime that waits for a full pipe keeps a signal from being heard.
///
/// # Errors
/// Fails if the operating system refuses the handlers or the thread.
pub fn listen(token: CancellationToken) -> Result<Received> {
    let refused = |error| Error::new(ErrorKind::Internal, "install the signal handlers").because(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(refused)?;
    let handlers = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        (interrupt, signal(SignalKind::terminate()).map_err(refused)?)
    };
    let received = Received::default();
    let listening = hear(handlers, token, received.clone());
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(move || runtime.block_on(listening)).map_err(refused)?;
    Ok(received)
}

async fn hear((mut interrupt, mut terminate): (Handler, Handler), token: CancellationToken, received: Received) {
    loop {
        let signal = tokio::select! {
            Some(()) = interrupt.recv() => Signal::Interrupt,
            Some(()) = terminate.recv() => Signal::Terminate,
            else => return,
        };
        if !received.note(signal) {
            end_at_once(signal);
        }
        // First: the line may have to wait for whoever reads stderr.
        token.cancel();
        tracing::warn!("stopping; a second signal ends the program at once");
    }
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
