//! Three texts of one file: as the model saw it, as the person has it now, as the model proposes it. Places that only one of
//! them changed need no one; where both changed, the person decides, and until then nothing is written.

use std::ops::Range;

use super::hunks::{Hunk, hunks, lines, place};

/// A place where the texts differ, with its lines in each. From 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub was: Range<usize>,
    pub yours: Range<usize>,
    pub models: Range<usize>,
    pub who: Who,
    /// The class or function it is in.
    pub place: String,
}

/// Who changed a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Person,
    Model,
    /// Both, and to the same lines.
    Same,
    /// Both, each in their own way.
    Both,
}

/// Whose lines stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Yours,
    Models,
}

/// The three texts.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    pub was: &'a str,
    pub yours: &'a str,
    pub models: &'a str,
}

const YOURS: &str = "<<<<<<< yours";
const WAS: &str = "||||||| as the model saw it";
const MODELS: &str = "=======";
const END: &str = ">>>>>>> the model's";

/// Finds the places where the texts differ. Changes that touch are one place, as in git.
pub fn regions(texts: Texts<'_>) -> Vec<Region> {
    let (mine, theirs) = (hunks(texts.was, texts.yours), hunks(texts.was, texts.models));
    let (yours, models) = (lines(texts.yours), lines(texts.models));
    let mut left = (mine.iter().peekable(), theirs.iter().peekable());
    // How far the lines of each text have moved against the old one so far.
    let mut moved = (0isize, 0isize);
    let mut found = Vec::new();
    loop {
        let start = match (left.0.peek(), left.1.peek()) {
            (Some(mine), Some(theirs)) => mine.old.start.min(theirs.old.start),
            (Some(only), None) | (None, Some(only)) => only.old.start,
            (None, None) => return found,
        };
        let mut was = start..start;
        let before = moved;
        let mut changed = (false, false);
        loop {
            let touches = |hunk: &&&Hunk| hunk.old.start <= was.end;
            let (hunk, moved, changed) = match (left.0.peek().filter(touches), left.1.peek().filter(touches))
            {
                (Some(_), _) => (left.0.next(), &mut moved.0, &mut changed.0),
                (None, Some(_)) => (left.1.next(), &mut moved.1, &mut changed.1),
                (None, None) => break,
            };
            let Some(hunk) = hunk else { break };
            was.end = was.end.max(hunk.old.end);
            *moved += hunk.new.len() as isize - hunk.old.len() as isize;
            *changed = true;
        }
        let range = |before: isize, after: isize| {
            was.start.saturating_add_signed(before)..was.end.saturating_add_signed(after)
        };
        let (in_yours, in_models) = (range(before.0, moved.0), range(before.1, moved.1));
        let who = match changed {
            (_, false) => Who::Person,
            (false, true) => Who::Model,
            (true, true) if yours[in_yours.clone()] == models[in_models.clone()] => Who::Same,
            (true, true) => Who::Both,
        };
        let place = place(&yours, in_yours.clone());
        found.push(Region { was, yours: in_yours, models: in_models, who, place });
    }
}

/// Gives the person's text with the model's lines at the places where these were taken.
pub fn merged(texts: Texts<'_>, regions: &[Region], sides: &[Option<Side>]) -> String {
    let (yours, models) = (lines(texts.yours), lines(texts.models));
    let mut made = Made::default();
    let mut at = 0;
    for (region, side) in regions.iter().zip(sides) {
        if *side != Some(Side::Models) {
            continue;
        }
        made.push(&yours[at..region.yours.start]);
        made.push(&models[region.models.clone()]);
        at = region.yours.end;
    }
    made.push(&yours[at..]);
    made.text
}

/// Gives the same text for editing by hand: what is not decided stands in it between marks, all three ways. Also gives the
/// line of the first mark.
pub fn marked(texts: Texts<'_>, regions: &[Region], sides: &[Option<Side>]) -> (String, Option<usize>) {
    let (was, yours, models) = (lines(texts.was), lines(texts.yours), lines(texts.models));
    let mut made = Made::default();
    let (mut at, mut first) = (0, None);
    for (region, side) in regions.iter().zip(sides) {
        made.push(&yours[at..region.yours.start]);
        at = region.yours.end;
        match side {
            Some(Side::Yours) => made.push(&yours[region.yours.clone()]),
            Some(Side::Models) => made.push(&models[region.models.clone()]),
            None => {
                first = first.or(Some(made.lines));
                made.push(&[YOURS]);
                made.push(&yours[region.yours.clone()]);
                made.push(&[WAS]);
                made.push(&was[region.was.clone()]);
                made.push(&[MODELS]);
                made.push(&models[region.models.clone()]);
                made.push(&[END, ""]);
            }
        }
    }
    made.push(&yours[at..]);
    (made.text, first)
}

/// Gives the line of the first mark that [`marked`] left in a text.
pub fn mark_left(text: &str) -> Option<usize> {
    text.lines().position(|line| [YOURS, WAS, END].contains(&line.trim_end()))
}

/// A text in the making, whose parts each begin on a line of their own.
#[derive(Default)]
struct Made {
    text: String,
    lines: usize,
}

impl Made {
    fn push(&mut self, part: &[&str]) {
        for line in part {
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push('\n');
            }
            self.text.push_str(line);
            self.lines += usize::from(!line.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAS: &str = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";

    fn texts<'a>(yours: &'a str, models: &'a str) -> Texts<'a> {
        Texts { was: WAS, yours, models }
    }

    #[test]
    fn places_are_told_by_who_changed_them_and_touching_changes_are_one() {
        let yours = "a\nB\nc\nd\ne\nF\ng\nh\nnew\ni\nj\n";
        let models = "a\nb\nc\nd\ne\nf\nG\nh\ni\nJ\n";
        let found = regions(texts(yours, models));
        let told: Vec<_> =
            found.iter().map(|r| (r.was.clone(), r.yours.clone(), r.models.clone(), r.who)).collect();
        assert_eq!(
            told,
            [
                (1..2, 1..2, 1..2, Who::Person),
                (5..7, 5..7, 5..7, Who::Both),
                (8..8, 8..9, 8..8, Who::Person),
                (9..10, 10..11, 9..10, Who::Model),
            ]
        );
        let same = regions(texts("A\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "A\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"));
        assert_eq!(same.iter().map(|r| r.who).collect::<Vec<_>>(), [Who::Same]);
    }

    #[test]
    fn the_models_lines_stand_only_where_they_were_taken() {
        let (yours, models) = ("a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk\n", "a\nbb\nb2\nc\nd\nE\nf\ng\nh\ni\nj\n");
        let texts = texts(yours, models);
        let found = regions(texts);
        assert_eq!(found.iter().map(|r| r.who).collect::<Vec<_>>(), [Who::Both, Who::Model, Who::Person]);
        let with = |first, second| merged(texts, &found, &[first, Some(second), Some(Side::Yours)]);
        assert_eq!(with(Some(Side::Yours), Side::Models), "a\nB\nc\nd\nE\nf\ng\nh\ni\nj\nk\n");
        assert_eq!(with(Some(Side::Models), Side::Yours), "a\nbb\nb2\nc\nd\ne\nf\ng\nh\ni\nj\nk\n");
        // What is not decided stays the person's.
        assert_eq!(with(None, Side::Yours), yours);
    }

    #[test]
    fn for_editing_all_three_stand_between_marks_that_are_found_again() {
        let texts = texts("a\nB\nc\nd\ne\nf\ng\nh\ni\nj\n", "a\nbb\nc\nd\ne\nf\ng\nh\ni\nj\n");
        let found = regions(texts);
        let (text, first) = marked(texts, &found, &[None]);
        assert_eq!(
            text,
            "a\n<<<<<<< yours\nB\n||||||| as the model saw it\nb\n=======\nbb\n>>>>>>> the model's\nc\nd\ne\nf\ng\nh\ni\nj\n"
        );
        assert_eq!((first, mark_left(&text)), (Some(1), Some(1)));
        assert_eq!(mark_left(&marked(texts, &found, &[Some(Side::Models)]).0), None);
    }

    #[test]
    fn a_file_that_is_gone_or_ends_without_a_newline_is_merged_too() {
        let gone = Texts { was: "a\nb\n", yours: "", models: "a\nc\n" };
        let found = regions(gone);
        assert_eq!(found.iter().map(|r| r.who).collect::<Vec<_>>(), [Who::Both]);
        assert_eq!(merged(gone, &found, &[Some(Side::Models)]), "a\nc\n");
        let open = Texts { was: "a\nb\nc\nd", yours: "a\nb\nc\nD", models: "x\na\nb\nc\nd" };
        let found = regions(open);
        assert_eq!(merged(open, &found, &[Some(Side::Models), Some(Side::Yours)]), "x\na\nb\nc\nD");
    }
}
