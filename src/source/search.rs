//! Text search in a document: literal, and case counts only when the needle has a capital (smart case).

use super::data::{Hit, SourceDoc};

/// Finds every match, without overlaps, in the order of the text. An empty needle matches nothing.
pub fn search(doc: &SourceDoc, needle: &str) -> Vec<Hit> {
    if needle.is_empty() {
        return Vec::new();
    }
    let exact = needle.chars().any(char::is_uppercase);
    (1..=doc.line_count()).flat_map(|line| in_line(doc.line(line), needle, exact, line)).collect()
}

fn in_line(text: &str, needle: &str, exact: bool, line: u32) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut at = 0;
    while let Some((start, end)) = find(&text[at..], needle, exact) {
        hits.push(Hit { line, start: (at + start) as u32, end: (at + end) as u32 });
        at += end;
    }
    hits
}

fn find(text: &str, needle: &str, exact: bool) -> Option<(usize, usize)> {
    if exact {
        return text.find(needle).map(|start| (start, start + needle.len()));
    }
    if text.is_ascii() && needle.is_ascii() {
        let (bytes, wanted) = (text.as_bytes(), needle.as_bytes());
        let start = bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))?;
        return Some((start, start + wanted.len()));
    }
    // Lower case can be longer than upper case, so the lengths are taken from the text itself.
    text.char_indices().find_map(|(start, _)| {
        let mut rest = text[start..].char_indices();
        for wanted in needle.chars() {
            let (_, c) = rest.next()?;
            if !c.to_lowercase().eq(wanted.to_lowercase()) {
                return None;
            }
        }
        Some((start, start + rest.next().map_or(text.len() - start, |(at, _)| at)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn found(text: &str, needle: &str) -> Vec<(u32, u32, u32)> {
        search(&parse("a.py", text), needle).iter().map(|hit| (hit.line, hit.start, hit.end)).collect()
    }

    #[test]
    fn case_counts_only_with_a_capital() {
        assert_eq!(found("mlp = MLP()\nMlp\n", "mlp"), [(1, 0, 3), (1, 6, 9), (2, 0, 3)]);
        assert_eq!(found("mlp = MLP()\nMlp\n", "MLP"), [(1, 6, 9)]);
        assert_eq!(found("aaa", "aa"), [(1, 0, 2)]);
        assert_eq!(found("x", ""), []);
    }

    #[test]
    fn other_alphabets_are_found_at_their_bytes() {
        assert_eq!(found("İx # É = é", "é"), [(1, 6, 8), (1, 11, 13)]);
        assert_eq!(found("a.b(c)", ".b("), [(1, 1, 4)]);
    }
}
