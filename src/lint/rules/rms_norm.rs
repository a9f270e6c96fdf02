//! A root mean square written out.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Function;

pub static RULE: Rule = Rule {
    id: "L6-rms-norm",
    says: "RMS norm is nn.RMSNorm or mx.fast.rms_norm.",
    severity: Severity::Warning,
    fix: "use nn.RMSNorm, or mx.fast.rms_norm(x, weight, eps); None as the weight for no scale",
    source: "mlx.nn.RMSNorm, mx.fast.rms_norm",
    breaks: Some(0),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for function in subject.syntax.functions() {
        let calls =
            |name: &str| function.calls().find(|call| call.name() == name || call.method() == Some(name));
        let Some(root) = calls("rsqrt").or_else(|| calls("mx.sqrt")) else { continue };
        if calls("mean").is_some() && squares(function) {
            found.at(root.0, format!("{} writes a root mean square out", function.name()));
        }
    }
}

fn squares(function: Function<'_>) -> bool {
    function.calls().any(|call| matches!(call.method(), Some("square" | "power" | "pow")))
        || function.body().is_some_and(|body| {
            body.below()
                .any(|node| node.kind() == "**" && node.parent().is_some_and(|p| p.text().ends_with('2')))
        })
}
