//! Upstream's test for a new model.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L10-test",
    says: "tests/test_models.py has an entry for the model.",
    severity: Severity::Warning,
    fix: "add an entry with the model_type to test_all_models, or a test of its own",
    source: "CONTRIBUTING.md: add a test for the new model type; it fails on main",
    breaks: None,
    kinds: MODEL,
    on_broken: true,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let Some(tests) = &subject.around.tests else {
        return found.cannot("there is no tests/test_models.py around the file");
    };
    let stem = subject.stem();
    let quoted = [format!("\"{stem}\""), format!("'{stem}'")];
    let imported = tests.lines().any(|line| {
        line.trim_start().starts_with("from mlx_lm.models") && words(line).any(|word| word == stem)
    });
    if !imported && !quoted.iter().any(|name| tests.contains(name.as_str())) {
        found.whole(format!("tests/test_models.py never names {stem}"));
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
}
