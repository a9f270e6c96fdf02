//! Who answers: from a role to a client that can be asked now. The one way to a model for chat, second reader, bench and
//! command line. Holds what the person chose since the start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::agent::client::{ChatClient, Endpoint, ModelInfo};
use crate::agent::local::{self, LocalServer, Place};
use crate::config::{Profile, Provider, Role, Settings};
use crate::harness::embed;
use crate::port::Workspace;
use crate::util::blame::{Blame, Report};
use crate::util::fs;
use crate::util::sink::Sink;

/// The models of a run.
#[derive(Debug)]
pub struct Models {
    settings: Settings,
    chosen: RwLock<BTreeMap<Role, Profile>>,
    /// Where every request goes instead: the demo's recorded endpoint.
    over: RwLock<Option<String>>,
    /// The local server, once one was needed.
    local: Mutex<Option<Arc<LocalServer>>>,
    /// What endpoints say of their models' contexts, by address and model.
    contexts: Mutex<BTreeMap<(String, String), Option<u64>>>,
}

/// An endpoint and the model to ask it for.
#[derive(Clone, Debug)]
pub struct Answering {
    pub client: ChatClient,
    pub model: String,
    pub profile: Profile,
    /// The local server behind it, held while it answers.
    pub local: Option<Arc<LocalServer>>,
}

impl Models {
    /// Takes the settings' profiles. Opens nothing.
    pub fn new(settings: Settings) -> Self {
        let (chosen, over) = (RwLock::default(), RwLock::default());
        Self { settings, chosen, over, local: Mutex::default(), contexts: Mutex::default() }
    }

    /// Gives who answers in a role: what the person chose in this run, else the settings'.
    pub fn profile(&self, role: Role) -> Profile {
        let chosen = self.chosen.read().unwrap_or_else(PoisonError::into_inner);
        chosen.get(&role).unwrap_or_else(|| self.settings.role(role)).clone()
    }

    /// Lets a profile answer in a role from the next request on.
    pub fn choose(&self, role: Role, profile: Profile) {
        self.chosen.write().unwrap_or_else(PoisonError::into_inner).insert(role, profile);
    }

    /// Sends every request to another endpoint, without a key.
    pub fn set_endpoint(&self, base_url: String) {
        *self.over.write().unwrap_or_else(PoisonError::into_inner) = Some(base_url);
    }

    /// Whether somebody carries the text: no endpoint is asked.
    pub fn is_manual(&self, role: Role) -> bool {
        self.over().is_none() && self.profile(role).provider.value == Provider::Manual
    }

    /// Gives the endpoint and model of a role, ready to be asked. `say` hears what is waited for, in words.
    ///
    /// # Errors
    /// Nothing is set up, a key is missing, an address is wrong, or a local server cannot be started; each says where.
    pub async fn answering(&self, role: Role, say: &Sink<String>) -> Result<Answering, Report> {
        let profile = self.profile(role);
        if let Some(base_url) = self.over() {
            let client = Endpoint::new(&base_url, None).and_then(ChatClient::new);
            let client = client.map_err(|error| Report::from(&error))?;
            let model = profile.model.value.clone().unwrap_or_default();
            return Ok(Answering { client, model, profile, local: None });
        }
        self.open(profile, say).await
    }

    /// Gives the endpoint and model of a profile, ready to be asked.
    ///
    /// # Errors
    /// As [`Models::answering`].
    pub async fn open(&self, profile: Profile, say: &Sink<String>) -> Result<Answering, Report> {
        let model = self.asked_as(&profile).ok_or_else(|| self.unnamed(&profile))?;
        if profile.provider.value == Provider::MlxLm {
            let server = self.local(&profile, say).await?;
            return Ok(Answering { client: server.client().clone(), model, profile, local: Some(server) });
        }
        let client = self.client(&profile, say).await?;
        Ok(Answering { client, model, profile, local: None })
    }

    /// Gives the endpoint of a profile, whether or not a model of it is named.
    ///
    /// # Errors
    /// As [`Models::answering`].
    pub async fn client(&self, profile: &Profile, say: &Sink<String>) -> Result<ChatClient, Report> {
        match profile.provider.value {
            Provider::OpenaiCompatible => self.remote(profile).await,
            Provider::Manual => {
                let text =
                    format!("profile {} has no endpoint: you carry its text yourself", profile.shown());
                Err(Report::new(Blame::User, text).hint("choose another with `mlxport model`"))
            }
            Provider::MlxLm => Ok(self.local(profile, say).await?.client().clone()),
        }
    }

    /// Gives the local server with a profile's checkpoint: the one that runs, or a new one.
    async fn local(&self, profile: &Profile, say: &Sink<String>) -> Result<Arc<LocalServer>, Report> {
        let named = profile.model.value.as_ref().ok_or_else(|| self.unnamed(profile))?;
        let checkpoint = self.checkpoint(named)?;
        // Held while one starts: two of a checkpoint would not fit in memory.
        let mut running = self.local.lock().await;
        if let Some(server) = running.as_ref() {
            let same = checkpoint.canonicalize().is_ok_and(|real| real == server.checkpoint());
            if same && server.is_well().await {
                return Ok(Arc::clone(server));
            }
            if let Some(end) = server.obituary() {
                say(format!("{end}; it is started again"));
            }
        }
        // Out of memory before the next comes in.
        *running = None;
        let server = LocalServer::start(&self.place()?, &checkpoint, say).await;
        let server = Arc::new(server.map_err(|error| Report::from(&error))?);
        *running = Some(Arc::clone(&server));
        Ok(server)
    }

    fn place(&self) -> Result<Place, Report> {
        let home = &self.settings.home.value;
        let own = self.settings.env_python.value.clone();
        let python =
            own.or_else(|| Workspace::open(home).map(|workspace| workspace.python)).ok_or_else(|| {
                Report::new(
                    Blame::Environment,
                    "mlx_lm.server needs the Python environment, which is not there yet",
                )
                .hint("run `mlxport setup`")
            })?;
        let package = embed::unpack(&home.cache()).map_err(|error| Report::from(&error))?;
        let (work, logs) = (home.cache().join("mlx_lm_server"), home.logs());
        Ok(Place { program: self.settings.exe.clone(), python, package, work, logs })
    }

    /// Finds a checkpoint by folder, or by the name of a repository that is in the Hub cache.
    fn checkpoint(&self, named: &str) -> Result<PathBuf, Report> {
        let folder = self.settings.path_of(named);
        if folder.exists() || named.starts_with(['/', '.', '~']) {
            return Ok(folder);
        }
        let (cache, repo) = (self.settings.hf_cache.value.as_ref(), named.replace('/', "--"));
        let repository = cache.map(|cache| cache.join(format!("models--{repo}")));
        let snapshot = repository.and_then(|repository| {
            let sha = fs::read_text(&repository.join("refs/main")).ok()?;
            Some(repository.join("snapshots").join(sha.trim())).filter(|folder| folder.is_dir())
        });
        snapshot.ok_or_else(|| {
            Report::new(Blame::User, format!("{named} is neither a folder nor a repository in the Hub cache"))
                .hint(format!("fetch it with `mlxport download {named}`, or name a checkpoint folder"))
        })
    }

    async fn remote(&self, profile: &Profile) -> Result<ChatClient, Report> {
        let Some(base_url) = &profile.base_url.value else { return Err(self.nowhere(profile)) };
        let asked = profile.clone();
        // The keychain may wait for a dialog.
        let key = tokio::task::spawn_blocking(move || asked.secret()).await;
        let key =
            key.map_err(|error| Report::new(Blame::Bug, format!("asking for the key broke: {error}")))?;
        let key = key.map_err(|error| Report::from(&error))?;
        let endpoint =
            Endpoint::new(base_url, key).and_then(|endpoint| endpoint.with_headers(&profile.headers));
        endpoint.and_then(ChatClient::new).map_err(|error| Report::from(&error))
    }

    /// Lists the models of a profile's endpoint.
    ///
    /// # Errors
    /// As [`Models::answering`], and what the endpoint refuses.
    pub async fn list(&self, profile: &Profile, say: &Sink<String>) -> Result<Vec<ModelInfo>, Report> {
        if profile.provider.value == Provider::MlxLm {
            // The server lists what it could load; what it answers with is the checkpoint that the profile names.
            let named = profile.model.value.clone().ok_or_else(|| self.unnamed(profile))?;
            self.checkpoint(&named)?;
            return Ok(vec![ModelInfo { id: named, ..ModelInfo::default() }]);
        }
        let client = self.client(profile, say).await?;
        client.list_models().await.map_err(|failure| Report::from(&failure))
    }

    /// Gives the tokens of context of who answers: the profile's, else what the endpoint lists or the local checkpoint's
    /// config says. An endpoint is asked once in a run; one that cannot say is no error.
    pub async fn context(&self, who: &Answering) -> Option<u64> {
        if who.profile.context.value.is_some() || self.over().is_some() {
            return who.profile.context.value;
        }
        if let Some(server) = &who.local {
            let config = fs::read_text(&server.checkpoint().join("config.json")).ok()?;
            let config: serde_json::Value = serde_json::from_str(&config).ok()?;
            let place = if config["text_config"].is_object() { &config["text_config"] } else { &config };
            return place["max_position_embeddings"].as_u64();
        }
        let key = (who.client.endpoint().shown(), who.model.clone());
        let mut known = self.contexts.lock().await;
        if let Some(context) = known.get(&key) {
            return *context;
        }
        // One that lists nothing is not asked again before each request.
        let listed = who.client.list_models().await.unwrap_or_default();
        let context = listed.into_iter().find(|model| model.id == who.model).and_then(|model| model.context);
        known.insert(key, context);
        context
    }

    /// Gives the name by which a profile's endpoint knows its model.
    pub fn asked_as(&self, profile: &Profile) -> Option<String> {
        let named = profile.model.value.clone()?;
        Some(if profile.provider.value == Provider::MlxLm { local::MODEL.to_string() } else { named })
    }

    fn over(&self) -> Option<String> {
        self.over.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn nowhere(&self, profile: &Profile) -> Report {
        let config = self.settings.home.value.config_file();
        match &profile.name {
            Some(name) => Report::new(Blame::User, format!("profile {name} has no base_url"))
                .hint(format!("set it under [profiles.{name}] in {}", config.display())),
            None => Report::new(Blame::User, "no model is set up").hint(format!(
                "choose one with /model, or --profile NAME/MODEL (`mlxport model` lists them), or set profile under \
                 [model] in {}; or carry the text to a web chat yourself with --provider manual",
                config.display()
            )),
        }
    }

    fn unnamed(&self, profile: &Profile) -> Report {
        let Some(name) = &profile.name else {
            return match profile.base_url.value {
                Some(_) => Report::new(Blame::User, "the endpoint is known, the model is not").hint(
                    "name one with --model, MLXPORT_MODEL or [model] name; `mlxport model list` lists them",
                ),
                None => self.nowhere(profile),
            };
        };
        let what = match profile.provider.value {
            Provider::MlxLm => "a checkpoint folder, or a repository in the Hub cache",
            Provider::OpenaiCompatible | Provider::Manual => "a model of the endpoint",
        };
        Report::new(Blame::User, format!("profile {name} names no model")).hint(format!(
            "give {what}: --profile {name}/MODEL, or --model; `mlxport model list {name}` lists them"
        ))
    }
}
