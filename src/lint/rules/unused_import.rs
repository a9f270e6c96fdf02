//! Imports that nothing reads.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};

pub static RULE: Rule = Rule {
    id: "L8-unused-import",
    says: "Every import is used.",
    severity: Severity::Error,
    fix: "drop the import",
    source: "upstream's pyproject selects ruff F401",
    breaks: Some(0),
    kinds: ANY,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let again = |alias: &str, module: &str| alias == module.rsplit('.').next().unwrap_or(module);
    for import in subject.syntax.imports() {
        let aliased = import.node.kind() == "aliased_import";
        // `from x import y as y` says that the name is meant for others.
        let exported = aliased && again(import.alias, import.name.unwrap_or_default());
        if import.module == "__future__" || exported || import.alias == "*" {
            continue;
        }
        if !subject.syntax.reads_name(import.alias) {
            found.at(import.node, format!("{} is imported and never used", import.alias));
        }
    }
}
