//! The provider without a network: the request as text to copy into any web chat, the reply as text to paste back.
//! Tool calls are fenced `tool` blocks of JSON; ids are ours and never shown. A reply that cannot be read gives a
//! message to paste back to the model.

use serde_json::{Value, json};

use super::data::{Message, Role, ToolCall, ToolSpec};
use super::machine::{Partial, PartialCall, Setup};

const RULES: &str = "\
You work through a program that cannot reach you: a person copies its messages to you and your replies back, whole.
To use tools, end your reply with one fenced block per call, written exactly like this, then stop and wait:

```tool
{\"name\": \"the_tool\", \"arguments\": {\"key\": \"value\"}}
```

Inside a block there is one JSON object and nothing else: newlines in strings are \\n, quotes are \\\". Several blocks
run in the order they stand. Results come with the next message. A reply without such a block ends your turn.";

/// Writes what the person has to copy next: what is new since `shown` messages.
pub fn new_text(messages: &[Message], shown: usize) -> String {
    let names = call_names(messages);
    messages.iter().skip(shown).map(|message| section(message, &names)).collect::<Vec<_>>().join("\n")
}

/// Writes messages to be summed up in at most about `room` bytes: tool outputs are cut first, then everything, and at last
/// the middle is left out, with what is missing said in place.
pub fn conversation(messages: &[Message], room: usize) -> String {
    const CUTS: [(usize, usize); 4] = [(4000, usize::MAX), (1500, 8000), (400, 2000), (150, 600)];
    let names = call_names(messages);
    let mut text = String::new();
    for (outputs, words) in CUTS {
        let one = |message: &Message| {
            let most = if message.role == Role::Tool { outputs } else { words };
            let content = shortened(&message.content, most);
            let mut short = Message { content, ..message.clone() };
            for call in &mut short.tool_calls {
                if call.arguments.len() > most {
                    let cut = shortened(&call.arguments, most);
                    call.arguments = json!({ "cut": cut }).to_string();
                }
            }
            section(&short, &names)
        };
        text = messages.iter().map(one).collect::<Vec<_>>().join("\n");
        if text.len() <= room {
            return text;
        }
    }
    shortened(&text, room)
}

/// Keeps the beginning and the end of a text that is too long.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_string();
    }
    let (head, tail) = (most / 3 * 2, most / 3);
    let head = (0..=head).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (text.len() - tail..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("{}\n[… {} bytes left out …]\n{}", &text[..head], tail - head, &text[tail..])
}

/// Writes the whole request: rules, system prompt, tools, conversation.
pub fn full_text(setup: &Setup, messages: &[Message]) -> String {
    let mut out =
        format!("# How this works\n\n{RULES}\n\n# Your instructions\n\n{}\n\n# Tools\n", setup.system.trim());
    for tool in &setup.tools {
        let schema = serde_json::to_string(&tool.schema).unwrap_or_default();
        out.push_str(&format!(
            "\n## {}\n\n{}\nArguments (JSON schema): {schema}\n",
            tool.name,
            tool.description.trim()
        ));
    }
    out.push_str("\n# Conversation\n\n");
    let names = call_names(messages);
    out.push_str(&messages.iter().map(|message| section(message, &names)).collect::<Vec<_>>().join("\n"));
    out
}

/// Writes a reply the way a model should: words, then one block per call.
pub fn reply_text(message: &Message) -> String {
    let mut parts = Vec::new();
    if !message.content.trim().is_empty() {
        parts.push(message.content.trim().to_string());
    }
    parts.extend(message.tool_calls.iter().map(block));
    parts.join("\n\n")
}

/// Reads a pasted reply. The error is written to the model, to be pasted back.
pub fn parse(reply: &str, tools: &[ToolSpec]) -> Result<Partial, String> {
    let mut partial = Partial::default();
    let mut words = String::new();
    let mut fence: Option<Fence> = None;
    for line in reply.lines() {
        match &mut fence {
            None => match Fence::opened_by(line) {
                Some(opened) => fence = Some(opened),
                None => push_line(&mut words, line),
            },
            Some(open) if open.closed_by(line) => {
                let done = std::mem::take(&mut open.body);
                let open_line = std::mem::take(&mut open.first);
                match call_of(&open_line, &done, partial.calls.len(), tools)? {
                    Some(call) => partial.calls.push(call),
                    None => words.push_str(&format!("{open_line}\n{done}{line}\n")),
                }
                fence = None;
            }
            Some(open) => push_line(&mut open.body, line),
        }
    }
    // A copied reply often lacks its last line.
    if let Some(open) = fence {
        match call_of(&open.first, &open.body, partial.calls.len(), tools)? {
            Some(call) => partial.calls.push(call),
            None => words.push_str(&format!("{}\n{}", open.first, open.body)),
        }
    }
    partial.text = words.trim().to_string();
    match partial.text.is_empty() && partial.calls.is_empty() {
        true => Err("The reply that reached the program was empty. Please send it again.".into()),
        false => Ok(partial),
    }
}

/// A fenced block that has been opened.
struct Fence {
    first: String,
    ticks: usize,
    body: String,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let trimmed = line.trim_start();
        let ticks = trimmed.chars().take_while(|c| *c == '`').count();
        let info = trimmed[ticks..].trim();
        (ticks >= 3 && !info.contains('`')).then(|| Self {
            first: line.to_string(),
            ticks,
            body: String::new(),
        })
    }

    fn closed_by(&self, line: &str) -> bool {
        let trimmed = line.trim();
        trimmed.len() >= self.ticks && trimmed.chars().all(|c| c == '`')
    }
}

/// Reads a block as a call. Blocks in other languages are words; a `json` block counts when it names a known tool,
/// because many models write that.
fn call_of(first: &str, body: &str, at: usize, tools: &[ToolSpec]) -> Result<Option<PartialCall>, String> {
    let info = first.trim_start().trim_start_matches('`').trim();
    let strict = info == "tool" || info == "tool_call";
    if !strict && info != "json" {
        return Ok(None);
    }
    let wrong = |why: String| {
        let number = at + 1;
        Err(format!(
            "Your tool block {number} could not be read: {why}. Nothing of your reply was used. Please send the whole reply again; each \
             call is one fenced block that opens with ```tool and holds one JSON object {{\"name\": …, \"arguments\": {{…}}}}."
        ))
    };
    let value =
        match serde_json::from_str::<Value>(body).or_else(|_| serde_json::from_str(&escape_strings(body))) {
            Ok(value) => value,
            Err(_) if !strict => return Ok(None),
            Err(error) => return wrong(format!("it is not valid JSON ({error})")),
        };
    let name = value["name"].as_str().unwrap_or_default();
    if !strict && !tools.iter().any(|tool| tool.name == name) {
        return Ok(None);
    }
    if name.is_empty() {
        return wrong("it has no \"name\"".into());
    }
    let arguments = match value.get("arguments") {
        Some(arguments @ Value::Object(_)) => arguments.to_string(),
        None => "{}".to_string(),
        Some(_) => return wrong("\"arguments\" is not an object".into()),
    };
    Ok(Some(PartialCall {
        slot: u32::try_from(at).unwrap_or(u32::MAX),
        id: String::new(),
        name: name.into(),
        arguments,
    }))
}

/// Escapes raw newlines and tabs inside JSON strings, which models write when the string is a program.
fn escape_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            '\n' if inside => out.push_str("\\n"),
            '\t' if inside => out.push_str("\\t"),
            '\r' if inside => {}
            c => out.push(c),
        }
        inside = if c == '"' && !escaped { !inside } else { inside };
        escaped = c == '\\' && !escaped;
    }
    out
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn block(call: &ToolCall) -> String {
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
    format!("```tool\n{}\n```", json!({ "name": call.name, "arguments": arguments }))
}

/// Pairs call ids with tool names.
fn call_names(messages: &[Message]) -> Vec<(&str, &str)> {
    let calls = messages.iter().flat_map(|message| &message.tool_calls);
    calls.map(|call| (call.id.as_str(), call.name.as_str())).collect()
}

fn section(message: &Message, names: &[(&str, &str)]) -> String {
    let content = message.content.trim_end();
    match message.role {
        Role::System => format!("## System\n\n{content}\n"),
        Role::User => format!("## Person\n\n{content}\n"),
        Role::Assistant => format!("## You\n\n{}\n", reply_text(message)),
        Role::Tool => {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            let name = names.iter().find(|(known, _)| *known == id).map_or("tool", |(_, name)| *name);
            let ticks = "`".repeat(longest_run(content).max(2) + 1);
            format!("## Result of {name}\n\n{ticks}\n{content}\n{ticks}\n")
        }
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::data::Approval;
    use crate::agent::machine::{Limits, Provider};

    fn setup() -> Setup {
        let tool = ToolSpec {
            name: "read_file".into(),
            description: "Reads a file.".into(),
            schema: json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}),
            approval: Approval::Auto,
        };
        Setup {
            provider: Provider::Manual,
            model: "m".into(),
            system: "Port models.".into(),
            tools: vec![tool],
            limits: Limits::default(),
            ..Setup::default()
        }
    }

    fn calls(partial: &Partial) -> Vec<(String, Value)> {
        let value = |text: &str| serde_json::from_str(text).expect("arguments are JSON");
        partial.calls.iter().map(|call| (call.name.clone(), value(&call.arguments))).collect()
    }

    /// A small generator, so that a failure repeats.
    struct Lcg(u64);

    impl Lcg {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % limit
        }

        fn text(&mut self, words: usize) -> String {
            const PARTS: [&str; 12] = [
                "class A(nn.Module):\n    x = 1\n",
                "```python\ny = \"```\"\n```\n",
                "\"",
                "\\",
                "\\n",
                "日本語 ",
                "plain words ",
                "`tick` ",
                "\t",
                "````\n```tool\n{\"name\": \"no\"}\n```\n````\n",
                "{\"name\": 1}",
                "end.\n",
            ];
            (0..words).map(|_| PARTS[self.below(PARTS.len())]).collect()
        }
    }

    #[test]
    fn what_is_written_as_a_reply_is_read_back_the_same() {
        let mut random = Lcg(7);
        for _ in 0..500 {
            let length = random.below(4);
            let count = random.below(3);
            // Free text that ends inside an open fence would swallow the calls: that is Markdown, not our format.
            let words =
                random.text(length).replace("```python\ny = \"```\"\n```\n", "\n```python\ny = 1\n```\n");
            let words = words.replace("````\n```tool", "\n````\n```tool");
            let sent: Vec<(String, Value)> = (0..count)
                .map(|n| (format!("tool_{n}"), json!({"path": "a.py", "text": random.text(5)})))
                .collect();
            let call = |(name, arguments): &(String, Value)| ToolCall {
                id: "x".into(),
                name: name.clone(),
                arguments: arguments.to_string(),
            };
            let message = Message::assistant(words.clone()).calling(sent.iter().map(call).collect());
            if words.trim().is_empty() && count == 0 {
                continue;
            }
            let partial = parse(&reply_text(&message), &[]).expect("readable");
            assert_eq!((partial.text.trim(), calls(&partial)), (words.trim(), sent), "{words:?}");
        }
    }

    #[test]
    fn raw_newlines_in_a_program_and_a_missing_last_fence_are_forgiven() {
        let reply =
            "Here.\n```tool\n{\"name\": \"edit\", \"arguments\": {\"text\": \"a = 1\nb = \\\"2\\\"\n\"}}";
        let partial = parse(reply, &[]).expect("readable");
        assert_eq!(calls(&partial), vec![("edit".into(), json!({"text": "a = 1\nb = \"2\"\n"}))]);
        assert_eq!(partial.text, "Here.");
    }

    #[test]
    fn a_json_block_is_a_call_only_when_it_names_a_tool() {
        let reply = "```json\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}\n```\n```json\n{\"name\": \"x\"}\n```";
        let partial = parse(reply, &setup().tools).expect("readable");
        assert_eq!(calls(&partial), vec![("read_file".into(), json!({"path": "a"}))]);
        assert_eq!(partial.text, "```json\n{\"name\": \"x\"}\n```");
    }

    #[test]
    fn an_unreadable_block_gives_a_message_for_the_model() {
        let told = parse("```tool\n{name: read}\n```", &[]).expect_err("not JSON");
        assert!(
            told.starts_with(
                "Your tool block 1 could not be read: it is not valid JSON (key must be a string"
            ),
            "{told}"
        );
        assert_eq!(
            parse(" \n", &[]),
            Err("The reply that reached the program was empty. Please send it again.".into())
        );
        assert!(
            parse("```tool\n{\"arguments\": {}}\n```", &[])
                .expect_err("no name")
                .contains("it has no \"name\"")
        );
    }

    #[test]
    fn later_texts_hold_only_what_is_new() {
        let call =
            ToolCall { id: "call_1".into(), name: "read_file".into(), arguments: r#"{"path":"a"}"#.into() };
        let messages = vec![
            Message::user("Port arcee."),
            Message::assistant("Reading.").calling(vec![call]),
            Message::tool("call_1", "x = ```1```"),
            Message::user("Go on."),
        ];
        assert_eq!(
            new_text(&messages, 2),
            "## Result of read_file\n\n````\nx = ```1```\n````\n\n## Person\n\nGo on.\n"
        );
        let full = full_text(&setup(), &messages);
        for part in [
            RULES,
            "Port models.",
            "## read_file",
            "\"required\":[\"path\"]",
            "## Person\n\nPort arcee.",
            "## You\n\nReading.",
        ] {
            assert!(full.contains(part), "{part} is missing in {full}");
        }
    }
}
