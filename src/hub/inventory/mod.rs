//! What a checkpoint holds and what it needs, from its headers and its config: kinds of tensors, dtypes, experts, head,
//! quantization, the expected dtype and whether `mlx_lm.convert` sees it, memory with a cache. [`take`] makes one
//! inventory, [`compare`] lays several side by side, [`lines`] writes them for people. Headers come from `hub::headers`.
//!
//! Everything is by the conventions of names and keys; what the port really keeps is the harness's to say.

mod cache;
mod compare;
mod dtype;
mod experts;
mod fold;
mod head;
mod keys;
mod layers;
mod memory;
mod quant;
mod roles;
mod show;

use std::collections::BTreeMap;

pub use compare::compare;
pub use show::{compared, lines};

use self::keys::Keys;
use self::roles::Judged;
use super::data::Json;
use super::data::headers::Checkpoint;
use super::data::inventory::{DtypeCount, Files, Head, Inventory, Machine, Parameters, Part, PartKind, Role};

/// What an inventory is to reckon with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Tokens of the cache.
    pub context: u64,
    pub machine: Option<Machine>,
}

/// Takes the inventory of a checkpoint.
pub fn take(checkpoint: &Checkpoint, terms: Terms) -> Inventory {
    let keys = Keys::of(&checkpoint.config);
    let tensors = &checkpoint.tensors;
    let packing = quant::Packing::of(&checkpoint.config, checkpoint.quant_config.as_ref());
    let judged = roles::judge(tensors, &packing, keys.number(&layers::COUNT));
    let (groups, tree) = fold::fold(tensors, &judged);
    let head = head::head(&keys, tensors, &judged);
    let experts = experts::experts(&keys, tensors, &judged);
    let stored = dtype::Stored::of(tensors, &judged);
    let expected = dtype::expected(&keys, &stored);
    let convert = dtype::convert(&keys, &expected, &stored);
    let quantization = quant::entries(checkpoint, &judged);
    let packed = quantization.iter().any(|entry| entry.loads);
    let loaded = if packed { memory::Loaded::Packed } else { memory::Loaded::Unpacked };
    let cache = cache::cache(&keys, terms.context);
    let parameters = parameters(checkpoint, &judged, &head, experts.as_ref());
    let mut inventory = Inventory {
        name: checkpoint.name.clone(),
        origin: checkpoint.origin.clone(),
        model_type: checkpoint.config.model_type.clone(),
        architectures: architectures(&keys),
        files: files(checkpoint),
        dtypes: dtypes(checkpoint, &judged),
        parts: parts(checkpoint, &judged),
        memory: memory::memory(tensors, &judged, &head, cache, terms.machine, loaded),
        groups,
        tree,
        parameters,
        experts,
        head,
        quantization,
        expected,
        convert,
        findings: Vec::new(),
    };
    inventory.findings = findings(checkpoint, &keys, &inventory);
    inventory
}

fn architectures(keys: &Keys<'_>) -> Vec<String> {
    let list = keys.top("architectures").map(|value| match value {
        Json::List(items) => items.iter().filter_map(keys::text).map(str::to_string).collect(),
        other => keys::text(other).map(str::to_string).into_iter().collect(),
    });
    list.unwrap_or_default()
}

fn files(checkpoint: &Checkpoint) -> Files {
    Files {
        shards: checkpoint.shards.clone(),
        index: checkpoint.index,
        bytes: checkpoint.bytes(),
        headers: checkpoint.shards.iter().map(|shard| shard.header).sum(),
        moved: checkpoint.moved,
        small: checkpoint.small.clone(),
    }
}

fn dtypes(checkpoint: &Checkpoint, judged: &[Judged]) -> Vec<DtypeCount> {
    let mut counts = BTreeMap::new();
    for (tensor, one) in checkpoint.tensors.iter().zip(judged) {
        let count = counts.entry(tensor.dtype).or_insert(DtypeCount {
            dtype: tensor.dtype,
            tensors: 0,
            parameters: 0,
            bytes: 0,
        });
        count.tensors += 1;
        count.parameters += one.parameters;
        count.bytes += tensor.bytes;
    }
    let mut counts: Vec<DtypeCount> = counts.into_values().collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.bytes));
    counts
}

fn parts(checkpoint: &Checkpoint, judged: &[Judged]) -> Vec<Part> {
    let mut parts = BTreeMap::new();
    for (tensor, one) in checkpoint.tensors.iter().zip(judged) {
        let part =
            parts.entry(one.part).or_insert(Part { kind: one.part, tensors: 0, parameters: 0, bytes: 0 });
        part.tensors += 1;
        part.parameters += one.parameters;
        part.bytes += tensor.bytes;
    }
    parts.into_values().collect()
}

fn parameters(
    checkpoint: &Checkpoint,
    judged: &[Judged],
    head: &Head,
    experts: Option<&super::data::inventory::Experts>,
) -> Parameters {
    let text = || checkpoint.tensors.iter().zip(judged).filter(|(_, one)| one.part == PartKind::Text);
    let of = |name: Option<&String>| {
        let found = name.and_then(|name| text().find(|(tensor, _)| tensor.name == *name));
        found.map_or(0, |(_, one)| one.parameters)
    };
    let (embedding, own_head) = (of(head.embedding.as_ref()), of(head.tensor.as_ref()));
    let mut total = text().map(|(_, one)| one.parameters).fold(0, u64::saturating_add);
    if head.tied == Some(true) {
        total = total.saturating_sub(own_head);
    }
    let idle = experts.map_or(0, |experts| match experts.per_token {
        Some(used) if used < experts.count => {
            experts.parameters / experts.count.max(1) * (experts.count - used)
        }
        _ => 0,
    });
    Parameters { total, active: total.saturating_sub(idle), embedding, head: own_head }
}

/// What a port can trip over here.
fn findings(checkpoint: &Checkpoint, keys: &Keys<'_>, inventory: &Inventory) -> Vec<String> {
    let mut found = checkpoint.remarks.clone();
    let Inventory { head, expected, convert, .. } = inventory;
    if matches!((head.tied, &head.tensor), (Some(true), Some(_)) | (Some(false), None)) {
        found.push(format!("head: {}", head.text));
    }
    if let [first, rest @ ..] = expected.said.as_slice() {
        for other in rest.iter().filter(|other| other.dtype != first.dtype) {
            found.push(format!(
                "dtype: {} says {}, {} says {}",
                first.source, first.dtype, other.source, other.dtype
            ));
        }
    }
    if convert.matters {
        let wanted = expected.dtype.as_deref().unwrap_or("not known");
        found.push(format!("mlx_lm.convert {}; expected is {wanted}: give it --dtype", convert.text));
    }
    found.extend(
        inventory
            .quantization
            .iter()
            .filter(|entry| !entry.loads)
            .map(|entry| format!("{} ({}): {}", entry.method, entry.source, entry.mlx_lm)),
    );
    found.extend(experts::findings(keys, inventory.experts.as_ref()));
    found.extend(odd_widths(keys, inventory));
    let buffers =
        inventory.groups.iter().filter(|group| group.role == Role::Buffer).map(|group| &group.pattern);
    found.extend(buffers.map(|pattern| format!("{pattern} is computed, not learnt: sanitize drops it")));
    found.extend(inventory.parts.iter().filter(|part| part.kind != PartKind::Text).map(|part| {
        format!(
            "{} tensors of {} ({} parameters): a text port drops them",
            part.tensors,
            part.kind.text(),
            show::count(part.parameters)
        )
    }));
    found.extend(inventory.memory.cache.unknown.iter().map(|what| format!("cache not counted: {what}")));
    found
}

/// Key projections whose rows are not what the config's heads give.
fn odd_widths(keys: &Keys<'_>, inventory: &Inventory) -> Vec<String> {
    let Some((kv, dim)) = cache::heads(keys) else { return Vec::new() };
    let is_key = |key: &str| key.ends_with("self_attn.k_proj.weight");
    let groups = inventory.groups.iter().filter(|group| group.part == PartKind::Text && is_key(&group.key));
    let odd = groups.filter(|group| group.shape.len() == 2 && group.shape[0] != kv.saturating_mul(dim));
    odd.map(|group| {
        format!(
            "{} has {} rows, the config's {kv} heads × {dim} give {}",
            group.pattern,
            group.shape[0],
            kv.saturating_mul(dim)
        )
    })
    .collect()
}
