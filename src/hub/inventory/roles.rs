//! What each tensor is for, by its name, its dtype and its neighbours: a weight or its scales, an expert, a part of the
//! model that is not text. Names are conventions of the libraries that write them; each is named here.

use std::collections::HashMap;

use safetensors::Dtype;

use super::quant::Packing;
use crate::hub::data::headers::Tensor;
use crate::hub::data::inventory::{ExpertForm, PartKind, Role};

/// What is known of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    pub role: Role,
    pub part: PartKind,
    pub parameters: u64,
    /// The last axis of the weight once unpacked: what groups of a quantization divide.
    pub inputs: u64,
    /// Stored in fewer than 16 bits.
    pub quantized: bool,
    pub layer: Option<u64>,
    pub expert: Option<ExpertForm>,
}

/// Judges all tensors; `layers` is the config's count.
pub fn judge(tensors: &[Tensor], packing: &Packing, layers: Option<u64>) -> Vec<Judged> {
    let by_name: HashMap<&str, &Tensor> =
        tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    tensors.iter().map(|tensor| one(tensor, &by_name, packing, layers)).collect()
}

fn one(tensor: &Tensor, by_name: &HashMap<&str, &Tensor>, packing: &Packing, layers: Option<u64>) -> Judged {
    let segments: Vec<&str> = tensor.name.split('.').collect();
    let layer = layer(&segments);
    let part = part(&segments, layer.zip(layers));
    let expert = expert(&segments, tensor);
    let Stored { role, times, inputs } = stored(tensor, by_name, packing);
    let role = match (role, expert) {
        (Role::Weight, Some(_)) => Role::Expert,
        (role, _) => role,
    };
    let is_weight = matches!(role, Role::Weight | Role::Expert);
    let elements = tensor.elements();
    let parameters = if is_weight { elements.saturating_mul(times.0) / times.1.max(1) } else { 0 };
    let narrow = tensor.dtype.bitsize() < 16 && tensor.dtype != Dtype::BOOL;
    Judged {
        role,
        part,
        parameters,
        inputs,
        quantized: is_weight && (narrow || times != (1, 1)),
        layer,
        expert: expert.filter(|_| is_weight),
    }
}

/// How a tensor's elements become parameters: so many for each so many.
struct Stored {
    role: Role,
    times: (u64, u64),
    inputs: u64,
}

fn stored(tensor: &Tensor, by_name: &HashMap<&str, &Tensor>, packing: &Packing) -> Stored {
    let name = tensor.name.as_str();
    let (stem, last) = name.rsplit_once('.').unwrap_or(("", name));
    let beside = |other: &str| by_name.get(format!("{stem}.{other}").as_str()).copied();
    let axis = tensor.shape.last().copied().unwrap_or(1);
    let weight = |times: (u64, u64)| Stored {
        role: Role::Weight,
        times,
        inputs: axis.saturating_mul(times.0) / times.1.max(1),
    };
    let scale = Stored { role: Role::Scale, times: (0, 1), inputs: 0 };
    let buffer = Stored { role: Role::Buffer, times: (0, 1), inputs: 0 };
    match last {
        // Packed 4-bit floats of gpt-oss: two in a byte, groups on an axis of their own.
        _ if name.ends_with("_scales") && by_name.contains_key(blocks(name).as_str()) => scale,
        _ if name.ends_with("_blocks") && tensor.dtype == Dtype::U8 => {
            let groups = tensor.shape.iter().rev().nth(1).copied().unwrap_or(1);
            Stored { inputs: axis * 2 * groups, ..weight((2, 1)) }
        }
        // GPTQ and AWQ pack into 32 bits; both pack along another axis than mlx.
        "qweight" => Stored {
            inputs: tensor.shape.first().copied().unwrap_or(1),
            ..weight((32, packing.bits.unwrap_or(4).max(1)))
        },
        "qzeros" | "g_idx" | "SCB" => scale,
        // compressed-tensors.
        "weight_packed" if tensor.dtype == Dtype::U8 => weight((2, 1)),
        "weight_packed" => weight((32, packing.bits.unwrap_or(4).max(1))),
        "weight_scale"
        | "weight_scale_inv"
        | "weight_scale_2"
        | "weight_zero_point"
        | "weight_shape"
        | "weight_g_idx"
        | "weight_global_scale"
        | "input_global_scale"
        | "input_scale"
        | "output_scale"
        | "activation_scale" => scale,
        "k_scale" | "v_scale" | "q_scale" if tensor.elements() <= 1 => scale,
        "scales" | "biases" if beside("weight").is_some_and(is_packed) || beside("qweight").is_some() => {
            scale
        }
        "scale" if beside("weight").is_some_and(|weight| weight.dtype.bitsize() <= 8) => scale,
        // mlx's own.
        "weight" if tensor.dtype == Dtype::U32 => match beside("scales") {
            Some(scales) => {
                let inputs = scales.shape.last().copied().unwrap_or(1) * packing.group(stem);
                Stored { role: Role::Weight, times: (inputs.max(1), axis.max(1)), inputs }
            }
            None => weight((32, packing.bits.unwrap_or(4).max(1))),
        },
        // bitsandbytes, ModelOpt's NVFP4, BitNet.
        "weight" if tensor.dtype == Dtype::U8 => weight((packing.per_byte, 1)),
        _ if name.contains(".weight.absmax")
            || name.contains(".weight.quant_")
            || name.contains(".weight.nested_") =>
        {
            scale
        }
        "inv_freq" | "position_ids" | "masked_bias" | "num_batches_tracked" => buffer,
        "bias" if tensor.shape.len() == 4 => buffer,
        _ => weight((1, 1)),
    }
}

fn is_packed(weight: &Tensor) -> bool {
    matches!(weight.dtype, Dtype::U32 | Dtype::I32 | Dtype::U8)
}

fn blocks(scales: &str) -> String {
    format!("{}_blocks", scales.strip_suffix("_scales").unwrap_or(scales))
}

/// The number after `layers`, `h`, `blocks`.
fn layer(segments: &[&str]) -> Option<u64> {
    segments.windows(2).find_map(|pair| {
        matches!(pair[0], "layers" | "h" | "blocks" | "block" | "layer")
            .then(|| pair[1].parse().ok())
            .flatten()
    })
}

fn part(segments: &[&str], layer: Option<(u64, u64)>) -> PartKind {
    for segment in
        segments.iter().take(3).take_while(|segment| !matches!(**segment, "layers" | "h" | "blocks"))
    {
        let has = |words: &[&str]| words.iter().any(|word| segment.contains(word));
        if has(&["projector", "aligner", "merger"]) || *segment == "connector" {
            return PartKind::Projector;
        }
        if has(&["vision", "visual", "image", "vit_"]) || *segment == "vit" {
            return PartKind::Vision;
        }
        if has(&["audio", "speech", "talker", "code2wav", "token2wav"]) {
            return PartKind::Audio;
        }
        if *segment == "mtp" || segment.starts_with("mtp_") {
            return PartKind::Extra;
        }
    }
    match layer {
        Some((layer, layers)) if layer >= layers => PartKind::Extra,
        _ => PartKind::Text,
    }
}

/// Shared experts take part for every token and are not routed to.
fn expert(segments: &[&str], tensor: &Tensor) -> Option<ExpertForm> {
    let at = segments.iter().position(|segment| matches!(*segment, "experts" | "switch_mlp"));
    let Some(at) = at else {
        // Granite's: `block_sparse_moe.input_linear.weight` of three axes.
        let granite = segments.contains(&"block_sparse_moe") && tensor.shape.len() == 3;
        return granite.then_some(ExpertForm::Stacked);
    };
    if segments.get(at + 1).is_some_and(|next| next.parse::<u64>().is_ok()) {
        return Some(ExpertForm::Separate);
    }
    match tensor.shape.len() {
        0 => None,
        1 | 2 if !is_bias(segments) => Some(ExpertForm::Rows),
        _ => Some(ExpertForm::Stacked),
    }
}

fn is_bias(segments: &[&str]) -> bool {
    segments.last().is_some_and(|last| last.ends_with("bias") || *last == "scales" || *last == "biases")
}
