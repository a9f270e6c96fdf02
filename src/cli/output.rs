//! The one place that prints. Human text and `--json` go to stdout, progress and errors to stderr.

#![expect(clippy::print_stderr, reason = "the one place that prints")]

use std::io::Write;

use crate::util::blame::Report;

/// Prints one line on stdout. A closed pipe is the reader's choice, not an error.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Prints one JSON object on stdout.
pub fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&text),
        Err(error) => eprintln!("mlxport: cannot write JSON: {error}"),
    }
}

/// Prints a line of progress on stderr.
pub fn progress(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints an error, whose fault it is, and the way out.
pub fn error(report: &Report) {
    let whose = report.blame.whose();
    eprintln!("mlxport: {}", report.text);
    if let Some(detail) = &report.detail {
        for text in detail.lines() {
            eprintln!("  | {text}");
        }
    }
    eprintln!("  fault: {whose}");
    if let Some(hint) = &report.hint {
        eprintln!("  next:  {hint}");
    }
}
