//! Runs a room's async function from the command line. Ctrl-C and SIGTERM cancel it and wait for its clean end; a
//! second one drops it, which kills its processes.

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::util::blame::{Blame, Report};

/// Runs to the end, or until it has been interrupted twice.
pub fn run<T>(work: impl AsyncFnOnce(CancellationToken) -> Result<T, Report>) -> Result<T, Report> {
    on(&started()?, work)
}

/// Runs work that reads standard input. A read that waits for a line cannot be called off, and is not waited for.
pub fn run_on_stdin<T>(work: impl AsyncFnOnce(CancellationToken) -> Result<T, Report>) -> Result<T, Report> {
    let runtime = started()?;
    let done = on(&runtime, work);
    runtime.shutdown_background();
    done
}

fn failed(error: std::io::Error) -> Report {
    Report::new(Blame::Environment, format!("cannot start: {error}"))
}

fn started() -> Result<Runtime, Report> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)
}

fn on<T>(
    runtime: &Runtime,
    work: impl AsyncFnOnce(CancellationToken) -> Result<T, Report>,
) -> Result<T, Report> {
    runtime.block_on(async {
        let cancel = CancellationToken::new();
        let mut interrupts = Interrupts::listen().map_err(failed)?;
        let work = work(cancel.clone());
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = interrupts.next() => cancel.cancel(),
        }
        tokio::select! {
            done = work => done,
            () = interrupts.next() => Err(Report::new(Blame::User, "interrupted")),
        }
    })
}

/// Drops work that has nothing to end in order when it is interrupted.
pub async fn until<T>(
    cancel: CancellationToken,
    work: impl Future<Output = Result<T, Report>>,
) -> Result<T, Report> {
    tokio::select! {
        done = work => done,
        () = cancel.cancelled() => Err(Report::new(Blame::User, "interrupted")),
    }
}

struct Interrupts {
    int: Signal,
    term: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { int: signal(SignalKind::interrupt())?, term: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}
