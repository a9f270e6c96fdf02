//! Memory for the text part's weights at each width, as `mlx_lm.convert -q` would leave them: affine, group 64, a scale and
//! a bias of 16 bits a group; matrices whose last axis 64 does not divide, and everything of one axis, stay at 16 bits.

use super::roles::Judged;
use crate::hub::data::headers::Tensor;
use crate::hub::data::inventory::{Cache, Fit, Head, Machine, Memory, PartKind, Role, WeightMemory};

/// `mlx_lm.convert`'s default group.
const GROUP: u64 = 64;

/// What mlx-lm's loader does with packed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    Packed,
    Unpacked,
}

/// Counts weights at each width and holds them against a machine.
pub fn memory(
    tensors: &[Tensor],
    judged: &[Judged],
    head: &Head,
    cache: Cache,
    machine: Option<Machine>,
    loaded: Loaded,
) -> Memory {
    let dropped = head.tensor.as_deref().filter(|_| head.tied == Some(true));
    let (mut quantizable, mut kept, mut stored, mut packed) = (0u64, 0u64, 0u64, false);
    for (tensor, one) in tensors.iter().zip(judged) {
        if one.part != PartKind::Text || Some(tensor.name.as_str()) == dropped || one.role == Role::Buffer {
            continue;
        }
        stored = stored.saturating_add(tensor.bytes);
        packed |= one.quantized;
        match is_quantizable(tensor, one) {
            true => quantizable = quantizable.saturating_add(one.parameters),
            false => kept = kept.saturating_add(one.parameters),
        }
    }
    let fits = |bytes: u64| machine.map(|machine| fit(bytes.saturating_add(cache.bytes), machine));
    let row = |width: &str, bytes: u64, quantized: u64, kept: u64| WeightMemory {
        width: width.into(),
        bytes,
        quantized,
        kept,
        fits: fits(bytes),
    };
    let all = quantizable.saturating_add(kept);
    let mut weights = Vec::new();
    if packed && loaded == Loaded::Packed {
        weights.push(row("as stored", stored, 0, 0));
    }
    weights.push(row("bf16", all.saturating_mul(2), 0, all));
    for bits in [8, 4] {
        let bytes = quantizable / 8 * bits + quantizable / GROUP * 4 + kept.saturating_mul(2);
        weights.push(row(&format!("{bits} bit"), bytes, quantizable, kept));
    }
    Memory { weights, cache, machine }
}

/// mlx quantizes linear layers, embeddings and stacked experts; a convolution's weight has three axes and is no expert.
fn is_quantizable(tensor: &Tensor, one: &Judged) -> bool {
    let (axes, name) = (tensor.shape.len(), tensor.name.as_str());
    let divides = one.inputs > 0 && one.inputs.is_multiple_of(GROUP);
    match one.role {
        Role::Expert => axes >= 2 && divides && !name.ends_with("bias"),
        Role::Weight => axes == 2 && divides && (name.ends_with("weight") || one.quantized),
        Role::Scale | Role::Buffer => false,
    }
}

fn fit(bytes: u64, machine: Machine) -> Fit {
    match machine.wired {
        _ if bytes > machine.ram => Fit::No,
        Some(wired) if bytes > wired => Fit::AboveWired,
        _ => Fit::Yes,
    }
}
