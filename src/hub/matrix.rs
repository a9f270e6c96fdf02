//! Configs side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::data::{Cell, Config, DERIVED, Defaults, Flag, Json, Keys, Matrix, Origin, Row, Variant};
use super::flag;
use super::flat::{flatten, is_block};
use super::rope::{Derived, Rope, normalise};

/// Lays configs side by side. `defaults` is what the config class gives for keys that a file does not have.
pub fn matrix(configs: &[Config], defaults: &Defaults) -> Matrix {
    let flat: Vec<BTreeMap<String, &Json>> = configs.iter().map(|config| flatten(&config.root)).collect();
    let none = Arc::new(Keys::new());
    let gives: Vec<&Arc<Keys>> =
        (0..configs.len()).map(|at| defaults.variants.get(at).unwrap_or(&none)).collect();
    let mut paths: BTreeSet<&str> = flat.iter().flat_map(|keys| keys.keys().map(String::as_str)).collect();
    // An object on its own is no row, unless a variant has something else in its place: null is not a block.
    paths.retain(|path| !flat.iter().all(|keys| keys.get(*path).is_none_or(|value| is_block(value))));
    // A key that no file has and the class gives is as much a part of the model as one that is written.
    let given = gives.iter().flat_map(|keys| keys.keys().map(String::as_str));
    paths.extend(given.filter(|path| !inside_a_value(path, &flat)));
    let mut rows: Vec<Row> = paths.into_iter().map(|path| row(path, &flat, &gives)).collect();
    rows.extend(derived(&flat, &gives));
    rows.sort_by_key(|row| (!row.differs, row.flag.is_none(), row.from.is_empty()));
    let variants = configs.iter().zip(&gives).map(|(config, gives)| Variant {
        name: config.name.clone(),
        path: config.path.clone(),
        model_type: config.model_type.clone(),
        gives: Arc::clone(gives),
    });
    Matrix { variants: variants.collect(), rows, origin: defaults.origin.clone() }
}

/// What is read from the source of a config class counts for every file.
pub fn from_source(keys: Keys, files: usize) -> Defaults {
    let keys = Arc::new(keys);
    let origin = if keys.is_empty() { Origin::Nowhere } else { Origin::Source };
    Defaults { variants: vec![Arc::clone(&keys); files], class: keys, origin, refused: Vec::new() }
}

/// Whether a file has a plain value, or null, where the class has a block: the class's keys inside are no rows then.
fn inside_a_value(path: &str, flat: &[BTreeMap<String, &Json>]) -> bool {
    let mut above = std::iter::successors(path.rsplit_once('.'), |(block, _)| block.rsplit_once('.'));
    above.any(|(block, _)| {
        flat.iter()
            .any(|keys| keys.get(block).is_some_and(|value| !matches!(value, Json::Object(_) | Json::Null)))
    })
}

/// RoPE of every variant in one spelling.
fn derived(flat: &[BTreeMap<String, &Json>], gives: &[&Arc<Keys>]) -> Vec<Row> {
    let ropes: Vec<Rope> = flat.iter().zip(gives).map(|(keys, gives)| normalise(keys, gives)).collect();
    let types: BTreeSet<&String> = ropes.iter().flat_map(Rope::layer_types).collect();
    let each: Vec<BTreeMap<String, &Derived>> = ropes.iter().map(|rope| rope.rows(&types)).collect();
    let fields: BTreeSet<&String> = each.iter().flat_map(BTreeMap::keys).collect();
    let row = |field: &&String| {
        let of = |rows: &BTreeMap<String, &Derived>| {
            rows.get(*field).map(|one| (one.cell.clone(), one.from.clone()))
        };
        let cells = each.iter().map(|rows| of(rows).unwrap_or((Cell::Absent, String::new())));
        let (cells, from): (Vec<Cell>, Vec<String>) = cells.unzip();
        let differs = cells.iter().any(|cell| !alike(cell, &cells[0]));
        Row {
            path: format!("{DERIVED}{field}"),
            from,
            flag: Some(Flag::Rope),
            differs,
            note: note(&cells),
            cells,
        }
    };
    fields.iter().map(row).collect()
}

/// In one spelling a value counts, not where it is written: a default of the same value is no difference.
fn alike(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Value(a) | Cell::Default(a), Cell::Value(b) | Cell::Default(b)) => a.same(b),
        (a, b) => a == b,
    }
}

/// Turns a config class's defaults as Python writes them into values; what is not a plain literal is left out.
pub fn literals<'a>(written: impl IntoIterator<Item = (&'a str, &'a str)>) -> Keys {
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

fn row(path: &str, flat: &[BTreeMap<String, &Json>], gives: &[&Arc<Keys>]) -> Row {
    let cells: Vec<Cell> = flat
        .iter()
        .zip(gives)
        .map(|(keys, gives)| match (keys.get(path), gives.get(path)) {
            (Some(Json::Null), _) => Cell::Null,
            (Some(value), _) => Cell::Value((*value).clone()),
            (None, Some(default)) => Cell::Default(default.clone()),
            (None, None) => Cell::Absent,
        })
        .collect();
    let differs = cells.iter().any(|cell| !same(cell, &cells[0]));
    Row { path: path.to_string(), from: Vec::new(), flag: flag(path), differs, note: note(&cells), cells }
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
