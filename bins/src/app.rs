//! From the command line to the exit code: parse, configure, log, call the verb, report.

use crate::{
    args::CommandLine,
    config::{self, Config, Environment, Settings, Sources, common::LogFormat, layers::Layer},
    context::Context,
    exit::Exit,
    hardened, logging,
    output::{Output, Terminal},
    render,
    repeatable::{MASK, looks_secret},
    report,
    signals::{self, Signal},
};
use backup_core::{
    Error, ErrorKind, Result,
    clock::{SystemClock, SystemEntropy},
};
use clap::error::{ContextKind, ContextValue};
use std::{
    any::Any,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long blocking tasks may take to end after the verb did.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Runs a program: the whole of its `main`. `verb` is called inside a multi-thread runtime, once everything else is in place.
///
/// Errors go to stderr, the result to stdout, and the number out of [`Exit`] to the caller. A panic ends with 1; a run of a backup has given its lease
/// back then, and what it had sent is left to `prune`.
pub fn main<A, V, F>(verb: V) -> ExitCode
where
    A: CommandLine,
    V: FnOnce(A, Context) -> F,
    F: Future<Output = Result<()>> + Send + 'static,
{
    guarded(|| run(verb)).into()
}

/// Left alone, a panic would end with 101, which is none of our numbers.
fn guarded(run: impl FnOnce() -> Exit) -> Exit {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Internal)
}

fn run<A, V, F>(verb: V) -> Exit
where
    A: CommandLine,
    V: FnOnce(A, Context) -> F,
    F: Future<Output = Result<()>> + Send + 'static,
{
    if let Err(error) = hardened::harden().and_then(|()| demand_no_secret_argument()) {
        return fail(&error, None, LogFormat::Text);
    }
    let (args, flags) = match A::try_parse().and_then(|args| args.settings().map(|flags| (args, flags))) {
        Ok(parsed) => parsed,
        Err(error) => return usage(&unspoken(error)),
    };
    let sources = Sources::of_process(flags);
    let setup = match Setup::new::<A>(&sources) {
        Ok(setup) => setup,
        Err(error) => return fail(&error, None, early_log_format(&sources.flags, &sources.environment)),
    };
    let format = setup.config.log_format;
    match setup.call(args, verb) {
        Ok(()) => Exit::Ok,
        Err(failure) => fail(&failure.error, failure.signal, format),
    }
}

/// The parser of the command line would repeat it; and whoever lists processes has read it.
fn demand_no_secret_argument() -> Result<()> {
    let secret = std::env::args_os().position(|argument| looks_secret(&argument.to_string_lossy()));
    let Some(number) = secret else { return Ok(()) };
    let message = format!("argument {number} holds what looks like a secret, and is not repeated here");
    Err(Error::new(ErrorKind::Usage, message)
        .hint("everyone on this machine can read it in the list of processes: give secrets in files or variables")
        .hint("treat this one as known to others"))
}

fn fail(error: &Error, signal: Option<Signal>, format: LogFormat) -> Exit {
    let exit = Exit::of(error, signal);
    Terminal::hidden().log(report::render(error, exit, format).as_bytes());
    exit
}

/// clap repeats values and words that it does not expect: any may be a secret. Names of options, and words that are like one of ours, are told.
fn unspoken(mut error: clap::Error) -> clap::Error {
    let word = error.get(ContextKind::InvalidArg);
    let bare = matches!(word, Some(ContextValue::String(word)) if !word.starts_with('-'));
    let hidden = match error.kind() {
        clap::error::ErrorKind::UnknownArgument if bare => Some(ContextKind::InvalidArg),
        clap::error::ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            Some(ContextKind::InvalidSubcommand)
        }
        _ => error.get(ContextKind::InvalidValue).map(|_| ContextKind::InvalidValue),
    };
    if let Some(hidden) = hidden {
        error.insert(hidden, ContextValue::String(MASK.to_owned()));
    }
    error
}

/// clap prints help and version on stdout and ends with 0, everything else on stderr with 2.
fn usage(error: &clap::Error) -> Exit {
    match error.print() {
        Ok(()) if !error.use_stderr() => Exit::Ok,
        Ok(()) => Exit::Usage,
        // `--help | head` has seen what it wanted.
        Err(broken) if broken.kind() == io::ErrorKind::BrokenPipe && !error.use_stderr() => Exit::Ok,
        Err(_) => Exit::Internal,
    }
}

/// A failed verb, and the signal that may be its reason.
struct Failure {
    error: Error,
    signal: Option<Signal>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, signal: None }
    }
}

/// Stores name keys relative to their root: the operator wants to know which store it was.
fn located(error: Error, store: Option<&str>) -> Error {
    match (error.kind(), store) {
        (ErrorKind::StoreUnreachable | ErrorKind::StoreFailed, Some(store)) => error.context(format!("store {store}")),
        _ => error,
    }
}

/// Nothing failed: the operator wanted it so. What follows says where that leaves him.
fn stopped(error: Error, signal: Option<Signal>) -> Error {
    match (error.kind(), signal) {
        (ErrorKind::Cancelled, Some(signal)) => error.context(format!("stopped by {signal}")),
        _ => error,
    }
}

struct Setup {
    config: Config,
    settings: Settings,
    environment: Environment,
    output: Output,
}

impl Setup {
    fn new<A: CommandLine>(sources: &Sources) -> Result<Self> {
        let settings = config::resolve(A::PROGRAM, sources)?;
        let config = Config::from_settings(&settings)?;
        let terminal = Terminal::stderr(&sources.environment)?;
        logging::install(config.log_format, config.verbosity, &terminal)?;
        let output = Output::new(terminal, config.json, config.verbosity);
        Ok(Self {
            config,
            settings,
            environment: sources.environment.clone(),
            output,
        })
    }

    fn call<A, V, F>(self, args: A, verb: V) -> Result<(), Failure>
    where
        A: CommandLine,
        V: FnOnce(A, Context) -> F,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if let Some(workers) = args.workers() {
            runtime.worker_threads(workers);
        }
        let runtime = runtime.enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(ErrorKind::Internal, "start the runtime").because(error))?;
        let ended = runtime.block_on(async {
            let context = self.into_context();
            let received = signals::listen(context.cancel.clone())?;
            let store = context.config.store.clone();
            let done = on_a_worker(verb(args, context)).await;
            Ok::<_, Failure>(done.map(|done| {
                done.map_err(|error| {
                    let signal = received.first();
                    let error = stopped(located(error, store.as_deref()), signal);
                    Failure { error, signal }
                })
            }))
        });
        // A blocking task that hangs must not keep the program alive, whatever the end is.
        runtime.shutdown_timeout(SHUTDOWN);
        ended?.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn into_context(self) -> Context {
        let clock = Arc::new(SystemClock);
        let (format, verbosity) = (self.config.log_format, self.config.verbosity);
        Context {
            events: render::renderer(format, verbosity, &self.output, clock.clone()),
            config: Arc::new(self.config),
            settings: Arc::new(self.settings),
            environment: Arc::new(self.environment),
            clock,
            entropy: Arc::new(SystemEntropy),
            cancel: CancellationToken::new(),
            output: self.output,
        }
    }
}

/// What a panic leaves.
type Panic = Box<dyn Any + Send>;

/// The main thread is none of the runtime's: work done there hands every piece that it waits for from thread to thread.
async fn on_a_worker(verb: impl Future<Output = Result<()>> + Send + 'static) -> Result<Result<()>, Panic> {
    match tokio::spawn(verb).await {
        Ok(done) => Ok(done),
        Err(lost) => match lost.try_into_panic() {
            Ok(panic) => Err(panic),
            Err(lost) => Ok(Err(
                Error::new(ErrorKind::Internal, "the runtime ended too early").because(lost)
            )),
        },
    }
}

/// The log format as far as it is known when the configuration may be what failed.
fn early_log_format(flags: &Layer, environment: &Environment) -> LogFormat {
    let json = match flags.get("log-format") {
        Some(given) => given.text.first().is_some_and(|word| word == "json"),
        // A variable that is not text is an error that resolving the layers tells.
        None => matches!(environment.get("BACKUP_LOG_FORMAT"), Ok(Some("json"))),
    };
    if json { LogFormat::Json } else { LogFormat::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_with_1() {
        assert_eq!(guarded(|| panic!("a defect")), Exit::Internal);
        assert_eq!(guarded(|| Exit::Damaged), Exit::Damaged);
    }

    #[test]
    fn a_panic_on_a_worker_comes_out_and_the_end_of_a_verb_does_too() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let panic = runtime.block_on(on_a_worker(async { panic!("a defect") })).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"a defect"));
        assert!(matches!(runtime.block_on(on_a_worker(async { Ok(()) })), Ok(Ok(()))));
    }
}
