//! What a demo can play: the recordings that the program brings, and one of the person's own.

use std::path::{Path, PathBuf};

use crate::session::beside::{self, Variant};
use crate::session::record::Recording;
use crate::util::blame::{Blame, Report};
use crate::util::fs;

/// A recording that the program brings, with the configs beside it.
#[derive(Debug)]
pub struct Brought {
    pub name: &'static str,
    text: &'static str,
    configs: &'static [(&'static str, &'static str)],
}

macro_rules! brought {
    ($name:literal, $($variant:literal),+) => {
        Brought {
            name: $name,
            text: include_str!(concat!("../../recordings/", $name, ".jsonl")),
            configs: &[$((
                $variant,
                include_str!(concat!("../../recordings/", $name, "/", $variant, "/config.json")),
            )),+],
        }
    };
}

/// The recordings that the program brings; the first is played where none is named.
pub const BROUGHT: [Brought; 4] = [
    brought!("arcee", "defaults", "yarn"),
    brought!("cwm", "defaults", "spelled-as-v4"),
    brought!("vaultgemma", "defaults", "full"),
    brought!("axk1", "defaults", "yarn"),
];

/// What is played.
#[derive(Debug)]
pub enum Which {
    Brought(&'static Brought),
    File(PathBuf),
}

impl Default for Which {
    fn default() -> Self {
        Self::Brought(&BROUGHT[0])
    }
}

impl Which {
    /// Finds a recording that the program brings.
    pub fn named(name: &str) -> Option<Self> {
        BROUGHT.iter().find(|brought| brought.name == name).map(Self::Brought)
    }

    /// Gives the recording as it stands in its file.
    pub fn text(&self) -> Result<String, Report> {
        match self {
            Self::Brought(brought) => Ok(brought.text.to_string()),
            Self::File(path) if !path.is_file() => {
                let text = format!("--recording {}: there is no such file", path.display());
                Err(Report::new(Blame::User, text).hint("write one with `mlxport record ID -o FILE`"))
            }
            Self::File(path) => fs::read_text(path).map_err(|error| Report::from(&error)),
        }
    }

    /// Reads it.
    pub fn recording(&self) -> Result<Recording, Report> {
        match self {
            Self::Brought(brought) => Recording::parse(brought.text).map_err(|(line, text)| {
                let name = brought.name;
                Report::new(Blame::Bug, format!("the program's own recording {name}, line {line}: {text}"))
            }),
            Self::File(path) => {
                self.text()?;
                Recording::load(path).map_err(|error| Report::from(&error))
            }
        }
    }

    /// Gives the configs that it was made with.
    pub fn configs(&self) -> Result<Vec<Variant>, Report> {
        match self {
            Self::Brought(brought) => {
                Ok(brought.configs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect())
            }
            Self::File(path) => beside::read(path).map_err(|error| Report::from(&error)),
        }
    }

    /// Writes its configs below a folder. Gives where each is.
    pub fn write_configs(&self, below: &Path) -> Result<Vec<PathBuf>, Report> {
        beside::write(&self.configs()?, below).map_err(|error| Report::from(&error))
    }
}
