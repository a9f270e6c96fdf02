//! What discovery finds, as plain data: checkpoints of one architecture, in groups of size and kind, each with what
//! speaks for it. Made by [`crate::hub::discover`]; drawn and printed elsewhere.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Gate, RepoInfo};
use crate::util::blame::Report;

/// What a person asked to discover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", content = "text", rename_all = "snake_case")]
pub enum Wanted {
    /// The `model_type` of a config.json: `qwen3`.
    ModelType(String),
    /// A class of `architectures`: `Qwen3ForCausalLM`.
    Class(String),
    /// A repository, perhaps at a revision.
    Repo(super::RepoRef),
    /// A checkpoint folder or config.json of this machine.
    Folder(PathBuf),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModelType(text) | Self::Class(text) => f.write_str(text),
            Self::Repo(repo) => repo.fmt(f),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

/// How a checkpoint was made, in the order in which groups are shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "format", rename_all = "snake_case")]
pub enum Kind {
    /// Pretrained: completes text.
    Base,
    /// Tuned to follow instructions, by examples or unsaid how.
    Instruct,
    /// Tuned further by preferences: DPO and its kin.
    Preference,
    /// Thinks before it answers.
    Thinking,
    /// Somebody else's fine-tune of one of these.
    Finetune,
    Merge,
    /// The same weights under another name.
    Copy,
    /// Weights to add to a checkpoint; none of its own.
    Adapter,
    /// Made smaller from another repository; the format in a word.
    Quantized(Format),
    /// The architecture with another head: a classifier, a reward model, an embedder.
    OtherHead,
}

/// How a copy was quantized or converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Mlx,
    Gguf,
    Gptq,
    Awq,
    Fp8,
    BitsAndBytes,
    Exl,
    CompressedTensors,
    /// Files of another runtime: ONNX, OpenVINO, Core ML.
    Runtime,
    Other,
}

impl Format {
    /// Names it as people do.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlx => "MLX",
            Self::Gguf => "GGUF",
            Self::Gptq => "GPTQ",
            Self::Awq => "AWQ",
            Self::Fp8 => "FP8",
            Self::BitsAndBytes => "bitsandbytes",
            Self::Exl => "EXL",
            Self::CompressedTensors => "compressed-tensors",
            Self::Runtime => "for another runtime",
            Self::Other => "another format",
        }
    }
}

impl Kind {
    /// Names it for a group's title.
    pub fn name(&self) -> String {
        match self {
            Self::Base => "base".into(),
            Self::Instruct => "instruct".into(),
            Self::Preference => "DPO".into(),
            Self::Thinking => "thinking".into(),
            Self::Finetune => "fine-tunes by others".into(),
            Self::Merge => "merges".into(),
            Self::Copy => "copies".into(),
            Self::Adapter => "adapters".into(),
            Self::Quantized(format) => format!("quantized, {}", format.name()),
            Self::OtherHead => "no language models".into(),
        }
    }

    /// Says whether checkpoints of this kind are what a port is made for; the rest stands apart.
    pub fn is_original(&self) -> bool {
        matches!(self, Self::Base | Self::Instruct | Self::Preference | Self::Thinking)
    }
}

/// How large a checkpoint is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// As its makers write it: `4.5B`, `30B-A3B`.
    pub label: String,
    /// About so many parameters; exact when they were counted.
    pub parameters: u64,
    pub from: SizeFrom,
}

/// Where a size is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeFrom {
    /// Counted by the Hub from the safetensors headers.
    Headers,
    /// The repository's name.
    Name,
    /// The repository that it was made from.
    Base,
}

/// Whose checkpoint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// By an organisation whose checkpoints the others start from.
    Official,
    /// Its makers' own training on the same architecture.
    Own,
    /// Made from another repository.
    Derived,
}

/// Whether mlx-lm has a place for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fit", rename_all = "snake_case")]
pub enum Fit {
    /// A decoder that generates text.
    Language,
    /// A language model inside a model that also sees or hears.
    Inside {
        /// The `model_type` of its text_config, where known.
        text_type: Option<String>,
    },
    /// Not a language model, and why that is known.
    Not { why: String },
    /// Nothing of its config is known yet.
    Unknown,
}

/// Where the facts of a candidate come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Seen {
    /// The Hub, now.
    Hub,
    /// The Hub cache of this machine.
    Cache {
        /// Seconds since the Hub was asked last.
        age: u64,
    },
    /// An earlier discovery, kept in the data folder.
    Kept { age: u64 },
}

/// A checkpoint of the architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub id: String,
    pub info: RepoInfo,
    pub seen: Seen,
    /// The config.json, where the Hub cache has it.
    pub config: Option<PathBuf>,
    pub kind: Kind,
    pub size: Option<Size>,
    pub standing: Standing,
    pub fit: Fit,
    /// One of the checkpoints that a port is shown on: official and original.
    pub canonical: bool,
    /// The repository that it was made from, by its card.
    pub base: Option<String>,
}

impl Candidate {
    /// Says in few words what stands between a person and the files; none where nothing does.
    pub fn access(&self) -> Option<&'static str> {
        match (self.info.disabled, self.info.private, self.info.gated) {
            (true, ..) => Some("disabled by the Hub"),
            (_, true, _) => Some("private"),
            (.., Gate::Auto) => Some("gated"),
            (.., Gate::Manual) => Some("gated, by hand"),
            (.., Gate::Open) => None,
        }
    }

    /// Gives the owner; empty for old bare names.
    pub fn owner(&self) -> &str {
        self.id.split_once('/').map_or("", |(owner, _)| owner)
    }
}

/// Candidates of one size and kind; those that stand apart are grouped by kind alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `8B`; none where it is not known, or not told apart.
    pub size: Option<String>,
    #[serde(flatten)]
    pub kind: Kind,
    pub candidates: Vec<Candidate>,
}

impl Group {
    /// Gives the title: `4.5B · base`.
    pub fn title(&self) -> String {
        match (&self.size, self.kind.is_original()) {
            (Some(size), _) => format!("{size} · {}", self.kind.name()),
            (None, true) => format!("size unknown · {}", self.kind.name()),
            (None, false) => self.kind.name(),
        }
    }
}

/// An organisation taken for the makers of the architecture, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Official {
    pub owner: String,
    pub why: String,
}

/// How far discovery is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// More is coming; what is being asked.
    Asking {
        what: String,
    },
    Done,
    /// The person stopped it; what came so far stays.
    Stopped,
    /// The Hub could not be asked to the end; what came so far stays.
    Failed(Report),
}

/// What is known so far. Each is whole: a later one replaces an earlier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub wanted: Wanted,
    pub model_type: Option<String>,
    pub officials: Vec<Official>,
    pub groups: Vec<Group>,
    /// What the person should know: renamed, refused, offline, how old.
    pub notes: Vec<Note>,
    /// The Hub has more than was asked for.
    pub more: bool,
    pub progress: Progress,
}

impl Found {
    /// Counts the candidates.
    pub fn count(&self) -> usize {
        self.groups.iter().map(|group| group.candidates.len()).sum()
    }

    /// Goes through the candidates in the order of the screen.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.groups.iter().flat_map(|group| &group.candidates)
    }
}

/// A sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub weight: Weight,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    Say,
    Warn,
    /// It cannot be ported, or could not be reached.
    Refuse,
}

impl Note {
    /// Makes a note without a hint.
    pub fn say(weight: Weight, text: impl Into<String>) -> Self {
        Self { weight, text: text.into(), hint: None }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Something that speaks against a new port: it may be there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub about: About,
    #[serde(flatten)]
    pub note: Note,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// mlx-lm sends the type to another's module, or could.
    Alias,
    /// mlx-lm has the module.
    Module,
    /// A port of nearly the same structure.
    Alike,
    Branch,
    PullRequest,
    /// A place that could not be searched.
    Unsearched,
}

/// Writes an age in the largest unit that is at least one: `3 days`.
pub fn age(seconds: u64) -> String {
    let units =
        [(86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let found = units.iter().find(|(length, _)| seconds >= *length);
    found.map_or_else(
        || "less than a minute".to_string(),
        |(length, name)| {
            let count = seconds / length;
            format!("{count} {name}{}", if count == 1 { "" } else { "s" })
        },
    )
}
