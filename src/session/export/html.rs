//! The document as one HTML page: no script, nothing from outside, light and dark. What models and tools said is untrusted:
//! every byte of it is escaped, its Markdown is written anew from parsed events, and its links are text.

use std::fmt::Write;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::{Call, Document, Piece, prose};
use crate::agent::data::Mark;
use crate::util::text::html as escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1b1b;--dim:#666;--line:#ddd;--box:#f5f5f5;--you:#0b57d0;--ok:#116329;\
--warn:#8a5a00;--bad:#b3261e;--add:#e6f4ea;--del:#fce8e6}\
@media(prefers-color-scheme:dark){:root{--bg:#16181c;--fg:#e3e3e3;--dim:#9a9a9a;--line:#333;--box:#22252a;--you:#8ab4f8;\
--ok:#5fc27e;--warn:#e0b050;--bad:#ff8a80;--add:#14301e;--del:#3a1c1c}}\
body{font:15px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;background:var(--bg);color:var(--fg)}\
h1{font-size:1.4rem}h2{font-size:.95rem;margin:0}section{border-top:1px solid var(--line);padding:.7rem 0}\
time,.dim{color:var(--dim);font-size:.85rem;font-weight:normal}.person h2{color:var(--you)}.reader h2{color:var(--warn)}\
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:var(--box);padding:.6rem;overflow:auto;white-space:pre}\
.words pre{white-space:pre-wrap}.diff span{display:block}.diff .a{background:var(--add)}.diff .d{background:var(--del)}\
.diff .h{color:var(--dim)}details>summary{cursor:pointer;color:var(--dim)}.pass,.done{color:var(--ok)}\
.suspect,.refused,.interrupted{color:var(--warn)}.fail,.failed{color:var(--bad)}dl{display:grid;grid-template-columns:max-content 1fr;\
gap:.1rem 1rem}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse}td,th{border:1px solid var(--line);\
padding:.1rem .5rem}p{margin:.5rem 0}";

/// Writes the page.
pub fn page(document: &Document) -> String {
    let title = escape(&prose::title(document));
    let mut out = String::with_capacity(64 << 10);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n<dl>"
    );
    for (name, value) in prose::facts(document) {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape(&name), escape(&value));
    }
    out.push_str("</dl>\n");
    for piece in &document.pieces {
        write_piece(&mut out, piece);
        out.push('\n');
    }
    out.push_str("</body></html>\n");
    out
}

fn write_piece(out: &mut String, piece: &Piece) {
    match piece {
        Piece::Person { ts, text } => {
            section(out, ("person", "Person", ts), &format!("<pre>{}</pre>", escape(text)))
        }
        Piece::Model { ts, text, reasoning, mark, reader } => {
            let mut body = words(text);
            if !reasoning.trim().is_empty() {
                body.push_str(&folded("thought", &format!("<pre>{}</pre>", escape(reasoning))));
            }
            if *mark != Mark::Whole {
                let _ = write!(body, "<p class=\"dim\">{}</p>", prose::mark(*mark));
            }
            match reader {
                true => section(out, ("reader", "Second reader (a language model)", ts), &body),
                false => section(out, ("model", "Model", ts), &body),
            }
        }
        Piece::Tool(call) => tool(out, call),
        Piece::Check { ts, result } => {
            let body =
                format!("<pre class=\"{}\">{}</pre>", result.verdict.name(), escape(&prose::run(result)));
            section(out, ("check", "Check", ts), &body);
        }
        Piece::Condensed { ts, messages, pinned, summary } => {
            let facts: Vec<String> = pinned.iter().map(prose::fact).collect();
            let body = format!(
                "<p>From here on the model was sent facts and this summary in place of the first {messages} messages.</p>{}",
                folded(
                    "facts and summary",
                    &format!("<pre>{}</pre>{}", escape(&facts.join("\n")), words(summary))
                )
            );
            section(out, ("condensed", "Condensed", ts), &body);
        }
        Piece::Fact { ts, pin } => {
            section(out, ("fact", "Fact", ts), &format!("<pre>{}</pre>", escape(&prose::fact(pin))));
        }
        Piece::Act { ts, text } => {
            section(out, ("person", "The person's act", ts), &format!("<pre>{}</pre>", escape(text)));
        }
        Piece::Note { ts, label, text } => {
            section(out, ("dim", &escape(label), ts), &format!("<pre>{}</pre>", escape(text)));
        }
        Piece::Error { ts, report } => {
            let hint =
                report.hint.as_deref().map(|hint| format!("<p class=\"dim\">Next: {}</p>", escape(hint)));
            let body = format!("<p class=\"fail\">{}</p>{}", escape(&report.text), hint.unwrap_or_default());
            section(out, ("error", "Error", ts), &body);
        }
    }
}

fn section(out: &mut String, (class, title, ts): (&str, &str, &str), body: &str) {
    let time = escape(&prose::time(ts));
    let _ =
        write!(out, "<section class=\"words {class}\"><h2>{title} <time>{time}</time></h2>{body}</section>");
}

fn tool(out: &mut String, call: &Call) {
    let who = if call.reader { "Second reader's tool" } else { "Tool" };
    let state = &call.state;
    let class = state.split(' ').next().unwrap_or_default();
    let mut body = String::new();
    if !call.summary.is_empty() {
        let _ = write!(body, "<p>{}</p>", escape(&call.summary));
    }
    if let Some(edit) = &call.edit {
        let _ = write!(
            body,
            "<p><code>{}</code>: {}</p>{}",
            escape(&edit.path),
            escape(&edit.decision),
            diff(&edit.diff)
        );
    }
    for result in &call.checks {
        let _ =
            write!(body, "<pre class=\"{}\">{}</pre>", result.verdict.name(), escape(&prose::run(result)));
    }
    if call.edit.is_none() && !call.arguments.trim().is_empty() {
        body.push_str(&folded("arguments", &format!("<pre>{}</pre>", escape(&call.arguments))));
    }
    if !call.output.trim().is_empty() {
        let lines = call.output.lines().count();
        body.push_str(&folded(
            &format!("output, {lines} lines"),
            &format!("<pre>{}</pre>", escape(&call.output)),
        ));
    }
    let title = format!("{who}: {} <span class=\"{class}\">{}</span>", escape(&call.title), escape(state));
    section(out, ("tool", &title, &call.ts), &body);
}

fn folded(name: &str, body: &str) -> String {
    format!("<details><summary>{name}</summary>{body}</details>")
}

fn diff(text: &str) -> String {
    let mut out = String::from("<pre class=\"diff\">");
    for line in text.lines() {
        let class = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@") => "h",
            Some(b'+') => "a",
            Some(b'-') => "d",
            _ => "",
        };
        let _ = write!(out, "<span class=\"{class}\">{}</span>", escape(line));
    }
    out + "</pre>"
}

/// Writes Markdown as HTML from its events. Raw HTML in it is text; a link is its words and its address.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut links: Vec<String> = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.to_string())
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                let address = links.pop().unwrap_or_default();
                let _ = write!(out, " <span class=\"dim\">({})</span>", escape(&address));
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(name) => name.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let _ = write!(out, "<pre title=\"{}\"><code>", escape(&language));
            }
            Event::End(TagEnd::CodeBlock) => out.push_str("</code></pre>"),
            Event::Start(tag) => out.push_str(&opened(&tag)),
            Event::End(tag) => out.push_str(&closed(tag)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => out.push_str(&escape(&text)),
            Event::Code(text) => {
                let _ = write!(out, "<code>{}</code>", escape(&text));
            }
            Event::SoftBreak => out.push('\n'),
            Event::HardBreak => out.push_str("<br>"),
            Event::Rule => out.push_str("<hr>"),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                out.push_str(&escape(&text));
            }
            Event::TaskListMarker(done) => out.push_str(if done { "[x] " } else { "[ ] " }),
        }
    }
    out
}

/// The element of a tag; headings stay below the section's own.
fn element(tag: TagEnd) -> &'static str {
    match tag {
        TagEnd::Paragraph => "p",
        TagEnd::Heading(_) => "h3",
        TagEnd::BlockQuote(_) => "blockquote",
        TagEnd::List(true) => "ol",
        TagEnd::List(false) => "ul",
        TagEnd::Item => "li",
        TagEnd::Table => "table",
        TagEnd::TableHead | TagEnd::TableRow => "tr",
        TagEnd::TableCell => "td",
        TagEnd::Emphasis => "em",
        TagEnd::Strong => "strong",
        TagEnd::Strikethrough => "s",
        _ => "",
    }
}

fn opened(tag: &Tag<'_>) -> String {
    match element(tag.to_end()) {
        "" => String::new(),
        name => format!("<{name}>"),
    }
}

fn closed(tag: TagEnd) -> String {
    match element(tag) {
        "" => String::new(),
        name => format!("</{name}>"),
    }
}
