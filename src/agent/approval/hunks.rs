//! A proposal in hunks: each can be taken or left by itself, and told to the model with its diff. Also how a proposal is
//! fitted onto a text that changed since it was made.

use std::fmt::Write;
use std::ops::Range;

use similar::{ChangeTag, DiffOp, TextDiff};

/// Changes with no more unchanged lines between them than this are one hunk.
const JOINED: usize = 1;
/// Unchanged lines around a hunk in what the model is told.
const AROUND: usize = 2;

/// Neighbouring changes of a proposal: lines of the old text that go, lines of the new one that come. From 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    pub old: Range<usize>,
    pub new: Range<usize>,
    /// The class or function it is in: `Attention.__call__`; empty at the top of the file.
    pub place: String,
}

/// Cuts a text into lines with their ends, as the diff counts them.
pub fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Finds the hunks of a change.
pub fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let diff = TextDiff::from_lines(before, after);
    let (old, new) = (lines(before), lines(after));
    let mut found: Vec<Hunk> = Vec::new();
    for op in diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (gone, come) = (op.old_range(), op.new_range());
        match found.last_mut() {
            Some(last) if gone.start - last.old.end <= JOINED => {
                (last.old.end, last.new.end) = (gone.end, come.end);
            }
            _ => found.push(Hunk { old: gone, new: come, place: String::new() }),
        }
    }
    for hunk in &mut found {
        let (text, range) = if hunk.new.is_empty() { (&old, &hunk.old) } else { (&new, &hunk.new) };
        hunk.place = place(text, range.clone());
    }
    found
}

/// Gives the text with the chosen hunks only.
pub fn apply(before: &str, after: &str, hunks: &[Hunk], chosen: &[bool]) -> String {
    let (old, new) = (lines(before), lines(after));
    let mut text = String::with_capacity(after.len());
    let mut at = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        text.extend(old[at..hunk.old.start].iter().copied());
        let taken = chosen.get(index).copied().unwrap_or(false);
        let part = if taken { &new[hunk.new.clone()] } else { &old[hunk.old.clone()] };
        text.extend(part.iter().copied());
        at = hunk.old.end;
    }
    text.extend(old[at..].iter().copied());
    text
}

/// Names a hunk by its lines and its place, as a unified diff does.
pub fn head(hunk: &Hunk) -> String {
    let (old, new) = (&hunk.old, &hunk.new);
    let lines = format!("@@ -{},{} +{},{} @@", old.start + 1, old.len(), new.start + 1, new.len());
    format!("{lines} {}", hunk.place).trim_end().to_string()
}

/// Writes one hunk as a unified diff with a little around it.
pub fn unified(before: &str, after: &str, hunk: &Hunk) -> String {
    let (old, new) = (lines(before), lines(after));
    let first = hunk.old.start.saturating_sub(AROUND);
    let last = (hunk.old.end + AROUND).min(old.len());
    let mut text = String::new();
    let _ = writeln!(text, "{}", head(hunk));
    let mut push = |sign: char, line: &str| {
        let _ = writeln!(text, "{sign}{}", line.trim_end_matches('\n'));
    };
    old[first..hunk.old.start].iter().for_each(|line| push(' ', line));
    let inner = TextDiff::from_slices(&old[hunk.old.clone()], &new[hunk.new.clone()]);
    for change in inner.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => push(' ', change.value()),
            ChangeTag::Delete => push('-', change.value()),
            ChangeTag::Insert => push('+', change.value()),
        }
    }
    old[hunk.old.end..last].iter().for_each(|line| push(' ', line));
    text
}

/// Names the class or function around the first line of a range that says something, by indentation: the text may be half
/// written, and a parser is not needed for a label.
pub fn place(lines: &[&str], range: Range<usize>) -> String {
    let says = |at: &usize| lines.get(*at).is_some_and(|line| !line.trim().is_empty());
    let Some(first) = range.clone().find(says).or(Some(range.start)).filter(|at| *at < lines.len()) else {
        return String::new();
    };
    let mut names: Vec<&str> = Vec::new();
    let mut depth = usize::MAX;
    for line in lines[..=first].iter().rev().filter(|line| !line.trim().is_empty()) {
        let indent = line.len() - line.trim_start().len();
        // Decorators and closing brackets stand as deep as what they belong to.
        let here = depth == usize::MAX;
        if !here && indent >= depth {
            continue;
        }
        if let Some(name) = defined(line) {
            names.push(name);
        } else if here && line.trim_start().starts_with('@') {
            let next = lines[first..].iter().find_map(|line| defined(line));
            names.extend(next);
        }
        depth = indent;
        if indent == 0 {
            break;
        }
    }
    names.reverse();
    names.join(".")
}

fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = line.strip_prefix("class ").or_else(|| line.strip_prefix("def "))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

/// A proposal fitted onto another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebased {
    pub text: String,
    /// Which hunks fit.
    pub fits: Vec<bool>,
}

impl Rebased {
    /// Counts the hunks that fit.
    pub fn count(&self) -> usize {
        self.fits.iter().filter(|fits| **fits).count()
    }
}

/// Fits the hunks of a proposal onto the text that is there now. A hunk fits where its lines and their neighbours still stand
/// together as they did; touching changes are a conflict, as in git.
pub fn rebase(before: &str, after: &str, present: &str) -> Rebased {
    let hunks = hunks(before, after);
    let (new, now) = (lines(after), lines(present));
    let kept = standing(before, present);
    let places: Vec<Option<Range<usize>>> = hunks.iter().map(|hunk| fit(hunk, &kept, now.len())).collect();
    let mut text = String::with_capacity(present.len() + after.len());
    let mut at = 0;
    for (hunk, place) in hunks.iter().zip(&places) {
        let Some(place) = place else { continue };
        text.extend(now[at..place.start].iter().copied());
        text.extend(new[hunk.new.clone()].iter().copied());
        at = place.end;
    }
    text.extend(now[at..].iter().copied());
    Rebased { text, fits: places.iter().map(Option::is_some).collect() }
}

/// Gives for each line of a text where it stands in another one.
fn standing(before: &str, present: &str) -> Vec<Option<usize>> {
    let diff = TextDiff::from_lines(before, present);
    let mut kept = vec![None; lines(before).len()];
    for op in diff.ops() {
        if let DiffOp::Equal { old_index, new_index, len } = *op {
            (0..len).for_each(|step| kept[old_index + step] = Some(new_index + step));
        }
    }
    kept
}

/// Gives the lines of the present text that a hunk replaces, where it fits.
fn fit(hunk: &Hunk, kept: &[Option<usize>], present: usize) -> Option<Range<usize>> {
    // The end of the line before, and the start of the line after; the ends of both texts count as lines that stand.
    let start = match hunk.old.start.checked_sub(1) {
        None => 0,
        Some(before) => kept[before]? + 1,
    };
    let end = match kept.get(hunk.old.end) {
        None => present,
        Some(after) => (*after)?,
    };
    let stands = hunk.old.clone().enumerate().all(|(step, line)| kept[line] == Some(start + step));
    (stands && end == start + hunk.old.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "import a\n\n\nclass A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n\n\nclass B:\n    x = 1\n";

    fn after() -> String {
        BEFORE
            .replace("import a", "import a\nimport b")
            .replace("return 1", "return 10")
            .replace("    x = 1\n", "")
    }

    #[test]
    fn hunks_are_told_apart_and_named_by_where_they_are() {
        let places: Vec<String> = hunks(BEFORE, &after()).into_iter().map(|hunk| hunk.place).collect();
        assert_eq!(places, ["", "A.f", "B"]);
        // A decorated method is named by what it decorates.
        let text = "class A:\n    @property\n    def f(self):\n        pass\n";
        assert_eq!(hunks("class A:\n", text)[0].place, "A.f");
    }

    #[test]
    fn any_choice_of_hunks_gives_the_text_with_these_and_no_others() {
        let (after, hunks) = (after(), hunks(BEFORE, &after()));
        assert_eq!(apply(BEFORE, &after, &hunks, &[true; 3]), after);
        assert_eq!(apply(BEFORE, &after, &hunks, &[false; 3]), BEFORE);
        let one = apply(BEFORE, &after, &hunks, &[false, true, false]);
        assert_eq!(one, BEFORE.replace("return 1", "return 10"));
        // Texts without a last newline keep their ends.
        let (old, new) = ("a\nb", "a\nc");
        assert_eq!(apply(old, new, &super::hunks(old, new), &[true]), new);
        assert_eq!(apply("", "x\ny\n", &super::hunks("", "x\ny\n"), &[true]), "x\ny\n");
    }

    #[test]
    fn a_hunk_is_told_with_its_place_and_lines_around() {
        let after = after();
        let hunks = hunks(BEFORE, &after);
        assert_eq!(
            unified(BEFORE, &after, &hunks[1]),
            "@@ -6,1 +7,1 @@ A.f\n class A:\n     def f(self):\n-        return 1\n+        return 10\n \n     def g(self):\n"
        );
    }

    #[test]
    fn a_proposal_fits_a_text_that_changed_elsewhere() {
        let present = BEFORE.replace("return 2", "return 20").replace("class B", "class Bee");
        let rebased = rebase(BEFORE, &after(), &present);
        // B's line goes only where its neighbours stand: the person renamed the class above it.
        assert_eq!(rebased.fits, [true, true, false]);
        let want = present.replace("import a", "import a\nimport b").replace("return 1\n", "return 10\n");
        assert_eq!(rebased.text, want);
        assert_eq!(rebase(BEFORE, &after(), BEFORE).text, after());
    }

    #[test]
    fn what_the_person_changed_is_never_written_over() {
        let present = BEFORE.replace("return 1\n", "return 3\n");
        let rebased = rebase(BEFORE, &after(), &present);
        assert_eq!(rebased.fits, [true, false, true]);
        assert!(rebased.text.contains("return 3\n"));
        // A new file that is there by now, or a file that is gone.
        assert_eq!(rebase("", "a\n", "mine\n"), Rebased { text: "mine\n".into(), fits: vec![false] });
        assert_eq!(rebase(BEFORE, &after(), "").fits, [false; 3]);
    }
}
