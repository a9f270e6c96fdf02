//! A model's place as data: who answers, where, with which key, each value with its source. And the profiles that need
//! no config.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::value::{Provider, Setting, Source};

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The chat of a port.
    Port,
    /// The second reader, with a context of its own.
    Review,
}

impl Role {
    /// All roles, in the order shown.
    pub const ALL: [Self; 2] = [Self::Port, Self::Review];

    /// Names the role as in config.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Review => "review",
        }
    }
}

/// Who answers, where, with which key.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name; none for the plain keys of `[model]`, flags and variables alone.
    pub name: Option<String>,
    /// What chose it for its role.
    pub chosen: Source,
    pub provider: Setting<Provider>,
    /// The endpoint, ending before `/chat/completions`.
    pub base_url: Setting<Option<String>>,
    /// The model's name at the endpoint; for `mlx-lm` a checkpoint folder or a repository in the Hub cache.
    pub model: Setting<Option<String>>,
    pub key: Setting<Key>,
    /// Size of the model's context in tokens.
    pub context: Setting<Option<u64>>,
    /// Limit of output tokens sent with each request.
    pub output: Setting<Option<u32>>,
    /// Headers of every request beside the key's. Values may be secrets and are never shown.
    pub headers: Vec<(String, SecretString)>,
}

/// A profile's key, as far as it is known without asking the system's keychain.
#[derive(Clone, Debug)]
pub enum Key {
    /// None is needed as far as we know.
    None,
    /// One is named or needed, and is not there: why.
    Missing(String),
    Known(SecretString),
    /// In the system's keychain, under the profile's name; asked for when it is needed.
    Keyring,
}

impl Key {
    /// Says in words whether there is a key; never the key.
    pub fn words(&self) -> String {
        match self {
            Self::None => "none".into(),
            Self::Missing(why) => format!("not there: {why}"),
            Self::Known(_) => "set (not shown)".into(),
            Self::Keyring => "in the keychain".into(),
        }
    }

    /// Names the state in one word, for programs.
    pub fn state(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Missing(_) => "missing",
            Self::Known(_) => "set",
            Self::Keyring => "keychain",
        }
    }
}

impl Profile {
    /// A place that nobody described yet.
    pub fn empty(name: Option<String>) -> Self {
        Self {
            name,
            chosen: Source::Default,
            provider: Setting::default(Provider::OpenaiCompatible),
            base_url: Setting::default(None),
            model: Setting::default(None),
            key: Setting::default(Key::None),
            context: Setting::default(None),
            output: Setting::default(None),
            headers: Vec::new(),
        }
    }

    /// Gives the name for texts.
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("[model]")
    }

    /// Gives profile and model in few words: `huggingface/Qwen/Qwen3-Coder`.
    pub fn title(&self) -> String {
        match (&self.name, &self.model.value) {
            (Some(name), Some(model)) => format!("{name}/{model}"),
            (Some(name), None) => name.clone(),
            (None, Some(model)) => model.clone(),
            (None, None) if self.provider.value == Provider::Manual => "manual".into(),
            (None, None) => "none".into(),
        }
    }

    /// Gives the key. Waits for the system's keychain where the key is there, at most some seconds: not for a screen's
    /// thread.
    ///
    /// # Errors
    /// The key is named and not there, or the keychain is missing, locked or silent.
    pub fn secret(&self) -> Result<Option<SecretString>, ConfigError> {
        let missing = |why: &str| ConfigError::Key { profile: self.shown().into(), why: why.into() };
        match &self.key.value {
            Key::None => Ok(None),
            Key::Missing(why) => Err(missing(why)),
            Key::Known(key) => Ok(Some(key.clone())),
            Key::Keyring => {
                let kept = super::keyring::read(self.shown())?;
                let kept = kept.ok_or_else(|| missing("it is not in the keychain any more"))?;
                Ok(Some(SecretString::from(kept)))
            }
        }
    }

    /// Lists every value with its source. Keys are shown as set or not set.
    pub fn rows(&self) -> Vec<super::value::Row> {
        fn row<T>(name: &'static str, setting: &Setting<T>, value: String) -> super::value::Row {
            super::value::Row { name, value, source: setting.source.to_string() }
        }
        fn text<T: ToString>(value: &Option<T>) -> String {
            value.as_ref().map_or("not set".into(), ToString::to_string)
        }
        let mut rows = vec![
            row("provider", &self.provider, self.provider.value.name().into()),
            row("base_url", &self.base_url, text(&self.base_url.value)),
            row("model", &self.model, text(&self.model.value)),
            row("key", &self.key, self.key.value.words()),
            row("context", &self.context, text(&self.context.value)),
            row("output", &self.output, text(&self.output.value)),
        ];
        if !self.headers.is_empty() {
            let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
            rows.push(super::value::Row {
                name: "headers",
                value: names.join(", "),
                source: "config.toml".into(),
            });
        }
        rows
    }
}

/// A profile that the program brings.
pub(super) struct BuiltIn {
    pub name: &'static str,
    pub provider: Provider,
    pub base_url: Option<&'static str>,
}

/// The profiles that need no config.
pub(super) const BUILT_IN: [BuiltIn; 7] = [
    endpoint("huggingface", HUGGINGFACE),
    endpoint("openai", OPENAI),
    endpoint("ollama", "http://localhost:11434/v1"),
    endpoint("vllm", "http://localhost:8000/v1"),
    endpoint("llama.cpp", "http://localhost:8080/v1"),
    BuiltIn { name: "mlx-lm", provider: Provider::MlxLm, base_url: None },
    BuiltIn { name: "manual", provider: Provider::Manual, base_url: None },
];

const HUGGINGFACE: &str = "https://router.huggingface.co/v1";
const OPENAI: &str = "https://api.openai.com/v1";

const fn endpoint(name: &'static str, base_url: &'static str) -> BuiltIn {
    BuiltIn { name, provider: Provider::OpenaiCompatible, base_url: Some(base_url) }
}

impl BuiltIn {
    pub(super) fn profile(&self) -> Profile {
        let source = Source::BuiltIn(self.name);
        Profile {
            provider: Setting { value: self.provider, source: source.clone() },
            base_url: match self.base_url {
                Some(url) => Setting { value: Some(url.to_string()), source },
                None => Setting::default(None),
            },
            ..Profile::empty(Some(self.name.into()))
        }
    }
}

/// Whose key an address takes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    HuggingFace,
    OpenAi,
}

/// Says whose key an address takes by itself: a token goes to its own origin, and nowhere else.
pub(super) fn owner(base_url: &str) -> Option<Owner> {
    let origin = origin(base_url)?;
    if Some(&origin) == self::origin(HUGGINGFACE).as_ref() {
        return Some(Owner::HuggingFace);
    }
    (Some(&origin) == self::origin(OPENAI).as_ref()).then_some(Owner::OpenAi)
}

/// Gives scheme, host and port of an address, in one spelling.
pub(super) fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let host = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_in_one_spelling() {
        assert_eq!(origin("HTTPS://Api.OpenAI.com:443/v1?x"), Some("https://api.openai.com".into()));
        assert_eq!(origin("http://h:8000/v1"), Some("http://h:8000".into()));
        assert_eq!(origin("h/v1"), None);
    }

    #[test]
    fn only_the_exact_origin_owns_a_token() {
        assert_eq!(owner("https://router.huggingface.co/v1/"), Some(Owner::HuggingFace));
        assert_eq!(owner("https://api.openai.com/v1"), Some(Owner::OpenAi));
        for other in [
            "http://router.huggingface.co/v1",
            "https://router.huggingface.co.evil.example/v1",
            "https://router.huggingface.co:8443/v1",
            "https://evil.example/router.huggingface.co",
        ] {
            assert_eq!(owner(other), None, "{other}");
        }
    }
}
