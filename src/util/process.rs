//! The only way to start a child process: named, with a working folder, a stated environment, a timeout, the last
//! lines of stderr kept for the error, its own process group, and killed when dropped.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

use super::blame::{Blame, Explain};

const TAIL_LINES: usize = 20;
const STDOUT_LIMIT: usize = 64 << 20;

/// What went wrong with a child process. Says which command, how it ended and what it said last.
#[derive(Debug, Error)]
pub enum ProcessError {
    #[error("`{command}` cannot be started: {source}")]
    Start { command: String, source: std::io::Error },
    #[error("`{command}` failed with {status}")]
    Failed { command: String, status: String, code: Option<i32>, tail: String },
    #[error("`{command}` did not finish within {} s", limit.as_secs())]
    Timeout { command: String, limit: Duration, tail: String },
    #[error("`{command}` was cancelled")]
    Cancelled { command: String },
    #[error("reading from `{command}`: {source}")]
    Pipe { command: String, source: std::io::Error },
}

impl Explain for ProcessError {
    fn blame(&self) -> Blame {
        Blame::Environment
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Failed { tail, .. } | Self::Timeout { tail, .. } if !tail.is_empty() => Some(tail.clone()),
            _ => None,
        }
    }
}

/// What a finished child left behind. Only successful exits reach here, unless [`Command::any_exit`] was set.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    /// The last lines of stderr.
    pub tail: String,
}

impl Output {
    /// Gives stdout as text, trimmed at the end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_string()
    }
}

/// A child process to be started. Inherits the environment unless [`Command::clear_env`] is called.
#[derive(Clone, Debug)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    cwd: Option<PathBuf>,
    clear_env: bool,
    env: Vec<(OsString, OsString)>,
    env_remove: Vec<OsString>,
    stdin: Vec<u8>,
    timeout: Option<Duration>,
    cancel: Option<CancellationToken>,
    any_exit: bool,
}

impl Command {
    /// Names the program to run.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_os_string(),
            args: Vec::new(),
            cwd: None,
            clear_env: false,
            env: Vec::new(),
            env_remove: Vec::new(),
            stdin: Vec::new(),
            timeout: None,
            cancel: None,
            any_exit: false,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_os_string());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_os_string()));
        self
    }

    /// Sets the working folder.
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.cwd = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Starts from an empty environment; only what [`Command::env`] adds is passed on.
    pub fn clear_env(mut self) -> Self {
        self.clear_env = true;
        self
    }

    /// Sets one environment variable.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_os_string(), value.as_ref().to_os_string()));
        self
    }

    /// Removes one inherited environment variable.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.env_remove.push(key.as_ref().to_os_string());
        self
    }

    /// Gives the child this standard input; otherwise it has none.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Kills the process group after this long.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Kills the process group when the token is cancelled.
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Returns [`Output`] whatever the exit code; the caller reads `status`.
    pub fn any_exit(mut self) -> Self {
        self.any_exit = true;
        self
    }

    /// Writes the command as a person would type it, for messages.
    pub fn shown(&self) -> String {
        std::iter::once(&self.program)
            .chain(&self.args)
            .map(|part| {
                let text = part.to_string_lossy();
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%".contains(c);
                match !text.is_empty() && text.chars().all(plain) {
                    true => text.into_owned(),
                    false => format!("'{}'", text.replace('\'', "'\\''")),
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Gives the configured child for callers that talk to it over pipes. Its own process group; killed on drop.
    #[expect(clippy::disallowed_methods, reason = "the one place that builds a child process")]
    pub fn to_tokio(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).process_group(0).kill_on_drop(true);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        if self.clear_env {
            command.env_clear();
        }
        for key in &self.env_remove {
            command.env_remove(key);
        }
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Runs to the end. `line` sees each line of stderr as it comes.
    pub async fn run_with(&self, mut line: impl FnMut(&str)) -> Result<Output, ProcessError> {
        let shown = self.shown();
        let pipe = |source| ProcessError::Pipe { command: shown.clone(), source };
        let mut command = self.to_tokio();
        command.stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|source| ProcessError::Start { command: shown.clone(), source })?;
        let group = Group::of(&child);
        let mut tail = VecDeque::new();
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A child may close its stdin early; that is its right, and its exit code tells the rest.
                let _ = stdin.write_all(&self.stdin).await;
            }
        };
        let work = async {
            let (bytes, said, ()) =
                tokio::join!(read_all(stdout), read_lines(stderr, &mut tail, &mut line), feed);
            let bytes = bytes.map_err(pipe)?;
            said.map_err(pipe)?;
            Ok::<_, ProcessError>((bytes, child.wait().await.map_err(pipe)?))
        };
        let limit = self.timeout.unwrap_or(Duration::from_secs(60 * 60 * 24));
        let cancelled = async {
            match &self.cancel {
                Some(token) => token.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = work => Some(ended?),
            () = tokio::time::sleep(limit) => None,
            () = cancelled => {
                group.kill();
                return Err(ProcessError::Cancelled { command: shown });
            }
        };
        let tail = tail.make_contiguous().join("\n");
        let Some((stdout, status)) = ended else {
            group.kill();
            return Err(ProcessError::Timeout { command: shown, limit, tail });
        };
        group.finished();
        if !status.success() && !self.any_exit {
            let (code, status) = (status.code(), describe(status));
            return Err(ProcessError::Failed { command: shown, status, code, tail });
        }
        Ok(Output { status, stdout, tail })
    }

    /// Runs to the end.
    pub async fn run(&self) -> Result<Output, ProcessError> {
        self.run_with(|_| {}).await
    }

    /// Runs to the end on the calling thread, for rooms that are not asynchronous. Must not be called on an
    /// asynchronous worker thread.
    pub fn run_blocking(&self) -> Result<Output, ProcessError> {
        let start = |source| ProcessError::Start { command: self.shown(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(start)?;
        runtime.block_on(self.run())
    }
}

/// Kills a child's whole process group when dropped, unless it was told that the child has finished.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    /// Takes the group of a child started by [`Command::to_tokio`].
    pub fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// Kills every process of the group.
    pub fn kill(&self) {
        if let Some(pid) = self.0 {
            // ESRCH means that nobody is left, which is what was wanted.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    /// Forgets the group: the child was waited for, its number may be used again.
    pub fn finished(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Describes an exit status as `exit code 2` or `signal 9`.
pub fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(STDOUT_LIMIT as u64).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

async fn read_lines(
    stream: Option<impl AsyncRead + Unpin>,
    tail: &mut VecDeque<String>,
    each: &mut impl FnMut(&str),
) -> std::io::Result<()> {
    let Some(stream) = stream else { return Ok(()) };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await? > 0 {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        each(&text);
        if !text.trim().is_empty() {
            tail.push_back(text);
        }
        if tail.len() > TAIL_LINES {
            tail.pop_front();
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        Command::new("sh").arg("-c").arg(script)
    }

    #[test]
    fn a_failure_names_the_command_the_code_and_the_last_words() {
        let error = sh("echo lost >&2; exit 3").run_blocking().expect_err("exit 3");
        assert_eq!(error.to_string(), "`sh -c 'echo lost >&2; exit 3'` failed with exit code 3");
        assert_eq!(error.detail().as_deref(), Some("lost"));
    }

    #[test]
    fn a_timeout_kills_the_whole_group() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let flag = folder.path().join("late");
        let script = format!("(sleep 1; touch {}) & sleep 30", flag.display());
        let error = sh(&script).timeout(Duration::from_millis(100)).run_blocking().expect_err("timeout");
        assert!(matches!(error, ProcessError::Timeout { .. }));
        std::thread::sleep(Duration::from_millis(1300));
        assert!(!flag.exists());
    }

    #[test]
    fn a_cleared_environment_holds_only_what_was_given() {
        let output = Command::new("/usr/bin/env").clear_env().env("A", "1").run_blocking().expect("env");
        assert_eq!(output.text(), "A=1");
    }
}
