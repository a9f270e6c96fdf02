//! The gates before the hand-over. What can be known now is computed; the rest says that it was not checked. The
//! person may override any of them in writing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FieldId, PrSnapshot, Template, Voice};

/// One gate, from upstream-policy.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateId {
    ReferenceKnown,
    ArchitectureSummarised,
    ConfigDifferencesRead,
    HunksAccepted,
    ChecksCurrent,
    TestFailsOnMain,
    FormatterClean,
    DuplicatesSearched,
    TemplateComplete,
    RulesUnchanged,
    /// The whole prose against the assistant's messages: catches what no paste brought in.
    ProseOwn,
}

/// All gates in the order they are shown.
pub const ALL: [GateId; 11] = [
    GateId::ReferenceKnown,
    GateId::ConfigDifferencesRead,
    GateId::HunksAccepted,
    GateId::ChecksCurrent,
    GateId::TestFailsOnMain,
    GateId::FormatterClean,
    GateId::DuplicatesSearched,
    GateId::ArchitectureSummarised,
    GateId::TemplateComplete,
    GateId::ProseOwn,
    GateId::RulesUnchanged,
];

/// How a gate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    Pass,
    Fail,
    /// Not checked yet, or no way to know.
    Unknown,
    /// Open, but the person answers for it, with this reason.
    Overridden(String),
}

/// A gate as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub id: GateId,
    pub state: GateState,
    /// One short sentence: what is so, or what is missing.
    pub text: String,
}

impl Gate {
    /// Says whether the hand-over may go on as far as this gate is concerned.
    pub fn open(&self) -> bool {
        matches!(self.state, GateState::Pass | GateState::Overridden(_))
    }
}

/// What a record says about a gate that others check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass(String),
    Fail(String),
}

/// A run of the checks: over which tree, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRun {
    pub run: String,
    /// SHA-256 of the port file that was checked, as the harness records it.
    pub port_sha: String,
    pub passed: Passed,
}

/// How a run of the checks ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passed {
    Yes,
    No,
}

/// What the rest of the program knows, gathered by `app`. Anything missing makes its gate say "not checked yet".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The reference implementation, as a path or an address.
    pub reference: Option<String>,
    /// The last finished run of the checks.
    pub checks: Option<CheckRun>,
    /// SHA-256 of the port file as it is staged.
    pub staged_port_sha: Option<String>,
    /// Proposals of the model that wait for a decision.
    pub waiting_hunks: Option<usize>,
    /// Stretches of the person's prose that an assistant message has too.
    pub overlaps: Option<usize>,
    /// Records of gates that are checked elsewhere: formatter, duplicates, the test on main, the person's own marks.
    pub records: BTreeMap<GateId, Verdict>,
    /// The person's written reasons.
    pub overrides: BTreeMap<GateId, String>,
}

/// Computes every gate, in order.
pub fn gates(
    known: &Known,
    snapshot: Option<&PrSnapshot>,
    template: Option<&Template>,
    voices: &BTreeMap<FieldId, Voice>,
) -> Vec<Gate> {
    let one = |id: GateId| {
        let (state, text) = state(id, known, snapshot, template.map(|template| (template, voices)));
        match known.overrides.get(&id) {
            Some(reason) if state != GateState::Pass => {
                Gate { id, state: GateState::Overridden(reason.clone()), text }
            }
            _ => Gate { id, state, text },
        }
    };
    ALL.into_iter().map(one).collect()
}

type Filled<'a> = Option<(&'a Template, &'a BTreeMap<FieldId, Voice>)>;

fn state(
    id: GateId,
    known: &Known,
    snapshot: Option<&PrSnapshot>,
    filled: Filled<'_>,
) -> (GateState, String) {
    match known.records.get(&id) {
        Some(Verdict::Pass(text)) => return (GateState::Pass, text.clone()),
        Some(Verdict::Fail(text)) => return (GateState::Fail, text.clone()),
        None => {}
    }
    match id {
        GateId::ReferenceKnown => match &known.reference {
            Some(reference) => (GateState::Pass, format!("reference known: {reference}")),
            None => (GateState::Fail, "no reference implementation is known".into()),
        },
        GateId::HunksAccepted => match known.waiting_hunks {
            Some(0) => (GateState::Pass, "no proposal of the model waits".into()),
            Some(count) => {
                (GateState::Fail, format!("{count} of the model's proposals wait for you in the chat"))
            }
            None => unchecked("every model hunk decided"),
        },
        GateId::ChecksCurrent => checks(known, snapshot),
        GateId::TemplateComplete => complete(filled),
        GateId::ProseOwn => match known.overlaps {
            Some(0) => (GateState::Pass, "your prose repeats no message of the model".into()),
            Some(count) => {
                (GateState::Fail, format!("{count} stretches of your prose are in the model's messages"))
            }
            None => unchecked("prose compared with the chat"),
        },
        GateId::ArchitectureSummarised => unchecked("architecture in your own words"),
        GateId::ConfigDifferencesRead => unchecked("config differences read"),
        GateId::TestFailsOnMain => unchecked("new test fails on main"),
        GateId::FormatterClean => unchecked("formatter clean"),
        GateId::DuplicatesSearched => unchecked("duplicates searched"),
        GateId::RulesUnchanged => unchecked("upstream's rules unchanged"),
    }
}

fn unchecked(what: &str) -> (GateState, String) {
    (GateState::Unknown, format!("{what}: not checked yet"))
}

fn checks(known: &Known, snapshot: Option<&PrSnapshot>) -> (GateState, String) {
    let Some(run) = &known.checks else { return unchecked("checks at the staged tree") };
    let short: String = run.run.chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect();
    if run.passed == Passed::No {
        return (GateState::Fail, format!("the checks failed (run {short})"));
    }
    if snapshot.is_none() {
        return unchecked("checks at the staged tree");
    }
    match &known.staged_port_sha {
        Some(staged) if *staged == run.port_sha => (GateState::Pass, format!("checks current (run {short})")),
        Some(_) => (GateState::Fail, format!("run {short} checked another version than the staged one")),
        None => (GateState::Unknown, "the port is not staged yet".into()),
    }
}

fn complete(filled: Filled<'_>) -> (GateState, String) {
    let Some((template, voices)) = filled else { return unchecked("template") };
    let missing: Vec<&str> = template.missing(voices).map(|field| field.label.as_str()).collect();
    match missing.as_slice() {
        [] => (GateState::Pass, "template complete".into()),
        [one] => (GateState::Fail, format!("template: {one} is empty")),
        [first, rest @ ..] => {
            (GateState::Fail, format!("template: {first} and {} more are empty", rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_of(known: &Known, id: GateId) -> GateState {
        let all = gates(known, None, None, &BTreeMap::new());
        all.into_iter().find(|gate| gate.id == id).expect("every gate is listed").state
    }

    #[test]
    fn what_nobody_checked_is_unknown_and_never_a_pass() {
        let all = gates(&Known::default(), None, None, &BTreeMap::new());
        assert_eq!(all.len(), ALL.len());
        assert!(all.iter().all(|gate| !gate.open()));
    }

    #[test]
    fn an_override_is_kept_with_its_reason_and_does_not_hide_a_pass() {
        let mut known = Known::default();
        known.overrides.insert(GateId::DuplicatesSearched, "looked by hand".into());
        known.overrides.insert(GateId::ReferenceKnown, "x".into());
        known.reference = Some("modeling_arcee.py".into());
        assert_eq!(
            state_of(&known, GateId::DuplicatesSearched),
            GateState::Overridden("looked by hand".into())
        );
        assert_eq!(state_of(&known, GateId::ReferenceKnown), GateState::Pass);
    }
}
