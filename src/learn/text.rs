//! Takes an architecture out of texts: whole tests and entries where a test is about it, and its name everywhere else.

/// What stands for the name where it was. A Python name, so that what stays is still Python.
pub const MASK: &str = "hidden_port";
/// A function longer than this is about many architectures, not about one.
const LONG: usize = 400;

/// Says whether a text names the architecture, as a word of its own and in any case.
pub fn names(text: &str, name: &str) -> bool {
    places(text, name).next().is_some()
}

/// Says whether a Python file imports the architecture's module.
pub fn imports(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let import = line.starts_with("from ") || line.starts_with("import ") || line.starts_with(')');
        (import || line.contains("import_module(")) && names(line, name)
    })
}

/// Puts [`MASK`] in the name's place. Gives how often.
pub fn mask(text: &str, name: &str) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let (mut from, mut count) = (0, 0);
    for at in places(text, name) {
        out.push_str(&text[from..at]);
        out.push_str(MASK);
        from = at + name.len();
        count += 1;
    }
    out.push_str(&text[from..]);
    (out, count)
}

/// Removes dict entries of lists and whole functions that name the architecture, as black lays them out. Gives how many
/// lines went.
pub fn without_tests(text: &str, name: &str) -> (String, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let mut gone = vec![false; lines.len()];
    for at in (0..lines.len()).filter(|at| names(lines[*at], name)) {
        if let Some((first, last)) = entry(&lines, at) {
            gone[first..=last].fill(true);
        }
    }
    for (first, last) in functions(&lines) {
        let about = (first..=last).any(|at| !gone[at] && names(lines[at], name));
        if about && last - first <= LONG {
            gone[first..=last].fill(true);
        }
    }
    let kept: Vec<&str> =
        lines.iter().zip(&gone).filter(|(_, gone)| !**gone).map(|(line, _)| *line).collect();
    let count = gone.iter().filter(|gone| **gone).count();
    let mut out = kept.join("\n");
    if text.ends_with('\n') {
        out.push('\n');
    }
    (out, count)
}

/// Where the name stands as a word of its own, in any case.
fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (bytes, wanted) = (text.as_bytes(), name.as_bytes());
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut at = 0;
    std::iter::from_fn(move || {
        while !wanted.is_empty() && at + wanted.len() <= bytes.len() {
            let here = at;
            let end = here + wanted.len();
            at += 1;
            let before = here.checked_sub(1).and_then(|before| bytes.get(before));
            if bytes[here..end].eq_ignore_ascii_case(wanted) && !word(before) && !word(bytes.get(end)) {
                at = end;
                return Some(here);
            }
        }
        None
    })
}

/// The entry `{ … },` of a list that a line stands in.
fn entry(lines: &[&str], at: usize) -> Option<(usize, usize)> {
    let inner = indent(lines[at]);
    let first = (0..at).rev().take(200).find(|at| lines[*at].trim() == "{" && indent(lines[*at]) < inner)?;
    let outer = indent(lines[first]);
    if lines[first..at].iter().any(|line| !line.trim().is_empty() && indent(line) < outer) {
        return None;
    }
    let last = (at..lines.len())
        .find(|at| indent(lines[*at]) == outer && lines[*at].trim_start().starts_with('}'))?;
    Some((first, last))
}

/// Functions with their decorators, each as first and last line; blank lines after them stay.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("def ") {
            continue;
        }
        let depth = indent(line);
        let decorated = |at: &usize| lines[*at].trim_start().starts_with('@') && indent(lines[*at]) == depth;
        let first = (0..at).rev().take_while(decorated).last().unwrap_or(at);
        let inside =
            |line: &str| line.trim().is_empty() || indent(line) > depth || line.trim_start().starts_with(')');
        let body = lines[at + 1..].iter().take_while(|line| inside(line)).count();
        let mut last = at + body;
        while last > at && lines[last].trim().is_empty() {
            last -= 1;
        }
        found.push((first, last));
    }
    found
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "\
class TestModels:
    @skip
    def test_olmo2(self):
        from mlx_lm.models import olmo2

        args = olmo2.ModelArgs(
            model_type=\"olmo2\",
        )

    def test_other(self):
        pass

    def test_all_models(self):
        test_configs = [
            {
                \"model_type\": \"olmo\",
                \"rope\": {
                    \"type\": \"x\",
                },
            },
            {
                \"model_type\": \"olmo2\",
                \"rope\": {
                    \"type\": \"y\",
                },
            },
            {
                \"model_type\": \"olmo3\",
            },
        ]
";

    #[test]
    fn a_test_about_it_and_its_entry_go_and_nothing_else() {
        let (left, gone) = without_tests(TESTS, "olmo2");
        assert_eq!(gone, 13);
        assert!(!names(&left, "olmo2"));
        for stays in ["test_other", "\"olmo\"", "\"olmo3\"", "\"x\"", "test_all_models"] {
            assert!(left.contains(stays), "{stays} in {left}");
        }
        assert!(!left.contains("\"y\"") && !left.contains("@skip"));
    }

    #[test]
    fn a_name_is_a_word_of_its_own_in_any_case() {
        assert!(
            names("the Olmo2 port", "olmo2")
                && names("olmo2", "olmo2")
                && names("models.olmo2.Model", "olmo2")
        );
        assert!(!names("olmo2_moe olmo23 xolmo2", "olmo2"));
        assert_eq!(
            mask("x = olmo2.Model  # Olmo2, olmo22", "olmo2"),
            ("x = hidden_port.Model  # hidden_port, olmo22".into(), 2)
        );
    }

    #[test]
    fn imports_are_told_from_words() {
        assert!(imports("from .olmo2 import Attention\n", "olmo2"));
        assert!(imports("from . import llama, olmo2\n", "olmo2"));
        assert!(!imports("# as olmo2 does\nx = 1\n", "olmo2"));
    }
}
