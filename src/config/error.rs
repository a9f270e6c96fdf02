//! What can be wrong with settings: always with the file and line, variable or flag that holds the mistake.

use std::path::PathBuf;

use thiserror::Error;

use super::value::Source;
use crate::util::blame::{Blame, Explain};
use crate::util::fs::FsError;

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("{path}:{line}: not valid TOML: {text}", path = path.display())]
    Syntax { path: PathBuf, line: usize, text: String },
    #[error("{place}: `{key}` must be {wanted}, not {found}")]
    Value { place: String, key: String, wanted: &'static str, found: String },
    #[error("{place}: `{key}` holds a user name or password")]
    Login { place: String, key: String },
    #[error("{place}: `{key}` holds a key in its query (`{name}`)")]
    UrlKey { place: String, key: String, name: String },
    #[error("{place}: there is no profile `{name}`{}", did_you_mean(nearest))]
    UnknownProfile { place: String, name: String, nearest: Option<String>, known: String },
    #[error("{path}:{line}: unknown key `profiles.{profile}.{key}`{}", did_you_mean(nearest), path = path.display())]
    ProfileKey { path: PathBuf, line: usize, profile: String, key: String, nearest: Option<String> },
    #[error("{path}:{line}: profile `{profile}` names its key twice: {keys}", path = path.display())]
    TwoKeys { path: PathBuf, line: usize, profile: String, keys: String },
    #[error("{path}:{line}: `{key}` is a key, and others on this machine may read the file (mode {mode:o})", path = path.display())]
    Readable { path: PathBuf, line: usize, key: String, mode: u32 },
    #[error("{path} holds keys, and others on this machine may read it (mode {mode:o})", path = path.display())]
    KeysReadable { path: PathBuf, mode: u32 },
    // Never with the parser's words: they may repeat the line, which holds a key.
    #[error("{path}:{line}: not what `mlxport model key set` writes", path = path.display())]
    KeysSyntax { path: PathBuf, line: usize },
    #[error("no key for profile `{profile}`: {why}")]
    Key { profile: String, why: String },
    #[error("the keychain cannot be used: {why}")]
    Keyring { why: String },
    #[error("there is no data folder: the person's home folder is unknown")]
    NoHome,
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Explain for ConfigError {
    fn blame(&self) -> Blame {
        match self {
            Self::Syntax { .. }
            | Self::Value { .. }
            | Self::Login { .. }
            | Self::UrlKey { .. }
            | Self::UnknownProfile { .. }
            | Self::ProfileKey { .. }
            | Self::TwoKeys { .. }
            | Self::Readable { .. }
            | Self::KeysReadable { .. }
            | Self::KeysSyntax { .. }
            | Self::Key { .. } => Blame::User,
            Self::Keyring { .. } | Self::NoHome | Self::Fs(_) => Blame::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { path, line, .. } => Some(format!("mend line {line} of {}", path.display())),
            Self::Value { wanted, .. } => Some(format!("write {wanted}")),
            Self::Login { .. } => {
                Some("leave the login out of the URL: use model.api_key, or git's credential helper".into())
            }
            Self::UrlKey { .. } => {
                Some("take it out of the URL and give it with `mlxport model key set PROFILE`".into())
            }
            Self::UnknownProfile { known, .. } => {
                Some(format!("there are {known}; add one as [profiles.NAME] in config.toml"))
            }
            Self::ProfileKey { .. } => Some(format!("a profile has {}", super::profiles::KEYS.join(", "))),
            Self::TwoKeys { .. } => Some("keep one of them".into()),
            Self::Readable { path, .. } | Self::KeysReadable { path, .. } => {
                Some(format!("chmod 600 {}", path.display()))
            }
            Self::KeysSyntax { path, .. } => {
                Some(format!("remove {} and give the keys again with `mlxport model key set PROFILE`", path.display()))
            }
            Self::Key { profile, .. } => Some(format!("give it with `mlxport model key set {profile}`")),
            Self::Keyring { .. } => Some(
                "without --keyring, `mlxport model key set PROFILE` keeps the key in a file that only you can read"
                    .into(),
            ),
            Self::NoHome => Some("set HOME, or choose a folder with --home DIR".into()),
            Self::Fs(error) => error.hint(),
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// Says where a value stood, for an error: the file with its line, the variable, or the flag.
pub(super) fn place(source: &Source, file: &std::path::Path) -> String {
    match source {
        Source::File { line, .. } | Source::Profile { line, .. } => format!("{}:{line}", file.display()),
        other => other.to_string(),
    }
}
