//! Lays the four layers of a text file over each other. Each layer is compared with the next; a line that both have
//! goes on living, a line that only one has dies or is born. The rows that live in a layer, in order, are that layer
//! to the byte, which is why staging needs no patch: it moves births and deaths between two layers.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use sha2::{Digest, Sha256};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::data::{Aim, LineId, Where};

pub const BASE: usize = 0;
pub const HEAD: usize = 1;
pub const INDEX: usize = 2;
pub const WORKTREE: usize = 3;
const LAYERS: usize = 4;

/// A line and the layers that it lives in: a range, since a line that died is another line when it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow<'a> {
    pub bytes: &'a [u8],
    pub alive: Range<usize>,
}

impl RawRow<'_> {
    /// Says where the row's last change stands.
    pub fn place(&self) -> Where {
        match (self.alive.start, self.alive.end) {
            (BASE, LAYERS) => Where::Context,
            (born, LAYERS) => at_layer(born),
            (_, died) => at_layer(died),
        }
    }

    /// Says whether the row is in a layer.
    pub fn lives_in(&self, layer: usize) -> bool {
        self.alive.contains(&layer)
    }

    /// Gives the index's share of the row after an act on it.
    pub fn indexed(&self, aim: Aim) -> bool {
        match aim {
            Aim::Stage => self.lives_in(WORKTREE),
            Aim::Unstage => self.lives_in(HEAD),
        }
    }
}

fn at_layer(layer: usize) -> Where {
    match layer {
        HEAD => Where::Committed,
        INDEX => Where::Staged,
        _ => Where::Unstaged,
    }
}

/// Lays the layers over each other; a layer without the file is empty.
pub fn overlay<'a>(layers: [&'a [u8]; LAYERS]) -> Vec<RawRow<'a>> {
    let mut rows: Vec<RawRow<'a>> =
        lines(layers[BASE]).into_iter().map(|bytes| RawRow { bytes, alive: BASE..HEAD }).collect();
    for layer in HEAD..LAYERS {
        rows = advance(rows, layers[layer - 1], layers[layer], layer);
    }
    rows
}

fn advance<'a>(rows: Vec<RawRow<'a>>, old: &'a [u8], new: &'a [u8], layer: usize) -> Vec<RawRow<'a>> {
    if old == new {
        let mut rows = rows;
        rows.iter_mut().filter(|row| row.alive.end == layer).for_each(|row| row.alive.end += 1);
        return rows;
    }
    let (before, after) = (lines(old), lines(new));
    let born = |range: Range<usize>| {
        after[range].iter().map(move |bytes| RawRow { bytes, alive: layer..layer + 1 }).collect::<Vec<_>>()
    };
    let mut out = Vec::with_capacity(rows.len() + 16);
    let mut rest = rows.into_iter().peekable();
    // Takes rows up to and with the next `count` that live in the old layer; dead ones between them come along.
    let mut take = |out: &mut Vec<RawRow<'a>>, count: usize, lives: Lives| {
        let mut left = count;
        while left > 0 {
            let Some(mut row) = rest.next() else { break };
            if row.alive.end == layer {
                left -= 1;
                row.alive.end += usize::from(lives == Lives::On);
            }
            out.push(row);
        }
    };
    for op in capture_diff_slices(Algorithm::Histogram, &before, &after) {
        match op {
            DiffOp::Equal { len, .. } => take(&mut out, len, Lives::On),
            DiffOp::Delete { old_len, .. } => take(&mut out, old_len, Lives::Dies),
            DiffOp::Insert { new_index, new_len, .. } => out.extend(born(new_index..new_index + new_len)),
            DiffOp::Replace { old_len, new_index, new_len, .. } => {
                take(&mut out, old_len, Lives::Dies);
                out.extend(born(new_index..new_index + new_len));
            }
        }
    }
    out.extend(rest);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Lives {
    On,
    Dies,
}

/// Splits into lines that keep their endings.
pub fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Names every changed row by its content; context rows have no name. The name does not change when the row is staged,
/// unstaged or committed, only when the line, its side or its rank among equal lines does.
pub fn ids(path: &str, rows: &[RawRow<'_>]) -> Vec<Option<LineId>> {
    let mut seen = HashMap::new();
    let mut name = |row: &RawRow<'_>| {
        if row.place() == Where::Context {
            return None;
        }
        let sides = [u8::from(row.lives_in(BASE)), u8::from(row.lives_in(WORKTREE))];
        let rank = bump(&mut seen, (row.bytes.to_vec(), sides));
        let mut hash = Sha256::new();
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(sides);
        hash.update(rank.to_le_bytes());
        hash.update(row.bytes);
        let digest = hash.finalize();
        let first: [u8; 8] = std::array::from_fn(|at| digest[at]);
        Some(LineId(u64::from_le_bytes(first)))
    };
    rows.iter().map(&mut name).collect()
}

fn bump<K: Eq + Hash>(seen: &mut HashMap<K, u32>, key: K) -> u32 {
    let count = seen.entry(key).or_insert(0);
    *count += 1;
    *count
}

/// Writes what the index holds after an act on the chosen rows. A line without a newline that is no longer the last
/// gets one: two lines never run together.
pub fn index_after(rows: &[RawRow<'_>], chosen: impl Fn(usize) -> bool, aim: Aim) -> Vec<u8> {
    let kept = rows.iter().enumerate().filter(|(at, row)| match chosen(*at) {
        true => row.indexed(aim),
        false => row.lives_in(INDEX),
    });
    let mut out = Vec::new();
    for (_, row) in kept {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(if crlf(rows) { b"\r\n" } else { b"\n" });
        }
        out.extend_from_slice(row.bytes);
    }
    out
}

fn crlf(rows: &[RawRow<'_>]) -> bool {
    rows.first().is_some_and(|row| row.bytes.ends_with(b"\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(texts: [&'a str; 4]) -> Vec<RawRow<'a>> {
        overlay(texts.map(str::as_bytes))
    }

    fn layer(rows: &[RawRow<'_>], layer: usize) -> String {
        let bytes: Vec<u8> =
            rows.iter().filter(|row| row.lives_in(layer)).flat_map(|row| row.bytes.to_vec()).collect();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn every_layer_is_its_rows_to_the_byte() {
        let cases = [
            ["a\nb\nc\n", "a\nB\nc\n", "a\nB\nd\nc\n", "a\nd\nc"],
            ["", "", "x\ny\n", "y\nx\n"],
            ["a", "a\n", "a", ""],
            ["a\r\nb\r\n", "a\nb\n", "a\r\nb\n", "a\r\nb"],
            ["x\nx\nx\n", "x\n", "x\nx\n", "x\nx\nx\nx\n"],
        ];
        for texts in cases {
            let rows = of(texts);
            assert_eq!([0, 1, 2, 3].map(|at| layer(&rows, at)), texts.map(str::to_string), "{texts:?}");
        }
    }

    #[test]
    fn a_rows_place_is_where_its_last_change_stands() {
        let rows = of(["a\nb\n", "a\nB\n", "a\nB\nc\n", "a\nc\nd\n"]);
        let places: Vec<_> = rows
            .iter()
            .map(|row| (String::from_utf8_lossy(row.bytes).trim_end().to_string(), row.place()))
            .collect();
        let expected = [
            ("a", Where::Context),
            ("b", Where::Committed),
            ("B", Where::Unstaged),
            ("c", Where::Staged),
            ("d", Where::Unstaged),
        ];
        assert_eq!(places, expected.map(|(text, place)| (text.to_string(), place)));
    }

    #[test]
    fn ids_survive_staging() {
        let before = of(["a\n", "a\n", "a\n", "x\nx\n"]);
        let after = of(["a\n", "a\n", "x\nx\n", "x\nx\n"]);
        assert_eq!(ids("f", &before), ids("f", &after));
        assert_eq!(ids("f", &before).iter().flatten().collect::<std::collections::HashSet<_>>().len(), 3);
    }

    #[test]
    fn a_line_without_newline_never_runs_into_the_next() {
        let rows = of(["a", "a", "a", "a\nb\n"]);
        let only_b = |at: usize| rows[at].bytes == b"b\n";
        assert_eq!(index_after(&rows, only_b, Aim::Stage), b"a\nb\n");
    }
}
