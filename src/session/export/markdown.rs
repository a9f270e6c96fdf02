//! The document as Markdown. What people and models said stands as they wrote it; outputs are folded, fences are longer than
//! any in them.

use std::fmt::Write;

use super::{Call, Document, Piece, prose};
use crate::agent::data::Mark;
use crate::util::text::{neutralise, one_line};

/// Writes the document.
pub fn page(document: &Document) -> String {
    let mut out = format!("# {}\n\n", one_line(&prose::title(document)));
    for (name, value) in prose::facts(document) {
        let _ = writeln!(out, "- {name}: {}", one_line(&value));
    }
    for piece in &document.pieces {
        out.push('\n');
        write_piece(&mut out, piece);
    }
    out
}

fn write_piece(out: &mut String, piece: &Piece) {
    match piece {
        Piece::Person { ts, text } => head(out, "Person", ts, text),
        Piece::Model { ts, text, reasoning, mark, reader } => {
            let who = if *reader { "Second reader (a language model)" } else { "Model" };
            head(out, who, ts, text);
            if !reasoning.trim().is_empty() {
                folded(out, "thought", &fenced("", reasoning));
            }
            if *mark != Mark::Whole {
                let _ = writeln!(out, "*{}*", prose::mark(*mark));
            }
        }
        Piece::Tool(call) => tool(out, call),
        Piece::Check { ts, result } => {
            let _ = writeln!(out, "## Check\n\n*{}*\n", prose::time(ts));
            out.push_str(&fenced("text", &prose::run(result)));
        }
        Piece::Condensed { ts, messages, pinned, summary } => {
            let words = format!(
                "From here on the model was sent facts and this summary in place of the first {messages} messages."
            );
            head(out, "Condensed", ts, &words);
            let facts: Vec<String> = pinned.iter().map(prose::fact).collect();
            folded(out, "facts and summary", &format!("{}\n\n{}\n", facts.join("\n"), neutralise(summary)));
        }
        Piece::Fact { ts, pin } => {
            let _ = writeln!(out, "{} ({})", neutralise(&prose::fact(pin)), prose::time(ts));
        }
        Piece::Act { ts, text } => head(out, "The person's act", ts, text),
        Piece::Note { label, text, .. } => {
            let _ = writeln!(out, "> {}: {}", one_line(label), neutralise(text).replace('\n', "\n> "));
        }
        Piece::Error { ts, report } => {
            head(out, "Error", ts, &report.text);
            if let Some(hint) = &report.hint {
                let _ = writeln!(out, "Next: {}", neutralise(hint));
            }
        }
    }
}

fn head(out: &mut String, who: &str, ts: &str, text: &str) {
    let _ = writeln!(out, "## {who}\n\n*{}*\n\n{}", prose::time(ts), neutralise(text.trim_end()));
}

fn tool(out: &mut String, call: &Call) {
    let who = if call.reader { "Tool of the second reader" } else { "Tool" };
    let _ = writeln!(out, "## {who}: {} ({})\n", one_line(&call.title), call.state);
    if !call.summary.is_empty() {
        let _ = writeln!(out, "{}\n", one_line(&call.summary));
    }
    if let Some(edit) = &call.edit {
        let _ = writeln!(out, "`{}`: {}\n", one_line(&edit.path), neutralise(&edit.decision));
        out.push_str(&fenced("diff", &edit.diff));
    }
    for result in &call.checks {
        out.push_str(&fenced("text", &prose::run(result)));
    }
    if call.edit.is_none() && !call.arguments.trim().is_empty() {
        folded(out, "arguments", &fenced("json", &call.arguments));
    }
    if !call.output.trim().is_empty() {
        let lines = call.output.lines().count();
        folded(out, &format!("output, {lines} lines"), &fenced("text", &call.output));
    }
}

fn folded(out: &mut String, name: &str, body: &str) {
    let _ = writeln!(out, "<details><summary>{name}</summary>\n\n{body}\n</details>");
}

fn fenced(language: &str, text: &str) -> String {
    let text = neutralise(text.trim_end());
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("{ticks}{language}\n{text}\n{ticks}\n")
}
