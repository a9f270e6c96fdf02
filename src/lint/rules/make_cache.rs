//! Caches other than the plain one.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L9-make-cache",
    says: "A model whose layers need other caches has make_cache.",
    severity: Severity::Warning,
    fix: "give Model a make_cache that returns one cache a layer",
    source: "mlx_lm.models.cache.make_prompt_cache asks the model, and gives KVCache to every layer otherwise",
    breaks: Some(0),
    kinds: MODEL,
    on_broken: false,
    judge,
};

const OTHERS: [&str; 4] = ["RotatingKVCache", "ArraysCache", "ChunkedKVCache", "CacheList"];

fn judge(subject: &Subject, found: &mut Found) {
    let Some(model) = subject.model().filter(|model| model.bases().any(|base| base == "nn.Module")) else {
        return;
    };
    if subject.syntax.functions().any(|function| function.name() == "make_cache") {
        return;
    }
    let made = subject.syntax.calls().find(|call| OTHERS.iter().any(|cache| call.name().ends_with(cache)));
    if let Some(call) = made {
        found.at(call.0, format!("{} is used, and Model has no make_cache", call.name()));
    }
    let window = subject.args().and_then(|args| args.fields().find(|(name, ..)| *name == "sliding_window"));
    let read = |name: &str| {
        subject
            .syntax
            .of_kind("attribute")
            .any(|node| node.child("attribute").is_some_and(|own| own.text() == name))
    };
    if let Some((name, ..)) = window
        && read(name)
    {
        found.at(
            model.0,
            "sliding_window is read, and Model has no make_cache: every layer gets a plain KVCache",
        );
    }
}
