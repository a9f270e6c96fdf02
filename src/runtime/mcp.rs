//! The rooms behind the MCP server: one workspace, one warm worker, the tools of each model type made when first asked for.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::services::Configs;
use super::tools::ToolServices;
use crate::config::Settings;
use crate::harness::{Harness, Site};
use crate::mcp::Rooms;
use crate::port::Workspace;
use crate::port::checkpoint::Checkpoints;
use crate::tools::Registry;
use crate::util::blame::{Blame, Report};
use crate::util::id::new_id;

/// More model types than an agent works on; each keeps what its reference's folders are.
const MOST_TYPES: usize = 64;

/// Connects tools to the workspace of the settings.
pub struct McpRooms {
    settings: Settings,
    session: String,
    configs: Configs,
    leaving: CancellationToken,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    connected: Option<(Workspace, Harness, Arc<Checkpoints>)>,
    registries: HashMap<String, Registry>,
}

impl McpRooms {
    /// The name under which runs and snapshots of this server are kept.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Takes the settings and the config files that the person named. Opens nothing yet: a client waits for no set-up.
    /// `leaving` is cancelled when the server ends.
    pub fn new(settings: Settings, configs: &[PathBuf], leaving: CancellationToken) -> Self {
        let held = Configs::default();
        held.set(configs);
        let session = format!("mcp-{}", new_id());
        Self { settings, session, configs: held, leaving, open: Mutex::default() }
    }

    async fn made(&self, model_type: &str) -> Result<Registry, Report> {
        let mut open = self.open.lock().await;
        if let Some(known) = open.registries.get(model_type) {
            return Ok(known.clone());
        }
        if open.registries.len() >= MOST_TYPES {
            return Err(Report::new(Blame::User, format!("{MOST_TYPES} model types are open already"))
                .hint("start the server again"));
        }
        let (workspace, harness, checkpoints) = match &open.connected {
            Some(connected) => connected.clone(),
            None => {
                let connected = self.connect()?;
                open.connected = Some(connected.clone());
                connected
            }
        };
        let tools = ToolServices {
            harness,
            checkpoints: Some(checkpoints),
            workspace,
            model_type: model_type.to_string(),
            session: self.session.clone(),
            settings: self.settings.clone(),
            configs: self.configs.clone(),
            leaving: self.leaving.clone(),
        };
        let made = tools.registry().await?;
        open.registries.insert(model_type.to_string(), made.clone());
        Ok(made)
    }

    fn connect(&self) -> Result<(Workspace, Harness, Arc<Checkpoints>), Report> {
        let home = &self.settings.home.value;
        let workspace = Workspace::open(home).ok_or_else(|| {
            let text = format!("there is no workspace in {} yet", home.root().display());
            Report::new(Blame::Environment, text).hint(
                "the person runs `mlxport setup` once, which takes minutes and several GB; then call again",
            )
        })?;
        let site = Site::of(self.settings.exe.clone(), &workspace).map_err(|error| Report::from(&error))?;
        let checkpoints = Checkpoints::new(&workspace.checkout, &self.session).each_change();
        Ok((workspace, Harness::new(site), Arc::new(checkpoints)))
    }
}

impl Rooms for McpRooms {
    fn registry<'a>(&'a self, model_type: &'a str) -> BoxFuture<'a, Result<Registry, Report>> {
        self.made(model_type).boxed()
    }
}
