//! All settings, resolved once at the start: flag > environment > config.toml > default.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::env::{Env, Terminal};
use super::error::{ConfigError, place};
use super::file::{ConfigFile, Warning};
use super::home::Home;
use super::keys::Stored;
use super::profile::{Key, Profile, Role};
use super::profiles::{Flat, Sources, check_url, has_login};
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
    /// A profile, as `NAME` or `NAME/MODEL`.
    pub profile: Option<String>,
    pub mlx_lm: Option<String>,
    /// How often `-v` was given.
    pub verbose: u8,
}

/// The settings of this run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub home: Setting<Home>,
    /// Who answers the chat of a port.
    pub port: Profile,
    /// Who reads a diff a second time; the same as `port` unless the person named another.
    pub review: Profile,
    /// Every profile that can be chosen.
    pub profiles: Vec<Profile>,
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
    /// The person's home folder, for `~`.
    person: Option<PathBuf>,
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
        file.refuse_readable_keys(&path)?;
        let hf_token = match from.secret("HF_TOKEN", "hub.token")? {
            found if found.value.is_some() => found,
            _ => super::hub::stored_token(env),
        };
        let stored = Stored::read(&home.value.keys_file())?;
        let sources = Sources { env, file: &file, path: &path, stored: &stored, hf_token: &hf_token };
        let profiles = sources.all()?;
        let wanted = from.text(flag("--profile", flags.profile), Some("MLXPORT_PROFILE"), "model.profile")?;
        let flat = Flat {
            provider: from.provider(flag("--provider", flags.provider))?,
            base_url: from.url(
                flag("--base-url", flags.base_url),
                Some("MLXPORT_BASE_URL"),
                "model.base_url",
            )?,
            api_key: from.secret("MLXPORT_API_KEY", "model.api_key")?,
            model: from.text(flag("--model", flags.model), Some("MLXPORT_MODEL"), "model.name")?,
        };
        let port = sources.over(sources.named(&profiles, &wanted)?, &wanted.source, flat);
        let reader = from.text(None, Some("MLXPORT_REVIEW"), "model.review")?;
        let review = sources.named(&profiles, &reader)?.unwrap_or_else(|| port.clone());
        Ok(Self {
            port,
            review,
            profiles,
            hf_endpoint: from.url(None, Some("HF_ENDPOINT"), "hub.endpoint")?,
            hf_token,
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
            person: env.home_dir(),
            exe: env.exe().cloned().unwrap_or_else(|| "mlxport".into()),
            tool_env: env.for_tools(),
            warnings: file.warnings.clone(),
            home,
        })
    }

    /// Gives who answers in a role.
    pub fn role(&self, role: Role) -> &Profile {
        match role {
            Role::Port => &self.port,
            Role::Review => &self.review,
        }
    }

    /// Finds a profile by `NAME` or `NAME/MODEL`, as a person chose it now.
    pub fn profile(&self, text: &str) -> Option<Profile> {
        super::profiles::pick(&self.profiles, text, &Source::Default)
    }

    /// Lets one model answer in every role, whatever the person's settings are: a recording's.
    pub fn answered_by(&mut self, model: String) {
        let alone = Profile { model: Setting::default(Some(model)), ..Profile::empty(None) };
        (self.port, self.review) = (alone.clone(), alone);
    }

    /// Gives the path that a person wrote in config.toml or on the command line: `~` is their home, a relative one starts
    /// at the working folder.
    pub fn path_of(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), &self.person) {
            (Some(rest), Some(person)) => person.join(rest),
            _ => std::path::absolute(text).unwrap_or_else(|_| text.into()),
        }
    }

    /// Gives every secret that is known, for whoever removes them from texts.
    pub fn secrets(&self) -> Vec<SecretString> {
        let all = self.profiles.iter().chain([&self.port, &self.review]);
        let of = |profile: &Profile| {
            let key = match &profile.key.value {
                Key::Known(key) => Some(key.clone()),
                Key::None | Key::Missing(_) | Key::Keyring => None,
            };
            key.into_iter().chain(profile.headers.iter().map(|(_, value)| value.clone())).collect::<Vec<_>>()
        };
        all.flat_map(of).chain(self.hf_token.value.clone()).collect()
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
        let place =
            |profile: &Profile| Row { name: "", value: profile.title(), source: profile.chosen.to_string() };
        let python = self.env_python.value.as_ref().map(|path| path.display().to_string());
        vec![
            row("home", &self.home, self.home.value.root().display().to_string()),
            Row { name: "profile", ..place(&self.port) },
            row("provider", &self.port.provider, self.port.provider.value.name().into()),
            row("base_url", &self.port.base_url, text(&self.port.base_url.value)),
            row("api_key", &self.port.key, self.port.key.value.words()),
            row("model", &self.port.model, text(&self.port.model.value)),
            Row { name: "review", ..place(&self.review) },
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
        let found = self.text(flag, variable, key)?;
        if let Some(url) = &found.value {
            check_url(url, key, &found.source, self.path)?;
        }
        Ok(found.map(|value| value.map(|url| url.trim_end_matches('/').to_string())))
    }

    fn provider(&self, flag: Flag) -> Result<Setting<Option<Provider>>, ConfigError> {
        const KEY: &str = "model.provider";
        let found = self.text(flag, None, KEY)?;
        let Some(text) = &found.value else { return Ok(Setting::default(None)) };
        match Provider::parse(text) {
            Some(value) => Ok(Setting { value: Some(value), source: found.source }),
            None => Err(self.wrong(&found.source, KEY, Provider::NAMES, text)),
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
        match &found.value {
            Some(url) if has_login(url) => {
                Err(ConfigError::Login { place: place(&found.source, self.path), key: key.to_string() })
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
        let (place, key) = (place(source, self.path), key.to_string());
        ConfigError::Value { place, key, wanted, found: found.to_string() }
    }
}
