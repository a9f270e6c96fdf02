//! The file's name is how the loader finds it.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L3-file-name",
    says: "The file has the name of the model_type it serves.",
    severity: Severity::Warning,
    fix: "name the file as the model_type in config.json",
    source: "CONTRIBUTING.md: the file's name is the model_type of config.json; mlx_lm.utils imports it by that name",
    breaks: Some(1),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let stem = subject.stem();
    let config = subject.wanted.configs.iter().find_map(|config| config.model_type.as_deref());
    if let Some(wanted) = subject.wanted.model_type.as_deref().or(config) {
        if wanted != stem {
            found.whole(format!(
                "the config says model_type `{wanted}`; the loader looks for {wanted}.py, not {stem}.py"
            ));
        }
        return;
    }
    let field = subject.args().and_then(|args| args.fields().find(|(name, ..)| *name == "model_type"));
    let Some((_, node, Some(default))) = field else { return };
    let said = default.text().trim_matches(['"', '\'']);
    if default.kind() == "string" && said != stem {
        found.at(node, format!("ModelArgs says model_type `{said}`, the file is named {stem}.py"));
    }
}
