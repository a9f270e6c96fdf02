//! Profiles of config.toml over the built-in ones, their keys, and which of them a role takes.

use std::path::Path;

use secrecy::SecretString;

use super::env::Env;
use super::error::{ConfigError, place};
use super::file::{ConfigFile, Entry, ProfileTable, nearest_of};
use super::keys::Stored;
use super::profile::{BUILT_IN, Key, Owner, Profile, origin, owner};
use super::value::{Provider, Setting, Source};

/// Every key that a profile may hold.
pub(super) const KEYS: [&str; 9] =
    ["provider", "base_url", "name", "api_key", "api_key_env", "keyring", "context", "output", "headers"];

/// What profiles are made from.
pub(super) struct Sources<'a> {
    pub env: &'a Env,
    pub file: &'a ConfigFile,
    pub path: &'a Path,
    pub stored: &'a Stored,
    pub hf_token: &'a Setting<Option<SecretString>>,
}

/// The plain keys of `[model]`, flags and variables.
pub(super) struct Flat {
    pub provider: Setting<Option<Provider>>,
    pub base_url: Setting<Option<String>>,
    pub api_key: Setting<Option<SecretString>>,
    pub model: Setting<Option<String>>,
}

impl Sources<'_> {
    /// Makes every profile: the built-in ones, then the person's own.
    pub fn all(&self) -> Result<Vec<Profile>, ConfigError> {
        let mut all: Vec<Profile> = BUILT_IN.iter().map(|built_in| built_in.profile()).collect();
        for table in &self.file.profiles {
            let at = all.iter().position(|profile| profile.name.as_ref() == Some(&table.name));
            let at = at.unwrap_or_else(|| {
                all.push(Profile::empty(Some(table.name.clone())));
                all.len() - 1
            });
            self.read(table, &mut all[at])?;
        }
        for profile in &mut all {
            // What the file says of the key stands already.
            if matches!(profile.key.value, Key::None) && profile.provider.value == Provider::OpenaiCompatible
            {
                profile.key = self.key_of(profile.name.as_deref(), profile.base_url.value.as_deref());
            }
        }
        Ok(all)
    }

    /// Finds who answers a role: a profile by `NAME` or `NAME/MODEL`.
    pub fn named(
        &self,
        all: &[Profile],
        wanted: &Setting<Option<String>>,
    ) -> Result<Option<Profile>, ConfigError> {
        let Some(text) = &wanted.value else { return Ok(None) };
        let found = pick(all, text, &wanted.source);
        found.map(Some).ok_or_else(|| {
            let names: Vec<&str> = all.iter().filter_map(|profile| profile.name.as_deref()).collect();
            let name = text.split_once('/').map_or(text.as_str(), |(name, _)| name);
            ConfigError::UnknownProfile {
                place: place(&wanted.source, self.path),
                name: name.to_string(),
                nearest: nearest_of(name, names.iter().copied()),
                known: names.join(", "),
            }
        })
    }

    /// Lays the plain keys over a profile, as far as they stand at least as high as what chose the profile.
    pub fn over(&self, chosen: Option<Profile>, by: &Source, flat: Flat) -> Profile {
        let counts = |source: &Source| level(source) >= level(by);
        let base = chosen.unwrap_or_else(|| Profile::empty(None));
        let base_url = match flat.base_url.value.is_some() && counts(&flat.base_url.source) {
            true => flat.base_url,
            false => base.base_url.clone(),
        };
        let provider = match flat.provider.value.filter(|_| counts(&flat.provider.source)) {
            Some(value) => Setting { value, source: flat.provider.source },
            // Whoever names an address wants it asked.
            None if base_url.source != base.base_url.source => {
                Setting { value: Provider::OpenaiCompatible, source: base_url.source.clone() }
            }
            None => base.provider,
        };
        let same = |other: &Option<String>| {
            base_url.value.as_deref().and_then(origin) == other.as_deref().and_then(origin)
        };
        let key = match flat.api_key.value.filter(|_| counts(&flat.api_key.source)) {
            Some(key) => Setting { value: Key::Known(key), source: flat.api_key.source },
            None if base.name.is_some() && same(&base.base_url.value) => base.key,
            // A profile's key does not follow to another address.
            None => self.key_of(None, base_url.value.as_deref()),
        };
        let model = match flat.model.value.is_some() && counts(&flat.model.source) {
            true => flat.model,
            false => base.model,
        };
        Profile { chosen: by.clone(), provider, base_url, key, model, ..base }
    }

    fn read(&self, table: &ProfileTable, profile: &mut Profile) -> Result<(), ConfigError> {
        let mut named = Vec::new();
        for (key, entry) in &table.entries {
            let one = One { sources: self, table, key, entry };
            match key.as_str() {
                "provider" => profile.provider = one.provider()?,
                "base_url" => profile.base_url = one.url()?,
                "name" => profile.model = one.text()?.map(Some),
                "context" => profile.context = one.number()?.map(Some),
                "output" => {
                    let found = one.number()?;
                    let value = u32::try_from(found.value).unwrap_or(u32::MAX);
                    profile.output = Setting { value: Some(value), source: found.source };
                }
                "headers" => profile.headers = one.headers()?,
                "api_key" | "api_key_env" | "keyring" => {
                    if let Some(found) = one.key()? {
                        profile.key = found;
                        named.push(key.as_str());
                    }
                }
                _ => {
                    return Err(ConfigError::ProfileKey {
                        path: self.path.to_path_buf(),
                        line: entry.line,
                        profile: table.name.clone(),
                        key: key.clone(),
                        nearest: nearest_of(key, KEYS),
                    });
                }
            }
        }
        if named.len() > 1 {
            let (path, line, profile) = (self.path.to_path_buf(), table.line, table.name.clone());
            return Err(ConfigError::TwoKeys { path, line, profile, keys: named.join(", ") });
        }
        Ok(())
    }

    /// Gives the key that belongs to a profile or address without being named: the environment's, the stored one, the
    /// login's.
    fn key_of(&self, name: Option<&str>, base_url: Option<&str>) -> Setting<Key> {
        let owner = base_url.and_then(owner);
        let Setting { value: token, source } = self.hf_token;
        let hf = || Some(Setting { value: Key::Known(token.clone()?), source: source.clone() });
        let variable = match owner {
            Some(Owner::OpenAi) => self.env.get("OPENAI_API_KEY").map(|text| Setting {
                value: known(text, "OPENAI_API_KEY"),
                source: Source::Env("OPENAI_API_KEY"),
            }),
            Some(Owner::HuggingFace) if matches!(self.hf_token.source, Source::Env(_)) => hf(),
            Some(Owner::HuggingFace) | None => None,
        };
        let stored = || self.stored.key(name?, base_url);
        let login = || hf().filter(|_| owner == Some(Owner::HuggingFace));
        let needed = || {
            let why = match owner? {
                Owner::HuggingFace => "HF_TOKEN is not set and there is no login to the Hub",
                Owner::OpenAi => "OPENAI_API_KEY is not set",
            };
            Some(Setting::default(Key::Missing(why.into())))
        };
        variable.or_else(stored).or_else(login).or_else(needed).unwrap_or(Setting::default(Key::None))
    }
}

/// Finds a profile by `NAME` or `NAME/MODEL`.
pub(super) fn pick(all: &[Profile], text: &str, source: &Source) -> Option<Profile> {
    let (name, model) = text.split_once('/').map_or((text, None), |(name, model)| (name, Some(model)));
    let mut profile = all.iter().find(|profile| profile.name.as_deref() == Some(name))?.clone();
    profile.chosen = source.clone();
    if let Some(model) = model.filter(|model| !model.is_empty()) {
        profile.model = Setting { value: Some(model.to_string()), source: source.clone() };
    }
    Some(profile)
}

/// Ranks where a value came from: flag > environment > config.toml > default.
fn level(source: &Source) -> u8 {
    match source {
        Source::Flag(_) => 3,
        Source::Env(_) | Source::NamedEnv(_) => 2,
        Source::File { .. } | Source::Profile { .. } => 1,
        Source::BuiltIn(_)
        | Source::TokenFile(_)
        | Source::KeyFile(_)
        | Source::Keyring
        | Source::Default => 0,
    }
}

/// Takes a key from a variable if a header can carry it.
fn known(text: &str, place: &str) -> Key {
    let text = text.trim();
    match !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Key::Known(SecretString::from(text.to_string())),
        false => Key::Missing(format!("{place} is not one word of printable characters")),
    }
}

/// One key of one profile.
struct One<'a> {
    sources: &'a Sources<'a>,
    table: &'a ProfileTable,
    key: &'a str,
    entry: &'a Entry,
}

impl One<'_> {
    fn source(&self) -> Source {
        Source::Profile { profile: self.table.name.clone(), key: self.key.to_string(), line: self.entry.line }
    }

    fn wrong(&self, wanted: &'static str, found: &str) -> ConfigError {
        ConfigError::Value {
            place: place(&self.source(), self.sources.path),
            key: self.full(),
            wanted,
            found: found.to_string(),
        }
    }

    fn full(&self) -> String {
        format!("profiles.{}.{}", self.table.name, self.key)
    }

    fn text(&self) -> Result<Setting<String>, ConfigError> {
        match self.entry.item.as_str().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => Ok(Setting { value: text.to_string(), source: self.source() }),
            // The value itself is not repeated: it may be a key that lost its quotes.
            None => Err(self.wrong("text in quotes", self.entry.item.type_name())),
        }
    }

    fn number(&self) -> Result<Setting<u64>, ConfigError> {
        let number = self.entry.item.as_integer().and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| *number > 0) {
            Some(value) => Ok(Setting { value, source: self.source() }),
            None => Err(self.wrong("a number of tokens", self.entry.item.type_name())),
        }
    }

    fn provider(&self) -> Result<Setting<Provider>, ConfigError> {
        let found = self.text()?;
        match Provider::parse(&found.value) {
            Some(value) => Ok(Setting { value, source: found.source }),
            None => Err(self.wrong(Provider::NAMES, &found.value)),
        }
    }

    fn url(&self) -> Result<Setting<Option<String>>, ConfigError> {
        let found = self.text()?;
        check_url(&found.value, &self.full(), &found.source, self.sources.path)?;
        Ok(found.map(|url| Some(url.trim_end_matches('/').to_string())))
    }

    fn key(&self) -> Result<Option<Setting<Key>>, ConfigError> {
        let source = self.source();
        match self.key {
            "keyring" => match self.entry.item.as_bool() {
                Some(true) => Ok(Some(Setting { value: Key::Keyring, source })),
                Some(false) => Ok(None),
                None => Err(self.wrong("true or false", self.entry.item.type_name())),
            },
            "api_key_env" => {
                let name = self.text()?.value;
                let value = match self.sources.env.get(&name) {
                    Some(text) => known(text, &name),
                    None => Key::Missing(format!("{name} is not set, and {source} names it")),
                };
                let source = if matches!(value, Key::Known(_)) { Source::NamedEnv(name) } else { source };
                Ok(Some(Setting { value, source }))
            }
            _ => {
                let value = known(&self.text()?.value, "it");
                let Key::Known(_) = value else {
                    return Err(self.wrong("one word of printable characters", "other characters"));
                };
                Ok(Some(Setting { value, source }))
            }
        }
    }

    fn headers(&self) -> Result<Vec<(String, SecretString)>, ConfigError> {
        let wanted = "a table of names and texts, such as { \"X-Team\" = \"ports\" }";
        let Some(table) = self.entry.item.as_table_like() else {
            return Err(self.wrong(wanted, self.entry.item.type_name()));
        };
        let mut found = Vec::new();
        for (name, item) in table.iter() {
            let value = item.as_str().ok_or_else(|| self.wrong(wanted, item.type_name()))?;
            let token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || !name.chars().all(token) || value.chars().any(|c| !(' '..='~').contains(&c))
            {
                return Err(self.wrong(wanted, "what a header cannot carry"));
            }
            if name.eq_ignore_ascii_case("authorization") {
                return Err(self.wrong("headers beside the key's own", "authorization (use api_key_env)"));
            }
            found.push((name.to_string(), SecretString::from(value.to_string())));
        }
        Ok(found)
    }
}

/// Refuses an address that is none, or that holds a login or a key: it would show in doctor and in error texts.
pub(super) fn check_url(url: &str, key: &str, source: &Source, path: &Path) -> Result<(), ConfigError> {
    let place = place(source, path);
    if has_login(url) {
        return Err(ConfigError::Login { place, key: key.to_string() });
    }
    if let Some(name) = key_in_query(url) {
        return Err(ConfigError::UrlKey { place, key: key.to_string(), name });
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let wanted = "a URL that starts with http:// or https://";
        return Err(ConfigError::Value { place, key: key.to_string(), wanted, found: url.to_string() });
    }
    Ok(())
}

/// Says whether a URL holds a user name or password.
pub(super) fn has_login(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    // `ssh://git@host` is a name that everybody uses, not a secret.
    host.rsplit_once('@').is_some_and(|(user, _)| user != "git")
}

fn key_in_query(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let names = query.split(['&', '#']).filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
    let secret = |name: &&str| {
        let name = name.to_ascii_lowercase().replace('_', "-");
        ["key", "apikey", "token", "secret", "password"].contains(&name.as_str())
            || ["-key", "-token", "-secret"].iter().any(|end| name.ends_with(end))
    };
    names.into_iter().find(secret).map(str::to_string)
}
