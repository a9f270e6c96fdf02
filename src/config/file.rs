//! config.toml as a flat table of known keys with their lines, and warnings for unknown ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::error::ConfigError;
use crate::util::fs;

/// Every key that config.toml may hold. `keys` is a table of its own, read by the keymap; `profiles` is read below.
pub(super) const KNOWN: [&str; 17] = [
    "theme",
    "log",
    "model.profile",
    "model.review",
    "model.provider",
    "model.base_url",
    "model.api_key",
    "model.name",
    "workspace.mlx_lm",
    "workspace.fork",
    "workspace.push",
    "workspace.github_api",
    "env.python",
    "hub.endpoint",
    "hub.token",
    "hub.offline",
    "keys",
];

/// A key that nobody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub path: PathBuf,
    pub line: usize,
    pub key: String,
    /// The known key that it looks like.
    pub nearest: Option<&'static str>,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: unknown key `{}`", self.path.display(), self.line, self.key)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// One value and its line.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub item: Item,
    pub line: usize,
}

/// One `[profiles.NAME]`, its keys not judged yet.
#[derive(Clone, Debug)]
pub(super) struct ProfileTable {
    pub name: String,
    pub line: usize,
    pub entries: Vec<(String, Entry)>,
}

/// config.toml, flattened.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigFile {
    entries: BTreeMap<&'static str, Entry>,
    /// `[profiles.NAME]`, in the order of the file.
    pub profiles: Vec<ProfileTable>,
    pub keys: toml::Table,
    pub warnings: Vec<Warning>,
}

impl ConfigFile {
    /// Reads the file; one that does not exist is empty.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::parse(path, &fs::read_text(path)?)
    }

    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let doc = Document::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_path_buf(),
            line: error.span().map_or(1, |span| line_of(span.start)),
            text: error.message().to_string(),
        })?;
        let mut file = Self { profiles: profiles(doc.as_table(), path, &line_of)?, ..Self::default() };
        let mut flat = Vec::new();
        flatten(doc.as_table(), "", &mut flat);
        for (key, item, offset) in flat {
            let line = line_of(offset);
            match KNOWN.iter().find(|known| **known == key) {
                None if key == "profiles" => {}
                Some(known) => drop(file.entries.insert(known, Entry { item: item.clone(), line })),
                None => file.warnings.push(Warning {
                    path: path.to_path_buf(),
                    line,
                    nearest: nearest(&key),
                    key,
                }),
            }
        }
        if let Some(table) = doc.get("keys").filter(|item| item.is_table_like()) {
            let mut wrapped = toml_edit::DocumentMut::new();
            wrapped.insert("keys", table.clone());
            let parsed: toml::Table = toml::from_str(&wrapped.to_string()).unwrap_or_default();
            file.keys = parsed.get("keys").and_then(|value| value.as_table()).cloned().unwrap_or_default();
        }
        Ok(file)
    }

    /// Refuses a file with a key in it that others on this machine may read.
    pub fn refuse_readable_keys(&self, path: &Path) -> Result<(), ConfigError> {
        let plain = ["model.api_key", "hub.token"].map(|key| (key.to_string(), self.get(key)));
        let profiles = self.profiles.iter().flat_map(|table| {
            table
                .entries
                .iter()
                .map(move |(key, entry)| (format!("profiles.{}.{key}", table.name), Some(entry)))
        });
        let secret =
            |key: &str| key.ends_with(".api_key") || key.ends_with(".token") || key.ends_with(".headers");
        let mut found = plain.into_iter().chain(profiles).filter(|(key, _)| secret(key));
        let Some((key, line)) = found.find_map(|(key, entry)| Some((key, entry?.line))) else {
            return Ok(());
        };
        match fs::mode(path) {
            Some(mode) if mode & 0o077 != 0 => {
                Err(ConfigError::Readable { path: path.to_path_buf(), line, key, mode })
            }
            _ => Ok(()),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }
}

/// Reads `[profiles.NAME]` tables.
fn profiles(
    table: &dyn TableLike,
    path: &Path,
    line_of: &dyn Fn(usize) -> usize,
) -> Result<Vec<ProfileTable>, ConfigError> {
    let Some(item) = table.get("profiles") else { return Ok(Vec::new()) };
    let wrong = |key: &str, line: usize, item: &Item| ConfigError::Value {
        place: format!("{}:{line}", path.display()),
        key: key.to_string(),
        wanted: "a table of keys, such as [profiles.work]",
        found: item.type_name().to_string(),
    };
    let at = |table: &dyn TableLike, name: &str| line_of(start(table, name));
    let Some(all) = item.as_table_like() else {
        return Err(wrong("profiles", at(table, "profiles"), item));
    };
    let mut found = Vec::new();
    for (name, item) in all.iter() {
        let line = at(all, name);
        // Names go into `NAME/MODEL`, into the keychain and onto command lines.
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            return Err(ConfigError::Value {
                place: format!("{}:{line}", path.display()),
                key: "profiles".into(),
                wanted: "names of letters, digits, dots, dashes and underscores",
                found: format!("`{}`", crate::util::text::one_line(name)),
            });
        }
        let own = item.as_table_like().ok_or_else(|| wrong(&format!("profiles.{name}"), line, item))?;
        let entries =
            own.iter().map(|(key, item)| (key.to_string(), Entry { item: item.clone(), line: at(own, key) }));
        found.push(ProfileTable { name: name.to_string(), line, entries: entries.collect() });
    }
    Ok(found)
}

/// Gives where a key stands in the text.
fn start(table: &dyn TableLike, name: &str) -> usize {
    let key = table.get_key_value(name).and_then(|(key, _)| key.span());
    key.or_else(|| table.get(name).and_then(Item::span)).map_or(0, |span| span.start)
}

fn flatten<'a>(table: &'a dyn TableLike, prefix: &str, out: &mut Vec<(String, &'a Item, usize)>) {
    let sections = |name: &str| KNOWN.iter().any(|known| known.starts_with(&format!("{name}.")));
    for (name, item) in table.iter() {
        let key = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
        let offset = start(table, name);
        match item.as_table_like() {
            Some(inner) if sections(&key) => flatten(inner, &key, out),
            _ => out.push((key, item, offset)),
        }
    }
}

/// Finds the name that a mistyped one most likely meant.
pub(super) fn nearest_of<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = names.into_iter().map(|name| (distance(typed, name), name)).min();
    near.filter(|(distance, name)| *distance <= 2.max(name.len() / 4)).map(|(_, name)| name.to_string())
}

/// Finds the known key that a mistyped one most likely meant.
fn nearest(key: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_string();
    KNOWN
        .iter()
        .map(|known| {
            // A right name in the wrong section is the commonest mistake, so the last part alone may match.
            let whole = distance(key, known);
            let part = distance(&last(key), &last(known)) + 1;
            (whole.min(part), *known)
        })
        .min()
        .filter(|(distance, known)| *distance <= 3.max(known.len() / 4))
        .map(|(_, known)| known)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = before + usize::from(from != *to);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(Path::new("config.toml"), text)
    }

    #[test]
    fn unknown_keys_are_warned_with_line_and_nearest_name() {
        let file = parse(
            "theme = \"dark\"\n\n[model]\nbase_ulr = \"x\"\nflavour = 1\n[workspace]\npython = \"p\"\n",
        )
        .expect("valid TOML");
        let shown: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "config.toml:4: unknown key `model.base_ulr`; did you mean `model.base_url`?",
                "config.toml:5: unknown key `model.flavour`",
                "config.toml:7: unknown key `workspace.python`; did you mean `env.python`?",
            ]
        );
    }

    #[test]
    fn bad_toml_names_the_line() {
        let error = parse("theme = \"dark\"\nlog = \n").expect_err("no value");
        assert!(error.to_string().starts_with("config.toml:2: not valid TOML:"), "{error}");
    }

    #[test]
    fn the_keys_table_is_kept_whole() {
        let file = parse("[keys]\nquit = \"ctrl-q\"\n[keys.source]\njump = \"g\"\n").expect("valid TOML");
        assert_eq!(file.keys["quit"].as_str(), Some("ctrl-q"));
        assert_eq!(file.keys["source"]["jump"].as_str(), Some("g"));
        assert_eq!(file.warnings, []);
    }
}
