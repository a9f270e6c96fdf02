//! Who comes from whom, by the cards' `base_model`, and whose checkpoints the others start from. No list of
//! organisations: the makers are those whom others build on, or whom transformers' own source names.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::data::RepoInfo;
use crate::hub::data::discover::Official;

/// How a repository was made from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The card names the base and not how.
    Unsaid,
    Finetune,
    Merge,
    Adapter,
    Quantized,
}

/// Organisations that fewer than one in this many of the first one's followers build on are not makers.
const FOLLOWED: usize = 4;

/// Gives what a repository was made from: the tags that the Hub computes, else the card's list.
pub fn bases(info: &RepoInfo) -> Vec<(Relation, String)> {
    let mut found: Vec<(Relation, String)> = Vec::new();
    for rest in info.tags.iter().filter_map(|tag| tag.strip_prefix("base_model:")) {
        let (relation, id) = match rest.split_once(':') {
            Some(("finetune", id)) => (Relation::Finetune, id),
            Some(("quantized", id)) => (Relation::Quantized, id),
            Some(("adapter", id)) => (Relation::Adapter, id),
            Some(("merge", id)) => (Relation::Merge, id),
            _ => (Relation::Unsaid, rest),
        };
        add(&mut found, relation, id);
    }
    for id in &info.base_models {
        add(&mut found, Relation::Unsaid, id);
    }
    let own = info.id.as_ref().map(ToString::to_string);
    found.retain(|(_, id)| Some(id) != own.as_ref());
    found
}

fn add(found: &mut Vec<(Relation, String)>, relation: Relation, id: &str) {
    match found.iter_mut().find(|(_, known)| known == id) {
        Some((known, _)) => *known = (*known).max(relation),
        None => found.push((relation, id.to_string())),
    }
}

/// Who comes from whom, over everything that was found.
#[derive(Debug, Default)]
pub struct Lineage {
    first_base: BTreeMap<String, String>,
}

impl Lineage {
    /// Reads the lineage of a list.
    pub fn of<'a>(infos: impl IntoIterator<Item = &'a RepoInfo>) -> Self {
        let one = |info: &RepoInfo| Some((info.id.as_ref()?.to_string(), bases(info).into_iter().next()?.1));
        Self { first_base: infos.into_iter().filter_map(one).collect() }
    }

    /// Follows the bases to the last one; a circle ends where it began.
    pub fn root<'a>(&'a self, id: &'a str) -> &'a str {
        let (mut at, mut seen) = (id, BTreeSet::new());
        while let Some(base) = self.first_base.get(at).filter(|_| seen.insert(at)) {
            at = base;
        }
        at
    }

    /// Finds the makers: owners of roots that other owners build on, the most followed first, and those that
    /// transformers' source names. `named` are repositories in that source, with the file that names them.
    pub fn officials(&self, ids: &BTreeSet<&str>, named: &[(String, String)]) -> Vec<Official> {
        let mut followers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for id in ids {
            let (own, maker) = (owner_of(id), owner_of(self.root(id)));
            let known = followers.entry(maker).or_default();
            if own != maker {
                known.insert(own);
            }
        }
        followers.remove("");
        let most = followers.values().map(BTreeSet::len).max().unwrap_or(0);
        let mut found: Vec<(usize, Official)> = Vec::new();
        if let ([only], 0) = (followers.keys().copied().collect::<Vec<_>>().as_slice(), most) {
            let named = named.iter().find(|(id, _)| owner_of(id) == *only);
            let why = named.map_or_else(
                || "the only one with checkpoints of it".to_string(),
                |(id, file)| format!("transformers' {file} names {id}"),
            );
            return vec![Official { owner: (*only).to_string(), why }];
        }
        for (maker, by) in &followers {
            let file = named.iter().find(|(id, _)| owner_of(id) == *maker);
            let followed = by.len() >= 2.min(most) && by.len() * FOLLOWED >= most && !by.is_empty();
            // transformers also names tiny test models; those nobody builds on where others are built on.
            let is_named = file.is_some() && (!by.is_empty() || most == 0);
            if !followed && !is_named {
                continue;
            }
            let mut why = Vec::new();
            if let Some((id, file)) = file.filter(|_| is_named) {
                why.push(format!("transformers' {file} names {id}"));
            }
            if !by.is_empty() {
                let others = if by.len() == 1 {
                    "1 other builds".into()
                } else {
                    format!("{} others build", by.len())
                };
                why.push(format!("{others} on its checkpoints"));
            }
            let score = by.len() + if is_named { most } else { 0 };
            found.push((score, Official { owner: (*maker).to_string(), why: why.join("; ") }));
        }
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.owner.cmp(&b.1.owner)));
        found.into_iter().map(|(_, official)| official).collect()
    }
}

/// Gives the owner of a repository; empty for old bare names.
pub fn owner_of(id: &str) -> &str {
    id.split_once('/').map_or("", |(owner, _)| owner)
}

/// Finds the repositories that a source of transformers names: `checkpoint="org/name"` and links to the Hub.
pub fn named_in(file: &str, text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for mark in ["checkpoint=\"", "https://huggingface.co/"] {
        for (at, _) in text.match_indices(mark) {
            let rest = &text[at + mark.len()..];
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))).unwrap_or(rest.len());
            let id = rest[..end].trim_end_matches(['.', '/']);
            let is_page = ["docs/", "papers/", "datasets/", "spaces/", "blog/", "collections/"];
            let is_repo = id.split('/').count() == 2 && !is_page.iter().any(|page| id.starts_with(page));
            if is_repo && found.iter().all(|(known, _)| known != id) {
                found.push((id.to_string(), file.to_string()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::data::RepoId;

    fn info(id: &str, tags: &[&str]) -> RepoInfo {
        RepoInfo {
            id: RepoId::parse(id).ok(),
            tags: tags.iter().map(ToString::to_string).collect(),
            ..RepoInfo::default()
        }
    }

    #[test]
    fn the_relation_is_the_most_exact_one_that_is_said() {
        let mut one = info("me/Q-GGUF", &["gguf", "base_model:lab/Q", "base_model:quantized:lab/Q"]);
        one.base_models = vec!["lab/Q".into(), "me/Q-GGUF".into(), "lab/R".into()];
        let own = [(Relation::Quantized, "lab/Q".to_string()), (Relation::Unsaid, "lab/R".to_string())];
        assert_eq!(bases(&one), own);
    }

    #[test]
    fn the_makers_are_those_whom_others_build_on() {
        let infos = [
            info("lab/Q-Base", &[]),
            info("lab/Q", &["base_model:finetune:lab/Q-Base"]),
            info("a/Q-GGUF", &["base_model:quantized:lab/Q"]),
            info("b/Q-tuned", &["base_model:finetune:a/Q-GGUF"]),
            info("c/own", &[]),
            info("d/Q", &["base_model:d/Q2"]),
            info("d/Q2", &["base_model:d/Q"]),
        ];
        let lineage = Lineage::of(&infos);
        assert_eq!(lineage.root("b/Q-tuned"), "lab/Q-Base");
        assert!(lineage.root("d/Q").starts_with("d/Q"), "a circle ends");
        let ids = infos.iter().filter_map(|info| info.id.as_ref()).map(RepoId::as_str).collect();
        let named = |id: &str| vec![(id.to_string(), "configuration_q.py".to_string())];
        let found = |named: &[(String, String)]| -> Vec<String> {
            lineage
                .officials(&ids, named)
                .into_iter()
                .map(|one| format!("{}: {}", one.owner, one.why))
                .collect()
        };
        assert_eq!(found(&[]), ["lab: 2 others build on its checkpoints"]);
        let both = "lab: transformers' configuration_q.py names lab/Q; 2 others build on its checkpoints";
        assert_eq!(found(&named("lab/Q")), [both]);
        assert_eq!(found(&named("c/own")), ["lab: 2 others build on its checkpoints"], "a tiny test model");
    }

    #[test]
    fn where_nobody_builds_on_anyone_transformers_names_the_makers_or_nobody_does() {
        let infos = [info("lab/New-1B", &[]), info("me/New-copy", &[])];
        let lineage = Lineage::of(&infos);
        let ids: BTreeSet<&str> = ["lab/New-1B", "me/New-copy"].into();
        assert_eq!(lineage.officials(&ids, &[]), []);
        let named = [("lab/New-1B".to_string(), "configuration_new.py".to_string())];
        assert_eq!(lineage.officials(&ids, &named)[0].owner, "lab");
        let alone = ["lab/New-1B"].into();
        assert_eq!(lineage.officials(&alone, &[])[0].why, "the only one with checkpoints of it");
    }

    #[test]
    fn the_source_names_its_checkpoints() {
        let text = "@auto_docstring(checkpoint=\"arcee-ai/AFM-4.5B\")\n# (https://huggingface.co/lab/Q-3B). \
                    https://huggingface.co/docs/tokenizers https://huggingface.co/papers/1 checkpoint=\"gpt2\"";
        let ids: Vec<String> = named_in("f.py", text).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["arcee-ai/AFM-4.5B", "lab/Q-3B"]);
    }
}
