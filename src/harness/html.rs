//! One run as one self-contained HTML page: no script, no font, no address outside. Pure. Everything measured is in it,
//! with the run's id; what the worker said is untrusted text and is escaped.

use std::fmt::Write;

use super::data::{CheckRecord, CheckVerdict, Environment, Figure, StoredRun, bar, scientific};
use super::files;
use crate::util::text::html as escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;\
background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}td.n{text-align:right;\
font-variant-numeric:tabular-nums;white-space:nowrap}.pass{color:#116329}.suspect{color:#8a5a00}.fail,.error{color:#b3261e}\
.dim{color:#666}code,pre{font:13px/1.4 ui-monospace,monospace}pre{background:#f5f5f5;padding:.7rem;overflow:auto}\
svg{width:100%;height:auto}@media(prefers-color-scheme:dark){body{background:#16181c;color:#e3e3e3}td,th{border-color:#333}\
pre{background:#22252a}.pass{color:#5fc27e}.suspect{color:#e0b050}.fail,.error{color:#ff8a80}.dim{color:#9a9a9a}}";

/// Writes the page. `stale` says why the evidence no longer speaks of the files, nothing where it does.
pub fn page(run: &StoredRun, stale: &[String]) -> String {
    let result = &run.result;
    let title = format!("{} · {} · {}", result.model_type, result.verdict.name(), result.run_id);
    let mut out = String::with_capacity(32 << 10);
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{}</title><style>{STYLE}</style></head><body>",
        escape(&title)
    );
    head(&mut out, run, stale);
    table(&mut out, &result.checks);
    for record in &result.checks {
        details(&mut out, record);
    }
    out.push_str("<h2>To reproduce</h2><pre>");
    out.push_str(&escape(&files::reproduce(run)));
    out.push_str("</pre><h2>Environment</h2><table>");
    environment(&mut out, "", &result.environment);
    out.push_str("</table></body></html>\n");
    out
}

fn head(out: &mut String, run: &StoredRun, stale: &[String]) {
    let result = &run.result;
    let _ = write!(
        out,
        "<h1>{}: <span class=\"{}\">{}</span></h1><p>Run <code>{}</code>, asked {}, {:.2} s. Family {}, variant {}.</p>",
        escape(&result.model_type),
        class(result.verdict.name()),
        result.verdict.name(),
        escape(&result.run_id),
        escape(&run.asked),
        run.seconds,
        escape(&result.family),
        escape(&result.variant)
    );
    if let Some(port) = &run.port {
        let _ = write!(
            out,
            "<p>Port <code>{}</code><br><span class=\"dim\">sha256 {}</span></p>",
            escape(&port.path.display().to_string()),
            escape(&port.sha256)
        );
    }
    for reason in stale {
        let _ = write!(out, "<p class=\"suspect\">Stale: {}.</p>", escape(reason));
    }
    out.push_str(
        "<p class=\"dim\">Measured by a program; no language model took part. A pass says that on these inputs no \
         difference beyond rounding was found. A fail says “differs from transformers at this version”. A person \
         decides.</p>",
    );
}

fn table(out: &mut String, checks: &[CheckRecord]) {
    out.push_str(
        "<h2>Checks</h2><table><tr><th></th><th>check</th><th>variant, twin</th><th>figure</th><th>bar</th>\
         <th>floor</th><th>× floor</th><th>first divergence</th><th>seconds</th></tr>",
    );
    let mut sorted: Vec<&CheckRecord> = checks.iter().collect();
    sorted.sort_by_key(|record| record.verdict.rank());
    for record in sorted {
        let number = |figure: &Option<Figure>| figure.as_ref().and_then(Figure::number);
        let shown = |figure: &Option<Figure>| figure.as_ref().map_or_else(|| "–".into(), ToString::to_string);
        let multiple = match (number(&record.figure), number(&record.floor)) {
            (Some(figure), Some(floor)) if floor > 0.0 => format!("{:.1}", figure / floor),
            _ => "–".into(),
        };
        let place = record.first_divergence.as_ref().filter(|_| record.verdict != CheckVerdict::Pass);
        let at = record.bar.as_ref().map_or_else(|| "–".into(), |at| at.number().map_or(at.to_string(), bar));
        let about = [record.variant.as_deref(), record.twin.as_deref()];
        let _ = write!(
            out,
            "<tr><td class=\"{}\">{} {}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{:.2}</td></tr>",
            class(record.verdict.name()),
            record.verdict.sign(),
            record.verdict.name(),
            escape(record.id.name()),
            escape(&about.into_iter().flatten().collect::<Vec<_>>().join(" · ")),
            escape(&shown(&record.figure)),
            escape(&at),
            escape(&shown(&record.floor)),
            multiple,
            escape(place.map_or("", |place| &place.module)),
            record.seconds
        );
    }
    out.push_str("</table>");
}

fn details(out: &mut String, record: &CheckRecord) {
    let plain = record.findings.is_empty() && record.error.is_none() && record.series.is_empty();
    if plain && record.extra.is_empty() {
        return;
    }
    let about = [Some(record.id.name()), record.variant.as_deref(), record.twin.as_deref()];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let _ = write!(out, "<h2>{} {}</h2>", record.verdict.sign(), escape(&about));
    if let Some(metric) = &record.metric {
        let _ = write!(out, "<p class=\"dim\">{}</p>", escape(metric));
    }
    if let Some(error) = &record.error {
        let hint = error.hint.as_deref().unwrap_or_default();
        let _ = write!(out, "<p class=\"error\">{}</p><p>{}</p>", escape(&error.text), escape(hint));
    }
    if let Some(place) = &record.first_divergence {
        let at = |at: &Option<String>| escape(at.as_deref().unwrap_or("no place known"));
        let _ = write!(
            out,
            "<p>First divergence: <code>{}</code><br>reference <code>{}</code><br>port <code>{}</code></p>",
            escape(&place.module),
            at(&place.reference),
            at(&place.port)
        );
    }
    for finding in &record.findings {
        let _ = write!(out, "<p>Finding: {}</p>", escape(&finding.text));
    }
    plot(out, record);
    if !record.extra.is_empty() {
        let text = serde_json::to_string_pretty(&record.extra).unwrap_or_default();
        let _ = write!(out, "<details><summary>More figures</summary><pre>{}</pre></details>", escape(&text));
    }
}

/// Draws the divergence per layer on a log scale, with the bar as a line.
fn plot(out: &mut String, record: &CheckRecord) {
    let (width, height, left, low) = (900.0, 180.0, 60.0, 1e-9);
    let values: Vec<(&str, Option<f64>)> = record
        .series
        .iter()
        .map(|(name, figure)| (name.as_str(), figure.as_ref().and_then(Figure::number)))
        .collect();
    if values.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    let limit = record.bar.as_ref().and_then(Figure::number).unwrap_or(1e-5);
    let finite = values.iter().filter_map(|(_, value)| *value).filter(|value| value.is_finite());
    let top = finite.fold(limit * 10.0, f64::max);
    let y = |value: f64| {
        let part = (value.clamp(low, top) / low).log10() / (top / low).log10();
        height - 20.0 - part * (height - 40.0)
    };
    let step = (width - left) / values.len() as f64;
    let _ =
        write!(out, "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"error per module\">");
    for (index, (name, value)) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let (x, at) = (left + step * index as f64, y(*value));
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{at:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"><title>{} {}</title></rect>",
            (step * 0.8).max(0.8),
            height - 20.0 - at,
            if *value > limit { "#c0392b" } else { "#2e7d4f" },
            escape(name),
            scientific(*value)
        );
    }
    let at = y(limit);
    let _ = write!(
        out,
        "<line x1=\"{left}\" x2=\"{width}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#888\" stroke-dasharray=\"4 3\"/>\
         <text x=\"0\" y=\"{:.1}\" font-size=\"11\" fill=\"#888\">bar {}</text>\
         <text x=\"0\" y=\"16\" font-size=\"11\" fill=\"#888\">{}</text></svg>",
        at + 4.0,
        bar(limit),
        scientific(top)
    );
}

fn environment(out: &mut String, above: &str, facts: &Environment) {
    for (key, value) in facts {
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            serde_json::Value::Object(inner) => environment(out, &name, inner),
            serde_json::Value::String(text) => pair(out, &name, text),
            other => pair(out, &name, &other.to_string()),
        }
    }
}

fn pair(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<tr><td>{}</td><td><code>{}</code></td></tr>", escape(name), escape(text));
}

fn class(verdict: &str) -> &str {
    match verdict {
        "pass" | "suspect" | "fail" | "error" => verdict,
        _ => "dim",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = include_str!("../../tests/fixtures/harness/run.json");

    #[test]
    fn the_page_is_self_contained_and_what_a_worker_said_is_text() {
        let mut result: super::super::data::RunResult = serde_json::from_str(RUN).expect("a run");
        result.variant = "<script>alert(1)</script>\x1b[2J".into();
        let run = StoredRun {
            asked: "2026-11-25T00:00:00Z".into(),
            seconds: 1.0,
            port: None,
            configs: Vec::new(),
            harness: None,
            ground: Default::default(),
            result,
        };
        let page = page(&run, &["the port has changed since".into()]);
        assert!(
            page.contains(&run.result.run_id) && page.contains("<svg") && page.contains("Stale: the port")
        );
        for forbidden in ["<script", "http://", "https://", "\x1b", "src="] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
