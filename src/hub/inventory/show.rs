//! Inventories as lines of text, at most 80 columns where names allow; the command line and the model's tool print them.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use crate::hub::data::headers::{Index, Origin};
use crate::hub::data::inventory::{Branch, Comparison, ExpertForm, Fit, Form, FormatRow, Inventory, Memory};
use crate::util::text::{bytes, one_line, truncate};

const WIDTH: usize = 80;

/// Writes one inventory.
pub fn lines(one: &Inventory) -> Vec<String> {
    let mut out = Vec::new();
    summary(one, &mut out);
    section("Keys", &mut out);
    out.extend(tree(&one.tree));
    section("Dtypes", &mut out);
    table(
        &[&["dtype", "tensors", "parameters", "bytes"].map(String::from)],
        one.dtypes.iter().map(|row| {
            [row.dtype.to_string(), row.tensors.to_string(), count(row.parameters), bytes(row.bytes)]
        }),
        &mut out,
    );
    section("Memory", &mut out);
    memory(&one.memory, &mut out);
    if !one.findings.is_empty() {
        section("Look at", &mut out);
        one.findings.iter().for_each(|finding| wrapped("- ", finding, &mut out));
    }
    out
}

fn summary(one: &Inventory, out: &mut Vec<String>) {
    let kind =
        one.architectures.first().or(one.model_type.as_ref()).cloned().unwrap_or_else(|| "no type".into());
    out.push(format!("{} · {}", one_line(&one.name), one_line(&kind)));
    if let Origin::Repo { sha, .. } = &one.origin {
        out.push(format!("{:<13}{sha}", "commit"));
    }
    let files = &one.files;
    let index = match files.index {
        Index::NotNeeded => "",
        Index::Missing => ", no index",
        Index::Agrees => ", index agrees",
    };
    let shards = files.shards.len();
    let plural = if shards == 1 { "file" } else { "files" };
    out.push(format!(
        "{:<13}{shards} {plural}{index} · {} · headers {}",
        "weights",
        bytes(files.bytes),
        bytes(files.headers)
    ));
    let moved = files.moved;
    if matches!(one.origin, Origin::Repo { .. }) {
        let share = if files.bytes > 0 { moved.bytes as f64 / files.bytes as f64 * 100.0 } else { 0.0 };
        out.push(format!(
            "{:<13}{} in {} requests, {share:.4} % of it; from the caches: {} files",
            "moved",
            bytes(moved.bytes),
            moved.requests,
            moved.cached + moved.local
        ));
    }
    let counted = &one.parameters;
    let active = if counted.active < counted.total {
        format!(" · {} active", count(counted.active))
    } else {
        String::new()
    };
    out.push(format!(
        "{:<13}{}{active} · embedding {}{}",
        "parameters",
        count(counted.total),
        count(counted.embedding),
        if counted.head > 0 { format!(" · head {}", count(counted.head)) } else { String::new() }
    ));
    wrapped(&format!("{:<13}", "head"), &one.head.text, out);
    if let Some(experts) = &one.experts {
        let form = match experts.form {
            ExpertForm::Separate => "a tensor each",
            ExpertForm::Stacked => "stacked, 3-D",
            ExpertForm::Rows => "one below the other",
        };
        let taken = experts.per_token.map_or_else(|| "?".into(), |taken| taken.to_string());
        let fused = if experts.fused { ", gate and up fused" } else { "" };
        out.push(format!(
            "{:<13}{} in {} layers, {taken} a token · {form}{fused}",
            "experts", experts.count, experts.layers
        ));
    }
    for entry in &one.quantization {
        let bits = entry.bits.map(|bits| format!(", {bits} bits")).unwrap_or_default();
        let group = entry.group.as_ref().map(|group| format!(", group {group}")).unwrap_or_default();
        let text = format!(
            "{}{bits}{group} ({}), {} tensors: {}",
            entry.method, entry.source, entry.tensors, entry.mlx_lm
        );
        wrapped(&format!("{:<13}", "quantization"), &text, out);
    }
    let expected = &one.expected;
    let (dtype, source) = (expected.dtype.as_deref().unwrap_or("not known"), expected.source.as_deref());
    out.push(format!("{:<13}{dtype} ({})", "dtype", source.unwrap_or("nothing says it")));
    wrapped(&format!("{:<13}", "convert"), &one.convert.text, out);
}

fn section(title: &str, out: &mut Vec<String>) {
    out.push(String::new());
    out.push(title.into());
}

/// Writes the key tree: names on the left, shape, dtype and how many on the right.
pub fn tree(branches: &[Branch]) -> Vec<String> {
    let rows: Vec<(String, String)> = branches
        .iter()
        .map(|branch| {
            let left = format!("{}{}", "  ".repeat(branch.depth + 1), one_line(&branch.label));
            let right = branch.leaf.as_ref().map_or_else(String::new, |leaf| {
                let shape: Vec<String> = leaf.shape.iter().map(u64::to_string).collect();
                let many = if leaf.count > 1 { format!(" ×{}", leaf.count) } else { String::new() };
                let only = leaf.only.as_ref().map(|only| format!(" {only}")).unwrap_or_default();
                format!("[{}] {}{many}{only}", shape.join(", "), leaf.dtype)
            });
            (left, right)
        })
        .collect();
    let widest = rows.iter().map(|(left, _)| left.width()).filter(|width| *width <= 44).max().unwrap_or(0);
    rows.into_iter()
        .map(|(left, right)| {
            let pad = widest.saturating_sub(left.width());
            format!("{left}{}  {right}", " ".repeat(pad)).trim_end().to_string()
        })
        .collect()
}

fn memory(memory: &Memory, out: &mut Vec<String>) {
    let cache = &memory.cache;
    let rows = memory.weights.iter().map(|row| {
        let fits = match row.fits {
            Some(Fit::Yes) => "fits",
            Some(Fit::AboveWired) => "above the wired limit",
            Some(Fit::No) => "does not fit",
            None => "",
        };
        [row.width.clone(), bytes(row.bytes), bytes(row.bytes.saturating_add(cache.bytes)), fits.to_string()]
    });
    let with = format!("with {} tokens", cache.context);
    table(&[&["weights".into(), String::new(), with, String::new()]], rows, out);
    for line in &cache.lines {
        let text = format!("{} × {}: {} = {}", line.layers, line.kind, line.formula, bytes(line.bytes));
        wrapped("  cache  ", &text, out);
    }
    if let Some(machine) = memory.machine {
        let wired = machine.wired.map(|wired| format!(", {} of it wired", bytes(wired))).unwrap_or_default();
        out.push(format!("  here   {} of memory{wired}", bytes(machine.ram)));
    }
    out.push("  8 and 4 bit: affine, group 64, scales and biases counted; activations are not".into());
}

/// Writes what differs between several.
pub fn compared(comparison: &Comparison) -> Vec<String> {
    let mut out = vec![format!("{} checkpoints compared", comparison.variants.len())];
    for (number, name) in comparison.variants.iter().enumerate() {
        out.push(format!("  {} {}", letter(number), one_line(name)));
    }
    comparison.notes.iter().for_each(|note| wrapped("- ", note, &mut out));
    let alike =
        if comparison.rows.is_empty() { "the same names, stackings and dtypes" } else { "keys are alike" };
    out.push(format!("{} {alike}", comparison.same));
    let mut by_dtype: BTreeMap<String, usize> = BTreeMap::new();
    for row in &comparison.rows {
        if let Some(dtypes) = dtypes_alone(row) {
            *by_dtype.entry(dtypes).or_default() += 1;
        }
    }
    // A dtype that differs everywhere is one line, not a hundred.
    by_dtype.retain(|_, count| *count > 2);
    for (dtypes, count) in &by_dtype {
        wrapped("", &format!("{count} keys differ in dtype alone: {dtypes}"), &mut out);
    }
    let single = |row: &&FormatRow| dtypes_alone(row).is_none_or(|dtypes| !by_dtype.contains_key(&dtypes));
    for row in comparison.rows.iter().filter(single) {
        out.push(one_line(&row.key));
        let cells = row
            .cells
            .iter()
            .enumerate()
            .map(|(number, cell)| format!("{} {}", letter(number), form(cell.as_ref())));
        wrapped("    ", &cells.collect::<Vec<_>>().join(" · "), &mut out);
    }
    out
}

/// Gives the dtypes of a key that every variant has with the same axes.
fn dtypes_alone(row: &FormatRow) -> Option<String> {
    let cells: Vec<&Form> = row.cells.iter().map(Option::as_ref).collect::<Option<_>>()?;
    let alike = cells.iter().all(|cell| cell.axes == cells[0].axes);
    let one = |(number, cell): (usize, &&Form)| format!("{} {}", letter(number), cell.dtypes.join("/"));
    alike.then(|| cells.iter().enumerate().map(one).collect::<Vec<_>>().join(" · "))
}

fn letter(number: usize) -> String {
    u8::try_from(number)
        .ok()
        .filter(|number| *number < 26)
        .map_or_else(|| number.to_string(), |number| ((b'A' + number) as char).to_string())
}

fn form(form: Option<&Form>) -> String {
    form.map_or_else(
        || "–".into(),
        |form| {
            let axes: Vec<String> = form.axes.iter().map(|axes| format!("{axes}-D")).collect();
            format!("{} {} ×{}", axes.join("/"), form.dtypes.join("/"), form.count)
        },
    )
}

fn table<const N: usize>(
    heads: &[&[String; N]],
    rows: impl Iterator<Item = [String; N]>,
    out: &mut Vec<String>,
) {
    let rows: Vec<[String; N]> = heads.iter().map(|head| (*head).clone()).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    // A last column of words, as whether it fits.
    let words_last = rows[0][N - 1].is_empty();
    for row in &rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(width(column) - cell.width());
            // Names to the left, figures to the right.
            let words = column == 0 || words_last && column == N - 1;
            line.push_str(&if words { format!(" {cell}{pad} ") } else { format!(" {pad}{cell} ") });
        }
        out.push(line.trim_end().to_string());
    }
}

fn wrapped(first: &str, text: &str, out: &mut Vec<String>) {
    let (indent, mut line) = (" ".repeat(first.width()), first.to_string());
    let mut empty = true;
    for word in one_line(text).split(' ') {
        if !empty && line.width() + 1 + word.width() > WIDTH {
            out.push(std::mem::replace(&mut line, indent.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&truncate(word, 400));
        empty = false;
    }
    out.push(line);
}

/// Writes a count of parameters: `37.6 B`.
pub fn count(number: u64) -> String {
    const UNITS: [&str; 4] = ["", " K", " M", " B"];
    let (mut value, mut unit) = (number as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { number.to_string() } else { format!("{value:.2}{}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dtype_that_differs_everywhere_is_said_once() {
        let form =
            |axes: usize, dtype: &str| Some(Form { axes: vec![axes], dtypes: vec![dtype.into()], count: 2 });
        let row = |key: &str, b: Option<Form>| FormatRow { key: key.into(), cells: vec![form(2, "BF16"), b] };
        let rows = vec![
            row("a", form(2, "F32")),
            row("b", form(2, "F32")),
            row("c", form(2, "F32")),
            row("d", form(3, "F32")),
            row("e", None),
        ];
        let comparison =
            Comparison { variants: vec!["one".into(), "two".into()], rows, same: 1, notes: Vec::new() };
        let lines = [
            "2 checkpoints compared",
            "  A one",
            "  B two",
            "1 keys are alike",
            "3 keys differ in dtype alone: A BF16 · B F32",
            "d",
            "    A 2-D BF16 ×2 · B 3-D F32 ×2",
            "e",
            "    A 2-D BF16 ×2 · B –",
        ];
        assert_eq!(compared(&comparison), lines);
    }
}
