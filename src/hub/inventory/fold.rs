//! Names folded: numbers in them become `{}`, and the numbers that occur are said once, as `{0..31}`.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::Dtype;

use super::roles::Judged;
use crate::hub::data::headers::Tensor;
use crate::hub::data::inventory::{Branch, Group, Leaf};

/// A group while tensors are still coming in.
#[derive(Clone)]
struct Built {
    group: Group,
    /// The numbers that occur at each `{}`.
    numbers: Vec<BTreeSet<u64>>,
}

/// Puts each number of a name aside: `model.layers.{}.mlp`, [3].
pub fn split(name: &str) -> (String, Vec<u64>) {
    let (mut key, mut numbers) = (String::with_capacity(name.len()), Vec::new());
    for (at, segment) in name.split('.').enumerate() {
        if at > 0 {
            key.push('.');
        }
        let digits =
            !segment.is_empty() && segment.len() < 8 && segment.bytes().all(|byte| byte.is_ascii_digit());
        match segment.parse().ok().filter(|_| digits && at > 0) {
            Some(number) => {
                key.push_str("{}");
                numbers.push(number);
            }
            None => key.push_str(segment),
        }
    }
    (key, numbers)
}

/// Folds tensors to groups and to the tree of their names.
pub fn fold(tensors: &[Tensor], judged: &[Judged]) -> (Vec<Group>, Vec<Branch>) {
    let mut built: BTreeMap<(String, Dtype, &[u64], u8), Built> = BTreeMap::new();
    for (tensor, judged) in tensors.iter().zip(judged) {
        let (key, numbers) = split(&tensor.name);
        let one =
            built.entry((key.clone(), tensor.dtype, &tensor.shape, judged.part as u8)).or_insert_with(|| {
                Built {
                    group: Group {
                        pattern: String::new(),
                        key,
                        dtype: tensor.dtype,
                        shape: tensor.shape.clone(),
                        count: 0,
                        role: judged.role,
                        part: judged.part,
                        parameters: 0,
                        bytes: 0,
                    },
                    numbers: vec![BTreeSet::new(); numbers.len()],
                }
            });
        one.group.count += 1;
        one.group.parameters += judged.parameters;
        one.group.bytes += tensor.bytes;
        for (seen, number) in one.numbers.iter_mut().zip(numbers) {
            seen.insert(number);
        }
    }
    let mut built: Vec<Built> = built.into_values().collect();
    for one in &mut built {
        one.group.pattern = filled(&one.group.key, &one.numbers);
    }
    let tree = tree(&merged(&built));
    (built.into_iter().map(|one| one.group).collect(), tree)
}

/// Layers beyond the model's own are no lines of their own in the tree.
fn merged(built: &[Built]) -> Vec<Built> {
    let mut merged: Vec<Built> = Vec::new();
    for one in built {
        let same = |last: &&mut Built| {
            last.group.key == one.group.key
                && last.group.dtype == one.group.dtype
                && last.group.shape == one.group.shape
        };
        match merged.last_mut().filter(same) {
            Some(last) => {
                last.group.count += one.group.count;
                for (all, own) in last.numbers.iter_mut().zip(&one.numbers) {
                    all.extend(own);
                }
            }
            None => merged.push(one.clone()),
        }
    }
    merged
}

fn filled(key: &str, numbers: &[BTreeSet<u64>]) -> String {
    let mut parts = key.split("{}");
    let mut text = parts.next().unwrap_or_default().to_string();
    for (part, numbers) in parts.zip(numbers) {
        text.push_str(&set(numbers));
        text.push_str(part);
    }
    text
}

/// Writes numbers: `{0..31}`, `{3..59 by 4}`, `{0,2,5..7}`; a single one is itself.
pub fn set(numbers: &BTreeSet<u64>) -> String {
    let all: Vec<u64> = numbers.iter().copied().collect();
    let [first, .., last] = all.as_slice() else {
        return all.first().map(u64::to_string).unwrap_or_default();
    };
    let step = all[1] - first;
    if all.windows(2).all(|pair| pair[1] - pair[0] == step) && (all.len() > 2 || step == 1) {
        return if step == 1 {
            format!("{{{first}..{last}}}")
        } else {
            format!("{{{first}..{last} by {step}}}")
        };
    }
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in all {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let one = |(from, to): &(u64, u64)| if from == to { from.to_string() } else { format!("{from}..{to}") };
    let shown: Vec<String> = runs.iter().take(6).map(one).collect();
    let more = if runs.len() > 6 { ",…" } else { "" };
    format!("{{{}{more}}}", shown.join(","))
}

/// A node of the tree; a segment that is followed by a number holds it: `layers.{}`.
#[derive(Default)]
struct Node<'a> {
    children: BTreeMap<(u8, String), Node<'a>>,
    leaves: Vec<&'a Built>,
    /// The numbers below this node, where its own segment ends in `{}`.
    numbers: BTreeSet<u64>,
    numbered: bool,
}

fn tree(built: &[Built]) -> Vec<Branch> {
    let mut root = Node::default();
    for one in built {
        let mut node = &mut root;
        let mut numbers = one.numbers.iter();
        let key = one.group.key.replace(".{}", "\u{0}{}");
        for segment in key.split('.') {
            let place = segment.split('\u{0}').next().unwrap_or_default();
            let times = segment.matches("{}").count();
            let inner = segment.replace('\u{0}', ".");
            node = node.children.entry((rank(place), inner)).or_default();
            node.numbered = times > 0;
            for seen in numbers.by_ref().take(times) {
                node.numbers.extend(seen);
            }
        }
        node.leaves.push(one);
    }
    let mut lines = Vec::new();
    write(&root, "", 0, &mut Vec::new(), &mut lines);
    lines
}

/// Embeddings first, the head last, the rest by name.
fn rank(segment: &str) -> u8 {
    match segment {
        "wte" | "wpe" => 0,
        "lm_head" | "output" | "embed_out" | "head" => 3,
        _ if segment.contains("embed") => 0,
        "norm" | "final_layernorm" | "ln_f" => 2,
        _ => 1,
    }
}

fn write<'a>(
    node: &'a Node<'a>,
    prefix: &str,
    depth: usize,
    above: &mut Vec<&'a BTreeSet<u64>>,
    lines: &mut Vec<Branch>,
) {
    for ((_, segment), child) in &node.children {
        let shown =
            if child.numbered { segment.replacen("{}", &set(&child.numbers), 1) } else { segment.clone() };
        let label = if prefix.is_empty() { shown } else { format!("{prefix}.{shown}") };
        if child.numbered {
            above.push(&child.numbers);
        }
        let alone = child.children.len() == 1 && child.leaves.is_empty() && !child.numbered;
        if alone {
            write(child, &label, depth, above, lines);
        } else {
            leaves(child, &label, depth, above, lines);
            if !child.children.is_empty() {
                if child.leaves.is_empty() {
                    lines.push(Branch { depth, label, leaf: None });
                }
                write(child, "", depth + 1, above, lines);
            }
        }
        if child.numbered {
            above.pop();
        }
    }
}

fn leaves(node: &Node<'_>, label: &str, depth: usize, above: &[&BTreeSet<u64>], lines: &mut Vec<Branch>) {
    for one in &node.leaves {
        let differs = one.numbers.iter().zip(above).find(|(own, all)| own != *all);
        let leaf = Leaf {
            shape: one.group.shape.clone(),
            dtype: one.group.dtype,
            count: one.group.count,
            only: differs.map(|(own, all)| place(own, all)),
        };
        lines.push(Branch { depth, label: label.to_string(), leaf: Some(leaf) });
    }
}

/// Says where: the numbers themselves, or those that are left out where they are fewer words.
fn place(own: &BTreeSet<u64>, all: &BTreeSet<u64>) -> String {
    let rest: BTreeSet<u64> = all.difference(own).copied().collect();
    let (at, but) = (format!("at {}", set(own)), format!("but at {}", set(&rest)));
    if but.len() < at.len() { but } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_said_by_what_is_left_out_where_that_is_shorter() {
        let all: BTreeSet<u64> = (0..48).collect();
        let every = |own: fn(&u64) -> bool| place(&all.iter().copied().filter(own).collect(), &all);
        assert_eq!(every(|layer| layer % 4 == 3), "at {3..47 by 4}");
        assert_eq!(every(|layer| layer % 4 != 3), "but at {3..47 by 4}");
        assert_eq!(every(|layer| *layer > 2), "at {3..47}");
    }

    #[test]
    fn numbers_are_written_as_ranges_steps_and_lists() {
        let of = |numbers: &[u64]| set(&numbers.iter().copied().collect());
        assert_eq!(of(&[0, 1, 2, 3]), "{0..3}");
        assert_eq!(of(&[3, 7, 11]), "{3..11 by 4}");
        assert_eq!(of(&[0, 2, 3, 7]), "{0,2..3,7}");
        assert_eq!(of(&[61]), "61");
        assert_eq!(of(&[0, 5]), "{0,5}");
    }

    #[test]
    fn names_give_a_key_and_numbers() {
        assert_eq!(
            split("model.layers.12.mlp.experts.3.w1"),
            ("model.layers.{}.mlp.experts.{}.w1".into(), vec![12, 3])
        );
        assert_eq!(split("0.weight"), ("0.weight".into(), vec![]));
    }
}
