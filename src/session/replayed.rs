//! What a replay did otherwise than its recording says. Compared are the words and calls of the model, what became of
//! each call, the edits by the hash of the file they left, the checks by verdict, figure and place, and the acts of the
//! person. Not compared are the texts of prompts and of tools' answers: they are made anew, and may say the same better.

use std::collections::BTreeMap;

use serde_json::Value;

use super::data::{Entry, Line, PersonStep};
use crate::agent::data::{Decision, Entry as ChatEntry, Mark, Message, Role, ToolOutcome};
use crate::harness::data::compare::{Change, Row, rows};
use crate::harness::data::{CheckVerdict, Figure, RunResult};
use crate::tools::data::Artifact;
use crate::util::text::truncate;

/// How far a figure above its bar may be from the recorded one; below it, the noise of [`rows`] is the measure.
const APART: f64 = 0.05;

/// One thing that happened, as far as it must happen again.
#[derive(Clone, Debug, PartialEq)]
enum Deed {
    Said { role: Role, text: String },
    Called { name: String, arguments: Value },
    Ended { call: String, how: &'static str },
    Decided(&'static str),
    Wrote { path: String, sha: String },
    Acted(PersonStep),
}

/// Gives each difference in a line; none where the replay did what the recording says.
pub fn differences(recorded: &[Line], played: &[Line]) -> Vec<String> {
    let (recorded, played) = (History::of(recorded), History::of(played));
    let mut out = Vec::new();
    for (at, deed) in recorded.deeds.iter().enumerate() {
        if played.deeds.get(at) != Some(deed) {
            let there = played.deeds.get(at).map_or("nothing".into(), words);
            out.push(format!("recorded: {}; now: {there}", words(deed)));
            // What follows would only be out of step.
            break;
        }
    }
    if let (true, Some(more)) = (out.is_empty(), played.deeds.get(recorded.deeds.len())) {
        out.push(format!("not recorded: {}", words(more)));
    }
    for (about, result) in &recorded.checks {
        match played.checks.get(about) {
            Some(now) => out.extend(unlike(result, now).map(|text| format!("check {about}: {text}"))),
            None => out.push(format!("check {about}: recorded, and not made now")),
        }
    }
    out
}

/// A session, reduced.
#[derive(Default)]
struct History<'a> {
    deeds: Vec<Deed>,
    /// By what they were of: a call's number, or a saved file's hash.
    checks: BTreeMap<String, &'a RunResult>,
}

impl<'a> History<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let mut history = Self::default();
        let mut calls: Vec<&str> = Vec::new();
        for line in lines {
            match &line.entry {
                Entry::Chat { entry: ChatEntry::Message { message } } if message.mark == Mark::Whole => {
                    history.said(message);
                    calls.extend(message.tool_calls.iter().map(|call| call.id.as_str()));
                }
                Entry::Chat { entry: ChatEntry::ToolEnded { call_id, outcome } } => {
                    let call = numbered(&calls, call_id);
                    history.deeds.push(Deed::Ended { call, how: how(outcome) });
                }
                Entry::Chat { entry: ChatEntry::Decided { decision, .. } } => {
                    history.deeds.push(Deed::Decided(decided(decision)));
                }
                Entry::Tool { call_id, artifacts, .. } => {
                    artifacts.iter().for_each(|artifact| history.left(artifact, &numbered(&calls, call_id)));
                }
                Entry::Check { result } => {
                    history.checks.insert(format!("of the port saved as {}", saved(result)), result);
                }
                Entry::Person { step } if step.is_for_pr() => history.deeds.push(Deed::Acted(step.clone())),
                _ => {}
            }
        }
        history
    }

    fn said(&mut self, message: &Message) {
        if !matches!(message.role, Role::User | Role::Assistant) {
            return;
        }
        let text = message.content.split_whitespace().collect::<Vec<_>>().join(" ");
        self.deeds.push(Deed::Said { role: message.role, text });
        for call in &message.tool_calls {
            // What is no JSON is compared as it stands.
            let arguments = serde_json::from_str(&call.arguments)
                .unwrap_or_else(|_| Value::String(call.arguments.clone()));
            self.deeds.push(Deed::Called { name: call.name.clone(), arguments });
        }
    }

    fn left(&mut self, artifact: &'a Artifact, call: &str) {
        match artifact {
            Artifact::Check { result } => {
                self.checks.insert(format!("by {call}"), result);
            }
            Artifact::Edit { receipt } => {
                let path = receipt.path.to_string_lossy();
                let path = path.rsplit_once("checkouts/mlx-lm/").map_or(&*path, |(_, path)| path).to_string();
                self.deeds.push(Deed::Wrote { path, sha: receipt.new_sha.clone() });
            }
        }
    }
}

/// Ids are given anew where a turn is served again; places are not.
fn numbered(calls: &[&str], id: &str) -> String {
    calls.iter().position(|known| *known == id).map_or(format!("call {id}"), |at| format!("call {}", at + 1))
}

fn how(outcome: &ToolOutcome) -> &'static str {
    match outcome {
        ToolOutcome::Done { .. } => "done",
        ToolOutcome::Failed { .. } => "an error for the model",
        ToolOutcome::Stop { .. } => "an error that stops",
        ToolOutcome::Interrupted { .. } => "interrupted",
    }
}

fn decided(decision: &Decision) -> &'static str {
    match decision {
        Decision::Accept => "accepted",
        Decision::AcceptEdited { .. } => "accepted with a change",
        Decision::AcceptPart { .. } => "accepted in part",
        Decision::Deny { .. } => "refused",
    }
}

fn saved(result: &RunResult) -> String {
    let sha = result.environment.get("port").and_then(|port| port.get("sha256")?.as_str());
    sha.map_or("an unknown file".into(), |sha| sha.chars().take(12).collect())
}

fn words(deed: &Deed) -> String {
    match deed {
        Deed::Said { role: Role::User, text } => format!("the person said \"{}\"", truncate(text, 60)),
        Deed::Said { text, .. } => format!("the model said \"{}\"", truncate(text, 60)),
        Deed::Called { name, arguments } => {
            format!("the model called {name} {}", truncate(&arguments.to_string(), 60))
        }
        Deed::Ended { call, how } => format!("{call} ended: {how}"),
        Deed::Decided(decision) => format!("the edit was {decision}"),
        Deed::Wrote { path, sha } => format!("{path} written as {}", sha.get(..12).unwrap_or(sha)),
        Deed::Acted(step) => format!("the person did: {}", step.words()),
    }
}

/// Says how a run differs from the recorded one. Checks that the recording lacks are news, no difference.
fn unlike(recorded: &RunResult, now: &RunResult) -> impl Iterator<Item = String> {
    let rows = rows(recorded, now).into_iter().filter(|row| row.change != Change::Added && !alike(row));
    rows.map(|row| {
        let about = [row.variant.as_deref(), row.twin.as_deref()].into_iter().flatten();
        let about = std::iter::once(row.id.as_str()).chain(about).collect::<Vec<_>>().join(" ");
        let side = |side: Option<&crate::harness::data::compare::Side>| match side {
            None => "nothing".to_string(),
            Some(side) => {
                let figure = side.figure.as_ref().map(|figure| format!(" {figure}")).unwrap_or_default();
                let module = side.module.as_ref().map(|module| format!(" at {module}")).unwrap_or_default();
                format!("{}{figure}{module}", side.verdict.sign())
            }
        };
        format!("{about}: recorded {}, now {}", side(row.before.as_ref()), side(row.after.as_ref()))
    })
}

fn alike(row: &Row) -> bool {
    let (Some(before), Some(after)) = (&row.before, &row.after) else { return false };
    let number = |figure: &Option<Figure>| figure.as_ref().and_then(Figure::number);
    let close = match (before.verdict, number(&before.figure), number(&after.figure)) {
        (CheckVerdict::Fail | CheckVerdict::Suspect, Some(old), Some(new)) => {
            (old - new).abs() <= APART * old.abs().max(new.abs())
        }
        _ => matches!(row.change, Change::Same | Change::Noise),
    };
    close && before.verdict == after.verdict && before.module == after.module
}
