//! The dtype that a checkpoint is meant for, with its source, and what `mlx_lm.convert` sees of it: it reads top-level
//! `torch_dtype`, then `text_config.dtype`, and nothing else (mlx-lm 0.32, `convert.py`).

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::keys::{Keys, text};
use super::roles::Judged;
use crate::hub::data::headers::Tensor;
use crate::hub::data::inventory::{Convert, Expected, PartKind, Role, Said};

/// Dtypes that `mlx_lm.convert` casts to; others it passes over.
const CONVERTS: [&str; 3] = ["float16", "bfloat16", "float32"];

/// What the headers show of floating-point weights, packed ones and scales apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// By the names that configs use, the most frequent first.
    pub counts: Vec<(String, Dtype, u64)>,
    pub total: u64,
}

impl Stored {
    /// Counts the text part's tensors.
    pub fn of(tensors: &[Tensor], judged: &[Judged]) -> Self {
        let mut counts: BTreeMap<Dtype, u64> = BTreeMap::new();
        for (tensor, one) in tensors.iter().zip(judged) {
            let counted = matches!(one.role, Role::Weight | Role::Expert) && one.part == PartKind::Text;
            if counted && float(tensor.dtype).is_some() {
                *counts.entry(tensor.dtype).or_default() += 1;
            }
        }
        let total = counts.values().sum();
        let mut counts: Vec<_> = counts
            .into_iter()
            .filter_map(|(dtype, count)| Some((float(dtype)?.to_string(), dtype, count)))
            .collect();
        counts.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        Self { counts, total }
    }

    fn said(&self) -> Option<Said> {
        let (name, dtype, count) = self.counts.first()?;
        Some(Said { source: format!("headers {dtype} = {count}/{}", self.total), dtype: name.clone() })
    }

    fn text(&self) -> String {
        let one = |(_, dtype, count): &(String, Dtype, u64)| format!("{dtype} {count}/{}", self.total);
        self.counts.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Gives the dtype in the order in which transformers looks: config, its text part, the weights.
pub fn expected(keys: &Keys<'_>, stored: &Stored) -> Expected {
    let at_top = |name: &str| {
        let dtype = plain(text(keys.top(name)?)?);
        Some(Said { source: format!("config.{name}"), dtype })
    };
    let inside = |name: &str| {
        let (source, value) = keys.inner(name)?;
        Some(Said { source, dtype: plain(text(value)?) })
    };
    let said =
        [at_top("dtype"), at_top("torch_dtype"), inside("dtype"), inside("torch_dtype"), stored.said()];
    let said: Vec<Said> = said.into_iter().flatten().collect();
    let first = said.first().cloned();
    Expected {
        dtype: first.as_ref().map(|first| first.dtype.clone()),
        source: first.map(|first| first.source),
        said,
    }
}

/// Says what `mlx_lm.convert` without `--dtype` does.
pub fn convert(keys: &Keys<'_>, expected: &Expected, stored: &Stored) -> Convert {
    let top = keys.top("torch_dtype").and_then(text).map(|dtype| ("config.torch_dtype", dtype));
    // Only a block of this name, not those that other families use.
    let inner = || {
        let block = keys.top("text_config").and_then(super::keys::object)?;
        Some(("text_config.dtype", super::keys::known(block, "dtype").and_then(text)?))
    };
    let sees = top.or_else(inner).map(|(source, dtype)| Said { source: source.into(), dtype: dtype.into() });
    let wanted = expected.dtype.as_deref().unwrap_or_default();
    let same = stored.counts.iter().all(|(name, _, _)| name == wanted);
    let (matters, text) = match &sees {
        Some(said) if CONVERTS.contains(&said.dtype.as_str()) => {
            let text = format!("casts to {} ({})", said.dtype, said.source);
            (said.dtype != wanted, text)
        }
        Some(said) => {
            let text = format!(
                "reads {} = {}, which it does not cast to; keeps {}",
                said.source,
                said.dtype,
                stored.text()
            );
            (!same, text)
        }
        None => {
            let why = match expected.source.as_deref() {
                Some(source) if !source.starts_with("headers") => format!("does not read {source}; "),
                _ => "finds no dtype in the config; ".into(),
            };
            (!same, format!("{why}keeps {}", stored.text()))
        }
    };
    Convert { sees, matters, text }
}

/// `torch.bfloat16` is bfloat16.
fn plain(name: &str) -> String {
    name.strip_prefix("torch.").unwrap_or(name).to_string()
}

fn float(dtype: Dtype) -> Option<&'static str> {
    match dtype {
        Dtype::BF16 => Some("bfloat16"),
        Dtype::F16 => Some("float16"),
        Dtype::F32 => Some("float32"),
        Dtype::F64 => Some("float64"),
        _ => None,
    }
}
