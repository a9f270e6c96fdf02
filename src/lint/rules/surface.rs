//! What the loader, the generator and upstream's test runner take from a model file.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};
use crate::source::syntax::Class;

pub static RULE: Rule = Rule {
    id: "L9-surface",
    says: "A model file has ModelArgs and Model with args, model_type, layers and __call__(inputs, cache).",
    severity: Severity::Error,
    fix: "write it as the nearest port does",
    source: "mlx_lm.utils takes Model and ModelArgs; tests/test_models.py reads model.layers and model.model_type",
    breaks: Some(4),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let imported = |name: &str| subject.syntax.imports().any(|import| import.alias == name);
    let args = subject.args();
    if args.is_none() && !imported("ModelArgs") {
        found.whole("no class ModelArgs: the loader cannot read the config");
    }
    if let Some(args) = args {
        dataclass(args, found);
    }
    match subject.model() {
        None if !imported("Model") => found.whole("no class Model: the loader has nothing to make"),
        None => {}
        // What another model's class brings is judged there.
        Some(model) if model.bases().any(|base| base == "nn.Module") => methods(model, found),
        Some(_) => {}
    }
}

fn dataclass(args: Class<'_>, found: &mut Found) {
    let outer = args.0.parent().filter(|parent| parent.kind() == "decorated_definition");
    let decorated = outer.is_some_and(|outer| outer.children().any(|node| node.text().contains("dataclass")));
    if !decorated {
        found.fixed(args.0, "ModelArgs is no dataclass", "put @dataclass above it");
    }
    let mut optional = None;
    for (name, node, default) in args.fields() {
        match (optional, default) {
            (Some(before), None) => {
                return found.fixed(
                    node,
                    format!(
                        "{name} has no default and stands after {before}, which has one: Python refuses it"
                    ),
                    "required fields first",
                );
            }
            (None, Some(_)) => optional = Some(name),
            _ => {}
        }
    }
    if !args.fields().any(|(name, ..)| name == "model_type")
        && args.bases().any(|base| base == "BaseModelArgs")
    {
        found.fixed(args.0, "ModelArgs has no field model_type", "add `model_type: str` as the first field");
    }
}

fn methods(model: Class<'_>, found: &mut Found) {
    for name in ["model_type", "layers"] {
        if model.method(name).is_none() && !model.gives_itself(name) {
            found.at(model.0, format!("Model has no {name}, which upstream's tests read"));
        }
    }
    if model.method("args").is_none() && !model.gives_itself("args") {
        found.weighed(model.0.spot(), Severity::Warning, "Model keeps no args");
    }
    let Some(call) = model.method("__call__") else {
        return found.at(model.0, "Model has no __call__");
    };
    let parameters: Vec<_> = call.parameters().collect();
    let cache = parameters.iter().find(|parameter| parameter.name == "cache");
    if cache.is_none_or(|cache| cache.default.is_none()) {
        found.at(call.0, "Model.__call__ has no `cache=None`, which generation and upstream's tests give");
    }
}
