//! The keys that `mlxport model key set` keeps: a file in the data folder that its owner alone can read. Each key is
//! bound to the address that it was given for, and is not sent to another.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;
use toml_edit::{Document, DocumentMut, Item, Table, value};

use super::error::ConfigError;
use super::home::Home;
use super::keyring;
use super::profile::{Key, Profile, origin};
use super::value::{Setting, Source};
use crate::util::fs::{self, FileLock};

/// Where a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In the data folder's keys.toml.
    File,
    /// In the system's keychain.
    Keyring,
}

/// The stored keys by profile.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    entries: BTreeMap<String, StoredKey>,
    source: Option<std::path::PathBuf>,
}

#[derive(Clone, Debug)]
struct StoredKey {
    origin: String,
    /// None: in the keychain.
    key: Option<SecretString>,
}

impl Stored {
    /// Reads the file; one that does not exist is empty.
    ///
    /// # Errors
    /// Others may read it, or it is not ours.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let Some(mode) = fs::mode(path) else { return Ok(Self::default()) };
        if mode & 0o077 != 0 {
            return Err(ConfigError::KeysReadable { path: path.to_path_buf(), mode });
        }
        let text = fs::read_text(path)?;
        let wrong = |offset: usize| ConfigError::KeysSyntax {
            path: path.to_path_buf(),
            line: text[..offset.min(text.len())].matches('\n').count() + 1,
        };
        let doc = Document::parse(text.as_str())
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start)))?;
        let mut entries = BTreeMap::new();
        for (name, item) in doc.iter() {
            let at = || wrong(item.span().map_or(0, |span| span.start));
            let field = |key: &str| item.get(key).and_then(Item::as_str);
            let origin = field("origin").ok_or_else(at)?.to_string();
            let key = field("key").map(|key| SecretString::from(key.to_string()));
            entries.insert(name.to_string(), StoredKey { origin, key });
        }
        Ok(Self { entries, source: Some(path.to_path_buf()) })
    }

    /// Gives a profile's stored key for the address that the profile has now.
    pub fn key(&self, name: &str, base_url: Option<&str>) -> Option<Setting<Key>> {
        let stored = self.entries.get(name)?;
        let file = Source::KeyFile(self.source.clone()?);
        if base_url.and_then(origin).as_ref() != Some(&stored.origin) {
            let why = format!("the kept one is for {} and is not sent elsewhere", stored.origin);
            return Some(Setting { value: Key::Missing(why), source: file });
        }
        Some(match &stored.key {
            Some(key) => Setting { value: Key::Known(key.clone()), source: file },
            None => Setting { value: Key::Keyring, source: Source::Keyring },
        })
    }
}

/// Keeps a key for a profile, in place of an earlier one.
///
/// # Errors
/// The profile has no address, the key cannot be sent, or the file or the keychain cannot be written.
pub fn set(home: &Home, profile: &Profile, key: &str, keep: Keep) -> Result<(), ConfigError> {
    let refused = |why: &str| ConfigError::Key { profile: profile.shown().into(), why: why.into() };
    let address = profile.base_url.value.as_deref().and_then(origin);
    let address = address.ok_or_else(|| refused("it would have no use, the profile has no base_url"))?;
    let key = key.trim();
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_graphic()) {
        return Err(refused("it must be one word of printable characters"));
    }
    let name = profile.shown();
    if keep == Keep::Keyring {
        keyring::write(name, key)?;
    }
    change(home, |table| {
        let mut entry = Table::new();
        entry.insert("origin", value(address.as_str()));
        if keep == Keep::File {
            entry.insert("key", value(key));
        }
        table.insert(name, Item::Table(entry));
    })
}

/// Removes a profile's stored key from the file and the keychain; says whether there was one.
///
/// # Errors
/// The file or the keychain cannot be written.
pub fn remove(home: &Home, name: &str) -> Result<bool, ConfigError> {
    let stored = Stored::read(&home.keys_file())?;
    let Some(entry) = stored.entries.get(name) else { return Ok(false) };
    if entry.key.is_none() {
        keyring::remove(name)?;
    }
    change(home, |table| drop(table.remove(name)))?;
    Ok(true)
}

fn change(home: &Home, change: impl FnOnce(&mut Table)) -> Result<(), ConfigError> {
    let path = home.keys_file();
    let _lock = FileLock::wait(&home.root().join("keys.lock"), || {})?;
    // Refuses a file that others may read before anything is added to it.
    Stored::read(&path)?;
    let text = if path.exists() { fs::read_text(&path)? } else { String::new() };
    let mut doc: DocumentMut =
        text.parse().map_err(|_| ConfigError::KeysSyntax { path: path.clone(), line: 1 })?;
    change(doc.as_table_mut());
    Ok(fs::write_private(&path, doc.to_string().as_bytes())?)
}

/// Says whether a stored key would be used for a profile, or what stands before it.
pub fn shadow(profile: &Profile) -> Option<String> {
    match &profile.key {
        Setting {
            source: Source::KeyFile(_) | Source::Keyring | Source::TokenFile(_) | Source::Default,
            ..
        } => None,
        Setting { value: Key::None, .. } => None,
        other => Some(other.source.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn profile(url: &str) -> Profile {
        Profile { base_url: Setting::default(Some(url.into())), ..Profile::empty(Some("work".into())) }
    }

    #[test]
    fn a_kept_key_goes_to_its_own_address_alone_and_its_file_to_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path());
        set(&home, &profile("https://a.example/v1"), " sk-kept-0123456789 \n", Keep::File).expect("kept");
        assert_eq!(fs::mode(&home.keys_file()), Some(0o600));
        let stored = Stored::read(&home.keys_file()).expect("read");
        let shown = |url: &str| {
            let found = stored.key("work", Some(url)).expect("a key");
            match found.value {
                Key::Known(key) => key.expose_secret().to_string(),
                other => other.words(),
            }
        };
        assert_eq!(shown("https://a.example:443/other"), "sk-kept-0123456789");
        assert_eq!(
            shown("https://b.example/v1"),
            "not there: the kept one is for https://a.example and is not sent elsewhere"
        );
        assert!(stored.key("other", Some("https://a.example")).is_none());
        assert!(!format!("{stored:?}").contains("0123456789"));
        assert!(remove(&home, "work").expect("removed"));
        assert!(!remove(&home, "work").expect("nothing there"));
        assert!(!fs::read_text(&home.keys_file()).expect("the file").contains("0123456789"));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_way_out_and_no_key_is_repeated() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = Home::at(folder.path()).keys_file();
        fs::write_atomic(&path, b"[a]\norigin = \"https://a\"\nkey = \"sk-0123456789\"\n").expect("written");
        let error = Stored::read(&path).expect_err("mode 644");
        assert_eq!(
            error.to_string(),
            format!("{} holds keys, and others on this machine may read it (mode 644)", path.display())
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write_atomic(&path, b"[a]\norigin = \"https://a\"\nkey = sk-0123456789\n").expect("written");
        let error = Stored::read(&path).expect_err("not TOML");
        assert_eq!(
            error.to_string(),
            format!("{}:3: not what `mlxport model key set` writes", path.display())
        );
    }

    #[test]
    fn a_key_that_no_header_can_carry_or_no_address_needs_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path());
        let refused = |profile: &Profile, key: &str| {
            set(&home, profile, key, Keep::File).expect_err("refused").to_string()
        };
        assert_eq!(
            refused(&profile("https://a"), "two words"),
            "no key for profile `work`: it must be one word of printable characters"
        );
        let nowhere = Profile::empty(Some("work".into()));
        assert_eq!(
            refused(&nowhere, "sk-0123456789"),
            "no key for profile `work`: it would have no use, the profile has no base_url"
        );
        assert!(!home.keys_file().exists());
    }
}
