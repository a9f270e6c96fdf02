//! Chosen variants as upstream's test manifest, schema version 1, which batteries read. Written as its authors write it, by
//! hand and with their comments' meaning kept; nothing is guessed: a dtype that nobody says is an error.

use std::fmt::Write;

use super::look::Looked;
use crate::hub::HubError;
use crate::hub::data::discover::{Candidate, Kind};

/// The pull request that the manifest is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pr {
    /// 0 until it is open.
    pub number: u64,
    /// The fork: `owner/mlx-lm`.
    pub repo: String,
    pub branch: String,
}

/// Writes a manifest of variants; each with what its config.json says, where it was read.
///
/// # Errors
/// No variants, or one whose dtype neither the config nor the Hub's count tells.
pub fn manifest(
    model_type: &str,
    pr: &Pr,
    variants: &[(Candidate, Option<Looked>)],
) -> Result<String, HubError> {
    if variants.is_empty() {
        return Err(HubError::Manifest { what: model_type.into(), why: "no variant is chosen".into() });
    }
    let mut out = format!(
        "version: 1\npr:\n  number: {}\n  repo: {}\n  branch: {}\nmodel_type: {}\nvariants:\n",
        pr.number,
        plain(&pr.repo),
        plain(&pr.branch),
        plain(model_type)
    );
    let mut native = Vec::new();
    for (variant, looked) in variants {
        let dtype = dtype(variant, looked.as_ref()).ok_or_else(|| HubError::Manifest {
            what: variant.id.clone(),
            why: "its config.json names no dtype and the Hub counted none".into(),
        })?;
        let _ = writeln!(out, "  - repo_id: {}\n    type: {}", plain(&variant.id), kind(&variant.kind));
        if let Some(bytes) = memory(variant, dtype) {
            let _ = writeln!(out, "    memory_gb: {}", gigabytes(bytes));
        }
        let _ = writeln!(out, "    expected_dtype: {dtype}");
        let method = looked.as_ref().and_then(|looked| looked.quant_method.clone());
        native.extend(method.or(variant.info.quant_method.clone()));
    }
    // Weights that are quantized already cannot be quantized by mlx_lm.convert.
    let _ = writeln!(out, "quantize: {}", native.is_empty());
    if variants.iter().any(|(_, looked)| looked.as_ref().is_some_and(|looked| looked.custom_code)) {
        out.push_str("trust_remote_code: true\n");
    }
    Ok(out)
}

/// Models that answer by a chat template are `instruct`; upstream knows no finer kinds.
fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Base => "base",
        _ => "instruct",
    }
}

fn dtype(variant: &Candidate, looked: Option<&Looked>) -> Option<&'static str> {
    let by_config = looked.and_then(|looked| looked.dtype.as_ref()).and_then(|(dtype, _)| known(dtype));
    let counted =
        variant.info.parameters.iter().max_by_key(|(_, count)| *count).map(|(dtype, _)| dtype.as_str());
    by_config.or_else(|| counted.and_then(known))
}

fn known(dtype: &str) -> Option<&'static str> {
    match dtype.strip_prefix("torch.").unwrap_or(dtype) {
        "bfloat16" | "BF16" => Some("bfloat16"),
        "float16" | "F16" | "half" => Some("float16"),
        "float32" | "F32" | "float" => Some("float32"),
        _ => None,
    }
}

/// Bytes of the weights as they are; by the Hub's count, else by the size that the name gives.
fn memory(variant: &Candidate, dtype: &str) -> Option<u64> {
    let counted: u64 = variant.info.parameters.iter().map(|(dtype, count)| count * bits(dtype) / 8).sum();
    let wide = if dtype == "float32" { 4 } else { 2 };
    let named = variant.size.as_ref().map(|size| size.parameters.saturating_mul(wide));
    Some(counted).filter(|counted| *counted > 0).or(named)
}

fn bits(dtype: &str) -> u64 {
    match dtype {
        "F64" | "I64" | "U64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "I8" | "U8" | "BOOL" => 8,
        "F4" => 4,
        _ => 16,
    }
}

/// Upstream's figures are whole from ten on.
fn gigabytes(bytes: u64) -> String {
    let value = bytes as f64 / 1e9;
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// Quotes what YAML would take for something else than text.
fn plain(text: &str) -> String {
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if safe { text.to_string() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::arrange::{Entry, arrange};
    use super::*;
    use crate::hub::data::discover::Seen;
    use crate::hub::data::{RepoId, RepoInfo};

    fn variant(id: &str, parameters: &[(&str, u64)]) -> Candidate {
        let info = RepoInfo {
            id: RepoId::parse(id).ok(),
            parameters: parameters.iter().map(|(dtype, count)| (dtype.to_string(), *count)).collect(),
            ..RepoInfo::default()
        };
        let entry = Entry { info, seen: Seen::Hub, config: None };
        arrange(&[entry], &[]).1.remove(0).candidates.remove(0)
    }

    #[test]
    fn the_manifest_is_upstreams_and_guesses_nothing() {
        let pr = Pr { number: 0, repo: "me/mlx-lm".into(), branch: "add-q".into() };
        let variants = [
            (variant("lab/Q-7B", &[("BF16", 7_000_000_000), ("F32", 100)]), None),
            (variant("lab/Q-7B-Instruct-DPO", &[("F16", 2_000_000_000)]), None),
        ];
        let wanted = "version: 1\npr:\n  number: 0\n  repo: me/mlx-lm\n  branch: add-q\nmodel_type: q\nvariants:\n  - repo_id: \
                      lab/Q-7B\n    type: base\n    memory_gb: 14\n    expected_dtype: bfloat16\n  - repo_id: \
                      lab/Q-7B-Instruct-DPO\n    type: instruct\n    memory_gb: 4.0\n    expected_dtype: float16\nquantize: true\n";
        assert_eq!(manifest("q", &pr, &variants).expect("a manifest"), wanted);
        let unknown = [(variant("lab/Q-7B", &[]), None)];
        let error = manifest("q", &pr, &unknown).expect_err("no dtype").to_string();
        assert!(error.contains("lab/Q-7B") && error.contains("dtype"), "{error}");
        assert!(manifest("q", &pr, &[]).is_err());
        assert_eq!(["1e3", "on", "a b"].map(plain), ["\"1e3\"", "\"on\"", "\"a b\""]);
    }
}
