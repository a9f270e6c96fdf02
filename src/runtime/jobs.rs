//! Jobs: the only place that spawns tasks. A job gets data, a cancel token and a [`JobSink`]; it answers with messages
//! under its number on the one bounded channel, and with `Ended` exactly once.

mod chat;
mod configs;
mod discover;
mod edits;
mod harness;
mod models;
pub mod pr;
mod reader;
mod rewind;
mod setup;
mod source;

pub(super) use chat::config_keys;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::services::Services;
use crate::app::effect::Job;
use crate::app::job::JobId;
use crate::app::msg::{Msg, PaneMsg};
use crate::app::pane::chat as chat_pane;
use crate::app::pane::pr::PersonRequest;
use crate::git::acts::PersonAct;
use crate::session::writer::WriterEvent;
use crate::session::{self, Redactor};
use crate::util::blame::{Blame, Report};
use crate::util::sink::Sink;

/// How many messages may wait; a job that says more waits for the screen.
pub const CHANNEL: usize = 1024;

/// Where a job's messages go.
#[derive(Clone, Debug)]
pub struct JobSink {
    id: JobId,
    to: mpsc::Sender<Msg>,
}

impl JobSink {
    /// Tells a pane something.
    pub fn send(&self, msg: PaneMsg) {
        push(&self.to, Msg::Job(self.id, msg));
    }

    /// Makes a room's sink: each of its events becomes a message.
    pub fn sink<E: 'static>(&self, wrap: impl Fn(E) -> PaneMsg + Send + Sync + 'static) -> Sink<E> {
        let to = self.clone();
        Arc::new(move |event| to.send(wrap(event)))
    }
}

/// Runs something for as long as its own token lets it: the demo's endpoint.
pub fn serve(work: impl Future<Output = Result<(), crate::session::SessionError>> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    tokio::spawn(async move {
        if let Err(error) = work.await {
            tracing::error!("the recorded endpoint ended: {error}");
        }
    });
}

/// Tells the person when the session cannot be kept, and when it can be again. Never waits: the writer must not hang on the
/// screen.
pub fn keeper(to: mpsc::Sender<Msg>) -> Sink<WriterEvent> {
    Arc::new(move |event| {
        let report = match event {
            WriterEvent::Failed(report) => {
                let text = format!("the session is not being saved: {}", report.text);
                let hint = report.hint.unwrap_or_else(|| "make room or mend the folder".into());
                let hint = format!("{hint}. Until then everything is kept in memory: do not quit yet");
                Report::new(report.blame, text).hint(hint)
            }
            WriterEvent::Recovered => {
                let note = chat_pane::Msg::Note("the session is saved again, with all that waited".into());
                let _ = to.try_send(Msg::Post(PaneMsg::Chat(note)));
                return;
            }
        };
        let _ = to.try_send(Msg::Post(PaneMsg::Chat(chat_pane::Msg::Trouble(report))));
    })
}

/// Puts a message on the bounded channel from any thread; waits while it is full, because the loop always drains.
fn push(to: &mpsc::Sender<Msg>, mut msg: Msg) {
    loop {
        match to.try_send(msg) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
            Err(mpsc::error::TrySendError::Full(back)) => {
                msg = back;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// The running jobs' tokens.
#[derive(Debug)]
pub struct JobTable {
    to: mpsc::Sender<Msg>,
    live: HashMap<JobId, CancellationToken>,
    services: Arc<Services>,
}

impl JobTable {
    /// Makes an empty table that answers on `to`.
    pub fn new(to: mpsc::Sender<Msg>, services: Arc<Services>) -> Self {
        Self { to, live: HashMap::new(), services }
    }

    /// Starts a job.
    pub fn start(&mut self, id: JobId, job: Job) {
        let services = Arc::clone(&self.services);
        self.spawn(id, move |sink, cancel| async move {
            match job {
                Job::Setup(job) => setup::run(job, services, sink, cancel).await,
                Job::Rewind(job) => rewind::run(job, services, sink).await,
                Job::Models(job) => models::run(job, services, sink, cancel).await,
                Job::Chat(job) => chat::run(job, services, sink, cancel).await,
                Job::Source(job) => source::run(job, services, sink, cancel).await,
                Job::Harness(job) => harness::run(job, services, sink, cancel).await,
                Job::Configs(job) => configs::run(job, services, sink, cancel).await,
                Job::Discover(job) => discover::run(job, services, sink, cancel).await,
                Job::Pr(job) => pr::run(job, services, sink, cancel).await,
            }
        });
    }

    /// Starts an act of the person. It cannot be cancelled half way.
    pub fn person(&mut self, id: JobId, request: PersonRequest, act: PersonAct) {
        let services = Arc::clone(&self.services);
        self.spawn(id, move |sink, _| pr::act(request, act, services, sink));
    }

    /// The data folder, which a recorded act may not leave.
    pub fn home(&self) -> PathBuf {
        self.services.home().root().to_path_buf()
    }

    /// Starts a future as a job.
    pub fn spawn<F>(&mut self, id: JobId, work: impl FnOnce(JobSink, CancellationToken) -> F)
    where
        F: Future<Output = Result<(), Report>> + Send + 'static,
    {
        let cancel = CancellationToken::new();
        self.live.retain(|_, token| !token.is_cancelled());
        self.live.insert(id, cancel.clone());
        let to = self.to.clone();
        let work = work(JobSink { id, to: to.clone() }, cancel);
        #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
        tokio::spawn(async move {
            #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
            let ended = tokio::spawn(work).await;
            let result = ended.unwrap_or_else(|error| {
                Err(Report::new(Blame::Bug, format!("a job of mlxport itself broke: {error}")))
            });
            let _ = to.send(Msg::Ended(id, result)).await;
        });
    }

    /// Reads the conversation of a resumed session off the screen's thread, and gives it to the chat.
    pub fn bring_back(&self, id: String, redactor: Redactor) {
        let (to, services) = (self.to.clone(), Arc::clone(&self.services));
        tokio::task::spawn_blocking(move || {
            let msg = match session::conversation(services.home(), &id, &redactor) {
                Ok(earlier) => chat_pane::Msg::Restored(Box::new(earlier)),
                Err(error) => {
                    let log = services.home().session(&id).join("log.jsonl");
                    let text = format!("the conversation of this session cannot be read: {error}");
                    chat_pane::Msg::Unrestored(Report::new(Blame::Environment, text).hint(format!(
                        "nothing was removed. Quit, make {} readable or put a copy of it back, and resume; what you send \
                         before that starts without the earlier conversation",
                        log.display()
                    )))
                }
            };
            push(&to, Msg::Post(PaneMsg::Chat(msg)));
        });
    }

    /// Cancels a job; what it started is killed by its token or its drop.
    pub fn cancel(&mut self, id: JobId) {
        if let Some(token) = self.live.remove(&id) {
            token.cancel();
        }
    }

    /// Cancels every job: the program ends. What outlasts it is left alone.
    pub fn cancel_all(&mut self) {
        self.services.leaving.cancel();
        for (_, token) in self.live.drain() {
            token.cancel();
        }
    }

    /// Forgets a job that ended.
    pub fn forget(&mut self, id: JobId) {
        self.live.remove(&id);
    }
}
