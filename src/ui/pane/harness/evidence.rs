//! The whole record of the selected row, and the run it belongs to.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::rows;
use crate::app::pane::harness::{Last, Row, State};
use crate::harness::data::{CheckRecord, Environment, bar, scientific};
use crate::theme::Theme;
use crate::ui::widget::wrap::{Indent, wrap};
use crate::util::text::neutralise;

/// Gives the lines from the scroll position on.
pub fn lines(state: &State, area: Rect, theme: &Theme) -> Vec<Line<'static>> {
    let mut page = Page { lines: Vec::new(), width: area.width.saturating_sub(1), theme };
    if let Some(report) = &state.failed {
        page.head("No verdict", theme.fail);
        page.pair("why", &report.text);
        report.hint.iter().for_each(|hint| page.pair("next", hint));
        report.detail.iter().for_each(|detail| page.pair("last words", detail));
    }
    if let Some(row) = state.current() {
        page.record(row);
        if state.last.as_ref().is_some_and(|last| last.run_id != row.run_id) {
            page.pair("as of", &format!("run {}; below is the last run", row.run_id));
        }
    }
    if let Some(last) = &state.last {
        page.run(last);
    }
    let most = page.lines.len().saturating_sub(usize::from(area.height));
    page.lines.split_off(state.scroll.min(most))
}

fn times(multiple: f64) -> String {
    if multiple < 1000.0 { format!("{multiple:.1}") } else { scientific(multiple) }
}

struct Page<'a> {
    lines: Vec<Line<'static>>,
    width: u16,
    theme: &'a Theme,
}

impl Page<'_> {
    fn record(&mut self, row: &Row) {
        let record = &row.record;
        let name = [Some(record.id.name()), record.variant.as_deref(), record.twin.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let style = rows::style(record.verdict, self.theme);
        self.head(&format!("{} {name}: {}", record.verdict.sign(), record.verdict.name()), style);
        self.figures(record);
        if let Some(place) = &record.first_divergence {
            self.pair("diverges", &place.module);
            self.pair("reference", place.reference.as_deref().unwrap_or("no place known"));
            self.pair("port", place.port.as_deref().unwrap_or("no place known"));
        }
        if let Some(error) = &record.error {
            self.pair("error", &error.text);
            error.hint.iter().filter(|hint| !hint.is_empty()).for_each(|hint| self.pair("next", hint));
        }
        for finding in &record.findings {
            self.pair("finding", &finding.text);
        }
        self.extra(&record.extra);
        self.pair("of run", &row.run_id);
    }

    fn figures(&mut self, record: &CheckRecord) {
        let metric = record.metric.as_deref().filter(|metric| !metric.is_empty());
        metric.iter().for_each(|metric| self.pair("metric", metric));
        if let Some(figure) = &record.figure {
            let unit = record.unit.as_deref().unwrap_or_default();
            self.pair("figure", &format!("{figure} {unit}"));
        }
        if let Some(at) = &record.bar {
            self.pair("bar", &at.number().map_or_else(|| at.to_string(), bar));
        }
        if let Some(floor) = &record.floor {
            let multiple = match (record.figure.as_ref().and_then(|f| f.number()), floor.number()) {
                (Some(figure), Some(floor)) if floor > 0.0 => {
                    format!(" (the figure is {} × that)", times(figure / floor))
                }
                _ => String::new(),
            };
            self.pair("floor", &format!("{floor}{multiple}"));
        }
        let device = record.device.as_deref().unwrap_or("unknown device");
        self.pair("measured", &format!("on {device} in {:.2} s", record.seconds));
    }

    /// What only this check has, one line a value; a long list is counted, and whole in `run.json`.
    fn extra(&mut self, extra: &Environment) {
        for (key, value) in extra {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::String(text) => self.pair(key, text),
                serde_json::Value::Array(items) if items.len() > 12 => {
                    self.pair(key, &format!("{} entries, in the run's run.json", items.len()));
                }
                serde_json::Value::Object(inner) if inner.len() <= 24 => {
                    for (name, value) in inner {
                        self.pair(key, &format!("{name}: {value}"));
                    }
                }
                other => self.pair(key, &other.to_string()),
            }
        }
    }

    fn run(&mut self, last: &Last) {
        self.lines.push(Line::default());
        self.head(&format!("Run {}", last.run_id), self.theme.strong);
        self.pair("variant", &last.variant);
        self.pair("took", &format!("{:.2} s", last.seconds));
        last.port_sha256.iter().for_each(|sha| self.pair("port sha", sha));
        self.environment("", &last.environment);
    }

    fn environment(&mut self, above: &str, facts: &Environment) {
        for (key, value) in facts {
            let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            match value {
                serde_json::Value::Object(inner) => self.environment(&key, inner),
                serde_json::Value::String(text) => self.pair(&key, text),
                other => self.pair(&key, &other.to_string()),
            }
        }
    }

    fn head(&mut self, text: &str, style: Style) {
        let parts = [(neutralise(text), style.patch(self.theme.strong))];
        self.lines.extend(wrap(&parts, self.width, &Indent::all(" ", Style::default())));
    }

    fn pair(&mut self, name: &str, text: &str) {
        let name = neutralise(name);
        let label = Span::styled(format!("   {name:<10} "), self.theme.dim);
        let rest = vec![Span::raw(" ".repeat(14))];
        let parts = [(neutralise(text.trim_end()), Style::default())];
        self.lines.extend(wrap(&parts, self.width, &Indent { first: vec![label], rest }));
    }
}
