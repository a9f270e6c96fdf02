//! Connects the tool registry to the rooms that do the work: harness, edits, formatter.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::battery;
use super::services::Configs;
use super::variants::{self, Evidence};
use crate::agent::data::{ApprovedEdit, EditScope};
use crate::config::Settings;
use crate::harness::Harness;
use crate::harness::asks;
use crate::harness::data::{Event, FamilyRequest, RunResult, TwinRequest};
use crate::harness::job::{self, End};
use crate::hub::data::headers::{Checkpoint, Origin as HeadersFrom};
use crate::hub::data::inventory::{Inventory, Machine};
use crate::hub::data::{Config, Defaults, Keys, Ledger, Matrix, Origin, RepoRef};
use crate::hub::inventory::{Terms, take};
use crate::hub::remote::Hub;
use crate::hub::{self, headers};
use crate::port::Workspace;
use crate::port::checkpoint::{Checkpoint as Snapshot, CheckpointError, Checkpoints};
use crate::port::data::{AllowList, EditReceipt};
use crate::port::edit::{Expect, apply_edit};
use crate::tools::check_load::LoadSource;
use crate::tools::def::LESSONS;
use crate::tools::format_port::black_isort;
use crate::tools::inventory::Wanted;
use crate::tools::services::{Estimate, Reply};
use crate::tools::{Registry, ToolContext};
use crate::util::blame::{Blame, Report};
use crate::util::id::sha256_hex;
use crate::util::sink::{Sink, discard};

/// The rooms behind the tools of one session.
pub struct ToolServices {
    pub harness: Harness,
    /// None where nobody would go back.
    pub checkpoints: Option<Arc<Checkpoints>>,
    pub workspace: Workspace,
    pub model_type: String,
    pub session: String,
    pub settings: Settings,
    pub configs: Configs,
    /// Cancelled when the program ends, before its jobs are.
    pub leaving: CancellationToken,
}

impl ToolServices {
    /// Makes the registry of a session.
    pub async fn registry(self) -> Result<Registry, Report> {
        let context = ToolContext {
            checkout: self.workspace.checkout.clone(),
            transformers: self.workspace.transformers_dir.clone(),
            model_type: self.model_type.clone(),
            results: self.settings.home.value.results(),
            lessons: self.settings.home.value.root().join(LESSONS),
            prompts: self.settings.home.value.root().join("prompts"),
            services: Arc::new(self),
        };
        // It looks through the transformers package: off the screen's threads.
        let made = blocking(move || Registry::new(context)).await?;
        made.map_err(|error| Report::from(&error))
    }

    /// Reads the session's configs and what their class gives; where the class cannot be asked, what its source says.
    async fn defaults(&self, cancel: &CancellationToken) -> Result<(Vec<Config>, Defaults), Report> {
        let paths = self.configs.get();
        let (configs, problems) = blocking(move || variants::read(&paths)).await?;
        if let (Some(problem), []) = (problems.into_iter().next(), configs.as_slice()) {
            return Err(problem);
        }
        let model_type = Some(self.model_type.as_str());
        let version = &self.workspace.versions.transformers;
        let asked = variants::from_class(self.harness.site(), version, (model_type, &configs), cancel).await;
        match asked {
            Ok(defaults) if defaults.origin != Origin::Nowhere => Ok((configs, defaults)),
            Err(report) if report.blame != Blame::Environment || cancel.is_cancelled() => Err(report),
            _ => {
                let references = self.workspace.reference_files(&self.model_type);
                let count = configs.len();
                let read = move || {
                    let file = variants::configuration(&references).map(PathBuf::as_path);
                    variants::from_source(file, count)
                };
                Ok((configs, blocking(read).await?))
            }
        }
    }

    async fn headers(&self, repo: &RepoRef, cancel: &CancellationToken) -> Result<Checkpoint, Report> {
        let hub = Hub::open(&self.settings, discard()).map_err(|error| Report::from(&error))?;
        let cache = self.settings.home.value.cache();
        let sink = discard();
        tokio::select! {
            read = headers::fetch(&hub, &cache, repo, &sink) => read.map_err(|error| Report::from(&error)),
            () = cancel.cancelled() => Err(Report::new(Blame::User, "interrupted")),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Report> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Report::new(Blame::Bug, format!("reading files broke: {error}")))
}

impl crate::tools::Services for ToolServices {
    fn check_twin<'a>(
        &'a self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult> {
        async move {
            let result = self.harness.check_twin(request, sink, cancel).await;
            result.map_err(|error| Report::from(&error))
        }
        .boxed()
    }

    fn inventory<'a>(&'a self, wanted: Wanted, cancel: CancellationToken) -> Reply<'a, Vec<Inventory>> {
        async move {
            let machine = machine().await;
            let mut taken = Vec::new();
            for repo in &wanted.repos {
                let read = self.headers(repo, &cancel).await?;
                taken.push(take(&read, Terms { context: wanted.context, machine }));
            }
            Ok(taken)
        }
        .boxed()
    }

    fn check_load<'a>(
        &'a self,
        source: LoadSource,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult> {
        async move {
            let (name, folder) = match source {
                LoadSource::Folder { name, path } => (name, path),
                LoadSource::Repo(repo) => {
                    let read = self.headers(&repo, &cancel).await?;
                    match read.origin {
                        HeadersFrom::Folder { path } | HeadersFrom::Repo { folder: path, .. } => {
                            (read.name, path)
                        }
                    }
                }
            };
            let port = Some(self.workspace.port_file(&self.model_type)).filter(|port| port.is_file());
            let request = FamilyRequest { port, ..asks::load(&name, folder) };
            self.check_family(request, sink, cancel).await
        }
        .boxed()
    }

    fn check_family<'a>(
        &'a self,
        request: FamilyRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult> {
        async move {
            let result = self.harness.check_family(request, sink, cancel).await;
            result.map_err(|error| Report::from(&error))
        }
        .boxed()
    }

    fn estimate<'a>(&'a self, request: FamilyRequest, cancel: CancellationToken) -> Reply<'a, Estimate> {
        async move {
            let (gathered, sink) = battery::gather();
            let result = self.check_family(battery::only_estimate(request), sink, cancel).await?;
            battery::found(&result, &gathered)
        }
        .boxed()
    }

    fn battery<'a>(
        &'a self,
        request: FamilyRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Reply<'a, RunResult> {
        async move {
            let (home, program) = (&self.settings.home.value, &self.settings.exe);
            match job::follow(home, program, &request, sink, cancel).await? {
                End::Done(result) => Ok(*result),
                End::Left => {
                    // Who quits leaves the job alone; who interrupts wants it to end.
                    if !self.leaving.is_cancelled() {
                        job::stop(home, &request).await?;
                    }
                    Err(Report::new(Blame::User, "the battery was interrupted; what was finished is kept"))
                }
            }
        }
        .boxed()
    }

    fn configs(&self) -> Vec<PathBuf> {
        self.configs.get()
    }

    fn matrix<'a>(&'a self, cancel: CancellationToken) -> Reply<'a, (Matrix, Arc<Keys>)> {
        async move {
            let (configs, defaults) = self.defaults(&cancel).await?;
            let class = Arc::clone(&defaults.class);
            let made = blocking(move || hub::matrix(&configs, &defaults)).await?;
            Ok((made, class))
        }
        .boxed()
    }

    fn ledger<'a>(&'a self, run: Option<String>, cancel: CancellationToken) -> Reply<'a, Ledger> {
        async move {
            let (matrix, class) = self.matrix(cancel).await?;
            let evidence = Evidence {
                home: self.settings.home.value.root().to_path_buf(),
                results: self.settings.home.value.results(),
                model_type: self.model_type.clone(),
                references: self.workspace.reference_files(&self.model_type),
                port: Some(self.workspace.port_file(&self.model_type)).filter(|port| port.is_file()),
                run,
            };
            blocking(move || variants::ledger(&evidence, &matrix, &class)).await?
        }
        .boxed()
    }

    fn apply_edit<'a>(&'a self, edit: ApprovedEdit, scope: EditScope) -> Reply<'a, EditReceipt> {
        let root = self.settings.home.value.root();
        let of = (self.model_type.as_str(), self.session.as_str());
        let (allow, folder) = allowed(&self.workspace, of, root, (scope, &edit.path));
        async move {
            self.keep_files(format!("edit of {}", edit.path)).await;
            let path = Path::new(&edit.path);
            let sha = sha256_hex(edit.before.as_bytes());
            let new = edit.before.is_empty() && !folder.join(path).exists();
            let expect = if new { Expect::Absent } else { Expect::Sha(&sha) };
            let done = apply_edit(&allow, path, expect, &edit.after).map_err(|error| Report::from(&error));
            self.kept_files().await;
            done
        }
        .boxed()
    }

    fn format<'a>(&'a self, text: String, cancel: CancellationToken) -> Reply<'a, String> {
        async move { black_isort(&self.workspace.python, &text, &cancel).await }.boxed()
    }
}

/// Gives the files that an edit of a scope may write, and the folder that its path counts from.
pub fn allowed<'a>(
    workspace: &'a Workspace,
    (model_type, session): (&str, &str),
    root: &'a Path,
    (scope, path): (EditScope, &str),
) -> (AllowList, &'a Path) {
    let checkout = workspace.checkout.as_path();
    let backups = workspace.home.join("cache/backups").join(session);
    match scope {
        EditScope::Port | EditScope::Test => (AllowList::for_port(workspace, model_type, session), checkout),
        EditScope::Shared => (AllowList::one(checkout, path, backups), checkout),
        // A run writes no file; nothing is allowed that is not named here.
        EditScope::Lessons | EditScope::Run { .. } => (AllowList::one(root, LESSONS, backups), root),
    }
}

impl ToolServices {
    /// Takes the turn's snapshot before its first change. One that fails is told when the turn begins; the edit keeps
    /// the old bytes besides.
    async fn keep_files(&self, words: String) {
        self.checkpoint("before", move |checkpoints| checkpoints.before_change(&words)).await;
    }

    /// Takes the snapshot after a change where each is a turn.
    async fn kept_files(&self) {
        self.checkpoint("after", Checkpoints::after_change).await;
    }

    async fn checkpoint<F>(&self, when: &str, take: F)
    where
        F: FnOnce(&Checkpoints) -> Result<Option<Snapshot>, CheckpointError> + Send + 'static,
    {
        let Some(checkpoints) = self.checkpoints.clone() else { return };
        let taken = tokio::task::spawn_blocking(move || take(&checkpoints)).await;
        if let Ok(Err(error)) = taken {
            tracing::warn!("no checkpoint {when} an edit: {error}");
        }
    }
}

/// Gives what memory is held against; none where the system does not say.
pub async fn machine() -> Option<Machine> {
    let here = crate::port::data::Machine::here().await;
    (here.ram > 0).then_some(Machine { ram: here.ram, wired: here.wired().await })
}
