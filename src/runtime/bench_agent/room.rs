//! Where one type is ported: a copy of mlx-lm in which it is hidden, tools that see nothing else, and a harness whose
//! processes cannot read the installed mlx_lm, which has the accepted file too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Ground;
use crate::agent::prompt::{Facts, Prompts};
use crate::harness::{Harness, Site};
use crate::learn::{self, Hidden};
use crate::port::Workspace;
use crate::runtime::jobs::config_keys;
use crate::runtime::services::Configs;
use crate::runtime::tools::ToolServices;
use crate::tools::{Registry, ToolContext};
use crate::util::blame::{Blame, Report};
use crate::util::fs::create_dir;

/// The room; its folder goes with it.
pub struct Room {
    pub hidden: Hidden,
    pub registry: Registry,
    pub harness: Harness,
    pub system: String,
    model_type: String,
    _folder: Folder,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Room {
    /// Makes the room of a type.
    pub async fn make(ground: &Ground<'_>, bench: &str, model_type: &str) -> Result<Self, Report> {
        let folder = ground.settings.home.value.root().join("bench-agent").join(bench).join(model_type);
        // A cut bench left it half used.
        let _ = std::fs::remove_dir_all(&folder);
        create_dir(&folder).map_err(|error| Report::from(&error))?;
        let kept = Folder(folder.clone());
        let hidden = hide(ground.workspace, model_type, folder.join("mlx-lm")).await?;
        let workspace = Workspace {
            home: folder.clone(),
            checkout: hidden.folder.clone(),
            branch: format!("add-{model_type}"),
            ..ground.workspace.clone()
        };
        let harness = harness(ground, &workspace)?;
        let services = ToolServices {
            harness: harness.clone(),
            checkpoints: None,
            workspace: workspace.clone(),
            model_type: model_type.to_string(),
            session: bench.to_string(),
            settings: ground.settings.clone(),
            configs: Configs::default(),
            leaving: tokio_util::sync::CancellationToken::new(),
        };
        let context = ToolContext {
            checkout: workspace.checkout.clone(),
            transformers: workspace.transformers_dir.clone(),
            model_type: model_type.to_string(),
            results: folder.join("results"),
            // The person's own lessons and lists may hold what is to be found out.
            lessons: folder.join("lessons.md"),
            prompts: folder.join("prompts"),
            services: Arc::new(services),
        };
        let registry =
            off_thread(move || Registry::new(context)).await?.map_err(|error| Report::from(&error))?;
        let prompts = ground.settings.home.value.root().join("prompts");
        let prompts = Prompts::load(&prompts).map_err(|error| Report::from(&error))?;
        let facts = Facts {
            port: format!("mlx_lm/models/{model_type}.py"),
            reference: format!("transformers/models/{model_type}"),
            config_keys: config_keys(&workspace, model_type),
            model_type: model_type.to_string(),
        };
        let (system, _) = prompts.fill(&facts);
        Ok(Self { hidden, registry, harness, system, model_type: model_type.to_string(), _folder: kept })
    }

    /// The port as the tools name it.
    pub fn port(&self) -> String {
        format!("mlx_lm/models/{}.py", self.model_type)
    }
}

async fn hide(workspace: &Workspace, model_type: &str, into: PathBuf) -> Result<Hidden, Report> {
    let (checkout, name) = (workspace.checkout.clone(), model_type.to_string());
    let commit = workspace.baseline.commit().to_string();
    let made = off_thread(move || learn::export((&checkout, &commit), &name, &into)).await?;
    made.map_err(|error| Report::from(&error))
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Report> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Report::new(Blame::Bug, error.to_string()))
}

fn harness(ground: &Ground<'_>, workspace: &Workspace) -> Result<Harness, Report> {
    let site = Site::of(ground.settings.exe.clone(), workspace).map_err(|error| Report::from(&error))?;
    create_dir(&site.runs()).map_err(|error| Report::from(&error))?;
    Ok(Harness::new(Site { hidden: installed(&workspace.python), ..site }))
}

/// The installed releases of mlx_lm in the environment of an interpreter.
pub fn installed(python: &Path) -> Vec<PathBuf> {
    let environment = python.parent().and_then(Path::parent).unwrap_or(python);
    let libraries = ["lib", "lib64"].iter().filter_map(|name| std::fs::read_dir(environment.join(name)).ok());
    let folders = libraries
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path().join("site-packages/mlx_lm"));
    folders.filter(|path| path.exists()).collect()
}
