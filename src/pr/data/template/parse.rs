//! Reads a Markdown template: headings, `- key: value` bullets, statements, fenced blocks.

use super::{Field, FieldId, FieldKind, Need, Piece, Template, TemplateSource};

/// Reads a template. Whatever is not understood stays text, and a section without a field gets one for free text.
pub fn parse(text: &str, source: TemplateSource) -> Template {
    let mut parser = Parser::default();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if let Some(open) = fence(line) {
            let mut body = Vec::new();
            let mut close = "";
            for line in lines.by_ref() {
                if closes(line, &open) {
                    close = line;
                    break;
                }
                body.push(line);
            }
            parser.fence(line, &body.concat(), close);
        } else {
            parser.line(line);
        }
    }
    parser.finish(source)
}

#[derive(Default)]
struct Parser {
    pieces: Vec<Piece>,
    section: String,
    need: Option<Need>,
    /// Fields in this section so far.
    fields: usize,
    /// The last line of prose: what a fence below it holds.
    above: String,
}

impl Parser {
    fn line(&mut self, line: &str) {
        let bare = line.trim_end();
        if let Some(heading) = bare.strip_prefix('#') {
            self.end_section();
            let heading = heading.trim_start_matches('#').trim();
            let optional =
                heading.to_lowercase().contains("if you have") || heading.to_lowercase().contains("optional");
            self.need = Some(if optional { Need::Optional } else { Need::Required });
            self.section = heading.split(" (").next().unwrap_or(heading).to_string();
            self.fields = 0;
            return self.text(line);
        }
        let Some(item) = bare.strip_prefix("- ").or_else(|| bare.strip_prefix("* ")) else {
            if !bare.trim().is_empty() {
                self.above = bare.trim().trim_end_matches(':').to_string();
            }
            return self.text(line);
        };
        let ending = &line[bare.len()..];
        if statement(item) {
            let label = item
                .trim_start_matches(['[', ']', 'x', ' '])
                .trim_start_matches(|c: char| !c.is_alphanumeric());
            self.text(&bare[..2]);
            self.field(label, FieldKind::Requirement, item);
        } else if let Some((key, value)) = keyed(item) {
            let kind = if disclosure(key) { FieldKind::Disclosure } else { FieldKind::Line };
            let value = value.trim_start();
            self.text(&bare[..bare.len() - value.len()]);
            // `- Name: ` ends in a space, which trim_end took: it belongs to the text before the value.
            if value.is_empty() {
                let spaces = ending.len() - ending.trim_start_matches([' ', '\t']).len();
                self.text(&ending[..spaces]);
                self.field(key, kind, "");
                return self.text(&ending[spaces..]);
            }
            self.field(key, kind, value);
        } else {
            return self.bullet(bare, ending);
        }
        self.text(ending);
    }

    // Bullets that follow each other are one list.
    fn bullet(&mut self, bare: &str, ending: &str) {
        if let [.., Piece::Field(field), Piece::Text(between)] = self.pieces.as_mut_slice()
            && field.kind == FieldKind::List
            && between == "\n"
        {
            field.placeholder = format!("{}\n{bare}", field.placeholder);
            self.pieces.pop();
        } else {
            let label = self.section.clone();
            self.field(&label, FieldKind::List, bare);
        }
        self.text(ending);
    }

    fn fence(&mut self, open: &str, body: &str, close: &str) {
        let info = open.trim().trim_start_matches(['`', '~']);
        let label = if self.above.is_empty() { self.section.clone() } else { self.above.clone() };
        if info.is_empty() {
            let whole = format!("{open}{body}{close}");
            let bare = whole.trim_end_matches('\n');
            self.field(&label, FieldKind::Output, bare);
            self.text(&whole[bare.len()..]);
        } else if body.contains("___") {
            let bare = body.trim_end_matches('\n');
            self.text(open);
            self.field(&label, FieldKind::Command, bare);
            self.text(&format!("{}{close}", &body[bare.len()..]));
        } else {
            self.text(&format!("{open}{body}{close}"));
        }
    }

    fn field(&mut self, label: &str, kind: FieldKind, placeholder: &str) {
        self.fields += 1;
        let label = label.trim().to_string();
        let id = self.unique(&format!("{}/{}", slug(&self.section), slug(&label)));
        let need = self.need.unwrap_or(Need::Required);
        let (section, placeholder) = (self.section.clone(), placeholder.to_string());
        self.pieces.push(Piece::Field(Field { id, section, label, kind, placeholder, need }));
    }

    fn unique(&self, wanted: &str) -> FieldId {
        let taken = |id: &str| {
            self.pieces.iter().any(|piece| matches!(piece, Piece::Field(field) if field.id.0 == id))
        };
        let numbered = (2..).map(|count| format!("{wanted}-{count}"));
        let id = std::iter::once(wanted.to_string()).chain(numbered).find(|id| !taken(id));
        FieldId(id.unwrap_or_else(|| wanted.to_string()))
    }

    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_string())),
        }
    }

    fn end_section(&mut self) {
        if self.fields == 0 && !self.section.is_empty() {
            let label = self.section.clone();
            self.field(&label, FieldKind::Prose, "");
        }
        self.above.clear();
    }

    fn finish(mut self, source: TemplateSource) -> Template {
        self.end_section();
        Template { source, pieces: self.pieces }
    }
}

fn statement(item: &str) -> bool {
    let boxed = ["[ ]", "[x]", "[X]"].iter().any(|mark| item.starts_with(mark));
    boxed || item.starts_with(['☐', '☑', '✅', '☒', '✔'])
}

fn keyed(item: &str) -> Option<(&str, &str)> {
    let (key, value) = item.split_once(':')?;
    let plain = key.len() <= 60 && (value.is_empty() || value.starts_with(' '));
    plain.then_some((key, value))
}

fn disclosure(key: &str) -> bool {
    key.to_lowercase().contains("disclosure")
}

fn fence(line: &str) -> Option<String> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| *c == '`' || *c == '~')?;
    let run: String = line.chars().take_while(|c| *c == mark).collect();
    (run.len() >= 3).then_some(run)
}

fn closes(line: &str, open: &str) -> bool {
    let line = line.trim();
    line.len() >= open.len() && line.chars().all(|c| open.starts_with(c))
}

fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(6);
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
