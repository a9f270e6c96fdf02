//! What a checkpoint holds and needs, as plain data: the inventory and the comparison of several.

use safetensors::Dtype;
use serde::Serialize;

use super::headers::{Index, Moved, Origin, Shard};

/// Everything that headers and config say about a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    pub name: String,
    pub origin: Origin,
    pub model_type: Option<String>,
    pub architectures: Vec<String>,
    pub files: Files,
    /// Tensors of one kind, layers and experts folded.
    pub groups: Vec<Group>,
    /// The groups as a tree, in the order of its lines.
    #[serde(skip)]
    pub tree: Vec<Branch>,
    pub dtypes: Vec<DtypeCount>,
    /// Text, vision, audio and layers beyond the model's own.
    pub parts: Vec<Part>,
    pub parameters: Parameters,
    pub experts: Option<Experts>,
    pub head: Head,
    pub quantization: Vec<Quantization>,
    pub expected: Expected,
    pub convert: Convert,
    pub memory: Memory,
    /// What a port can trip over here, one sentence each.
    pub findings: Vec<String>,
}

/// The files and what reading them cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Files {
    pub shards: Vec<Shard>,
    pub index: Index,
    /// Bytes of all files whole.
    pub bytes: u64,
    /// Bytes of the headers among them.
    pub headers: u64,
    pub moved: Moved,
    /// Small files that are there.
    pub small: Vec<String>,
}

/// Tensors whose names differ in numbers only, of one dtype and shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// `model.layers.{0..31}.self_attn.q_proj.weight`
    pub pattern: String,
    /// The same with `{}` for each number.
    pub key: String,
    #[serde(serialize_with = "name")]
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub count: u64,
    pub role: Role,
    pub part: PartKind,
    /// Parameters that they stand for; packed elements are counted unpacked, scales not at all.
    pub parameters: u64,
    pub bytes: u64,
}

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Weight,
    /// A weight that belongs to one routed expert, or to all of them stacked.
    Expert,
    /// Scales, zero points, group indices of a quantized weight.
    Scale,
    /// Computed from the config, saved all the same: `inv_freq`, masks.
    Buffer,
}

/// Which part of the model a tensor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    Text,
    Vision,
    Audio,
    Projector,
    /// Layers past `num_hidden_layers`, or named `mtp`: multi-token prediction.
    Extra,
}

impl PartKind {
    /// Says it in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Vision => "vision",
            Self::Audio => "audio",
            Self::Projector => "projector",
            Self::Extra => "multi-token prediction",
        }
    }
}

/// One line of the key tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub depth: usize,
    /// `layers.{0..31}`, `self_attn.q_proj.weight`
    pub label: String,
    /// None for a line that only holds others.
    pub leaf: Option<Leaf>,
}

/// What a line of the tree says of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub shape: Vec<u64>,
    pub dtype: Dtype,
    pub count: u64,
    /// Where, if not at every index of the lines above: `at {3..60}`, `but at {3..47 by 4}`.
    pub only: Option<String>,
}

/// How much of the checkpoint has one dtype.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DtypeCount {
    #[serde(serialize_with = "name")]
    pub dtype: Dtype,
    pub tensors: u64,
    pub parameters: u64,
    pub bytes: u64,
}

/// One part of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub kind: PartKind,
    pub tensors: u64,
    pub parameters: u64,
    pub bytes: u64,
}

/// Parameters of the text part: what a port for mlx-lm loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parameters {
    pub total: u64,
    /// Used for one token; less than the total where experts are routed to.
    pub active: u64,
    pub embedding: u64,
    /// Counted in the total only if the port keeps it.
    pub head: u64,
}

/// Routed experts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Experts {
    pub count: u64,
    pub per_token: Option<u64>,
    /// The config's key for `per_token`.
    pub source: Option<String>,
    /// Layers that have them.
    pub layers: u64,
    pub form: ExpertForm,
    /// Gate and up projection are one tensor.
    pub fused: bool,
    pub parameters: u64,
}

/// How experts lie in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpertForm {
    /// A tensor an expert: `experts.0.up_proj.weight`; mlx-lm's `sanitize` stacks them.
    Separate,
    /// All in one tensor of three axes.
    Stacked,
    /// All in one matrix, one below the other.
    Rows,
}

/// The output head and whether it is the embedding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Head {
    /// What the config says, and its key.
    pub tied: Option<bool>,
    pub source: Option<String>,
    pub tensor: Option<String>,
    pub embedding: Option<String>,
    /// In words.
    pub text: String,
}

/// One statement about quantization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quantization {
    /// `config.quantization_config`
    pub source: String,
    /// `fp8`, `mlx affine`, `gptq`…
    pub method: String,
    pub bits: Option<u64>,
    pub group: Option<String>,
    /// Entries for single modules.
    pub overrides: usize,
    /// Quantized weights that the headers show.
    pub tensors: u64,
    /// What mlx-lm's loader does with it.
    pub mlx_lm: String,
    pub loads: bool,
}

/// The dtype that the model is meant to run in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    pub dtype: Option<String>,
    /// `config.dtype`, `text_config.dtype`, `headers BF16 = 292/293`.
    pub source: Option<String>,
    /// Everything that names a dtype, the first counts.
    pub said: Vec<Said>,
}

/// A dtype and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    pub source: String,
    pub dtype: String,
}

/// What `mlx_lm.convert` without `--dtype` makes of the floating-point weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Convert {
    /// The key that it reads and finds.
    pub sees: Option<Said>,
    /// Weights come out in another dtype than expected.
    pub matters: bool,
    pub text: String,
}

/// Memory for weights and cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    pub weights: Vec<WeightMemory>,
    pub cache: Cache,
    pub machine: Option<Machine>,
}

/// Weights at one width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightMemory {
    /// `as stored`, `bf16`, `8 bit`, `4 bit`.
    pub width: String,
    pub bytes: u64,
    /// Parameters that are quantized at this width.
    pub quantized: u64,
    /// Parameters that stay at 16 bits.
    pub kept: u64,
    /// With the cache, on the machine that was asked about.
    pub fits: Option<Fit>,
}

/// Whether it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    Yes,
    /// In memory, but above what the GPU may keep resident: slow.
    AboveWired,
    No,
}

/// What a sequence keeps, by kinds of layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Tokens.
    pub context: u64,
    pub bytes: u64,
    pub lines: Vec<CacheLine>,
    /// Layers of which it is not known what they keep.
    pub unknown: Vec<String>,
}

/// One kind of layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheLine {
    pub kind: String,
    pub layers: u64,
    /// `2 × 8 heads × 128 × 2 B × 8192 tokens`, for one layer.
    pub formula: String,
    /// Of all these layers.
    pub bytes: u64,
}

/// The machine that memory is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    pub ram: u64,
    /// What Metal keeps resident; none where there is no Metal.
    pub wired: Option<u64>,
}

/// Checkpoints side by side: what is named, stacked or stored differently.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    pub variants: Vec<String>,
    /// Keys that differ; sizes do not count.
    pub rows: Vec<FormatRow>,
    /// Keys that are alike.
    pub same: usize,
    pub notes: Vec<String>,
}

/// One key over all variants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FormatRow {
    /// With `{}` for each number.
    pub key: String,
    pub cells: Vec<Option<Form>>,
}

/// How a variant stores a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Form {
    pub axes: Vec<usize>,
    pub dtypes: Vec<String>,
    pub count: u64,
}

fn name<S: serde::Serializer>(dtype: &Dtype, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(dtype)
}
