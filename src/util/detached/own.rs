//! The job's side: take the folder, do the work, say how it ended.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use nix::unistd::{Pid, getsid, setsid};
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::data::{Ending, JobDir, JobSpec};
use super::error::JobError;
use super::events::{Line, Writer};
use super::follow::spec_of;
use super::identity::Identity;
use crate::util::blame::Report;
use crate::util::fs::{FileLock, open_append, write_atomic};
use crate::util::sink::Sink;

const BEAT: Duration = Duration::from_secs(2);

/// Makes this process the job of a folder and runs `work` to its end. SIGTERM and SIGINT cancel the token; the work then
/// has a few seconds before whoever cancelled it kills the session.
pub async fn own<W, F>(dir: &JobDir, work: W) -> Result<Ending, JobError>
where
    W: FnOnce(JobSpec, Sink<Value>, CancellationToken) -> F,
    F: Future<Output = Result<Value, Report>>,
{
    let spec = spec_of(dir)?;
    if dir.pid().exists() {
        return Err(JobError::Taken { id: dir.id() });
    }
    let _lock = lock(dir).await?;
    leave_session()?;
    let mut signals = Signals::listen()?;
    let _heart = Heart::start(dir)?;
    let events = Events::open(dir)?;
    let pid = serde_json::to_vec(&Identity::own())
        .map_err(|error| JobError::Malformed { path: dir.pid(), text: error.to_string() })?;
    write_atomic(&dir.pid(), &pid)?;

    let cancel = CancellationToken::new();
    let work = work(spec, events.sink(), cancel.clone());
    tokio::pin!(work);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            () = signals.next() => cancel.cancel(),
        }
    };
    let ending = match result {
        Ok(value) => Ending::Done { value },
        Err(_) if cancel.is_cancelled() => Ending::Cancelled,
        Err(report) => Ending::Failed { report },
    };
    events.append(Line::End(ending.clone()))?;
    Ok(ending)
}

/// Takes the lock, over the short moments in which followers test it.
async fn lock(dir: &JobDir) -> Result<FileLock, JobError> {
    for _ in 0..50 {
        if let Ok(lock) = FileLock::try_now(&dir.lock()) {
            return Ok(lock);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(FileLock::try_now(&dir.lock())?)
}

/// Leaves the terminal's session, so that closing the terminal is no longer this process's business.
fn leave_session() -> Result<(), JobError> {
    match setsid() {
        Ok(_) => Ok(()),
        // Already a session's leader: whoever started it did it.
        Err(_) if getsid(None) == Ok(Pid::this()) => Ok(()),
        Err(errno) => Err(JobError::Session(errno.into())),
    }
}

struct Signals(Signal, Signal);

impl Signals {
    fn listen() -> Result<Self, JobError> {
        let listen = |kind| signal(kind).map_err(JobError::Session);
        Ok(Self(listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// The file of events, shared by the threads of the work.
#[derive(Clone)]
struct Events {
    dir: JobDir,
    writer: Arc<Mutex<Writer>>,
}

impl Events {
    fn open(dir: &JobDir) -> Result<Self, JobError> {
        let writer = Writer::open(&dir.events())?;
        Ok(Self { dir: dir.clone(), writer: Arc::new(Mutex::new(writer)) })
    }

    fn append(&self, line: Line) -> Result<(), JobError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.append(line, &self.dir.events())?)
    }

    fn sink(&self) -> Sink<Value> {
        let events = self.clone();
        Arc::new(move |event| {
            if let Err(error) = events.append(Line::Event(event)) {
                tracing::warn!(%error, "an event of the job is lost");
            }
        })
    }
}

/// Moves the heartbeat file's time forward until dropped, from a thread of its own so that busy work cannot stop it.
struct Heart {
    _stop: Sender<()>,
}

impl Heart {
    fn start(dir: &JobDir) -> Result<Self, JobError> {
        let file = open_append(&dir.heartbeat())?;
        let (stop, stopped) = channel::<()>();
        let beat = move || {
            while stopped.recv_timeout(BEAT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = file.set_modified(SystemTime::now());
            }
        };
        std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(beat)
            .map_err(|source| JobError::Start { source })?;
        Ok(Self { _stop: stop })
    }
}
