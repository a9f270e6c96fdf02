//! What discovery found, in words: lines for people, labelled lines, one JSON object.

use serde_json::{Value, json};

use super::line::{line, mark, words};
use crate::hub::data::discover::{Finding, Found, Group, Progress};
use crate::util::text::one_line;

/// Of what stands apart, so many are shown unless all are asked for.
const SOME: usize = 3;

/// One line for stderr.
pub fn progress(found: &Found) -> String {
    match &found.progress {
        Progress::Asking { what } => format!("[ask] {} ({} so far)", one_line(what), found.count()),
        Progress::Done => format!("[done] {} repositories", found.count()),
        Progress::Stopped => format!("[stop] interrupted; {} repositories so far", found.count()),
        Progress::Failed(report) => format!("[fail] {}", one_line(&report.text)),
    }
}

/// The tables that people read.
pub fn table(found: &Found, findings: &[Finding], all: bool) -> Vec<String> {
    let mut lines = vec![head(found)];
    lines
        .extend(found.officials.iter().map(|official| format!("  by {} ({})", official.owner, official.why)));
    for group in &found.groups {
        lines.push(String::new());
        lines.push(format!("{} ({})", group.title(), group.candidates.len()));
        let shown = shown(group, all);
        lines.extend(group.candidates[..shown].iter().map(|one| format!("  {}", line(one))));
        if shown < group.candidates.len() {
            lines.push(format!("  … {} more; --all lists them", group.candidates.len() - shown));
        }
    }
    let more = if found.more { "the Hub lists more: raise --limit" } else { "" };
    let notes = found.notes.iter().chain(findings.iter().map(|finding| &finding.note));
    let mut said: Vec<String> = notes.map(|note| format!("{} {}", mark(note.weight), words(note))).collect();
    said.extend(Some(more.to_string()).filter(|more| !more.is_empty()));
    if !said.is_empty() {
        lines.push(String::new());
        lines.extend(said);
    }
    lines.push(String::new());
    lines.push("★ official and original · ! gated or private · downloads of the last 30 days".into());
    lines
}

/// Labelled lines for screen readers and logs.
pub fn plain(found: &Found, findings: &[Finding], all: bool) -> Vec<String> {
    let mut lines = vec![format!("[found] {}", head(found))];
    for group in &found.groups {
        lines.push(format!("[group] {}, {} repositories", group.title(), group.candidates.len()));
        lines.extend(
            group.candidates[..shown(group, all)].iter().map(|one| format!("[variant] {}", line(one))),
        );
    }
    lines.extend(found.notes.iter().map(|note| format!("[note] {}", words(note))));
    lines.extend(findings.iter().map(|finding| format!("[exists] {}", words(&finding.note))));
    lines
}

/// One object: the search, the groups, the notes, the radar.
pub fn json(found: &Found, findings: &[Finding]) -> Value {
    let mut whole = json!({"schema": 1, "count": found.count()});
    if let (Value::Object(whole), Ok(Value::Object(found))) = (&mut whole, serde_json::to_value(found)) {
        whole.extend(found);
        whole.insert("radar".into(), json!(findings));
    }
    whole
}

fn head(found: &Found) -> String {
    let model_type = found.model_type.as_deref().unwrap_or("?");
    format!("{}: {} repositories", one_line(model_type), found.count())
}

fn shown(group: &Group, all: bool) -> usize {
    let most = if all || group.kind.is_original() { usize::MAX } else { SOME };
    group.candidates.len().min(most)
}
