//! What the nearest ports have and this one has not.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::Subject;
use super::{MODEL, Rule};

pub static RULE: Rule = Rule {
    id: "L9-peers",
    says: "The model offers what the nearest accepted ports offer.",
    severity: Severity::Note,
    fix: "see how the named ports do it",
    source: "the nearest accepted ports",
    breaks: None,
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// What a port may offer beyond the surface that all have.
pub const OFFERS: [&str; 5] = ["sanitize", "make_cache", "shard", "cast_predicate", "quant_predicate"];

fn judge(subject: &Subject, found: &mut Found) {
    let Some(model) = subject.model().filter(|model| model.bases().any(|base| base == "nn.Module")) else {
        return;
    };
    if subject.peers.is_empty() {
        return found.cannot("no accepted ports beside the file to compare with");
    }
    for offer in
        OFFERS.into_iter().filter(|offer| model.method(offer).is_none() && !model.gives_itself(offer))
    {
        let have: Vec<_> = subject.peers.iter().filter(|peer| peer.methods.contains(offer)).collect();
        // Most of the nearest, not one of them.
        if have.len() * 3 > subject.peers.len() * 2 {
            let names: Vec<_> = have.iter().map(|peer| peer.name.as_str()).collect();
            found.at(
                model.0,
                format!(
                    "no {offer}; {} of the {} nearest ports have it: {}",
                    have.len(),
                    subject.peers.len(),
                    names.join(", ")
                ),
            );
        }
    }
}
