//! Repositories to groups: who made what, of which size and kind, in which order. Pure, and done anew for every page, since
//! each new repository may tell who the makers are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::kind::{Signs, kind};
use super::lineage::{self, Lineage};
use super::{fit, size};
use crate::hub::data::RepoInfo;
use crate::hub::data::discover::{Candidate, Fit, Group, Kind, Official, Seen, Size, SizeFrom, Standing};

/// Sizes nearer than this are one size with two spellings.
const SAME: f64 = 1.12;

/// A repository as it came, before it is judged.
#[derive(Clone, Debug)]
pub struct Entry {
    pub info: RepoInfo,
    pub seen: Seen,
    pub config: Option<PathBuf>,
}

/// Groups and ranks everything found. `named` are repositories that transformers' source names.
pub fn arrange(entries: &[Entry], named: &[(String, String)]) -> (Vec<Official>, Vec<Group>) {
    let lineage = Lineage::of(entries.iter().map(|entry| &entry.info));
    let ids: BTreeSet<&str> = entries.iter().filter_map(id).collect();
    let officials = lineage.officials(&ids, named);
    let is_official = |owner: &str| officials.iter().any(|official| official.owner == owner);
    let names: BTreeSet<String> = ids
        .iter()
        .filter(|id| is_official(owner(id)) && lineage::owner_of(lineage.root(id)) == owner(id))
        .map(|id| name(id).to_lowercase())
        .collect();
    let mut candidates: Vec<Candidate> = entries
        .iter()
        .filter_map(|entry| {
            let id = id(entry)?;
            let bases = lineage::bases(&entry.info);
            let is_own = bases.is_empty() || owner(lineage.root(id)) == owner(id);
            let official = is_official(owner(id));
            let is_namesake = !official && names.contains(&name(id).to_lowercase());
            let kind = kind(&Signs { info: &entry.info, name: name(id), bases: &bases, is_own, is_namesake });
            let fit = fit::fit(&entry.info);
            // What answers otherwise than token by token is no checkpoint of the port, whatever it is called.
            let kind =
                if kind.is_original() && matches!(fit, Fit::Not { .. }) { Kind::OtherHead } else { kind };
            let standing = match (official && is_own, kind.is_original()) {
                (true, _) => Standing::Official,
                (false, true) => Standing::Own,
                (false, false) => Standing::Derived,
            };
            let packed =
                matches!(kind, Kind::Quantized(_) | Kind::Adapter) || entry.info.quant_method.is_some();
            Some(Candidate {
                id: id.to_string(),
                size: size::of(&entry.info, name(id), packed),
                fit,
                canonical: standing == Standing::Official && kind.is_original(),
                base: bases.into_iter().next().map(|(_, id)| id),
                info: entry.info.clone(),
                seen: entry.seen.clone(),
                config: entry.config.clone(),
                kind,
                standing,
            })
        })
        .collect();
    inherit_sizes(&mut candidates);
    join_sizes(&mut candidates);
    (officials, group(candidates))
}

/// A checkpoint without a size of its own has that of what it was made from.
fn inherit_sizes(candidates: &mut [Candidate]) {
    // Bases of bases: a quantized copy of a fine-tune. Three steps reach what anyone makes.
    for _ in 0..3 {
        let known: BTreeMap<String, Size> =
            candidates.iter().filter_map(|one| Some((one.id.clone(), one.size.clone()?))).collect();
        for one in candidates.iter_mut().filter(|one| one.size.is_none()) {
            let base = one.base.as_ref();
            let own = base.and_then(|base| known.get(base).cloned().or_else(|| size::of_name(name(base))));
            one.size = own.map(|size| Size { from: SizeFrom::Base, ..size });
        }
    }
}

/// Gives sizes that are near each other one label: the most used of those that makers wrote, else the first.
fn join_sizes(candidates: &mut [Candidate]) {
    let mut used: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for size in candidates.iter().filter_map(|one| one.size.as_ref()) {
        let weight = if size.label == size::label(size.parameters) { 1 } else { 2 };
        let entry = used.entry(size.label.clone()).or_insert((0, size.parameters));
        entry.0 += weight;
    }
    let mut labels: Vec<(String, (usize, u64))> = used.into_iter().collect();
    labels.sort_by_key(|(label, (count, _))| (Reverse(*count), label.clone()));
    for size in candidates.iter_mut().filter_map(|one| one.size.as_mut()) {
        let near = labels.iter().find(|(label, (_, parameters))| {
            // `8x7B` and `30B-A3B` are mixtures: a dense model of their size is another.
            let is_mixture = |label: &str| label.contains(['x', '-']);
            is_mixture(label) == is_mixture(&size.label) && size::ratio(*parameters, size.parameters) <= SAME
        });
        if let Some((label, _)) = near {
            size.label.clone_from(label);
        }
    }
}

fn group(candidates: Vec<Candidate>) -> Vec<Group> {
    let mut groups: BTreeMap<(bool, Kind, Option<String>), Group> = BTreeMap::new();
    for one in candidates {
        let size = one.size.as_ref().filter(|_| one.kind.is_original()).map(|size| size.label.clone());
        let key = (!one.kind.is_original(), one.kind.clone(), size.clone());
        let group = groups.entry(key);
        group
            .or_insert_with(|| Group { size, kind: one.kind.clone(), candidates: Vec::new() })
            .candidates
            .push(one);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in &mut groups {
        group.candidates.sort_by_cached_key(rank);
    }
    groups.sort_by_cached_key(|group| {
        let largest =
            group.candidates.iter().filter_map(|one| one.size.as_ref()).map(|size| size.parameters).max();
        let size = if group.kind.is_original() { largest.unwrap_or(u64::MAX) } else { 0 };
        (!group.kind.is_original(), size_key(size, group), group.kind.clone())
    });
    groups
}

/// Sizes of one label stay together though their counts differ a little.
fn size_key(parameters: u64, group: &Group) -> (u64, Option<String>) {
    let named = group.size.as_ref().and_then(|label| size::of_name(label)).map(|size| size.parameters);
    (named.unwrap_or(parameters), group.size.clone())
}

/// Official first, then what others load most, then the newest.
fn rank(one: &Candidate) -> (Standing, Reverse<u64>, Reverse<String>, String) {
    let date = one.info.modified.clone().or_else(|| one.info.created.clone()).unwrap_or_default();
    (one.standing, Reverse(one.info.downloads.unwrap_or(0)), Reverse(date), one.id.clone())
}

fn id(entry: &Entry) -> Option<&str> {
    entry.info.id.as_ref().map(crate::hub::data::RepoId::as_str)
}

fn owner(id: &str) -> &str {
    lineage::owner_of(id)
}

fn name(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::data::RepoId;

    fn entry(id: &str, downloads: u64, tags: &[&str]) -> Entry {
        let info = RepoInfo {
            id: RepoId::parse(id).ok(),
            downloads: Some(downloads),
            tags: tags.iter().map(ToString::to_string).collect(),
            ..RepoInfo::default()
        };
        Entry { info, seen: Seen::Hub, config: None }
    }

    fn shown(entries: &[Entry]) -> Vec<String> {
        let (_, groups) = arrange(entries, &[]);
        let one = |one: &Candidate| format!("{}{}", one.id, if one.canonical { " *" } else { "" });
        let line = |group: &Group| {
            format!("{}: {}", group.title(), group.candidates.iter().map(one).collect::<Vec<_>>().join(", "))
        };
        groups.iter().map(line).collect()
    }

    fn family() -> Vec<Entry> {
        vec![
            entry("me/Q-8B", 900, &["conversational"]),
            entry("x/Q-8B-GGUF", 5_000, &["gguf", "base_model:quantized:lab/Q-8B"]),
            entry("lab/Q-30B-A3B", 50, &["conversational"]),
            entry("lab/Q-8B", 700, &["conversational", "base_model:finetune:lab/Q-8B-Base"]),
            entry("mlx-community/Q-8B-4bit", 30, &["mlx", "base_model:quantized:lab/Q-8B"]),
            entry("lab/Q-8B-Base", 100, &[]),
            entry("lab/Q-0.6B", 70, &["conversational"]),
            entry("b/Q-med", 10, &["base_model:finetune:lab/Q-8B"]),
            entry("lab/Q-8B-DPO", 20, &["base_model:finetune:lab/Q-8B"]),
            entry("lab/Q-8B-FP8", 20, &["base_model:quantized:lab/Q-8B"]),
            entry("other/Own-8B", 5, &["conversational"]),
        ]
    }

    #[test]
    fn the_makers_checkpoints_come_first_by_size_and_kind_and_copies_stand_apart() {
        let wanted = [
            "0.6B · instruct: lab/Q-0.6B *",
            "8B · base: lab/Q-8B-Base *",
            "8B · instruct: lab/Q-8B *, other/Own-8B",
            "8B · DPO: lab/Q-8B-DPO *",
            "30B-A3B · instruct: lab/Q-30B-A3B *",
            "fine-tunes by others: b/Q-med",
            "copies: me/Q-8B",
            "quantized, MLX: mlx-community/Q-8B-4bit",
            "quantized, GGUF: x/Q-8B-GGUF",
            "quantized, FP8: lab/Q-8B-FP8",
        ];
        assert_eq!(shown(&family()), wanted);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let mut entries = family();
        let first = shown(&entries);
        entries.reverse();
        assert_eq!(shown(&entries), first);
        entries.rotate_left(4);
        assert_eq!(shown(&entries), first);
    }

    #[test]
    fn sizes_are_inherited_and_near_ones_are_one() {
        let mut entries = family();
        let mut counted = entry("other/Unnamed", 1, &[]);
        counted.info.parameters = vec![("BF16".into(), 8_190_735_360)];
        entries.push(counted);
        let (_, groups) = arrange(&entries, &[]);
        let all: Vec<&Candidate> = groups.iter().flat_map(|group| &group.candidates).collect();
        let size = |id: &str| {
            let one = all.iter().find(|one| one.id == id).expect(id);
            one.size.as_ref().map(|size| (size.label.as_str(), size.from))
        };
        assert_eq!(size("b/Q-med"), Some(("8B", SizeFrom::Base)));
        assert_eq!(size("other/Unnamed"), Some(("8B", SizeFrom::Headers)));
    }
}
