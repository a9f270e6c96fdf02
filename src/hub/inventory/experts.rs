//! Routed experts: how many, how many a token takes, how they lie in the files.

use std::collections::BTreeSet;

use super::keys::Keys;
use super::roles::Judged;
use crate::hub::data::headers::Tensor;
use crate::hub::data::inventory::{ExpertForm, Experts, PartKind};

const COUNT: [&str; 7] = [
    "num_experts",
    "n_routed_experts",
    "num_local_experts",
    "moe_num_experts",
    "num_routed_experts",
    "n_experts",
    "num_moe_experts",
];
const TAKEN: [&str; 9] = [
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_topk",
    "moe_top_k",
    "top_k_experts",
    "num_selected_experts",
    "moe_k",
    "num_experts_per_topk",
];

/// Counts the text part's experts.
pub fn experts(keys: &Keys<'_>, tensors: &[Tensor], judged: &[Judged]) -> Option<Experts> {
    let all = || {
        let pairs = tensors.iter().zip(judged);
        pairs
            .filter_map(|(tensor, one)| Some((tensor, one, one.expert?)))
            .filter(|(_, one, _)| one.part == PartKind::Text)
    };
    let (_, _, form) = all().next()?;
    let said = keys.number(&COUNT);
    let count = match form {
        ExpertForm::Separate => {
            let numbers: BTreeSet<u64> = all().filter_map(|(tensor, ..)| number(&tensor.name)).collect();
            numbers.len() as u64
        }
        ExpertForm::Stacked => all().map(|(tensor, ..)| tensor.shape[0]).max().unwrap_or(0),
        ExpertForm::Rows => said.unwrap_or(0),
    };
    let taken = keys.number_at(&TAKEN);
    Some(Experts {
        count,
        per_token: taken.as_ref().map(|(_, taken)| *taken),
        source: taken.map(|(path, _)| path),
        layers: all().filter_map(|(_, one, _)| one.layer).collect::<BTreeSet<_>>().len() as u64,
        form,
        fused: all().any(|(tensor, ..)| {
            ["gate_up", "up_gate", "w13", "input_linear"].iter().any(|part| tensor.name.contains(part))
        }),
        parameters: all().map(|(_, one, _)| one.parameters).fold(0, u64::saturating_add),
    })
}

/// Where config and files disagree.
pub fn findings(keys: &Keys<'_>, experts: Option<&Experts>) -> Vec<String> {
    let Some(experts) = experts else { return Vec::new() };
    let mut found = Vec::new();
    match keys.number_at(&COUNT) {
        Some((path, said)) if said != experts.count => {
            found.push(format!("experts: {path} says {said}, the files hold {}", experts.count));
        }
        Some(_) => {}
        None => {
            found.push(format!("experts: the files hold {}, the config does not say how many", experts.count))
        }
    }
    if experts.per_token.is_none() {
        found.push(
            "experts: the config does not say how many a token takes; all are counted as active".into(),
        );
    }
    found
}

/// The number after `experts`.
fn number(name: &str) -> Option<u64> {
    let mut segments = name.split('.').skip_while(|segment| !matches!(*segment, "experts" | "switch_mlp"));
    segments.nth(1)?.parse().ok()
}
