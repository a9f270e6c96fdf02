//! The worker's protocol as types: one JSON object a line each way. Pure; [`super::process`] moves the lines.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::{CheckError, CheckRecord, Environment, Figure, Kind, Verdict};

/// The protocol that this program speaks.
pub const PROTO: u32 = 1;
/// The longest line either side may send.
pub const MAX_LINE: usize = 1 << 20;

/// The worker's first line.
#[derive(Clone, Debug, Deserialize)]
pub struct Hello {
    pub proto: u32,
    #[serde(default)]
    pub versions: Environment,
    #[serde(default)]
    pub device: String,
    #[serde(default)]
    pub strategy: String,
}

/// What is asked of the worker.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request<'a> {
    Run(Box<RunRequest<'a>>),
    Cancel { id: &'a str, target_id: &'a str },
}

/// A run. What `target` and `params` hold is between the family and whoever asks for it.
#[derive(Debug, Serialize)]
pub struct RunRequest<'a> {
    pub id: &'a str,
    /// The family: `twin`, `load` …
    pub check: &'a str,
    pub target: Value,
    pub seed: u64,
    pub params: Value,
    pub timeout_s: f64,
    pub mem_mb: u64,
    pub run_dir: PathBuf,
    pub cache_dir: PathBuf,
}

/// A line from the worker.
#[derive(Debug, Deserialize)]
pub struct Reply {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(flatten)]
    pub body: Body,
}

/// What a line says. `done`, `failed` and `cancelled` end a request.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    Hello(Hello),
    Pong,
    Started {},
    Progress {
        #[serde(default)]
        done: f64,
        #[serde(default)]
        total: Option<f64>,
        #[serde(default)]
        unit: String,
        #[serde(default)]
        text: String,
    },
    Metric {
        name: String,
        #[serde(default)]
        value: Option<Figure>,
        #[serde(default)]
        unit: Option<String>,
        #[serde(default)]
        bar: Option<Figure>,
        #[serde(default)]
        rule: Option<String>,
    },
    Check {
        check: Box<CheckRecord>,
    },
    Artifact {
        path: String,
        #[serde(default)]
        sha256: Option<String>,
    },
    Log {
        text: String,
    },
    Done {
        verdict: Verdict,
        #[serde(default)]
        result: DoneResult,
    },
    Failed {
        kind: Kind,
        text: String,
        #[serde(default)]
        hint: Option<String>,
    },
    Cancelled,
}

/// What a finished run adds to its check records.
#[derive(Debug, Default, Deserialize)]
pub struct DoneResult {
    #[serde(default)]
    pub variant: Option<String>,
    #[serde(default)]
    pub model_type: Option<String>,
    #[serde(default)]
    pub environment: Environment,
    #[serde(default)]
    pub checks: Option<Vec<CheckRecord>>,
}

/// How a request ended.
#[derive(Debug)]
pub enum Final {
    Done { verdict: Verdict, result: DoneResult },
    Failed(CheckError),
    Cancelled,
}
