//! Untrusted text made safe for a cell or a line: control characters, escapes and bidi overrides never reach the
//! terminal.

use similar::{ChangeTag, TextDiff};
use unicode_width::UnicodeWidthStr;

/// Replaces control characters (tabs become four spaces), escapes and bidi controls; newlines stay.
pub fn neutralise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            '\r' => {}
            '\u{1b}' => out.push('␛'),
            c if (c as u32) < 0x20 => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('·')),
            '\u{7f}'..='\u{9f}' => out.push('·'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('·'),
            c => out.push(c),
        }
    }
    out
}

/// Makes one safe line: as [`neutralise`], with newlines shown as `⏎`.
pub fn one_line(text: &str) -> String {
    neutralise(text).replace('\n', " ⏎ ")
}

/// Makes text safe inside HTML, in an attribute too: as [`neutralise`], with what HTML reads written out.
pub fn html(text: &str) -> String {
    neutralise(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Counts the lines that a change adds and removes.
pub fn line_changes(before: &str, after: &str) -> (usize, usize) {
    let diff = TextDiff::from_lines(before, after);
    diff.iter_all_changes().fold((0, 0), |(added, removed), change| match change.tag() {
        ChangeTag::Insert => (added + 1, removed),
        ChangeTag::Delete => (added, removed + 1),
        ChangeTag::Equal => (added, removed),
    })
}

/// Cuts to at most `columns` terminal columns, ending in `…` when something was cut.
pub fn truncate(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + width + 1 > columns {
            break;
        }
        used += width;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Writes a count of bytes for people, in decimal units as disks and the Hub count: `5.4 GB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_bidi_controls_do_not_survive() {
        assert_eq!(neutralise("a\x1b[31mb\u{202e}c\td\r\n"), "a␛[31mb·c    d\n");
        assert_eq!(one_line("a\nb"), "a ⏎ b");
    }

    #[test]
    fn truncation_counts_columns() {
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(bytes(5_400_000_000), "5.4 GB");
    }
}
