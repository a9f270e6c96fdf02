//! `summary.md` and `reproduce.md` beside a stored run, and the harness's own source that they are pinned to. Pure but
//! for [`keep_sources`].

use std::fmt::Write;
use std::path::Path;

use super::data::{CheckRecord, Figure, StoredRun, bar};
use super::embed;
use super::error::HarnessError;
use crate::util::text::one_line;

/// Keeps the harness's source once per content, `results/sources/<hash>`: the package, its project file and lock.
pub fn keep_sources(results: &Path) -> Result<(), HarnessError> {
    embed::archive(&results.join("sources").join(short(embed::hash())))
}

/// Writes a run's table in Markdown.
pub fn summary(run: &StoredRun) -> String {
    let result = &run.result;
    let mut out = format!(
        "# {}: {}\n\nRun {}, asked {}, {:.2} s, family {}, variant {}.\n",
        one_line(&result.model_type),
        result.verdict.name(),
        result.run_id,
        run.asked,
        run.seconds,
        one_line(&result.family),
        one_line(&result.variant)
    );
    if let Some(port) = &run.port {
        let _ = writeln!(out, "\nPort `{}`, sha256 {}.", port.path.display(), port.sha256);
    }
    out.push_str(
        "\n| check | variant, twin | verdict | figure | bar | floor | first divergence | seconds |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for record in &result.checks {
        row(&mut out, record);
    }
    for record in &result.checks {
        if let Some(error) = &record.error {
            let _ = writeln!(out, "\n- {}: {}", record.id, one_line(&error.text));
        }
        for finding in &record.findings {
            let _ = writeln!(out, "\n- {}: {}", record.id, one_line(&finding.text));
        }
    }
    out
}

fn row(out: &mut String, record: &CheckRecord) {
    let shown = |figure: &Option<Figure>| figure.as_ref().map_or_else(|| "–".into(), ToString::to_string);
    let at = record.bar.as_ref().map_or_else(|| "–".into(), |at| at.number().map_or(at.to_string(), bar));
    let about = [record.variant.as_deref(), record.twin.as_deref()];
    let about = about.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(" · ");
    let place = record.first_divergence.as_ref().map_or("–", |place| &place.module);
    let _ = writeln!(
        out,
        "| {} | {about} | {} | {} | {at} | {} | {} | {:.2} |",
        record.id,
        record.verdict.name(),
        shown(&record.figure),
        shown(&record.floor),
        one_line(place),
        record.seconds
    );
}

/// Writes how to get the same verdict without this program: one command, pinned to the source and the versions.
pub fn reproduce(run: &StoredRun) -> String {
    let result = &run.result;
    let source = run
        .harness
        .as_deref()
        .map_or("src/harness/python".into(), |hash| format!("../sources/{}", short(hash)));
    let mut command = format!("uvx --from {source} mlxport-harness check {}", word(&result.family));
    let _ = match result.family.as_str() {
        "twin" => write!(command, " {}", word(&result.model_type)),
        _ => write!(command, " {}", word(&result.variant)),
    };
    if run.port.is_some() {
        command.push_str(" --port port.py");
    }
    for index in 0..run.configs.len() {
        let _ = write!(command, " --config configs/{index}/config.json");
    }
    if result.family == "twin" {
        let mut ids: Vec<&str> = result.checks.iter().map(|record| record.id.name()).collect();
        ids.dedup();
        let _ = write!(command, " --checks {}", ids.join(","));
        if let Some(seed) = result.environment.get("seed") {
            let _ = write!(command, " --seed {seed}");
        }
    }
    let mut out = format!("In this run's folder, with uv:\n\n    {command}\n\n");
    if let Some(hash) = &run.harness {
        let _ = writeln!(out, "Harness sources: sha256 {hash}, kept in {source}.");
    }
    if let Some(port) = &run.port {
        let _ = writeln!(out, "Port: sha256 {}, kept as port.py.", port.sha256);
    }
    for (index, config) in run.configs.iter().enumerate() {
        let _ = writeln!(out, "Config {index}: sha256 {}, from {}.", config.sha256, config.path.display());
    }
    if let Some(serde_json::Value::Object(versions)) = result.environment.get("versions") {
        let versions =
            versions.iter().map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or("?")));
        let _ = writeln!(out, "Measured with {}.", versions.collect::<Vec<_>>().join(", "));
    }
    out
}

fn short(hash: &str) -> &str {
    &hash[..hash.len().min(16)]
}

/// Quotes what a shell would read as more than a word.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_string(),
        false => format!("'{}'", one_line(text).replace('\'', "'\\''")),
    }
}
