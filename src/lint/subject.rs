//! One file as the rules see it, with what lies around it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::data::Kind;
use crate::hub::data::{Config, Keys};
use crate::source::syntax::{self, Class, Syntax};
use crate::util::blame::Report;

/// The modules of `mlx_lm/models` that hold no model of their own.
pub const SHARED: [&str; 11] = [
    "__init__",
    "activations",
    "base",
    "bitlinear_layers",
    "cache",
    "gated_delta",
    "mla",
    "pipeline",
    "rope_utils",
    "ssm",
    "switch_layers",
];

/// What black and isort make of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Formatted {
    /// The text as upstream's formatters leave it.
    Text(String),
    /// They could not be run, and why.
    NotRun(String),
    /// Nobody asked them.
    #[default]
    NotAsked,
}

impl Formatted {
    /// Takes what went wrong when they ran.
    pub fn failed(report: &Report) -> Self {
        let detail = report.detail.as_deref().unwrap_or_default().lines().last().unwrap_or_default();
        Self::NotRun(format!("{} {detail}", report.text).trim().into())
    }
}

/// What lies around the file in its checkout.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The `mlx_lm/models` that the file lies in.
    pub models: Option<PathBuf>,
    /// The modules beside it, without `.py`; empty when it lies in no `mlx_lm/models`.
    pub modules: BTreeSet<String>,
    /// Upstream's `tests/test_models.py`.
    pub tests: Option<String>,
    /// Paths that differ from upstream's main, from the checkout's root; none outside git.
    pub changed: Option<Vec<String>>,
}

/// What the architecture's configs say.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The model type that the file must serve.
    pub model_type: Option<String>,
    pub configs: Vec<Config>,
    /// What transformers' config class gives for keys that a config leaves out.
    pub defaults: Option<Keys>,
}

/// A near accepted port and what its `Model` offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub methods: BTreeSet<String>,
}

/// One file to judge.
#[derive(Debug)]
pub struct Subject {
    pub path: PathBuf,
    pub syntax: Syntax,
    pub kind: Kind,
    pub formatted: Formatted,
    pub around: Around,
    pub wanted: Wanted,
    pub peers: Vec<Peer>,
}

impl Subject {
    /// Takes a text and its name.
    pub fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let path = path.into();
        let syntax = syntax::read(text);
        let kind = kind(&path, &syntax);
        Self {
            path,
            syntax,
            kind,
            formatted: Formatted::default(),
            around: Around::default(),
            wanted: Wanted::default(),
            peers: Vec::new(),
        }
    }

    /// Gives the file's name without `.py`.
    pub fn stem(&self) -> String {
        stem(&self.path)
    }

    /// Gives the class that the loader takes.
    pub fn model(&self) -> Option<Class<'_>> {
        self.syntax.class("Model")
    }

    /// Gives the dataclass of the config.
    pub fn args(&self) -> Option<Class<'_>> {
        self.syntax.class("ModelArgs")
    }

    /// Gives the name that this file knows a module by: `mx` for `mlx.core`.
    pub fn alias(&self, module: &str) -> Option<&str> {
        self.syntax.imports().find(|import| import.module == module && import.name.is_none()).map(|i| i.alias)
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn kind(path: &Path, syntax: &Syntax) -> Kind {
    let stem = stem(path);
    if stem.starts_with("test_") {
        return Kind::Tests;
    }
    if syntax.class("Model").is_none() && SHARED.contains(&stem.as_str()) {
        return Kind::Shared;
    }
    Kind::Model
}
