//! Session entries as labelled lines: `[label] text`, no escapes, for screen readers, logs and CI. A second renderer over
//! the same entries that the log keeps.

use crate::agent::data::policy::RuleChange;
use crate::agent::data::{Decision, Entry as Chat, Message, Role, ToolOutcome};
use crate::harness::data::RunResult;
use crate::harness::report;
use crate::session::data::{Entry, PersonStep};
use crate::tools::data::Artifact;
use crate::util::blame::Report;
use crate::util::text::neutralise;

/// The longest tool output shown whole; the rest is counted.
const TOOL_LINES: usize = 12;

/// Gives an entry's lines; live entries (drafts, pane states) have none.
pub fn lines(entry: &Entry) -> Vec<String> {
    match entry {
        Entry::Chat { entry } => chat(entry),
        Entry::Tool { summary, artifacts, .. } => {
            let mut out = labelled("tool", summary);
            for artifact in artifacts {
                if let Artifact::Check { result } = artifact {
                    out.extend(run(result));
                }
            }
            out
        }
        Entry::Reader { entry } => reader(entry),
        Entry::Check { result } => run(result),
        Entry::Edit { receipt } => labelled("edit", &format!("{} saved", receipt.path.display())),
        Entry::Setup { text } => labelled("setup", text),
        Entry::Person { step } => labelled("person", &person(step)),
        Entry::Note { label, text } => labelled(label, text),
        Entry::Error { report } => error(report),
        Entry::Provenance { .. }
        | Entry::Voice { .. }
        | Entry::Header(_)
        | Entry::Draft(_)
        | Entry::Pane { .. }
        | Entry::Unknown => Vec::new(),
    }
}

/// Gives a text as labelled lines.
pub fn labelled(label: &str, text: &str) -> Vec<String> {
    neutralise(text).lines().map(|line| format!("[{label}] {line}").trim_end().to_string()).collect()
}

fn chat(entry: &Chat) -> Vec<String> {
    match entry {
        Chat::Message { message } => said(message),
        Chat::ToolEnded { outcome: ToolOutcome::Stop { report }, .. } | Chat::Stopped { report } => {
            error(report)
        }
        Chat::ToolEnded { outcome: ToolOutcome::Failed { text }, .. } => labelled("tool failed", text),
        Chat::ToolEnded { .. } | Chat::Usage { .. } | Chat::Queue { .. } | Chat::Summarised { .. } => {
            Vec::new()
        }
        Chat::Pinned { pin } => labelled("fact", &format!("{}: {}", pin.kind.name(), pin.text)),
        Chat::Compacted { upto, summary, .. } => {
            labelled("condensed", &format!("facts and this summary stand for {upto} messages\n{summary}"))
        }
        Chat::NotCompacted { why } => labelled("not condensed", why),
        Chat::Proposed { proposal } if !proposal.scope.is_file() => {
            let mut out = labelled("proposal", &proposal.title);
            out.extend(labelled("run", &proposal.after));
            out
        }
        Chat::Proposed { proposal } => {
            let mut out = labelled("proposal", &format!("{} ({})", proposal.title, proposal.path));
            out.extend(labelled("diff", &diff(&proposal.before, &proposal.after)));
            out
        }
        Chat::Rebased { proposal, lost } => {
            let mut out = labelled("fitted onto the changed file", &proposal.path);
            out.extend(labelled("diff", &diff(&proposal.before, &proposal.after)));
            out.extend(labelled("not taken", lost));
            out
        }
        Chat::Decided { decision, by, .. } => {
            let said = match decision {
                Decision::Accept => "accepted".to_string(),
                Decision::AcceptEdited { .. } => "accepted with a change".to_string(),
                Decision::AcceptPart { written, declined, .. } => {
                    format!("accepted in part: {} of {} hunks", written.len(), written.len() + declined.len())
                }
                Decision::Deny { reason } => format!("refused: {reason}"),
            };
            let by = by.words().map_or(String::new(), |by| format!(" {by}"));
            labelled("decision", &format!("{said}{by}"))
        }
        Chat::Undone { diff, .. } => labelled("taken back", diff),
        Chat::Mode { mode } => labelled("edits", &format!("{}: {}", mode.name(), mode.words())),
        Chat::Rule { rule, change } => match change {
            RuleChange::Taken => labelled("rule", &rule.to_string()),
            RuleChange::Revoked => labelled("rule revoked", &rule.to_string()),
        },
        Chat::Failed { failure, retry_in_ms } => {
            let next =
                retry_in_ms.map_or(String::new(), |wait| format!("; again in {} s", wait.div_ceil(1000)));
            labelled("endpoint", &format!("{}{next}", failure.text))
        }
    }
}

/// What it was given to read is left out: it is the diff, which the person has.
fn reader(entry: &Chat) -> Vec<String> {
    match entry {
        Chat::Message { message } if message.role == Role::Assistant => {
            let mut out = labelled("second reader", &message.content);
            out.extend(
                message.tool_calls.iter().flat_map(|call| labelled("second reader reads", &call.name)),
            );
            out
        }
        Chat::Stopped { report } => error(report),
        _ => Vec::new(),
    }
}

fn said(message: &Message) -> Vec<String> {
    match message.role {
        Role::System => Vec::new(),
        Role::User => labelled("you", &message.content),
        Role::Assistant => {
            let mut out = labelled("model", &message.content);
            for call in &message.tool_calls {
                out.extend(labelled("call", &call.name));
            }
            out
        }
        Role::Tool => {
            let lines = message.content.lines().collect::<Vec<_>>();
            let mut out = labelled("result", &lines[..lines.len().min(TOOL_LINES)].join("\n"));
            if lines.len() > TOOL_LINES {
                out.push(format!("[result] … {} more lines", lines.len() - TOOL_LINES));
            }
            out
        }
    }
}

fn diff(before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(2).to_string()
}

fn run(result: &RunResult) -> Vec<String> {
    report::lines(result).iter().flat_map(|line| labelled(line.label, &line.text)).collect()
}

fn person(step: &PersonStep) -> String {
    match step {
        PersonStep::Commit { message } => format!("commits: {message}"),
        PersonStep::Push { branch } => format!("types {branch} and pushes to the fork"),
        PersonStep::Voice { field, text } => format!("writes {field}: {text}"),
        other => other.words(),
    }
}

fn error(report: &Report) -> Vec<String> {
    let mut out = labelled("error", &report.text);
    out.extend(report.detail.iter().flat_map(|detail| labelled("error", detail)));
    out.extend(report.hint.iter().flat_map(|hint| labelled("next", hint)));
    out
}
