//! A local `mlx_lm.server`: started from the program's own Python environment inside the sandbox, waited for, and stopped
//! with the program. It listens on a socket of this machine that is made here and handed over, because the sandbox's
//! network is its own; it answers only requests with a key that lives as long as it does.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::process::Child;

use super::client::{ChatClient, Endpoint, EndpointError, Readiness};
use crate::util::blame::{Blame, Explain};
use crate::util::fs::{self, FsError};
use crate::util::id::{new_id, sha256_hex};
use crate::util::process::{Group, describe};
use crate::util::sandbox::{Profile, Sandbox};
use crate::util::sink::Sink;
use crate::util::text::one_line;

/// How long a checkpoint may take to load: the largest are read from disk for minutes.
const LOAD_LIMIT: Duration = Duration::from_secs(900);
/// How often it is asked whether it has loaded.
const ASK_EVERY: Duration = Duration::from_millis(150);
/// How often the person hears that it is still loading.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// Logs of earlier servers that are kept.
const KEPT_LOGS: usize = 5;
/// Lines of the log that tell how a server ended.
const TAIL: usize = 6;

/// The model's name in requests: the server would load whatever else it is asked for.
pub const MODEL: &str = "default_model";

/// What a server is started from.
#[derive(Clone, Debug)]
pub struct Place {
    /// This program, which starts it inside the sandbox.
    pub program: PathBuf,
    /// The environment's interpreter.
    pub python: PathBuf,
    /// The folder of the package `mlxport_harness`.
    pub package: PathBuf,
    /// Where it may write; a folder of its own is made in it.
    pub work: PathBuf,
    pub logs: PathBuf,
}

/// Why there is no local server.
#[derive(Debug, Error)]
pub enum LocalError {
    #[error("{checkpoint} is not a checkpoint folder: {why}", checkpoint = checkpoint.display())]
    Checkpoint { checkpoint: PathBuf, why: String },
    #[error("mlx_lm.server cannot be started: {source}")]
    Start { source: std::io::Error },
    #[error("mlx_lm.server ended with {status} before it had loaded {checkpoint}", checkpoint = checkpoint.display())]
    Died { checkpoint: PathBuf, status: String, log: PathBuf, tail: String },
    #[error("mlx_lm.server could not load {checkpoint}", checkpoint = checkpoint.display())]
    Load { checkpoint: PathBuf, log: PathBuf, tail: String },
    #[error("mlx_lm.server had not loaded {checkpoint} after {} s", LOAD_LIMIT.as_secs(), checkpoint = checkpoint.display())]
    Slow { checkpoint: PathBuf, log: PathBuf, tail: String },
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for LocalError {
    fn blame(&self) -> Blame {
        match self {
            Self::Checkpoint { .. } => Blame::User,
            Self::Start { .. } | Self::Died { .. } | Self::Load { .. } | Self::Slow { .. } => {
                Blame::Environment
            }
            Self::Endpoint(error) => error.blame(),
            Self::Fs(error) => error.blame(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Checkpoint { .. } => Some(
                "name a folder with config.json, weights and tokenizer, or a repository that `mlxport download` fetched"
                    .into(),
            ),
            Self::Start { .. } => Some("run `mlxport doctor`".into()),
            Self::Died { log, .. } | Self::Load { log, .. } | Self::Slow { log, .. } => {
                Some(format!("its whole log is {}; the next request starts it again", log.display()))
            }
            Self::Endpoint(error) => error.hint(),
            Self::Fs(error) => error.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Died { tail, .. } | Self::Load { tail, .. } | Self::Slow { tail, .. } => Some(tail.clone()),
            Self::Checkpoint { .. } | Self::Start { .. } | Self::Endpoint(_) | Self::Fs(_) => None,
        }
    }
}

/// A running server. Dropping it kills its process group.
#[derive(Debug)]
pub struct LocalServer {
    checkpoint: PathBuf,
    client: ChatClient,
    child: Mutex<Child>,
    log: PathBuf,
    folder: PathBuf,
    _group: Group,
    _stay: mpsc::Sender<()>,
}

impl LocalServer {
    /// Starts a server and waits until it has loaded its checkpoint. Dropping the future stops it.
    ///
    /// # Errors
    /// The folder is no checkpoint, the sandbox or Python cannot be started, or the checkpoint cannot be loaded.
    pub async fn start(place: &Place, checkpoint: &Path, say: &Sink<String>) -> Result<Self, LocalError> {
        let started = Instant::now();
        let server = Self::launch(place, checkpoint)?;
        let name = server.name();
        say(format!("mlx_lm.server is loading {name}; its log is {}", server.log.display()));
        let mut told = Instant::now();
        loop {
            if let Some(status) = server.ended() {
                let (checkpoint, log, tail) = server.last_words();
                return Err(LocalError::Died { checkpoint, status: describe(status), log, tail });
            }
            match server.client.readiness().await {
                Readiness::Ready => break,
                Readiness::Failed => {
                    let (checkpoint, log, tail) = server.last_words();
                    return Err(LocalError::Load { checkpoint, log, tail });
                }
                Readiness::NotYet => {}
            }
            if started.elapsed() > LOAD_LIMIT {
                let (checkpoint, log, tail) = server.last_words();
                return Err(LocalError::Slow { checkpoint, log, tail });
            }
            if told.elapsed() > SAY_EVERY {
                told = Instant::now();
                say(format!("mlx_lm.server is loading {name}: {} s", started.elapsed().as_secs()));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        say(format!("mlx_lm.server has loaded {name} after {:.1} s", started.elapsed().as_secs_f32()));
        Ok(server)
    }

    /// Gives the client of this server.
    pub fn client(&self) -> &ChatClient {
        &self.client
    }

    /// Gives the checkpoint's folder.
    pub fn checkpoint(&self) -> &Path {
        &self.checkpoint
    }

    /// Says whether it would answer now.
    pub async fn is_well(&self) -> bool {
        self.ended().is_none() && self.client.readiness().await == Readiness::Ready
    }

    /// Says how it ended, with its last words; none while it runs.
    pub fn obituary(&self) -> Option<String> {
        // A connection breaks a moment before its process can be asked how it ended.
        let status = (0..20).find_map(|_| {
            let ended = self.ended();
            if ended.is_none() {
                std::thread::sleep(Duration::from_millis(10));
            }
            ended
        })?;
        let (_, log, tail) = self.last_words();
        let last = tail.lines().last().unwrap_or("it said nothing").to_string();
        let status = describe(status);
        Some(format!("mlx_lm.server ended with {status}: {} (log: {})", one_line(&last), log.display()))
    }

    fn launch(place: &Place, checkpoint: &Path) -> Result<Self, LocalError> {
        let checkpoint = checked(checkpoint)?;
        let id = new_id();
        let folder = place.work.join(&id);
        fs::create_dir(&folder)?;
        let key = SecretString::from(sha256_hex(&random().map_err(|source| LocalError::Start { source })?));
        let key_file = folder.join("key");
        fs::write_private(&key_file, key.expose_secret().as_bytes())?;
        let failed = |source| LocalError::Start { source };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        forget_old_logs(&place.logs);
        let log = place.logs.join(format!("mlx_lm_server-{id}.log"));
        let output = fs::open_append(&log)?;
        let mut command = sandboxed(place, &checkpoint, &folder)
            .command(&place.program, &place.python)
            .args(["-m", "mlxport_harness.chat", "--model"])
            .arg(&checkpoint)
            .arg("--key-file")
            .arg(&key_file)
            .args(["--parent", &std::process::id().to_string()])
            .cwd(&folder)
            .to_tokio();
        let second = output.try_clone().map_err(failed)?;
        command
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(second));
        let (child, stay) = nurse(command).map_err(failed)?;
        let group = Group::of(&child);
        let endpoint = Endpoint::new(&format!("http://{address}/v1"), Some(key))?;
        let client = ChatClient::new(endpoint)?;
        Ok(Self { checkpoint, client, child: Mutex::new(child), log, folder, _group: group, _stay: stay })
    }

    fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten()
    }

    fn last_words(&self) -> (PathBuf, PathBuf, String) {
        let text = fs::read_text(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        (self.checkpoint.clone(), self.log.clone(), lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    fn name(&self) -> String {
        let name = self.checkpoint.file_name().map(|name| name.to_string_lossy().into_owned());
        one_line(&name.unwrap_or_default())
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // What it wrote for itself; its log stays.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// It reads its interpreter, the package and the checkpoint, writes its own folder, and has a loopback of its own. The
/// environment's mlx_lm answers, not the checkout's: a port under work must not break the model that helps with it.
fn sandboxed(place: &Place, checkpoint: &Path, folder: &Path) -> Sandbox {
    let environment = place.python.parent().and_then(Path::parent).unwrap_or(&place.python);
    let mut sandbox = Sandbox::new(Profile::Loopback)
        .python(environment)
        .read(&place.package)
        .read(checkpoint)
        .write(folder)
        .env("PYTHONPATH", &place.package);
    // A Hub cache's snapshot is links into its blobs, which come along.
    let snapshots = checkpoint.parent().filter(|parent| parent.ends_with("snapshots"));
    if let Some(repository) = snapshots.and_then(Path::parent) {
        sandbox = sandbox.read(repository.join("blobs"));
    }
    let settings = [
        ("HF_HUB_OFFLINE", "1"),
        ("TRANSFORMERS_OFFLINE", "1"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONSAFEPATH", "1"),
        ("PYTHONUNBUFFERED", "1"),
    ];
    settings.into_iter().fold(sandbox, |sandbox, (key, value)| sandbox.env(key, value))
}

/// Starts the process from a thread that lives as long as the server: a sandboxed child dies with the thread that started
/// it, and tasks move between threads.
fn nurse(mut command: tokio::process::Command) -> std::io::Result<(Child, mpsc::Sender<()>)> {
    let (give, take) = mpsc::channel();
    let (stay, gone) = mpsc::channel::<()>();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _runtime = runtime.enter();
        let started = command.spawn();
        // The listening socket and the log must not stay open here.
        drop(command);
        if give.send(started).is_ok() {
            let _ = gone.recv();
        }
    });
    let child = take.recv().map_err(|_| std::io::Error::other("its thread ended"))??;
    Ok((child, stay))
}

fn checked(checkpoint: &Path) -> Result<PathBuf, LocalError> {
    let wrong = |why: &str| LocalError::Checkpoint { checkpoint: checkpoint.to_path_buf(), why: why.into() };
    let real = checkpoint.canonicalize().map_err(|error| wrong(&error.to_string()))?;
    if !real.is_dir() {
        return Err(wrong("it is a file"));
    }
    if !real.join("config.json").is_file() {
        return Err(wrong("it has no config.json"));
    }
    let names = std::fs::read_dir(&real).map_err(|error| wrong(&error.to_string()))?;
    let weights =
        names.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "safetensors"));
    if weights { Ok(real) } else { Err(wrong("it has no *.safetensors")) }
}

/// Random bytes for a key that only this machine's processes could try.
fn random() -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = vec![0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn forget_old_logs(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let ours = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mlx_lm_server-"))
    };
    let mut logs: Vec<PathBuf> = entries.filter(ours).collect();
    logs.sort();
    for old in logs.iter().rev().skip(KEPT_LOGS - 1) {
        let _ = std::fs::remove_file(old);
    }
}
