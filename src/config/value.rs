//! A setting's value with where it came from, and the typed values that settings can have.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line, as typed: `--home`.
    Flag(&'static str),
    /// An environment variable, by name.
    Env(&'static str),
    /// A key of config.toml and its line.
    File {
        key: &'static str,
        line: usize,
    },
    /// A variable that config.toml names.
    NamedEnv(String),
    /// A key of a profile in config.toml and its line.
    Profile {
        profile: String,
        key: String,
        line: usize,
    },
    /// A profile that the program brings.
    BuiltIn(&'static str),
    /// The file that a login to the Hub left.
    TokenFile(PathBuf),
    /// The file of `mlxport model key set`.
    KeyFile(PathBuf),
    /// The system's keychain.
    Keyring,
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Env(name) => f.write_str(name),
            Self::NamedEnv(name) => f.write_str(name),
            Self::File { key, line } => write!(f, "config.toml:{line} {key}"),
            Self::Profile { profile, key, line } => write!(f, "config.toml:{line} profiles.{profile}.{key}"),
            Self::BuiltIn(name) => write!(f, "built-in profile {name}"),
            Self::TokenFile(path) | Self::KeyFile(path) => write!(f, "{}", path.display()),
            Self::Keyring => f.write_str("keychain"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub source: Source,
}

impl<T> Setting<T> {
    /// Takes the value that holds when nobody said otherwise.
    pub fn default(value: T) -> Self {
        Self { value, source: Source::Default }
    }
}

/// One line of doctor's table. Keys are never in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub name: &'static str,
    pub value: String,
    pub source: String,
}

/// Who answers the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Any endpoint that speaks OpenAI's chat completions.
    OpenaiCompatible,
    /// A person, who carries requests and replies between mlxport and a web chat.
    Manual,
    /// `mlx_lm.server`, which mlxport starts from its own environment and stops with itself.
    MlxLm,
}

impl Provider {
    pub(super) const NAMES: &'static str = "\"openai-compatible\", \"manual\" or \"mlx-lm\"";

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "openai-compatible" => Some(Self::OpenaiCompatible),
            "manual" => Some(Self::Manual),
            "mlx-lm" => Some(Self::MlxLm),
            _ => None,
        }
    }

    /// Gives the name as it stands in config.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiCompatible => "openai-compatible",
            Self::Manual => "manual",
            Self::MlxLm => "mlx-lm",
        }
    }
}

/// What happens after the person's word to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushMode {
    /// mlxport runs `git push` to the fork.
    Push,
    /// mlxport shows the command; the person runs it.
    HandOver,
}

impl PushMode {
    pub(super) const NAMES: &'static str = "\"push\" or \"hand-over\"";

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "push" => Some(Self::Push),
            "hand-over" => Some(Self::HandOver),
            _ => None,
        }
    }

    /// Gives the name as it stands in config.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::HandOver => "hand-over",
        }
    }
}

/// Where the checkout of mlx-lm comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MlxLmSource {
    /// A git URL; when it cannot be reached, the release is used and the screen says so.
    Git(String),
    /// The person's own clone; a worktree of it is made.
    Local(PathBuf),
    /// The pinned release.
    Pypi,
}

impl MlxLmSource {
    /// Reads `pypi`, a git URL, or a path; a relative path starts at `base`.
    pub fn parse(text: &str, base: &Path) -> Self {
        let url =
            text.contains("://") || (text.contains('@') && text.contains(':') && !text.starts_with('/'));
        match text {
            "pypi" => Self::Pypi,
            _ if url => Self::Git(text.to_string()),
            _ => Self::Local(base.join(text)),
        }
    }
}

impl fmt::Display for MlxLmSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git(url) => f.write_str(url),
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Pypi => f.write_str("pypi"),
        }
    }
}
