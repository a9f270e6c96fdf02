//! `raise` in `except` without `from`.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};

pub static RULE: Rule = Rule {
    id: "L8-dropped-cause",
    says: "An exception raised while another is handled names its cause.",
    severity: Severity::Error,
    fix: "raise … from error, or from None",
    source: "upstream's pyproject selects ruff B904",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    for raise in subject.syntax.of_kind("raise_statement") {
        let mut around = raise.ancestors().take_while(|node| node.kind() != "function_definition");
        let Some(handler) = around.find(|node| node.kind() == "except_clause") else { continue };
        let Some(what) = raise.children().next() else { continue };
        let again = handler
            .below()
            .find(|node| node.kind() == "as_pattern_target")
            .is_some_and(|name| name.text() == what.text());
        if !again && raise.child("cause").is_none() {
            found.at(raise, format!("`{}` loses the exception that it answers", raise.quoted()));
        }
    }
}
