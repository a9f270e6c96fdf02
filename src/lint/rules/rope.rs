//! A scaling that the config may give and the port never reads.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L7-rope",
    says: "Where the config can scale RoPE, initialize_rope reads it.",
    severity: Severity::Warning,
    fix: "from .rope_utils import initialize_rope and hand it the config's rope_scaling or rope_parameters",
    source: "mlx_lm.models.rope_utils; ten models once declared rope_scaling and ignored it",
    breaks: Some(6),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let Some(args) = subject.args() else { return };
    for (name, node, _) in args.fields() {
        if !matches!(name, "rope_scaling" | "rope_parameters") {
            continue;
        }
        let read = subject
            .syntax
            .of_kind("attribute")
            .any(|attribute| attribute.child("attribute").is_some_and(|own| own.text() == name));
        let inherited = subject.model().is_some_and(|model| model.bases().all(|base| base != "nn.Module"));
        if !read && !inherited && !subject.syntax.text().contains(&format!("\"{name}\"")) {
            found.at(node, format!("{name} is declared and never read"));
        }
    }
}
