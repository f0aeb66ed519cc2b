//! Stop signals become a cancelled token, so that a run aborts its uploads and gives its lease back.

use crate::exit::Exit;
use backup_core::{Error, ErrorKind, Result};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};
use tokio::signal::unix::{Signal as Handler, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: the terminal was closed.
    Hangup,
    /// SIGINT, from a terminal.
    Interrupt,
    /// SIGQUIT, from a terminal.
    Quit,
    /// SIGTERM, from a scheduler.
    Terminate,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Hangup, Self::Interrupt, Self::Quit, Self::Terminate];

    fn kind(self) -> SignalKind {
        match self {
            Self::Hangup => SignalKind::hangup(),
            Self::Interrupt => SignalKind::interrupt(),
            Self::Quit => SignalKind::quit(),
            Self::Terminate => SignalKind::terminate(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// What a run that it stopped ends with: 128 and its number, as shells have it.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Hangup => Exit::HungUp,
            Self::Interrupt => Exit::Interrupted,
            Self::Quit => Exit::Quit,
            Self::Terminate => Exit::Terminated,
        }
    }

    /// Whether it asks once more, more urgently. A hangup never does: a closed terminal sends two of them (one by the shell, one by the kernel), and
    /// systemd may send one right after SIGTERM (`SendSIGHUP`).
    fn insists(self) -> bool {
        self != Self::Hangup
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The first stop signal of this run, if one came.
#[derive(Debug, Clone, Default)]
pub struct Received(Arc<AtomicU8>);

/// Stands for no signal.
const NONE: u8 = 0;

impl Received {
    /// Which signal came first.
    #[must_use]
    pub fn first(&self) -> Option<Signal> {
        let number = self.0.load(Ordering::Acquire);
        Signal::ALL.into_iter().find(|signal| signal.exit().code() == number)
    }

    fn note(&self, signal: Signal) -> bool {
        self.0
            .compare_exchange(NONE, signal.exit().code(), Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// Listens from now on: the first signal cancels `token`, the second ends the process at once. A SIGHUP that was ignored when the program was started
/// (`nohup`) stays ignored.
///
/// On a thread of its own, until the process ends: no worker of a runtime that waits for a full pipe keeps a signal from being heard.
///
/// # Errors
/// Fails if the operating system refuses the handlers or the thread.
pub fn listen(token: CancellationToken) -> Result<Received> {
    let refused = |error| Error::new(ErrorKind::Internal, "install the signal handlers").because(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(refused)?;
    let handlers: Vec<_> = {
        let _inside = runtime.enter();
        let wanted = Signal::ALL.into_iter();
        let wanted = wanted.filter(|kind| *kind != Signal::Hangup || !hangups_are_ignored());
        let installed = wanted.map(|kind| signal(kind.kind()).map(|handler| (kind, handler)));
        installed.collect::<Result<_, _>>().map_err(refused)?
    };
    let received = Received::default();
    let listening = hear(handlers, token, received.clone());
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(move || runtime.block_on(listening)).map_err(refused)?;
    Ok(received)
}

/// What this process was started with. Where the system does not tell, a hangup is a request to stop, as it is by default.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    status.is_ok_and(|status| ignores_hangups(&status))
}

/// `SigIgn: 0000000000000001`: a mask in which signal 1 has the lowest bit (proc(5)).
fn ignores_hangups(status: &str) -> bool {
    let masks = status.lines().filter_map(|line| line.strip_prefix("SigIgn:"));
    let mut masks = masks.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    masks.next().is_some_and(|mask| mask & 1 == 1)
}

async fn hear(mut handlers: Vec<(Signal, Handler)>, token: CancellationToken, received: Received) {
    loop {
        let signal = next(&mut handlers).await;
        if received.note(signal) {
            // First: the line may have to wait for whoever reads stderr.
            token.cancel();
            tracing::warn!("stopping; a second signal ends the program at once");
        } else if signal.insists() {
            end_at_once(signal);
        }
    }
}

/// The next signal of any of them.
async fn next(handlers: &mut [(Signal, Handler)]) -> Signal {
    std::future::poll_fn(|cx| {
        let mut heard = handlers
            .iter_mut()
            .filter_map(|(signal, handler)| handler.poll_recv(cx).is_ready().then_some(*signal));
        heard.next().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

#[expect(
    clippy::exit,
    reason = "the second signal means that the operator does not want to wait for a clean end"
)]
fn end_at_once(signal: Signal) -> ! {
    // They have process groups of their own, and nothing is dropped on this way out.
    backup_postgres::kill_client_programs();
    std::process::exit(i32::from(signal.exit().code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_is_the_one_that_counts() {
        for signal in Signal::ALL {
            let received = Received::default();
            assert_eq!(received.first(), None);
            assert!(received.note(signal));
            assert!(!received.note(Signal::Interrupt));
            assert_eq!(received.first(), Some(signal));
        }
    }

    #[test]
    fn what_was_ignored_at_the_start_is_read_from_the_mask_of_the_process() {
        let status =
            |mask: &str| format!("Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n");
        assert!(ignores_hangups(&status("0000000000000001")));
        assert!(ignores_hangups(&status("0000000000001007")));
        assert!(!ignores_hangups(&status("0000000000001006")));
        assert!(!ignores_hangups("Name:\tx\n"));
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
