//! All settings, resolved once at the start: flag > environment > config.toml > default.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::env::{Env, Terminal};
use super::error::{ConfigError, place};
use super::file::{ConfigFile, Warning};
use super::home::Home;
use super::value::{MlxLmSource, Provider, PushMode, Row, Setting, Source};

/// Upstream's repository, where the checkout comes from unless the person says otherwise.
const UPSTREAM: &str = "https://github.com/ml-explore/mlx-lm";

/// What the command line gave. The key has no flag: a command line is public to every process of the machine.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub home: Option<PathBuf>,
    pub base_url: Option<String>,
    pub model: Option<String>,
    pub provider: Option<String>,
    pub mlx_lm: Option<String>,
    /// How often `-v` was given.
    pub verbose: u8,
}

/// The settings of this run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub home: Setting<Home>,
    pub provider: Setting<Provider>,
    /// The endpoint, ending before `/chat/completions`; none until the person names one.
    pub base_url: Setting<Option<String>>,
    pub api_key: Setting<Option<SecretString>>,
    pub model: Setting<Option<String>>,
    pub hf_endpoint: Setting<Option<String>>,
    pub hf_token: Setting<Option<SecretString>>,
    pub hf_offline: Setting<bool>,
    /// The standard Hub cache; none where the home folder is unknown.
    pub hf_cache: Setting<Option<PathBuf>>,
    pub mlx_lm: Setting<MlxLmSource>,
    /// The person's fork; without one, a bare repository in the data folder.
    pub fork: Setting<Option<String>>,
    pub push: Setting<PushMode>,
    /// Where upstream's open pull requests are searched; GitHub's own API unless named.
    pub github_api: Setting<Option<String>>,
    /// An interpreter of the person's own environment, used as it is.
    pub env_python: Setting<Option<PathBuf>>,
    pub theme: Setting<String>,
    /// A filter of `tracing`: `info`, `mlxport=debug`.
    pub log: Setting<String>,
    /// config.toml's `[keys]`, for the keymap.
    pub keys: toml::Table,
    pub terminal: Terminal,
    /// A data folder or environment that tests share.
    pub test_env: Option<PathBuf>,
    /// The path of the running program.
    pub exe: PathBuf,
    /// The environment for trusted tools (uv, pip, git): no keys in it.
    pub tool_env: Vec<(String, String)>,
    pub warnings: Vec<Warning>,
}

impl Settings {
    /// Resolves the settings; reads config.toml, and the token file of a login to the Hub.
    pub fn load(flags: Flags, env: &Env) -> Result<Self, ConfigError> {
        let home = home(&flags, env)?;
        let path = home.value.config_file();
        let file = ConfigFile::read(&path)?;
        let from = Lookup { env, file: &file, path: &path };
        let base = home.value.root().to_path_buf();
        Ok(Self {
            provider: from.choice(
                flags.provider.map(|text| ("--provider", text)),
                None,
                ("model.provider", Provider::NAMES, Provider::parse),
                Provider::OpenaiCompatible,
            )?,
            base_url: from.url(
                flag("--base-url", flags.base_url),
                Some("MLXPORT_BASE_URL"),
                "model.base_url",
            )?,
            api_key: from.secret("MLXPORT_API_KEY", "model.api_key")?,
            model: from.text(flag("--model", flags.model), Some("MLXPORT_MODEL"), "model.name")?,
            hf_endpoint: from.url(None, Some("HF_ENDPOINT"), "hub.endpoint")?,
            hf_token: match from.secret("HF_TOKEN", "hub.token")? {
                found if found.value.is_some() => found,
                _ => super::hub::stored_token(env),
            },
            hf_offline: from.switch("HF_HUB_OFFLINE", "hub.offline")?,
            hf_cache: super::hub::cache(env),
            mlx_lm: from.mlx_lm(flag("--mlx-lm", flags.mlx_lm), &base)?,
            fork: from.no_login(from.text(None, None, "workspace.fork")?, "workspace.fork")?,
            push: from.choice(
                None,
                None,
                ("workspace.push", PushMode::NAMES, PushMode::parse),
                PushMode::Push,
            )?,
            github_api: from.url(None, Some("MLXPORT_GITHUB_API"), "workspace.github_api")?,
            env_python: from
                .text(None, None, "env.python")?
                .map(|text| text.map(|t| from.path_of(&t, &base))),
            theme: from.text(None, None, "theme")?.map(|text| text.unwrap_or_else(|| "auto".into())),
            log: from.log(flags.verbose)?,
            keys: file.keys.clone(),
            terminal: Terminal::of(env),
            test_env: env.get("MLXPORT_TEST_ENV").map(PathBuf::from),
            exe: env.exe().cloned().unwrap_or_else(|| "mlxport".into()),
            tool_env: env.for_tools(),
            warnings: file.warnings.clone(),
            home,
        })
    }

    /// Gives a variable of the tools' environment: `PATH`, `UV_CACHE_DIR`. Never a key.
    pub fn tool_var(&self, name: &str) -> Option<&str> {
        self.tool_env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Lists every setting with its source, for doctor. Keys are shown as set or not set.
    pub fn rows(&self) -> Vec<Row> {
        fn row<T>(name: &'static str, setting: &Setting<T>, value: String) -> Row {
            Row { name, value, source: setting.source.to_string() }
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        let key = |value: &Option<SecretString>| match value {
            Some(_) => "set (not shown)".to_string(),
            None => "not set".to_string(),
        };
        let python = self.env_python.value.as_ref().map(|path| path.display().to_string());
        vec![
            row("home", &self.home, self.home.value.root().display().to_string()),
            row("provider", &self.provider, self.provider.value.name().into()),
            row("base_url", &self.base_url, text(&self.base_url.value)),
            row("api_key", &self.api_key, key(&self.api_key.value)),
            row("model", &self.model, text(&self.model.value)),
            row("hf_endpoint", &self.hf_endpoint, text(&self.hf_endpoint.value)),
            row("hf_token", &self.hf_token, key(&self.hf_token.value)),
            row("hf_offline", &self.hf_offline, self.hf_offline.value.to_string()),
            row(
                "hf_cache",
                &self.hf_cache,
                text(&self.hf_cache.value.as_ref().map(|path| path.display().to_string())),
            ),
            row("mlx_lm", &self.mlx_lm, self.mlx_lm.value.to_string()),
            row("fork", &self.fork, text(&self.fork.value)),
            row("push", &self.push, self.push.value.name().into()),
            row("github_api", &self.github_api, text(&self.github_api.value)),
            row("env_python", &self.env_python, python.unwrap_or_else(|| "our own".into())),
            row("theme", &self.theme, self.theme.value.clone()),
            row("log", &self.log, self.log.value.clone()),
        ]
    }
}

impl<T> Setting<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), source: self.source }
    }
}

/// A key, the names it takes, and how they are read.
type Choice<T> = (&'static str, &'static str, fn(&str) -> Option<T>);

/// A flag's name and value, where it was given.
type Flag = Option<(&'static str, String)>;

fn flag(name: &'static str, value: Option<String>) -> Flag {
    value.map(|value| (name, value))
}

fn home(flags: &Flags, env: &Env) -> Result<Setting<Home>, ConfigError> {
    let absolute = |path: &Path| Home::at(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()));
    if let Some(path) = &flags.home {
        return Ok(Setting { value: absolute(path), source: Source::Flag("--home") });
    }
    if let Some(path) = env.get("MLXPORT_HOME") {
        return Ok(Setting { value: absolute(Path::new(path)), source: Source::Env("MLXPORT_HOME") });
    }
    let folder = env.data_dir().ok_or(ConfigError::NoHome)?;
    Ok(Setting::default(Home::at(folder.join("mlxport"))))
}

/// Looks a setting up in its three places, in order.
struct Lookup<'a> {
    env: &'a Env,
    file: &'a ConfigFile,
    path: &'a Path,
}

impl Lookup<'_> {
    fn text(
        &self,
        flag: Flag,
        variable: Option<&'static str>,
        key: &'static str,
    ) -> Result<Setting<Option<String>>, ConfigError> {
        if let Some((name, value)) = flag {
            return Ok(Setting { value: Some(value), source: Source::Flag(name) });
        }
        if let Some((name, value)) = variable.and_then(|name| Some((name, self.env.get(name)?))) {
            return Ok(Setting { value: Some(value.to_string()), source: Source::Env(name) });
        }
        let Some(entry) = self.file.get(key) else { return Ok(Setting::default(None)) };
        let source = Source::File { key, line: entry.line };
        match entry.item.as_str() {
            Some(text) => Ok(Setting { value: Some(text.to_string()), source }),
            // The value itself is not repeated: it may be a key that lost its quotes.
            None => Err(self.wrong(&source, key, "text in quotes", entry.item.type_name())),
        }
    }

    fn url(
        &self,
        flag: Flag,
        variable: Option<&'static str>,
        key: &'static str,
    ) -> Result<Setting<Option<String>>, ConfigError> {
        let found = self.no_login(self.text(flag, variable, key)?, key)?;
        match &found.value {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                Err(self.wrong(&found.source, key, "a URL that starts with http:// or https://", url))
            }
            _ => Ok(found.map(|value| value.map(|url| url.trim_end_matches('/').to_string()))),
        }
    }

    fn secret(
        &self,
        variable: &'static str,
        key: &'static str,
    ) -> Result<Setting<Option<SecretString>>, ConfigError> {
        let found = self.text(None, Some(variable), key)?;
        let printable = |text: &String| text.chars().all(|c| c.is_ascii_graphic());
        match &found.value {
            Some(text) if !printable(&text.trim().to_string()) => {
                Err(self.wrong(&found.source, key, "one word of printable characters", "other characters"))
            }
            _ => Ok(found.map(|value| value.map(|text| SecretString::from(text.trim().to_string())))),
        }
    }

    fn switch(&self, variable: &'static str, key: &'static str) -> Result<Setting<bool>, ConfigError> {
        if let Some(entry) = self.file.get(key).filter(|_| self.env.get(variable).is_none()) {
            let source = Source::File { key, line: entry.line };
            return match entry.item.as_bool() {
                Some(value) => Ok(Setting { value, source }),
                None => Err(self.wrong(&source, key, "true or false", entry.item.type_name())),
            };
        }
        let found = self.text(None, Some(variable), key)?;
        let Some(text) = &found.value else { return Ok(Setting::default(false)) };
        // The same words that huggingface_hub takes.
        let value = match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => true,
            "0" | "false" | "no" | "off" => false,
            _ => return Err(self.wrong(&found.source, key, "1, true, yes, on, 0, false, no or off", text)),
        };
        Ok(found.map(|_| value))
    }

    fn choice<T>(
        &self,
        flag: Flag,
        variable: Option<&'static str>,
        (key, names, parse): Choice<T>,
        default: T,
    ) -> Result<Setting<T>, ConfigError> {
        let found = self.text(flag, variable, key)?;
        let Some(text) = &found.value else { return Ok(Setting::default(default)) };
        match parse(text) {
            Some(value) => Ok(found.map(|_| value)),
            None => Err(self.wrong(&found.source, key, names, text)),
        }
    }

    fn mlx_lm(&self, flag: Flag, base: &Path) -> Result<Setting<MlxLmSource>, ConfigError> {
        const KEY: &str = "workspace.mlx_lm";
        let found = self.no_login(self.text(flag, None, KEY)?, KEY)?;
        let Some(text) = &found.value else {
            return Ok(Setting::default(MlxLmSource::Git(UPSTREAM.into())));
        };
        // A path typed on the command line starts at the working folder, one in config.toml beside that file.
        let base = match found.source {
            Source::Flag(_) => std::path::absolute(".").unwrap_or_else(|_| ".".into()),
            _ => base.to_path_buf(),
        };
        let value = match MlxLmSource::parse(text, &base) {
            MlxLmSource::Local(_) => MlxLmSource::Local(self.path_of(text, &base)),
            other => other,
        };
        Ok(found.map(|_| value))
    }

    fn log(&self, verbose: u8) -> Result<Setting<String>, ConfigError> {
        let loud = match verbose {
            0 => None,
            1 => Some(("-v", "info".to_string())),
            2 => Some(("-v", "debug".to_string())),
            _ => Some(("-v", "trace".to_string())),
        };
        Ok(self.text(loud, Some("MLXPORT_LOG"), "log")?.map(|text| text.unwrap_or_else(|| "warn".into())))
    }

    /// Refuses a URL with a login: it would show in doctor, in `git remote -v` and in error texts.
    fn no_login(
        &self,
        found: Setting<Option<String>>,
        key: &'static str,
    ) -> Result<Setting<Option<String>>, ConfigError> {
        let login = |url: &str| {
            let rest = url.split_once("://").map_or("", |(_, rest)| rest);
            let host = rest.split('/').next().unwrap_or_default();
            // `ssh://git@host` is a name that everybody uses, not a secret.
            host.rsplit_once('@').is_some_and(|(user, _)| user != "git")
        };
        match &found.value {
            Some(url) if login(url) => {
                Err(ConfigError::Login { place: place(&found.source, self.path), key })
            }
            _ => Ok(found),
        }
    }

    fn path_of(&self, text: &str, base: &Path) -> PathBuf {
        match (text.strip_prefix("~/"), self.env.home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(text),
        }
    }

    fn wrong(&self, source: &Source, key: &'static str, wanted: &'static str, found: &str) -> ConfigError {
        ConfigError::Value { place: place(source, self.path), key, wanted, found: found.to_string() }
    }
}
