//! What jobs share: settings, the workspace once it is there, the warm harness, the tools, and when the program started.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::models::Models;
use crate::app::Millis;
use crate::config::{Home, Settings};
use crate::harness::Harness;
use crate::port::Workspace;
use crate::port::checkpoint::Checkpoints;
use crate::tools::Registry;
use crate::util::blame::{Blame, Report};

/// Shared by all jobs of a run.
pub struct Services {
    pub settings: Settings,
    pub session: String,
    start: Instant,
    connected: RwLock<Option<Arc<Connected>>>,
    configs: Configs,
    /// Who answers in which role.
    pub models: Models,
    /// Cancelled when the program ends, before its jobs are.
    pub leaving: CancellationToken,
}

/// The session's config files, as the configs pane has them now; the tools look at them when they are called.
#[derive(Clone, Debug, Default)]
pub struct Configs(Arc<RwLock<Vec<PathBuf>>>);

impl Configs {
    /// Gives the files.
    pub fn get(&self) -> Vec<PathBuf> {
        self.0.read().map(|files| files.clone()).unwrap_or_default()
    }

    /// Takes what the state has now.
    pub fn set(&self, files: &[PathBuf]) {
        if self.0.read().is_ok_and(|known| *known == files) {
            return;
        }
        if let Ok(mut known) = self.0.write() {
            *known = files.to_vec();
        }
    }
}

/// What there is once the workspace is there.
pub struct Connected {
    pub workspace: Workspace,
    pub checkpoints: Arc<Checkpoints>,
    pub model_type: Option<String>,
    pub harness: Harness,
    pub registry: Option<Registry>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Services {
    /// Starts the clock.
    pub fn new(settings: Settings, session: String) -> Self {
        let models = Models::new(settings.clone());
        let configs = Configs::default();
        let (start, connected, leaving) = (Instant::now(), RwLock::new(None), CancellationToken::new());
        Self { settings, session, start, connected, configs, models, leaving }
    }

    /// The session's config files.
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// The data folder.
    pub fn home(&self) -> &Home {
        &self.settings.home.value
    }

    /// Gives the milliseconds since the program started: the only clock of `app`.
    pub fn now(&self) -> Millis {
        Millis::try_from(self.start.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// Gives the moment at which the clock shows this.
    pub fn instant(&self, at: Millis) -> Instant {
        self.start + std::time::Duration::from_millis(at)
    }

    /// Whether a recording is played: its folder is its own, only environment and cache are shared.
    pub fn is_demo(&self) -> bool {
        self.home().shared() != self.home().root()
    }

    /// Connects a workspace: later jobs work in it.
    pub fn connect(&self, connected: Connected) {
        if let Ok(mut slot) = self.connected.write() {
            *slot = Some(Arc::new(connected));
        }
    }

    /// Gives the workspace with harness and tools, or says that there is none yet.
    pub fn connected(&self) -> Result<Arc<Connected>, Report> {
        let slot = self.connected.read().ok().and_then(|slot| slot.clone());
        slot.ok_or_else(|| {
            Report::new(Blame::Environment, "the workspace is not ready yet")
                .hint("wait for the set-up, or run `mlxport setup`")
        })
    }
}
