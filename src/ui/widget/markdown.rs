//! Markdown as rows, made to be streamed: a block that is finished is rendered once and frozen; only the last, unfinished
//! block is rendered again. Lines of an open code fence are frozen one by one.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::code;
use super::wrap::{Indent, wrap};
use crate::theme::Theme;
use crate::util::text::neutralise;

/// A growing text and its rows.
#[derive(Debug, Default)]
pub struct Markdown {
    width: u16,
    /// Bytes that the frozen rows show.
    taken: usize,
    frozen: Vec<Line<'static>>,
    tail: Vec<Line<'static>>,
    fence: Option<Fence>,
}

#[derive(Clone, Debug)]
struct Fence {
    mark: String,
    language: String,
    open: code::Open,
}

impl Markdown {
    /// Makes the rows of a whole text.
    pub fn whole(text: &str, width: u16, theme: &Theme) -> Vec<Line<'static>> {
        let mut markdown = Self::default();
        markdown.update(text, width, theme);
        markdown.frozen.append(&mut markdown.tail);
        markdown.frozen
    }

    /// Takes the text as it is now; cheap when it only grew. `width` is in columns.
    pub fn update(&mut self, text: &str, width: u16, theme: &Theme) {
        if width != self.width || self.taken > text.len() || !text.is_char_boundary(self.taken) {
            *self = Self { width, ..Self::default() };
        }
        while let Some(end) = self.settled(&text[self.taken..]) {
            let block = &text[self.taken..self.taken + end];
            self.freeze(block, theme);
            self.taken += end;
        }
        let rest = &text[self.taken..];
        self.tail = match self.fence.clone() {
            _ if rest.trim().is_empty() => Vec::new(),
            // An unfinished closing mark would flicker as code.
            Some(fence) if fence.mark.starts_with(rest.trim()) => Vec::new(),
            Some(mut fence) => vec![self.code_row(rest, &mut fence, theme)],
            None => self.prose(rest, theme),
        };
    }

    /// Counts the rows.
    pub fn len(&self) -> usize {
        self.frozen.len() + self.tail.len()
    }

    /// Says whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a row.
    pub fn row(&self, at: usize) -> Option<&Line<'static>> {
        self.frozen.get(at).or_else(|| self.tail.get(at.checked_sub(self.frozen.len())?))
    }

    /// Finds where the next piece that will not change any more ends: a line of code, a fence's mark, or the lines up
    /// to a blank line or a fence.
    fn settled(&self, rest: &str) -> Option<usize> {
        let line_end = rest.find('\n')? + 1;
        if self.fence.is_some() || opens(&rest[..line_end]).is_some() {
            return Some(line_end);
        }
        let mut at = 0;
        let mut blank = false;
        for line in rest.split_inclusive('\n') {
            let starts_item = line.starts_with([' ', '\t']);
            if at > 0 && opens(line).is_some() && line.ends_with('\n') {
                return Some(at);
            }
            // An indented line after a blank one still belongs to its list item.
            if blank && !line.trim().is_empty() && !starts_item {
                return Some(at);
            }
            blank |= line.trim().is_empty();
            at += line.len();
        }
        None
    }

    fn freeze(&mut self, block: &str, theme: &Theme) {
        match self.fence.take() {
            Some(fence) if block.trim().starts_with(&fence.mark) => {}
            Some(mut fence) => {
                let row = self.code_row(block, &mut fence, theme);
                self.frozen.push(row);
                self.fence = Some(fence);
            }
            None => match opens(block) {
                Some((mark, language)) => {
                    self.space();
                    self.fence = Some(Fence { mark, language, open: None });
                }
                None => {
                    let mut rows = self.prose(block, theme);
                    if !rows.is_empty() {
                        self.frozen.append(&mut rows);
                    }
                }
            },
        }
    }

    fn space(&mut self) {
        if self.frozen.last().is_some_and(|row| row.width() > 0) {
            self.frozen.push(Line::default());
        }
    }

    /// Code is cut at the edge rather than wrapped: its columns carry meaning.
    fn code_row(&self, text: &str, fence: &mut Fence, theme: &Theme) -> Line<'static> {
        let mut spans = vec![Span::styled("│ ", theme.border)];
        spans.extend(code::line(text, &fence.language, &mut fence.open, theme));
        Line::from(spans)
    }

    fn prose(&self, text: &str, theme: &Theme) -> Vec<Line<'static>> {
        let mut writer = Writer::new(self.width, theme);
        for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES) {
            writer.event(event);
        }
        writer.flush();
        let mut rows = writer.rows;
        if rows.last().is_some_and(|row| row.width() == 0) {
            rows.pop();
        }
        let after_text = self.frozen.last().is_some_and(|row| row.width() > 0);
        if after_text && !rows.is_empty() {
            rows.insert(0, Line::default());
        }
        rows
    }
}

/// Reads a line as the start of a fence: its mark and its language.
fn opens(line: &str) -> Option<(String, String)> {
    let trimmed = line.trim_start();
    let c = trimmed.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let mark: String = trimmed.chars().take_while(|next| *next == c).collect();
    let info = trimmed[mark.len()..].trim();
    let language = info.split_whitespace().next().unwrap_or_default().to_lowercase();
    (mark.len() >= 3 && !info.contains('`')).then_some((mark, language))
}

/// Turns events into rows.
struct Writer<'a> {
    width: u16,
    theme: &'a Theme,
    rows: Vec<Line<'static>>,
    parts: Vec<(String, Style)>,
    styles: Vec<Style>,
    /// Open lists: the next number of ordered ones.
    lists: Vec<Option<u64>>,
    /// The mark of an item whose first row is not out yet.
    mark: Option<String>,
    quotes: usize,
    link: Option<String>,
    code: bool,
}

impl<'a> Writer<'a> {
    fn new(width: u16, theme: &'a Theme) -> Self {
        Self {
            width,
            theme,
            rows: Vec::new(),
            parts: Vec::new(),
            styles: vec![theme.text],
            lists: Vec::new(),
            mark: None,
            quotes: 0,
            link: None,
            code: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                let style = self.style();
                self.parts.push((neutralise(&text), style));
            }
            Event::Code(text) => self.parts.push((neutralise(&text), self.theme.accent)),
            Event::SoftBreak => self.parts.push((" ".into(), self.theme.text)),
            Event::HardBreak => self.parts.push(("\n".into(), self.theme.text)),
            Event::Rule => {
                self.flush();
                let rule = "─".repeat(usize::from(self.width.min(40)));
                self.rows.push(Line::styled(rule, self.theme.border));
            }
            Event::TaskListMarker(_) | Event::FootnoteReference(_) => {}
            Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.parts.push((neutralise(&text), self.theme.accent));
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.block();
                let underline =
                    if level == HeadingLevel::H1 { Modifier::UNDERLINED } else { Modifier::empty() };
                self.styles.push(self.theme.strong.add_modifier(underline));
            }
            Tag::Emphasis => self.push(Modifier::ITALIC),
            Tag::Strong => self.push(Modifier::BOLD),
            Tag::Strikethrough => self.push(Modifier::CROSSED_OUT),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some(dest_url.to_string());
                self.push(Modifier::UNDERLINED);
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".into(),
                };
                self.mark = Some(mark);
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.block();
                self.code = matches!(kind, CodeBlockKind::Indented | CodeBlockKind::Fenced(_));
            }
            Tag::Paragraph if self.lists.is_empty() => self.block(),
            Tag::TableCell if !self.parts.is_empty() => self.parts.push((" │ ".into(), self.theme.border)),
            Tag::TableHead => self.styles.push(self.theme.strong),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link | TagEnd::Image => {
                self.styles.pop();
                let shown = self.parts.last().is_some_and(|(text, _)| self.link.as_ref() == Some(text));
                if let Some(url) = self.link.take().filter(|_| !shown) {
                    self.parts.push((format!(" ({})", neutralise(&url)), self.theme.dim));
                }
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes -= 1;
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.code = false;
            }
            TagEnd::TableHead => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow => self.flush(),
            _ => {}
        }
    }

    fn push(&mut self, modifier: Modifier) {
        let style = self.style().add_modifier(modifier);
        self.styles.push(style);
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or(self.theme.text)
    }

    /// Starts a block below what stands already.
    fn block(&mut self) {
        self.flush();
        if self.rows.last().is_some_and(|row| row.width() > 0) && self.lists.is_empty() {
            self.rows.push(Line::default());
        }
    }

    fn flush(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.parts);
        let mut lead = "▎ ".repeat(self.quotes);
        lead.push_str(&"  ".repeat(self.lists.len().saturating_sub(1)));
        let lead = Span::styled(lead, self.theme.border);
        if self.code {
            let text: String = parts.into_iter().map(|(text, _)| text).collect();
            let rows = text.lines().map(|line| {
                let line = Span::styled(line.to_string(), self.theme.text);
                Line::from(vec![lead.clone(), Span::styled("│ ", self.theme.border), line])
            });
            return self.rows.extend(rows);
        }
        let item = match (self.mark.take(), self.lists.is_empty()) {
            (Some(mark), _) => Indent::mark(&mark, self.theme.accent),
            (None, false) => Indent::all("  ", self.theme.text),
            (None, true) => Indent::default(),
        };
        let with = |spans: Vec<Span<'static>>| [vec![lead.clone()], spans].concat();
        let indent = Indent { first: with(item.first), rest: with(item.rest) };
        self.rows.extend(wrap(&parts, self.width, &indent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Plan\n\nThe **norm** uses `eps`:\nsee [here](http://x).\n\n- one two three four\n- two\n  1. inner\n\n> quoted\n\n```python\ndef f():\n    return 1\n```\n\nDone \x1b[31m.\n";

    fn text(rows: &[Line<'static>]) -> Vec<String> {
        rows.iter().map(|row| row.to_string().trim_end().to_string()).collect()
    }

    #[test]
    fn blocks_become_rows() {
        let theme = Theme::named("dark").expect("a theme");
        assert_eq!(
            text(&Markdown::whole(TEXT, 18, &theme)),
            [
                "Plan",
                "",
                "The norm uses eps:",
                "see here",
                "(http://x).",
                "",
                "• one two three",
                "  four",
                "• two",
                "  1. inner",
                "",
                "▎ quoted",
                "",
                "│ def f():",
                "│     return 1",
                "",
                "Done ␛[31m.",
            ]
        );
    }

    #[test]
    fn a_text_that_grows_byte_by_byte_ends_as_the_whole() {
        let theme = Theme::named("dark").expect("a theme");
        let mut growing = Markdown::default();
        let mut most = 0;
        for end in (0..=TEXT.len()).filter(|end| TEXT.is_char_boundary(*end)) {
            let before = growing.taken;
            growing.update(&TEXT[..end], 18, &theme);
            most = most.max(growing.tail.len());
            assert!(growing.taken >= before, "what is frozen stays frozen");
        }
        let grown: Vec<Line<'static>> =
            (0..growing.len()).filter_map(|at| growing.row(at).cloned()).collect();
        assert_eq!(grown, Markdown::whole(TEXT, 18, &theme));
        assert!(most <= 5, "only the last block is rendered again, not {most} rows");
    }
}
