//! ModelArgs without what one checkpoint's config happens to say: such a default hides a key that another variant lacks.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::hub::data::{Json, Member};
use crate::source::syntax::Node;

pub static RULE: Rule = Rule {
    id: "L4-checkpoint-default",
    says: "A default of ModelArgs is the config class's, not one checkpoint's.",
    severity: Severity::Warning,
    fix: "make the field required, or give it the config class's default",
    source: "review of merged ports: every checkpoint-specific default was removed",
    breaks: None,
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let (Some(args), wanted) = (subject.args(), &subject.wanted) else { return };
    if wanted.configs.is_empty() {
        return found.cannot("no config.json was given (--config FILE)");
    }
    let Some(defaults) = wanted.defaults.as_ref() else {
        return found.cannot("transformers has no config class of this model type");
    };
    for (name, node, default) in args.fields() {
        let Some(ours) = default.and_then(literal) else { continue };
        if name == "model_type" || ours == Json::Null {
            continue;
        }
        // A key that the class does not know is only ever written by checkpoints.
        let class = defaults.get(name);
        if class.is_some_and(|class| same(class, &ours)) {
            continue;
        }
        let copied = wanted.configs.iter().find(|config| {
            let blocks = [Some(&config.root), block(&config.root, "text_config")];
            blocks.into_iter().flatten().any(|keys| value(keys, name).is_some_and(|value| same(value, &ours)))
        });
        let (Some(config), Some(class)) = (copied, class) else { continue };
        let (shown, class) = (ours.short(), class.short());
        found.fixed(
            node,
            format!("{name} = {shown} is what {} says; the config class gives {class}", config.name),
            format!("make {name} a required field, or let its default be {class}"),
        );
    }
}

fn value<'a>(keys: &'a [Member], name: &str) -> Option<&'a Json> {
    keys.iter().find(|member| member.key == name).map(|member| &member.value)
}

fn block<'a>(keys: &'a [Member], name: &str) -> Option<&'a Vec<Member>> {
    match value(keys, name) {
        Some(Json::Object(inner)) => Some(inner),
        _ => None,
    }
}

/// Reads a plain value; none for anything that must be computed.
pub fn literal(node: Node<'_>) -> Option<Json> {
    Some(match node.kind() {
        "none" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        "integer" | "float" => Json::Number(node.text().replace('_', "")),
        "unary_operator" if node.text().starts_with('-') => Json::Number(node.text().replace('_', "")),
        "string" => Json::Text(node.text().trim_matches(['"', '\'']).into()),
        _ => return None,
    })
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a == b,
            _ => a == b,
        },
        _ => a == b,
    }
}
