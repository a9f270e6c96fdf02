//! The paste guard: prose for upstream's people must be the person's own. A paste, and a whole field when it is saved,
//! is compared with every message of the assistant by runs of eight words, case and punctuation folded. Text that is
//! nobody's prose (fences, inline code, the template, names the caller lists) is left out.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// How many words in a row count as taken over.
pub const RUN: usize = 8;

/// A stretch of the person's text that an assistant message has too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// Which message, by its place in the list that was given.
    pub message: usize,
    /// The words, as they stand in the person's text.
    pub text: String,
    pub words: usize,
}

/// Text that may enter a Voice field: no overlap, or an overlap that the person answered for in writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    text: String,
    reason: Option<String>,
}

/// Text that was stopped. It survives a kill with its overlaps; what was let through does not: it is in its field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    text: String,
    pub overlaps: Vec<Overlap>,
}

impl Cleared {
    /// The reason the person gave, to be recorded.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Stopped {
    /// Lets the text through with the person's written reason; a blank one does not count.
    pub fn override_with(self, reason: &str) -> Result<Cleared, Stopped> {
        match reason.trim() {
            "" => Err(self),
            reason => Ok(Cleared { text: self.text, reason: Some(reason.to_string()) }),
        }
    }
}

/// Checks a paste. `allowed` is text that is nobody's prose: the template, checkpoint names, config keys.
pub fn check(text: &str, messages: &[&str], allowed: &[&str]) -> Result<Cleared, Stopped> {
    let overlaps = overlaps(text, messages, allowed);
    match overlaps.is_empty() {
        true => Ok(Cleared { text: text.to_string(), reason: None }),
        false => Err(Stopped { text: text.to_string(), overlaps }),
    }
}

/// Finds where `text` repeats eight words or more of an assistant message. Runs that touch are one overlap.
pub fn overlaps(text: &str, messages: &[&str], allowed: &[&str]) -> Vec<Overlap> {
    let words = words(&prose(text));
    if words.len() < RUN {
        return Vec::new();
    }
    let allowed: HashSet<Vec<String>> = allowed.iter().flat_map(|text| runs(text)).collect();
    let mut said: HashMap<Vec<String>, usize> = HashMap::new();
    for (message, text) in messages.iter().enumerate() {
        for run in runs(&prose(text)) {
            said.entry(run).or_insert(message);
        }
    }
    let mut found: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    for (at, window) in words.windows(RUN).enumerate() {
        let run: Vec<String> = window.iter().map(|word| word.folded.clone()).collect();
        let Some(message) = said.get(&run).filter(|_| !allowed.contains(&run)) else { continue };
        match found.last_mut() {
            Some((last, range)) if last == message && range.end >= at => range.end = at + RUN,
            _ => found.push((*message, at..at + RUN)),
        }
    }
    let shown = |range: &std::ops::Range<usize>| {
        words[range.clone()].iter().map(|word| word.shown.as_str()).collect::<Vec<_>>().join(" ")
    };
    found
        .into_iter()
        .map(|(message, range)| Overlap { message, text: shown(&range), words: range.len() })
        .collect()
}

struct Word {
    folded: String,
    shown: String,
}

fn words(text: &str) -> Vec<Word> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’');
    let words = parts.map(|part| part.trim_matches(['\'', '’'])).filter(|part| !part.is_empty());
    words
        .map(|part| Word { folded: part.to_lowercase().replace('’', "'"), shown: part.to_string() })
        .collect()
}

fn runs(text: &str) -> Vec<Vec<String>> {
    let words = words(text);
    let window = |window: &[Word]| window.iter().map(|word| word.folded.clone()).collect();
    words.windows(RUN).map(window).collect()
}

/// Drops fenced blocks and inline code. An unclosed fence drops nothing: it could hide prose.
fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<(String, String)> = None;
    for line in text.lines() {
        let ticks: String = line.trim_start().chars().take_while(|c| *c == '`').collect();
        fence = match fence {
            None if ticks.len() >= 3 => Some((ticks, format!("{line}\n"))),
            None => {
                out.push_str(&without_code(line));
                out.push('\n');
                None
            }
            Some((open, _)) if ticks.len() >= open.len() && line.trim() == ticks => None,
            Some((open, mut held)) => {
                held.push_str(line);
                held.push('\n');
                Some((open, held))
            }
        };
    }
    if let Some((_, held)) = fence {
        out.push_str(&held);
    }
    out
}

// A few words of code are names; a sentence between backticks is still a sentence.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return line.to_string();
    }
    let keep = |(at, part): (usize, &&str)| match at % 2 == 1 && part.split_whitespace().count() < RUN {
        true => " ".to_string(),
        false => part.to_string(),
    };
    parts.iter().enumerate().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "The MLP has no gate, so it uses a squared ReLU between two linear projections.";

    #[test]
    fn eight_words_in_a_row_are_stopped_whatever_the_case_and_punctuation() {
        let text = "Note: the MLP has NO gate -- so it uses a squared relu; I checked.";
        let expected =
            Overlap { message: 1, text: "the MLP has NO gate so it uses a squared relu".into(), words: 11 };
        assert_eq!(overlaps(text, &["hello", SAID], &[]), vec![expected]);
        assert_eq!(overlaps("The MLP has no gate; it is not gated at all.", &[SAID], &[]), vec![]);
    }

    #[test]
    fn fences_code_and_template_text_are_nobodys_prose() {
        let fenced = format!("```\n{SAID}\n```\n");
        assert_eq!(overlaps(&fenced, &[SAID], &[]), vec![]);
        assert_eq!(overlaps(SAID, &[SAID], &[SAID]), vec![]);
        assert_ne!(overlaps(&format!("```\n{SAID}"), &[SAID], &[]), vec![]);
        assert_ne!(overlaps(&format!("`{SAID}`"), &[SAID], &[]), vec![]);
    }

    #[test]
    fn only_a_written_reason_lets_an_overlap_through() {
        let stopped = check(SAID, &[SAID], &[]).expect_err("an overlap");
        let stopped = stopped.override_with("  ").expect_err("no reason");
        let cleared = stopped.override_with("I dictated it to the model").expect("a reason");
        assert_eq!(cleared.reason(), Some("I dictated it to the model"));
    }
}
