//! Fields of ModelArgs that should change the computation and that nothing reads.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::{SHARED, Subject};
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L8-unused-field",
    says: "What ModelArgs declares of the computation is read.",
    severity: Severity::Warning,
    fix: "drop the field: a config's key without one is ignored",
    source: "BaseModelArgs.from_dict ignores keys without a field",
    breaks: Some(18),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let Some(args) = subject.args() else { return };
    // Another file's classes may read what this one declares.
    let own = subject.model().is_some_and(|model| model.bases().any(|base| base == "nn.Module"));
    let borrowed =
        subject.syntax.imports().any(|import| import.module.starts_with('.') && is_model(import.module));
    if !own || borrowed {
        return;
    }
    let unread: Vec<_> =
        args.fields().filter(|(name, ..)| computes(name) && !is_read(subject, name)).collect();
    if let Some((_, node, _)) = unread.first() {
        let names: Vec<_> = unread.iter().map(|(name, ..)| *name).collect();
        found.at(*node, format!("nothing reads {}", names.join(", ")));
    }
}

/// Keys that change what a model computes; ports declare many others only because configs have them.
fn computes(name: &str) -> bool {
    let exact = [
        "head_dim",
        "hidden_act",
        "layer_types",
        "mlp_only_layers",
        "norm_topk_prob",
        "partial_rotary_factor",
        "rope_theta",
        "routed_scaling_factor",
        "scoring_func",
        "sliding_window",
        "tie_word_embeddings",
        "use_qk_norm",
    ];
    let parts = ["_bias", "multiplier", "softcap", "softcapping", "_scale", "_scaling_factor", "residual"];
    exact.contains(&name) || parts.iter().any(|part| name.contains(part))
}

fn is_model(module: &str) -> bool {
    let name = module.trim_start_matches('.');
    !name.is_empty() && !SHARED.contains(&name)
}

fn is_read(subject: &Subject, name: &str) -> bool {
    let attribute = subject
        .syntax
        .of_kind("attribute")
        .any(|node| node.child("attribute").is_some_and(|own| own.text() == name));
    attribute || subject.syntax.of_kind("string_content").any(|node| node.text() == name)
}
