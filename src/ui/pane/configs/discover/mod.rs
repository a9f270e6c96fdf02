//! Draws [`crate::app::pane::configs::discover`]: a line that says what is asked, the list, a line about what the cursor is
//! on, and what the marks mean.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::foot::{self, Foot};
use crate::app::pane::configs::discover::{Line as Row, Mark, State, Typing};
use crate::app::pane::configs::list::table_height;
use crate::hub::data::discover::{
    Candidate, Fit, Found, Group, Note, Progress, Seen, SizeFrom, Standing, Weight, age,
};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::ui::frame::empty;
use crate::util::text::{one_line, truncate};

/// Gives the words beside the title.
pub fn subtitle(state: &State) -> String {
    let marked = match state.marks.count() {
        0 => String::new(),
        count => format!(", {count} marked"),
    };
    let count = state.found.as_ref().map_or(0, |found| found.count());
    if count == 0 && marked.is_empty() { String::new() } else { format!("{count} found{marked}") }
}

/// Draws the layer.
pub fn draw(canvas: &mut Canvas<'_, '_>, state: &State) {
    let area = canvas.area;
    if state.found.is_none() && state.problem.is_none() && !state.is_asking() {
        let lines = [
            "Checkpoints of the architecture on the Hub",
            "",
            "Official ones first, by size and kind; copies and fine-tunes stand apart.",
            "D discovers what is ported, o another: model_type, class, owner/name or link.",
        ];
        empty(canvas.frame, area, &lines, canvas.theme.dim);
    } else {
        head(canvas, state);
        let height = table_height((area.width, area.height));
        let top = state.top(height);
        for (at, row) in state.rows.iter().enumerate().skip(top).take(height) {
            let y = area.y + 1 + (at - top) as u16;
            line(canvas, state, (*row, at == state.cursor.at), Rect { y, height: 1, ..area });
        }
    }
    below(canvas, state);
}

fn head(canvas: &mut Canvas<'_, '_>, state: &State) {
    let theme = canvas.theme;
    let row = Rect { height: 1, ..canvas.area };
    let (text, style) = match (&state.wait, &state.problem, &state.found) {
        (Some((wait, until)), ..) => {
            let left = until.saturating_sub(state.now).div_ceil(1000);
            let text =
                format!("{}: attempt {} of {} in {left} s · Esc stops", wait.why, wait.attempt, wait.of);
            (text, theme.warn)
        }
        (None, _, Some(found)) => (about_search(found, state.is_asking()), theme.strong),
        (None, None, None) => {
            (format!("{} · asking · Esc stops", state.model.as_deref().unwrap_or_default()), theme.strong)
        }
        (None, Some(_), None) => (state.model.clone().unwrap_or_default(), theme.strong),
    };
    let text = truncate(&format!(" {}", one_line(&text)), usize::from(row.width));
    canvas.frame.render_widget(Line::styled(text, style), row);
}

fn about_search(found: &Found, asking: bool) -> String {
    let mut parts = vec![found.model_type.clone().unwrap_or_else(|| found.wanted.to_string())];
    match &found.progress {
        Progress::Asking { what } if asking => parts.push(format!("asking for {what} · Esc stops")),
        Progress::Asking { .. } | Progress::Stopped => parts.push("stopped".into()),
        Progress::Failed(_) => parts.push("not read to the end".into()),
        Progress::Done => {}
    }
    let owners: Vec<&str> = found.officials.iter().take(2).map(|official| official.owner.as_str()).collect();
    if !owners.is_empty() {
        parts.push(format!("by {}", owners.join(", ")));
    }
    if found.more {
        parts.push("more on the Hub: m".into());
    }
    parts.join(" · ")
}

fn line(canvas: &mut Canvas<'_, '_>, state: &State, (row, lit): (Row, bool), area: Rect) {
    let theme = canvas.theme;
    if lit && canvas.focused {
        canvas.frame.buffer_mut().set_style(area, theme.selected);
    }
    let mut spans = vec![Span::styled(if lit { "›" } else { " " }, theme.accent)];
    match row {
        Row::Heading(title) => spans.push(Span::styled(title, theme.strong)),
        Row::Note(_) | Row::Finding(_) => {
            if let Some(note) = state.note(row) {
                let (mark, style) = weight(note, theme);
                let text = truncate(&one_line(&note.text), usize::from(area.width).saturating_sub(5));
                spans.extend([Span::styled(format!("  {mark} "), style), Span::styled(text, theme.text)]);
            }
        }
        Row::Group(at) => {
            if let Some(group) = state.found.as_ref().and_then(|found| found.groups.get(at)) {
                spans.extend(group_line(state, group, theme));
            }
        }
        Row::Candidate(group, at) => {
            let one = state.found.as_ref().and_then(|found| found.groups.get(group)?.candidates.get(at));
            if let Some(one) = one {
                spans.extend(candidate_line(state, one, theme, usize::from(area.width)));
            }
        }
    }
    canvas.frame.render_widget(Line::from(spans), area);
}

fn group_line(state: &State, group: &Group, theme: &Theme) -> Vec<Span<'static>> {
    let open = state.is_open(group) || !state.filter.is_empty();
    let fold = if open { "▾ " } else { "▸ " };
    let marked = group.candidates.iter().filter(|one| state.marks.has(&one.id)).count();
    let count = match marked {
        0 => format!("  {}", group.candidates.len()),
        marked => format!("  {marked} of {} marked", group.candidates.len()),
    };
    let style = if group.kind.is_original() { theme.strong } else { theme.text };
    vec![
        Span::styled(fold, theme.dim),
        Span::styled(one_line(&group.title()), style),
        Span::styled(count, theme.dim),
    ]
}

fn candidate_line(state: &State, one: &Candidate, theme: &Theme, width: usize) -> Vec<Span<'static>> {
    let (mark, mark_style) = match state.marks.all.get(&one.id) {
        None => ("[ ] ", theme.dim),
        Some(Mark::Fetching) => ("[…] ", theme.accent),
        Some(Mark::Ready(_)) => ("[x] ", theme.accent),
        Some(Mark::Refused(_)) => ("[✗] ", theme.fail),
    };
    let star = if one.canonical { "★ " } else { "  " };
    let downloads = one.info.downloads.map(short).unwrap_or_default();
    let date = one.info.modified.as_deref().or(one.info.created.as_deref());
    let date = date.and_then(|date| date.get(..7)).unwrap_or("").to_string();
    // As many columns as the longest name needs, while figures and some words still fit.
    let names = state.longest.min(width.saturating_sub(38)).clamp(16, 60);
    let (words, name) = (words(one), truncate(&one_line(&one.id), names));
    let fixed = 1 + 2 + 4 + 2 + 8 + 8;
    let left = width.saturating_sub(fixed + names);
    let style = if state.filter.is_empty() { theme.text } else { theme.r#match };
    let warn = one.access().is_some() || !matches!(one.fit, Fit::Language | Fit::Unknown);
    vec![
        Span::styled("  ", theme.dim),
        Span::styled(mark, mark_style),
        Span::styled(star, theme.accent),
        Span::styled(format!("{name:<names$}"), style),
        Span::styled(format!(" {downloads:>6} "), theme.dim),
        Span::styled(format!("{date:<8} "), theme.dim),
        Span::styled(truncate(&words, left), if warn { theme.warn } else { theme.dim }),
    ]
}

/// What stands behind the figures: access, what kind of model it is, age, where it comes from.
fn words(one: &Candidate) -> String {
    let mut parts: Vec<String> = one.access().map(str::to_string).into_iter().collect();
    match &one.fit {
        Fit::Inside { .. } => parts.push("also sees or hears".into()),
        Fit::Not { .. } => parts.push("no language model".into()),
        Fit::Language | Fit::Unknown => {}
    }
    parts.extend(one.size.as_ref().map(|size| size.label.clone()).filter(|_| !one.kind.is_original()));
    match &one.seen {
        Seen::Hub => {}
        Seen::Cache { age: old } => parts.push(format!("in the cache, {} old", age(*old))),
        Seen::Kept { age: old } => parts.push(format!("listed {} ago", age(*old))),
    }
    parts.extend(
        one.base.as_ref().filter(|_| one.standing != Standing::Official).map(|base| format!("← {base}")),
    );
    one_line(&parts.join(" · "))
}

fn below(canvas: &mut Canvas<'_, '_>, state: &State) {
    let theme = canvas.theme;
    let lead = |what| match what {
        Typing::Model => " model_type, class, owner/name or link: ".to_string(),
        Typing::Filter => " /".to_string(),
    };
    let about = match (&state.problem, about(state)) {
        (_, Some((text, true))) => (text, theme.fail),
        (Some(problem), _) => (problem.to_string(), theme.fail),
        (None, Some((text, false))) => (text, theme.text),
        (None, None) => (String::new(), theme.text),
    };
    let legend = match (&state.found, state.filter.is_empty()) {
        (None, _) => String::new(),
        (Some(_), true) => foot::legend(&LEGEND, usize::from(canvas.area.width)),
        (Some(_), false) => format!(" filter: {} · Esc clears it", one_line(&state.filter)),
    };
    let typed = state.typing.as_ref().map(|typed| (lead(typed.what), &typed.editor));
    foot::draw(canvas, &Foot { typed, legend, about, spill: true });
}

/// Says about the cursor's line what the list has no room for, and whether it is a refusal.
fn about(state: &State) -> Option<(String, bool)> {
    let row = *state.rows.get(state.cursor.at)?;
    if let Some(note) = state.note(row) {
        let hint = note.hint.as_ref().map(|hint| format!("{hint} · ")).unwrap_or_default();
        return Some((format!("{hint}{}", note.text), false));
    }
    if let Row::Group(at) = row {
        let found = state.found.as_ref()?;
        let group = found.groups.get(at)?;
        let official = group.candidates.first().filter(|one| one.standing == Standing::Official);
        let why =
            official.and_then(|one| found.officials.iter().find(|official| official.owner == one.owner()));
        return why.map(|official| (format!("{}: {}", official.owner, official.why), false));
    }
    let one = state.candidate()?;
    match state.marks.all.get(&one.id) {
        Some(Mark::Refused(report)) => return Some((report.to_string(), true)),
        Some(Mark::Ready(taken)) => {
            let dtype = taken.dtype.clone().unwrap_or_else(|| "no dtype in its config".into());
            let code = if taken.custom_code { " · its code is in its repository" } else { "" };
            return Some((format!("{} · {dtype}{code}{}", one.id, inside(&taken.fit)), false));
        }
        Some(Mark::Fetching) | None => {}
    }
    let mut parts = vec![one.id.clone()];
    parts.extend(one.size.as_ref().map(|size| match size.from {
        SizeFrom::Headers => format!("{} parameters", size.parameters),
        SizeFrom::Name => format!("{} by its name", size.label),
        SizeFrom::Base => format!("{} by what it was made from", size.label),
    }));
    parts.extend(one.base.as_ref().map(|base| format!("from {base}")));
    if one.access().is_some_and(|access| access.starts_with("gated")) {
        parts.push("accept its conditions on its page, and set HF_TOKEN".into());
    }
    if let Fit::Not { why } = &one.fit {
        parts.push(why.clone());
    }
    Some((parts.join(" · "), false))
}

fn inside(fit: &Fit) -> String {
    match fit {
        Fit::Inside { text_type: Some(text_type) } => format!(" · its language model is {text_type}"),
        _ => String::new(),
    }
}

fn weight(note: &Note, theme: &Theme) -> (&'static str, ratatui::style::Style) {
    match note.weight {
        Weight::Say => ("·", theme.dim),
        Weight::Warn => ("!", theme.warn),
        Weight::Refuse => ("✗", theme.fail),
    }
}

/// What the marks mean, the most needed first.
const LEGEND: [&str; 4] = ["★ by the makers", "[x] marked", "downloads of 30 days, month", "← made from"];

/// Writes a count in four columns: `900`, `5.1k`, `1.2M`.
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests;
