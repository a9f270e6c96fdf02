//! Word marks: in a run of removed lines followed by added ones, the words that differ.

use similar::{ChangeTag, TextDiff};

use super::data::{Row, Span};

/// Marks the differing words of every replaced run of rows.
pub fn mark(rows: &mut [Row]) {
    let mut at = 0;
    while at < rows.len() {
        let removed = run(rows, at, '-');
        let added = run(rows, at + removed, '+');
        if removed > 0 && added > 0 {
            pair(&mut rows[at..at + removed + added], removed);
        }
        at += (removed + added).max(1);
    }
}

fn run(rows: &[Row], from: usize, sign: char) -> usize {
    rows[from.min(rows.len())..].iter().take_while(|row| row.sign == sign).count()
}

fn pair(rows: &mut [Row], removed: usize) {
    let texts: Vec<String> = rows.iter().map(|row| row.text.clone()).collect();
    let old: Vec<&str> = texts[..removed].iter().map(String::as_str).collect();
    let new: Vec<&str> = texts[removed..].iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&old, &new);
    for op in diff.ops() {
        for change in diff.iter_inline_changes(op) {
            let at = match change.tag() {
                ChangeTag::Delete => change.old_index(),
                ChangeTag::Insert => change.new_index().map(|at| at + removed),
                ChangeTag::Equal => None,
            };
            if let Some(row) = at.and_then(|at| rows.get_mut(at)) {
                row.marks = spans(change.values());
            }
        }
    }
}

fn spans(values: &[(bool, &str)]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut at = 0;
    for (marked, text) in values {
        let end = at + text.len();
        match spans.last_mut() {
            _ if !marked || text.is_empty() => {}
            Some(last) if last.end == at => last.end = end,
            _ => spans.push(at..end),
        }
        at = end;
    }
    spans
}
