//! Who answers: from a role to a client that can be asked now. The one way to a model for chat, second reader, bench and
//! command line. Holds what the person chose since the start.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::agent::client::{ChatClient, Endpoint, ModelInfo};
use crate::config::{Profile, Provider, Role, Settings};
use crate::util::blame::{Blame, Report};
use crate::util::sink::Sink;

/// The models of a run.
#[derive(Debug)]
pub struct Models {
    settings: Settings,
    chosen: RwLock<BTreeMap<Role, Profile>>,
    /// Where every request goes instead: the demo's recorded endpoint.
    over: RwLock<Option<String>>,
}

/// An endpoint and the model to ask it for.
#[derive(Clone, Debug)]
pub struct Answering {
    pub client: ChatClient,
    pub model: String,
    pub profile: Profile,
}

impl Models {
    /// Takes the settings' profiles. Opens nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, chosen: RwLock::default(), over: RwLock::default() }
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
            return Ok(Answering { client, model: profile.model.value.clone().unwrap_or_default(), profile });
        }
        self.open(profile, say).await
    }

    /// Gives the endpoint and model of a profile, ready to be asked.
    ///
    /// # Errors
    /// As [`Models::answering`].
    pub async fn open(&self, profile: Profile, say: &Sink<String>) -> Result<Answering, Report> {
        let model = profile.model.value.clone().ok_or_else(|| self.unnamed(&profile))?;
        let client = self.client(&profile, say).await?;
        Ok(Answering { client, model, profile })
    }

    /// Gives the endpoint of a profile, whether or not a model of it is named.
    ///
    /// # Errors
    /// As [`Models::answering`].
    pub async fn client(&self, profile: &Profile, _say: &Sink<String>) -> Result<ChatClient, Report> {
        match profile.provider.value {
            Provider::OpenaiCompatible => self.remote(profile).await,
            Provider::Manual => {
                let text =
                    format!("profile {} has no endpoint: you carry its text yourself", profile.shown());
                Err(Report::new(Blame::User, text).hint("choose another with `mlxport model`"))
            }
            Provider::MlxLm => {
                let text = "a local mlx_lm.server cannot be started by this version";
                Err(Report::new(Blame::Bug, text).hint("start one yourself and name it with --base-url"))
            }
        }
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
        let client = self.client(profile, say).await?;
        client.list_models().await.map_err(|failure| Report::from(&failure))
    }

    /// Gives the name by which a profile's endpoint knows its model.
    pub fn asked_as(&self, profile: &Profile) -> Option<String> {
        profile.model.value.clone()
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
