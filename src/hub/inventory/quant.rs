//! Quantization entries of the config, what the headers show of them, and what mlx-lm's `load_model` does with each. The
//! rules are those of mlx-lm 0.32's `utils.py`, read in the order in which it reads them.

use std::collections::HashMap;

use super::keys::{Keys, get, known, object, text, whole};
use super::roles::Judged;
use crate::hub::data::headers::{Checkpoint, Tensor};
use crate::hub::data::inventory::Quantization;
use crate::hub::data::{Config, Json, Member};

/// How packed weights are unpacked, as far as names and shapes do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    pub bits: Option<u64>,
    /// Parameters in a byte of a `weight` of bytes.
    pub per_byte: u64,
    group: u64,
    groups: HashMap<String, u64>,
}

impl Packing {
    /// Reads the config's entries.
    pub fn of(config: &Config, apart: Option<&Config>) -> Self {
        let keys = Keys::of(config);
        let own = keys.top("quantization").and_then(object);
        let foreign = foreign(&keys, apart).map(|(_, block)| block);
        let mut packing = Self { bits: None, per_byte: 1, group: 64, groups: HashMap::new() };
        if let Some(block) = own {
            packing.group = number(block, "group_size").unwrap_or(64);
            packing.bits = number(block, "bits");
            let groups = block.iter().filter_map(|member| {
                Some((member.key.clone(), number(object(&member.value)?, "group_size")?))
            });
            packing.groups = groups.collect();
        } else if let Some(block) = foreign {
            packing.bits = number(block, "bits").or_else(|| compressed_bits(block));
            packing.per_byte = match method(block) {
                Some("bitnet") => 4,
                Some("modelopt") => 2,
                Some("bitsandbytes") if truth(block, "load_in_8bit") => 1,
                Some("bitsandbytes") => 2,
                _ => 1,
            };
        }
        packing
    }

    /// Gives the group size of a module.
    pub fn group(&self, module: &str) -> u64 {
        self.groups.get(module).copied().unwrap_or(self.group)
    }
}

/// Lists what config and headers say about quantization.
pub fn entries(checkpoint: &Checkpoint, judged: &[Judged]) -> Vec<Quantization> {
    let keys = Keys::of(&checkpoint.config);
    let tensors = judged.iter().filter(|one| one.quantized).count() as u64;
    if let Some(block) = keys.top("quantization").and_then(object) {
        return vec![own(block, tensors)];
    }
    if let Some((source, block)) = foreign(&keys, checkpoint.quant_config.as_ref()) {
        return vec![other(source, block, tensors, &checkpoint.tensors)];
    }
    if tensors == 0 {
        return Vec::new();
    }
    vec![Quantization {
        source: "headers".into(),
        method: "unnamed".into(),
        bits: None,
        group: None,
        overrides: 0,
        tensors,
        mlx_lm: "the config does not say how the weights are packed: load_model takes them as they are"
            .into(),
        loads: false,
    }]
}

/// mlx's own: `config.quantization`.
fn own(block: &[Member], tensors: u64) -> Quantization {
    let mode = get(block, "mode").and_then(text).unwrap_or("affine");
    let complete = number(block, "group_size").is_some() && number(block, "bits").is_some();
    Quantization {
        source: "config.quantization".into(),
        method: format!("mlx {mode}"),
        bits: number(block, "bits"),
        group: number(block, "group_size").map(|group| group.to_string()),
        overrides: block
            .iter()
            .filter(|member| matches!(member.value, Json::Object(_) | Json::Bool(_)))
            .count(),
        tensors,
        mlx_lm: if complete {
            "loaded packed, as it is".into()
        } else {
            "load_model fails: it reads group_size and bits there".into()
        },
        loads: complete,
    }
}

/// What other libraries wrote, and where: the first that load_model finds.
fn foreign<'a>(keys: &Keys<'a>, apart: Option<&'a Config>) -> Option<(String, &'a [Member])> {
    let top = keys.top("quantization_config").and_then(object);
    top.map(|block| ("config.quantization_config".to_string(), block))
        .or_else(|| {
            let (path, value) = keys.inner("quantization_config")?;
            Some((format!("config.{path}"), object(value)?))
        })
        .or_else(|| apart.map(|config| ("hf_quant_config.json".to_string(), config.root.as_slice())))
}

fn other(source: String, block: &[Member], tensors: u64, all: &[Tensor]) -> Quantization {
    let method = method(block);
    let settings = known(block, "quantization").and_then(object).unwrap_or(block);
    let format = known(block, "format").and_then(text);
    let algo = known(settings, "quant_algo").and_then(text);
    let blocks = known(block, "weight_block_size").and_then(list);
    let bits = number(block, "bits").or_else(|| compressed_bits(block)).or_else(|| known_bits(method));
    let group = number(settings, "group_size").map(|group| group.to_string()).or_else(|| {
        blocks.as_ref().map(|axes| axes.iter().map(u64::to_string).collect::<Vec<_>>().join("×"))
    });
    let (loads, mlx_lm) = match method {
        None => (false, "load_model fails: it reads quant_method, which is not there".into()),
        Some("bitnet") => (true, "loaded packed, by mlx-lm's BitLinear".into()),
        Some("mxfp4") => (true, "loaded packed: mxfp4, group 32".into()),
        Some("mxfp8") => (true, "loaded packed: mxfp8, group 32".into()),
        Some("fp8")
            if known(block, "scale_fmt").and_then(text) == Some("ue8m0")
                && blocks.as_deref() == Some(&[32, 32]) =>
        {
            (true, "loaded packed: mxfp8, group 32".into())
        }
        Some("fp8") => (false, "left to the port: its sanitize must dequantize by the scales".into()),
        Some("compressed-tensors") => match format {
            Some("nvfp4-pack-quantized") => (true, "loaded packed: nvfp4, group 16".into()),
            Some("mxfp4-pack-quantized") => (true, "loaded packed: mxfp4, group 32".into()),
            Some("pack-quantized") => {
                (true, "taken as 4-bit affine, group 32, whatever the config says".into())
            }
            format => (false, format!("refused: format {}", format.unwrap_or("not given"))),
        },
        Some("modelopt") => match algo {
            Some("NVFP4") => (true, "loaded packed: nvfp4".into()),
            algo => (false, format!("refused: quant_algo {}", algo.unwrap_or("not given"))),
        },
        Some("awq" | "gptq") if bits != Some(4) => (false, "refused: only 4 bits are read".into()),
        Some("awq" | "gptq") => match all.iter().find(|tensor| tensor.name.ends_with(".g_idx")) {
            Some(tensor) => (false, format!("refused: {} reorders groups", tensor.name)),
            None => (true, "repacked to 4-bit affine".into()),
        },
        Some(_) => (false, "not known to load_model: the port's sanitize must read it".into()),
    };
    let named = [method, format, algo].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Quantization {
        source,
        method: if named.is_empty() { "unnamed".into() } else { named },
        bits,
        group,
        overrides: ["ignore", "modules_to_not_convert", "exclude_modules"]
            .iter()
            .filter_map(|name| match known(settings, name)? {
                Json::List(items) => Some(items.len()),
                _ => None,
            })
            .sum(),
        tensors,
        mlx_lm,
        loads,
    }
}

fn known_bits(method: Option<&str>) -> Option<u64> {
    match method? {
        "fp8" | "mxfp8" => Some(8),
        "mxfp4" | "modelopt" => Some(4),
        _ => None,
    }
}

/// compressed-tensors says its bits a group of modules.
fn compressed_bits(block: &[Member]) -> Option<u64> {
    let groups = known(block, "config_groups").and_then(object)?;
    let weights = groups.iter().find_map(|group| known(object(&group.value)?, "weights").and_then(object));
    number(weights?, "num_bits")
}

fn method(block: &[Member]) -> Option<&str> {
    known(block, "quant_method").and_then(text)
}

fn number(block: &[Member], name: &str) -> Option<u64> {
    known(block, name).and_then(whole)
}

fn truth(block: &[Member], name: &str) -> bool {
    matches!(get(block, name), Some(Json::Bool(true)))
}

fn list(value: &Json) -> Option<Vec<u64>> {
    match value {
        Json::List(items) => items.iter().map(whole).collect(),
        _ => None,
    }
}
