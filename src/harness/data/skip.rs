//! Keys that the check `config` leaves alone, and why, from the same file that the check itself reads.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
struct Rules {
    skip: BTreeMap<String, Vec<String>>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let text = include_str!("../python/mlxport_harness/checks/changes.json");
    serde_json::from_str(text).expect("changes.json is part of this program and its tests parse it")
});

/// Says why no check changes a key: training only, bookkeeping; none where one does.
pub fn skipped(path: &str) -> Option<&'static str> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut reasons = RULES.skip.iter();
    reasons
        .find(|(_, patterns)| patterns.iter().any(|pattern| matches(pattern, name)))
        .map(|(why, _)| why.as_str())
}

/// Patterns have no sign but `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_does_not_compute_with_is_left_alone_and_the_rest_is_not() {
        assert_eq!(skipped("text_config.attention_dropout"), Some("training only"));
        assert_eq!(skipped("embd_pdrop"), Some("training only"));
        assert_eq!(skipped("eos_token_id"), Some("token ids do not enter the logits"));
        assert_eq!(skipped("base_model_tp_plan"), Some("bookkeeping"));
        assert_eq!(["hidden_act", "rope_theta", "std", "dropped"].map(skipped), [None; 4]);
    }
}
