//! A tied head that strict loading stumbles over.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L9-tied-head",
    says: "sanitize drops the head of a tied checkpoint.",
    severity: Severity::Note,
    fix: "in sanitize: if self.args.tie_word_embeddings: weights.pop(\"lm_head.weight\", None)",
    source: "merged ports; a checkpoint may hold lm_head.weight although it is tied",
    breaks: Some(24),
    kinds: MODEL,
    on_broken: false,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let tied =
        subject.args().and_then(|args| args.fields().find(|(name, ..)| *name == "tie_word_embeddings"));
    let (Some((_, node, _)), Some(model)) = (tied, subject.model()) else { return };
    let branches = model.gives_itself("lm_head") && model.0.text().contains("tie_word_embeddings");
    let dropped = model.method("sanitize").is_some_and(|sanitize| sanitize.0.text().contains("lm_head"));
    if branches && !dropped {
        found.at(node, "tied variants have no lm_head, and sanitize does not drop its weight");
    }
}
