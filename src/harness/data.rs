//! What the harness says, as plain data: the `--json` object, its check records, the events of a run and the stored
//! form. Other rooms, the pane and the command line see the harness through these types alone.

mod check_id;
pub mod compare;
mod figure;
pub mod plan;
mod skip;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use check_id::CheckId;
pub use figure::{Figure, bar, scientific};
pub use skip::skipped;

use crate::util::blame::{Blame, Report};

/// Version of [`RunResult`] as JSON.
pub const SCHEMA: u32 = 1;

/// What a run says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Suspect,
    Fail,
    CouldNotRun,
}

impl Verdict {
    /// Gives the verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Suspect => "suspect",
            Self::Fail => "fail",
            Self::CouldNotRun => "could not run",
        }
    }
}

/// What one check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    Pass,
    Suspect,
    Fail,
    NotApplicable,
    NotExercised,
    Error,
}

impl CheckVerdict {
    /// Gives the sign that stands before a row; readable without colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✓",
            Self::Suspect => "?",
            Self::Fail => "✗",
            Self::NotApplicable => "–",
            Self::NotExercised => "○",
            Self::Error => "!",
        }
    }

    /// Gives the verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Suspect => "suspect",
            Self::Fail => "fail",
            Self::NotApplicable => "not applicable",
            Self::NotExercised => "not exercised here",
            Self::Error => "error",
        }
    }

    /// Ranks for showing: what needs attention first.
    pub fn rank(self) -> u8 {
        match self {
            Self::Error => 0,
            Self::Fail => 1,
            Self::Suspect => 2,
            Self::NotExercised => 3,
            Self::Pass => 4,
            Self::NotApplicable => 5,
        }
    }
}

/// Puts a record among others: in the place of the one it replaces, else last. A worker sends a record again when it
/// has learnt more about it.
pub fn place(records: &mut Vec<CheckRecord>, record: CheckRecord) {
    match records.iter_mut().find(|other| other.same_row(&record)) {
        Some(other) => *other = record,
        None => records.push(record),
    }
}

/// The first module whose output differs, with its place in both sources (`file:line`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    pub module: String,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub port: Option<String>,
}

/// Something worth knowing that does not change the verdict by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub id: String,
    pub text: String,
    /// The config key it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Whose fault a failed run or check is, as the worker says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    User,
    Environment,
    Port,
    Reference,
    Bug,
}

impl From<Blame> for Kind {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::User => Self::User,
            Blame::Environment => Self::Environment,
            Blame::Port => Self::Port,
            Blame::Upstream => Self::Reference,
            Blame::Bug => Self::Bug,
        }
    }
}

impl Kind {
    /// Names whose fault it is, in the words of the command line's errors.
    pub fn whose(self) -> &'static str {
        match self {
            Self::User => Blame::User.whose(),
            Self::Environment => Blame::Environment.whose(),
            Self::Port => Blame::Port.whose(),
            Self::Reference => Blame::Upstream.whose(),
            Self::Bug => Blame::Bug.whose(),
        }
    }
}

/// Why a check has no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckError {
    pub kind: Kind,
    pub text: String,
    #[serde(default)]
    pub hint: Option<String>,
}

/// One check's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    pub id: CheckId,
    pub verdict: CheckVerdict,
    #[serde(default)]
    pub figure: Option<Figure>,
    #[serde(default)]
    pub unit: Option<String>,
    #[serde(default)]
    pub bar: Option<Figure>,
    /// What rounding alone does to this twin, where the check measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Figure>,
    #[serde(default)]
    pub metric: Option<String>,
    /// Which config, where a run has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Which twin: `std 1.0`, `std 0.05`.
    #[serde(default)]
    pub twin: Option<String>,
    #[serde(default)]
    pub device: Option<String>,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default)]
    pub first_divergence: Option<Divergence>,
    #[serde(default)]
    pub findings: Vec<Finding>,
    #[serde(default)]
    pub error: Option<CheckError>,
    /// Divergence per module in execution order, for the chart; none where a module has no counterpart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<(String, Option<Figure>)>,
    /// What only this check has: plans, keys, lengths, multiples.
    #[serde(flatten)]
    pub extra: Environment,
}

impl CheckRecord {
    /// Makes the record of a check that has no figure because of an error.
    pub fn failed(id: CheckId, error: CheckError) -> Self {
        Self {
            id,
            verdict: CheckVerdict::Error,
            figure: None,
            unit: None,
            bar: None,
            floor: None,
            metric: None,
            variant: None,
            twin: None,
            device: None,
            seconds: 0.0,
            first_divergence: None,
            findings: Vec::new(),
            error: Some(error),
            series: Vec::new(),
            extra: Environment::new(),
        }
    }

    /// Says whether a later record stands in this one's place: the same check on the same twin and config.
    pub fn same_row(&self, other: &Self) -> bool {
        (self.id, &self.twin, &self.variant) == (other.id, &other.twin, &other.variant)
    }

    /// Says what this check alone makes of the run. An error of the port is a failure of the port.
    pub fn run_verdict(&self) -> Verdict {
        match (self.verdict, self.error.as_ref().map(|error| error.kind)) {
            (CheckVerdict::Error, Some(Kind::Port)) => Verdict::Fail,
            (CheckVerdict::Error, _) => Verdict::CouldNotRun,
            (CheckVerdict::Fail, _) => Verdict::Fail,
            (CheckVerdict::Suspect, _) => Verdict::Suspect,
            (CheckVerdict::Pass | CheckVerdict::NotApplicable | CheckVerdict::NotExercised, _) => {
                Verdict::Pass
            }
        }
    }
}

/// Facts of the machine and its packages, as the worker gives them; keys are names, values JSON scalars or objects.
pub type Environment = Map<String, Value>;

/// A finished run: exactly the `--json` object of docs and contracts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    pub schema: u32,
    pub run_id: String,
    /// `twin`, `load`, `battery` …
    #[serde(default = "twin")]
    pub family: String,
    pub model_type: String,
    pub variant: String,
    pub verdict: Verdict,
    pub checks: Vec<CheckRecord>,
    pub environment: Environment,
}

fn twin() -> String {
    "twin".into()
}

impl RunResult {
    /// Makes the object of a run that did not come about: every check asked for carries the reason.
    pub fn could_not_run(request: &TwinRequest, report: &Report) -> Self {
        let kind = Kind::from(report.blame);
        let error = CheckError { kind, text: report.text.clone(), hint: report.hint.clone() };
        Self {
            schema: SCHEMA,
            run_id: String::new(),
            family: twin(),
            model_type: request.model_type.clone(),
            variant: String::new(),
            verdict: Verdict::CouldNotRun,
            checks: request.checks.iter().map(|id| CheckRecord::failed(*id, error.clone())).collect(),
            environment: Environment::new(),
        }
    }

    /// Gives the first divergent module of the first check that has one.
    pub fn first_divergence(&self) -> Option<&Divergence> {
        let failed = |check: &&CheckRecord| check.run_verdict() != Verdict::Pass;
        let place = |check: &CheckRecord| check.first_divergence.is_some();
        self.checks
            .iter()
            .filter(failed)
            .find(|check| place(check))
            .or_else(|| self.checks.iter().find(|check| place(check)))
            .and_then(|check| check.first_divergence.as_ref())
    }

    /// Gives the first error, where the run has one.
    pub fn first_error(&self) -> Option<&CheckError> {
        self.checks.iter().find_map(|check| check.error.as_ref())
    }
}

/// What a twin check is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinRequest {
    pub model_type: String,
    /// The port's file; none means the checkout's `mlx_lm/models/<model_type>.py`.
    pub port: Option<PathBuf>,
    /// Released config.json files; none means the config class's defaults.
    pub configs: Vec<PathBuf>,
    /// A checkpoint's own code in place of transformers', once a person has accepted it.
    pub reference_code: Option<ReferenceCode>,
    pub checks: Vec<CheckId>,
    pub seed: u64,
    pub limits: Limits,
}

/// Code that a person has read and accepted by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceCode {
    pub folder: PathBuf,
    /// The files that the hash covers, from the folder.
    pub files: Vec<String>,
    pub digest: String,
}

impl TwinRequest {
    /// Asks for the quick plan of a model type with the defaults.
    pub fn new(model_type: impl Into<String>) -> Self {
        Self {
            model_type: model_type.into(),
            port: None,
            configs: Vec::new(),
            reference_code: None,
            checks: plan::quick(),
            seed: 0,
            limits: Limits::default(),
        }
    }
}

/// What a family with a subcommand of its own is asked: a load check, a battery. It gets a worker of its own, which
/// may read what the request names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FamilyRequest {
    pub family: String,
    /// What is checked, in a word: a model type, or the name of a checkpoint's folder.
    pub subject: String,
    /// As the family's Python takes it; the port is added.
    pub target: Map<String, Value>,
    pub params: Map<String, Value>,
    pub port: Option<PathBuf>,
    pub reads: Vec<PathBuf>,
    pub writes: Vec<PathBuf>,
    pub sockets: Sockets,
    pub seed: u64,
    pub limits: Limits,
}

impl FamilyRequest {
    /// Makes the object of a run that did not come about.
    pub fn could_not_run(&self, report: &Report) -> RunResult {
        let named = TwinRequest {
            checks: CheckId::named(&self.family).into_iter().collect(),
            ..TwinRequest::new(&self.subject)
        };
        RunResult { family: self.family.clone(), ..RunResult::could_not_run(&named, report) }
    }
}

/// Which network a family needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sockets {
    #[default]
    None,
    /// A loopback device of its own and nothing else.
    Loopback,
}

/// What a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub timeout: Duration,
    pub mem_mb: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(120), mem_mb: 8192 }
    }
}

/// What happens during a run. The screen's sink posts it, the command line's prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The worker is being started; the first start imports torch and takes seconds.
    Warming,
    /// The worker has taken the request.
    Started { run_id: String, model_type: String, checks: Vec<CheckId>, port_sha256: Option<String> },
    /// Work done so far, in the unit named.
    Progress { done: f64, total: Option<f64>, unit: String, text: String },
    /// A figure on the way to a verdict.
    Metric {
        name: String,
        value: Option<Figure>,
        unit: Option<String>,
        bar: Option<Figure>,
        rule: Option<String>,
    },
    /// One check is done.
    Check { check: Box<CheckRecord> },
    /// A file that the run left, relative to its results folder or absolute.
    Artifact { path: String, sha256: Option<String> },
    /// A line for the log view. Untrusted text.
    Log { text: String },
    /// The run is done and stored.
    Finished { result: Box<RunResult>, seconds: f64 },
    /// The run ended without a result.
    Ended { report: Report },
}

/// The file under test, as it was when it was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortFile {
    pub path: PathBuf,
    pub sha256: String,
}

/// A run as it stands in `results/<run_id>/run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRun {
    /// When it was asked for, RFC 3339 in UTC.
    pub asked: String,
    pub seconds: f64,
    pub port: Option<PortFile>,
    #[serde(default)]
    pub configs: Vec<PortFile>,
    /// Hash of the harness's own sources, kept below `results/sources`.
    #[serde(default)]
    pub harness: Option<String>,
    #[serde(default)]
    pub ground: Ground,
    pub result: RunResult,
}

/// What a verdict rests on beside its inputs and the harness; empty in runs that did not note it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Hash of the lock that pins the packages.
    pub lock: Option<String>,
    /// The modules of mlx-lm that ports share.
    pub shared: Vec<PortFile>,
}

/// Whether a stored run still speaks of the file as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The file has the bytes that were checked.
    Current,
    /// The file has changed since.
    Stale,
    /// The file cannot be read, or the run was of no file.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_only_the_required_fields_parses() {
        let record: CheckRecord = serde_json::from_str(
            r#"{"id":"exact","verdict":"error","error":{"kind":"port","text":"raised"}}"#,
        )
        .expect("a short record");
        assert_eq!(record.run_verdict(), Verdict::Fail);
        let error = CheckError { kind: Kind::Port, text: "raised".into(), hint: None };
        assert_eq!(record, CheckRecord::failed(CheckId::EXACT, error));
    }
}
