//! Configs side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Cell, Config, Defaults, Json, Matrix, Member, Row, Variant};
use super::flag;

/// Lays configs side by side. `defaults` is what the config class gives for keys that a file does not have.
pub fn matrix(configs: &[Config], defaults: &Defaults) -> Matrix {
    let flat: Vec<BTreeMap<String, &Json>> = configs.iter().map(|config| flatten(&config.root)).collect();
    let mut paths: BTreeSet<&str> = flat.iter().flat_map(|keys| keys.keys().map(String::as_str)).collect();
    // An object on its own is no row, unless a variant has something else in its place: null is not a block.
    paths.retain(|path| !flat.iter().all(|keys| keys.get(*path).is_none_or(|value| is_block(value))));
    let mut rows: Vec<Row> = paths.into_iter().map(|path| row(path, &flat, defaults)).collect();
    rows.sort_by_key(|row| (!row.differs, row.flag.is_none()));
    let variants = configs.iter().map(|config| Variant {
        name: config.name.clone(),
        path: config.path.clone(),
        model_type: config.model_type.clone(),
    });
    Matrix { variants: variants.collect(), rows }
}

/// Turns a config class's defaults as Python writes them into values; what is not a plain literal is left out.
pub fn defaults<'a>(written: impl IntoIterator<Item = (&'a str, &'a str)>) -> Defaults {
    let literal = |text: &str| match text {
        "None" => Some(Json::Null),
        "True" => Some(Json::Bool(true)),
        "False" => Some(Json::Bool(false)),
        text => {
            let quoted = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
            match quoted('"').or_else(|| quoted('\'')) {
                Some(inner) if !inner.contains(['"', '\'', '\\']) => Some(Json::Text(inner.into())),
                Some(_) => None,
                None => text.parse::<f64>().ok().map(|_| Json::Number(text.into())),
            }
        }
    };
    written.into_iter().filter_map(|(key, text)| Some((key.to_string(), literal(text)?))).collect()
}

fn row(path: &str, flat: &[BTreeMap<String, &Json>], defaults: &Defaults) -> Row {
    let cells: Vec<Cell> = flat
        .iter()
        .map(|keys| match (keys.get(path), defaults.get(path)) {
            (Some(Json::Null), _) => Cell::Null,
            (Some(value), _) => Cell::Value((*value).clone()),
            (None, Some(default)) => Cell::Default(default.clone()),
            (None, None) => Cell::Absent,
        })
        .collect();
    let differs = cells.iter().any(|cell| !same(cell, &cells[0]));
    Row { path: path.to_string(), flag: flag(path), differs, note: note(&cells), cells }
}

fn same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Value(a), Cell::Value(b)) | (Cell::Default(a), Cell::Default(b)) => a.same(b),
        (a, b) => a == b,
    }
}

/// Says at which elements lists of one length differ from the first.
fn note(cells: &[Cell]) -> Option<String> {
    let lists: Vec<&Vec<Json>> = cells
        .iter()
        .filter_map(|cell| match cell {
            Cell::Value(Json::List(items)) => Some(items),
            _ => None,
        })
        .collect();
    let (first, rest) = lists.split_first()?;
    if rest.is_empty() || rest.iter().any(|list| list.len() != first.len()) {
        return None;
    }
    let at = (0..first.len()).filter(|index| rest.iter().any(|list| !list[*index].same(&first[*index])));
    let at: Vec<String> = at.map(|index| index.to_string()).collect();
    let more = if at.len() > 6 { ", …" } else { "" };
    let shown = at.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!at.is_empty()).then(|| format!("{} of {} elements differ: {shown}{more}", at.len(), first.len()))
}

fn is_block(value: &Json) -> bool {
    matches!(value, Json::Object(members) if !members.is_empty())
}

/// Gives every key by its dotted path, blocks too.
fn flatten(root: &[Member]) -> BTreeMap<String, &Json> {
    let mut found = BTreeMap::new();
    let mut todo: Vec<(String, &[Member])> = vec![(String::new(), root)];
    while let Some((above, members)) = todo.pop() {
        for member in members {
            let path = join(&above, &member.key);
            if let Json::Object(inner) = &member.value {
                todo.push((path.clone(), inner));
            }
            found.insert(path, &member.value);
        }
    }
    found
}

/// A key that has a dot itself (module names in a quantization block) is bracketed, so that paths stay unique.
fn join(above: &str, key: &str) -> String {
    let key = if key.contains('.') || key.is_empty() { format!("[{key}]") } else { key.to_string() };
    if above.is_empty() { key } else { format!("{above}.{key}") }
}
