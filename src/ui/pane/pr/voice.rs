//! The Voice fields: labels, the person's text soft-wrapped, program output as boxes with their run, the cursor.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::scroll;
use crate::app::pane::pr::{COMMIT, Mode, Section, Shown, State};
use crate::pr::data::{Block, FieldKind, TemplateSource, Voice};
use crate::theme::Theme;
use crate::ui::Canvas;
use crate::util::text::{neutralise, one_line, truncate};

/// How many lines of an output block are shown; the rest is counted.
const OUTPUT_LINES: usize = 8;

/// Draws the fields.
pub fn draw(canvas: &mut Canvas<'_, '_>, area: Rect, state: &State, top: &mut usize) {
    let theme = canvas.theme;
    let here = canvas.focused && state.section == Section::Voice;
    let mut page =
        Page { theme, width: usize::from(area.width), rows: Vec::new(), cursor: None, block: 0..1 };
    page.source(state);
    let mut section = "";
    for (at, shown) in state.fields.list().iter().enumerate() {
        if shown.id.0 == COMMIT {
            page.heading("Commit");
        } else if shown.section != section {
            section = &shown.section;
            page.heading(section);
        }
        let chosen = at == state.fields.at;
        let from = page.rows.len();
        let style = Chosen { chosen: chosen && here, typing: chosen && state.fields.mode == Mode::Typing };
        page.field(shown, state.fields.voice(&shown.id), style);
        if chosen {
            page.block = from..page.rows.len();
        }
    }
    let height = usize::from(area.height);
    let rows = match page.cursor {
        Some((row, _)) => row.saturating_sub(1)..row + 1,
        None => page.block.clone(),
    };
    scroll(top, rows, height, page.rows.len());
    for (at, line) in (0..area.height).zip(page.rows.into_iter().skip(*top)) {
        canvas.frame.render_widget(line, Rect { y: area.y + at, height: 1, ..area });
    }
    if let Some((row, column)) = page.cursor.filter(|_| here && state.layer.is_none()) {
        let x = area.x + u16::try_from(column).unwrap_or(0).min(area.width.saturating_sub(1));
        let y = area.y + u16::try_from(row.saturating_sub(*top)).unwrap_or(0);
        canvas.frame.set_cursor_position((x, y.min(area.bottom().saturating_sub(1))));
    }
}

#[derive(Clone, Copy)]
struct Chosen {
    chosen: bool,
    typing: bool,
}

struct Page<'a> {
    theme: &'a Theme,
    width: usize,
    rows: Vec<Line<'static>>,
    /// Row and column of the cursor while typing.
    cursor: Option<(usize, usize)>,
    /// The chosen field's rows.
    block: std::ops::Range<usize>,
}

impl Page<'_> {
    fn source(&mut self, state: &State) {
        let Some(template) = &state.template else { return };
        if template.source == TemplateSource::Profile {
            let text = "This checkout has no template: these are our own words for upstream's fields.";
            for line in super::wrap(text, self.width) {
                self.rows.push(Line::styled(line, self.theme.warn));
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.rows.push(Line::styled(truncate(&one_line(text), self.width), self.theme.strong));
    }

    fn field(&mut self, shown: &Shown, voice: Option<&Voice>, style: Chosen) {
        let theme = self.theme;
        let edge = if style.chosen { "▌" } else { " " };
        let empty = voice.is_none_or(Voice::is_empty);
        let note = match (shown.kind, empty) {
            (Some(FieldKind::Requirement), true) => " (you say it: type anything)",
            (Some(FieldKind::Requirement), false) => " ✓ said by you",
            (Some(FieldKind::Output), true) => " (o inserts a run)",
            (_, true) => " (empty)",
            (_, false) if voice.is_some_and(|voice| voice.text().contains("___")) => " (fill the blanks)",
            (_, false) => "",
        };
        let label = truncate(&one_line(&shown.label), self.width.saturating_sub(2 + note.width()).max(8));
        let line = Line::from(vec![
            Span::styled(edge, theme.accent),
            Span::styled(format!("{label}:"), if style.chosen { theme.title_focus } else { theme.title }),
            Span::styled(note, theme.dim),
        ]);
        self.rows.push(line);
        let Some(voice) = voice.filter(|_| !empty || style.typing) else { return };
        for block in voice.blocks() {
            match block {
                Block::Output { run, text } => self.output(run, text),
                Block::Prose { index, text } => {
                    let at = (style.typing && voice.cursor().prose == index).then_some(voice.cursor().at);
                    self.prose(text, at, voice.has_output() && at.is_none());
                }
            }
        }
    }

    fn prose(&mut self, text: &str, cursor: Option<usize>, hide_empty: bool) {
        if hide_empty && text.trim().is_empty() {
            return;
        }
        let width = self.width.saturating_sub(3).max(1);
        let mut row = String::new();
        let mut at = 0;
        for grapheme in text.graphemes(true) {
            let cells = cells(grapheme);
            if row.width() + cells.width() > width && grapheme != "\n" {
                self.push_prose(&std::mem::take(&mut row));
            }
            if cursor == Some(at) {
                self.cursor = Some((self.rows.len(), row.width() + 2));
            }
            at += grapheme.len();
            match grapheme {
                "\n" => self.push_prose(&std::mem::take(&mut row)),
                _ => row.push_str(&cells),
            }
        }
        if cursor == Some(at) {
            if row.width() >= width {
                self.push_prose(&std::mem::take(&mut row));
            }
            self.cursor = Some((self.rows.len(), row.width() + 2));
        }
        self.push_prose(&row);
    }

    fn push_prose(&mut self, row: &str) {
        let line = Line::from(vec![Span::raw("  "), Span::styled(row.to_string(), self.theme.voice)]);
        self.rows.push(line);
    }

    fn output(&mut self, run: &str, text: &str) {
        let (theme, width) = (self.theme, self.width.saturating_sub(4));
        let title = truncate(&format!("┌ run {} ", one_line(run)), width);
        let rule = "─".repeat(width.saturating_sub(title.width()));
        self.rows.push(Line::styled(format!("  {title}{rule}"), theme.border));
        for line in text.lines().take(OUTPUT_LINES) {
            let line = truncate(&neutralise(line).replace('\n', ""), width.saturating_sub(2));
            self.rows.push(Line::from(vec![Span::styled("  │ ", theme.border), Span::raw(line)]));
        }
        let rest = text.lines().count().saturating_sub(OUTPUT_LINES);
        let end = if rest > 0 { format!("└ {rest} more lines ") } else { "└".into() };
        let rule = "─".repeat(width.saturating_sub(end.width()));
        self.rows.push(Line::styled(format!("  {end}{rule}"), theme.border));
    }
}

// A tab is shown as the cells it takes; other control characters never reach a cell.
fn cells(grapheme: &str) -> String {
    neutralise(grapheme)
}
