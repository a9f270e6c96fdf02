//! Checkpoints of one architecture side by side: which names, stackings and dtypes differ. Sizes differ by design and do
//! not count; the same names under another prefix are said once.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::data::inventory::{Comparison, Form, FormatRow, Inventory, PartKind};

/// Lays inventories side by side; vision, audio and extra layers are left out.
pub fn compare(inventories: &[Inventory]) -> Comparison {
    let forms: Vec<BTreeMap<&str, Form>> = inventories.iter().map(forms).collect();
    let prefixes: Vec<&str> = forms.iter().map(prefix).collect();
    let mut notes = Vec::new();
    if prefixes.iter().any(|prefix| *prefix != prefixes[0]) {
        let said = inventories.iter().zip(&prefixes).map(|(one, prefix)| format!("{}: `{prefix}`", one.name));
        notes.push(format!("another prefix: {}", said.collect::<Vec<_>>().join(", ")));
    }
    // Compared without the prefix, where prefixes differ.
    let strip = !notes.is_empty();
    let forms: Vec<BTreeMap<&str, Form>> = forms
        .into_iter()
        .zip(&prefixes)
        .map(|(forms, prefix)| {
            let inner =
                |key: &str| if strip { key.strip_prefix(prefix).unwrap_or(key).len() } else { key.len() };
            forms.into_iter().map(|(key, form)| (&key[key.len() - inner(key)..], form)).collect()
        })
        .collect();
    let keys: BTreeSet<&str> = forms.iter().flat_map(|forms| forms.keys().copied()).collect();
    let (mut rows, mut same) = (Vec::new(), 0);
    for key in keys {
        let cells: Vec<Option<Form>> = forms.iter().map(|forms| forms.get(key).cloned()).collect();
        let alike = |cell: &Option<Form>| match (cell, &cells[0]) {
            (Some(a), Some(b)) => a.axes == b.axes && a.dtypes == b.dtypes,
            (a, b) => a.is_none() == b.is_none(),
        };
        if cells.iter().all(alike) {
            same += 1;
        } else {
            rows.push(FormatRow { key: key.to_string(), cells });
        }
    }
    let forms_of_experts: Vec<_> = inventories.iter().filter_map(|one| one.experts.as_ref()).collect();
    if forms_of_experts
        .iter()
        .any(|one| (one.form, one.fused) != (forms_of_experts[0].form, forms_of_experts[0].fused))
    {
        notes.push("experts lie differently: sanitize must take each form".into());
    }
    Comparison { variants: inventories.iter().map(|one| one.name.clone()).collect(), rows, same, notes }
}

fn forms(inventory: &Inventory) -> BTreeMap<&str, Form> {
    let mut forms: BTreeMap<&str, Form> = BTreeMap::new();
    for group in inventory.groups.iter().filter(|group| group.part == PartKind::Text) {
        let form = forms.entry(group.key.as_str()).or_insert_with(|| Form {
            axes: Vec::new(),
            dtypes: Vec::new(),
            count: 0,
        });
        form.count += group.count;
        let (axes, dtype) = (group.shape.len(), group.dtype.to_string());
        if !form.axes.contains(&axes) {
            form.axes.push(axes);
            form.axes.sort_unstable();
        }
        if !form.dtypes.contains(&dtype) {
            form.dtypes.push(dtype);
            form.dtypes.sort();
        }
    }
    forms
}

/// What comes before the layers: `model.`, `language_model.model.`.
fn prefix<'a>(forms: &BTreeMap<&'a str, Form>) -> &'a str {
    let before = |key: &&'a str| {
        let key = *key;
        ["layers.{}", "h.{}", "blocks.{}"].iter().find_map(|word| key.find(word).map(|at| &key[..at]))
    };
    forms.keys().find_map(before).unwrap_or_default()
}
