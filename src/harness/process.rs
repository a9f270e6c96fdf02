//! The worker process: start, handshake, one request at a time, cancel, time limit, kill. The only place that reads
//! the worker's stdout. A worker that did anything but answer cleanly is killed with its whole process group; the
//! caller starts another.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader as StdBufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::data::{CheckError, Environment};
use super::error::HarnessError;
use super::wire::{Body, Final, Hello, MAX_LINE, PROTO, Reply, Request, RunRequest};
use crate::util::process::{Command, Group, describe};
use crate::util::text::{one_line, truncate};

/// How long a cancelled worker may take to say so before it is killed.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// How long a dead worker's exit status and last words are waited for.
const DEATH_GRACE: Duration = Duration::from_secs(2);
const TAIL_LINES: usize = 40;

/// A running worker. Dropping it kills its process group.
pub struct Worker {
    child: Child,
    _group: Group,
    stdin: ChildStdin,
    lines: Lines,
    tail: Nurse,
    hello: Option<Hello>,
    heard: bool,
    renames: Vec<Rename>,
}

/// A copy inside the sandbox and the file it stands for: replies name the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    pub copy: String,
    pub file: String,
}

impl Worker {
    /// Starts the process and returns at once; [`Worker::ready`] waits for its first line.
    pub fn spawn(command: &Command) -> Result<Self, HarnessError> {
        let mut command = command.to_tokio();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, tail) = Nurse::start(command)?;
        let group = Group::of(&child);
        let missing = || HarnessError::Start { source: std::io::Error::other("a pipe is missing") };
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            _group: group,
            stdin,
            lines: Lines::new(stdout),
            tail,
            hello: None,
            heard: false,
            renames: Vec::new(),
        })
    }

    /// Waits for the handshake, once.
    pub async fn ready(&mut self, limit: Duration) -> Result<&Hello, HarnessError> {
        if self.hello.is_none() {
            let first = timeout(limit, self.next()).await;
            let reply = first.map_err(|_| HarnessError::NotReady { limit, tail: self.tail.text() })??;
            let Body::Hello(hello) = reply.body else { return Err(self.stray("a reply before hello")) };
            if hello.proto != PROTO {
                return Err(HarnessError::Version { theirs: hello.proto, ours: PROTO });
            }
            self.hello = Some(hello);
        }
        match &self.hello {
            Some(hello) => Ok(hello),
            None => Err(self.stray("no hello")),
        }
    }

    /// Says whether the process has ended while nobody was looking.
    pub fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sets what replies call the copies of this run's files.
    pub fn rename(&mut self, renames: Vec<Rename>) {
        self.renames = renames;
    }

    /// Says whether the last run was answered at all.
    pub fn was_heard(&self) -> bool {
        self.heard
    }

    /// Sends a run and hands every reply to `each` until the one that ends it. Any error but a clean cancel leaves
    /// the worker in an unknown state: drop it.
    pub async fn run(
        &mut self,
        request: RunRequest<'_>,
        limit: Duration,
        cancel: &CancellationToken,
        each: &mut (dyn FnMut(Body) + Send),
    ) -> Result<Final, HarnessError> {
        let id = request.id;
        self.heard = false;
        self.send(&Request::Run(Box::new(request))).await?;
        let mut deadline = Instant::now() + limit;
        let mut cancelled = false;
        loop {
            let reply = tokio::select! {
                reply = self.lines.next() => reply,
                () = sleep_until(deadline) => {
                    return Err(match cancelled {
                        true => HarnessError::Cancelled,
                        false => HarnessError::Timeout { limit, tail: self.tail.text() },
                    });
                }
                () = cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    deadline = Instant::now() + CANCEL_GRACE;
                    self.send(&Request::Cancel { id: "cancel", target_id: id }).await?;
                    continue;
                }
            };
            let reply = self.parse(reply).await?;
            if reply.id.as_deref() != Some(id) {
                continue;
            }
            self.heard = true;
            match reply.body {
                _ if cancelled && !is_final(&reply.body) => {}
                Body::Done { .. } | Body::Cancelled if cancelled => return Ok(Final::Cancelled),
                Body::Done { verdict, result } => return Ok(Final::Done { verdict, result }),
                Body::Failed { kind, text, hint } => {
                    return Ok(Final::Failed(CheckError { kind, text, hint }));
                }
                Body::Cancelled => return Ok(Final::Cancelled),
                body => each(body),
            }
        }
    }

    /// Gives the last lines of stderr.
    pub fn last_words(&self) -> String {
        self.tail.text()
    }

    /// Gives the facts of the handshake as a run's environment.
    pub fn environment(&self) -> Environment {
        let mut facts = Environment::new();
        if let Some(hello) = &self.hello {
            facts.insert("versions".into(), hello.versions.clone().into());
            facts.insert("device".into(), hello.device.clone().into());
            facts.insert("strategy".into(), hello.strategy.clone().into());
        }
        facts
    }

    async fn send(&mut self, request: &Request<'_>) -> Result<(), HarnessError> {
        let mut line = serde_json::to_vec(request)
            .map_err(|error| HarnessError::Start { source: std::io::Error::other(error) })?;
        line.push(b'\n');
        match self.stdin.write_all(&line).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.died().await),
        }
    }

    async fn next(&mut self) -> Result<Reply, HarnessError> {
        let line = self.lines.next().await;
        self.parse(line).await
    }

    async fn parse(&mut self, line: Result<Line, std::io::Error>) -> Result<Reply, HarnessError> {
        match line {
            Ok(Line::Text(bytes)) => {
                let text = String::from_utf8_lossy(&bytes);
                let text = self.renames.iter().fold(text.into_owned(), |text, Rename { copy, file }| {
                    text.replace(&quoted(copy), &quoted(file))
                });
                serde_json::from_str(&text).map_err(|_| self.stray(&text))
            }
            Ok(Line::TooLong) => Err(HarnessError::LineTooLong { limit: MAX_LINE }),
            Ok(Line::End) | Err(_) => Err(self.died().await),
        }
    }

    async fn died(&mut self) -> HarnessError {
        let status = match timeout(DEATH_GRACE, self.child.wait()).await {
            Ok(Ok(status)) => describe(status),
            _ => "its output closed".into(),
        };
        self.tail.settle().await;
        HarnessError::Died { status, tail: self.tail.text() }
    }

    fn stray(&self, line: &str) -> HarnessError {
        HarnessError::Protocol { line: truncate(&one_line(line.trim()), 200), tail: self.tail.text() }
    }
}

/// Writes a path as it stands inside a JSON string.
fn quoted(path: &str) -> String {
    let text = serde_json::Value::from(path).to_string();
    text.trim_matches('"').to_string()
}

fn is_final(body: &Body) -> bool {
    matches!(body, Body::Done { .. } | Body::Failed { .. } | Body::Cancelled)
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// Whole lines of stdout, each of at most [`MAX_LINE`] bytes. Safe to drop between polls: what was read stays here.
struct Lines {
    stdout: BufReader<ChildStdout>,
    part: Vec<u8>,
}

impl Lines {
    fn new(stdout: ChildStdout) -> Self {
        Self { stdout: BufReader::with_capacity(64 << 10, stdout), part: Vec::new() }
    }

    async fn next(&mut self) -> Result<Line, std::io::Error> {
        loop {
            let bytes = self.stdout.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(Line::End);
            }
            let (taken, whole) = match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            };
            self.part.extend_from_slice(&bytes[..taken]);
            self.stdout.consume(taken);
            if self.part.len() > MAX_LINE {
                return Ok(Line::TooLong);
            }
            if whole {
                return Ok(Line::Text(std::mem::take(&mut self.part)));
            }
        }
    }
}

/// A thread that starts the worker, keeps its last lines of stderr, and lives as long as its [`Worker`]. It starts the
/// process because a sandboxed child dies with the thread that started it; it reads because nobody polls the worker
/// between runs, and a full pipe would stop it.
struct Nurse {
    lines: Arc<Mutex<VecDeque<String>>>,
    quiet: Arc<AtomicBool>,
    _stay: mpsc::Sender<()>,
}

impl Nurse {
    fn start(mut command: tokio::process::Command) -> Result<(Child, Self), HarnessError> {
        let failed = |text: &str| HarnessError::Start { source: std::io::Error::other(text.to_string()) };
        let (give, take) = mpsc::channel();
        let (stay, gone) = mpsc::channel::<()>();
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let quiet = Arc::new(AtomicBool::new(false));
        let (kept, ended) = (Arc::clone(&lines), Arc::clone(&quiet));
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            let _runtime = runtime.enter();
            let started = command.spawn().and_then(|mut child| {
                let pipe = child.stderr.take().map(|stderr| stderr.into_owned_fd()).transpose()?;
                Ok((child, pipe))
            });
            let pipe = match started {
                Ok((child, pipe)) => give.send(Ok(child)).ok().and(pipe),
                Err(error) => give.send(Err(error)).ok().and(None),
            };
            if let Some(pipe) = pipe {
                follow(std::fs::File::from(pipe), &kept);
                ended.store(true, Ordering::Release);
                let _ = gone.recv();
            }
        });
        let child = take.recv().map_err(|_| failed("its thread ended"))?;
        let child = child.map_err(|source| HarnessError::Start { source })?;
        Ok((child, Self { lines, quiet, _stay: stay }))
    }

    fn text(&self) -> String {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.make_contiguous().join("\n")
    }

    /// Waits a little for the last lines of a process that has ended.
    async fn settle(&self) {
        for _ in 0..50 {
            if self.quiet.load(Ordering::Acquire) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn follow(pipe: std::fs::File, kept: &Mutex<VecDeque<String>>) {
    let mut reader = StdBufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end must not grow without a limit: cut it like any other.
        let read = std::io::Read::take(&mut reader, 16 << 10).read_until(b'\n', &mut line);
        if !matches!(read, Ok(count) if count > 0) {
            return;
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        if text.is_empty() {
            continue;
        }
        let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(text);
        if lines.len() > TAIL_LINES {
            lines.pop_front();
        }
    }
}
