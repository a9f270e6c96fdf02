//! Prints, which are left over from debugging.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L8-print",
    says: "A model prints nothing.",
    severity: Severity::Warning,
    fix: "drop it; raise an error where something is wrong",
    source: "review of merged ports: debug prints were removed",
    breaks: Some(2),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for call in subject.syntax.calls() {
        if matches!(call.name(), "print" | "breakpoint" | "pprint" | "pdb.set_trace")
            || call.name().starts_with("logging.")
        {
            found.at(call.0, format!("{} in a model file", call.name()));
        }
    }
}
