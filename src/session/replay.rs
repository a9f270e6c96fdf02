//! Which recorded turn answers a request. Pure. The recorded turns are served in order as long as the conversation is
//! the recorded one; where it is not, the answer says so in plain words instead of pretending to understand.

use serde::Deserialize;
use serde_json::Value;

use super::record::Recording;
use crate::agent::data::{Message, Role};
use crate::tools::data::APPLIED;

/// How every answer begins that was not recorded.
pub const OFF_SCRIPT: &str = "[recording] ";
/// What the person types to go on after such an answer.
const GO_ON: &str = "continue";

/// A message of a request, as leniently as servers read it.
#[derive(Clone, Debug, Deserialize)]
pub struct Said {
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    tool_calls: Vec<SaidCall>,
}

#[derive(Clone, Debug, Deserialize)]
struct SaidCall {
    #[serde(default)]
    id: String,
    #[serde(default)]
    function: SaidFunction,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct SaidFunction {
    #[serde(default)]
    name: String,
}

/// One step of a conversation, reduced to what must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    User(String),
    Assistant {
        text: String,
        calls: Vec<String>,
    },
    /// Results vary from machine to machine; whether an edit was written does not.
    Tool {
        applied: bool,
    },
    /// An answer that was not recorded stood here.
    OffScript,
}

/// Gives the message that answers a request.
pub fn answer(recording: &Recording, request: &[Said]) -> Message {
    let turns = recording.turns();
    let script = merged(recording.messages().filter_map(recorded));
    match follow(&script, &merged(request.iter().filter_map(said))) {
        Ok(turn) => match turns.get(turn) {
            Some(message) => fresh_ids((*message).clone(), request),
            None => off("the recording ends here."),
        },
        Err(why) => off(&why),
    }
}

fn off(text: &str) -> Message {
    Message::assistant(format!(
        "{OFF_SCRIPT}This conversation is a recording, no language model answers: {text}"
    ))
}

/// Walks the request along the script. Gives the number of the turn that comes next, or why there is none.
fn follow(script: &[Step], request: &[Step]) -> Result<usize, String> {
    let mut at = 0;
    let mut index = 0;
    while let Some(step) = request.get(index) {
        index += 1;
        match (script.get(at), step) {
            (_, Step::OffScript) => {}
            (Some(known), step) if known == step => at += 1,
            (Some(Step::Assistant { text, .. }), Step::Assistant { text: part, calls })
                // Interrupted half way: the turn is served again.
                if calls.is_empty() && text.starts_with(part.as_str()) => {}
            (Some(Step::Tool { applied: known }), Step::Tool { .. }) => {
                let rest = request[index..].iter().take_while(|step| matches!(step, Step::Tool { .. })).count();
                if request.get(index + rest) != Some(&Step::OffScript) {
                    return Err(unlike(*known));
                }
                // The person was told and goes on: back to the turn that asked.
                index += rest + 1;
                at = script[..at].iter().rposition(|step| matches!(step, Step::Assistant { .. })).unwrap_or(0);
            }
            (known, _) => return Err(elsewhere(known)),
        }
    }
    match script.get(at) {
        Some(Step::Assistant { .. }) | None => {
            Ok(script[..at].iter().filter(|step| matches!(step, Step::Assistant { .. })).count())
        }
        other => Err(elsewhere(other)),
    }
}

fn unlike(recorded: bool) -> String {
    let (there, here) = if recorded { ("was", "was not") } else { ("was not", "was") };
    format!("in it this edit {there} written, here it {here}. Type \"{GO_ON}\" to see the proposal again.")
}

fn elsewhere(known: Option<&Step>) -> String {
    match known {
        Some(Step::User(text)) => {
            let text = crate::util::text::truncate(text, 200);
            format!("it cannot answer this. The recorded person says next: \"{text}\"")
        }
        Some(_) => format!("it cannot answer this. Type \"{GO_ON}\" to go on with it."),
        None => "the recording ends here.".into(),
    }
}

fn recorded(message: &Message) -> Option<Step> {
    let calls = message.tool_calls.iter().map(|call| call.name.clone()).collect();
    step(message.role, &message.content, calls)
}

fn said(message: &Said) -> Option<Step> {
    let role = match message.role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return None,
    };
    let calls = message.tool_calls.iter().map(|call| call.function.name.clone()).collect();
    step(role, &text(&message.content), calls)
}

fn step(role: Role, content: &str, calls: Vec<String>) -> Option<Step> {
    let text = content.split_whitespace().collect::<Vec<_>>().join(" ");
    match role {
        Role::System => None,
        Role::User if text.eq_ignore_ascii_case(GO_ON) => None,
        Role::User => Some(Step::User(text)),
        Role::Assistant if content.starts_with(OFF_SCRIPT) => Some(Step::OffScript),
        Role::Assistant => Some(Step::Assistant { text, calls }),
        Role::Tool => Some(Step::Tool { applied: content.starts_with(APPLIED) }),
    }
}

/// Joins what the person said in a row, and takes back what led to an answer that was not recorded.
fn merged(steps: impl Iterator<Item = Step>) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for step in steps {
        match (out.last_mut(), step) {
            (Some(Step::User(before)), Step::User(text)) => {
                before.push(' ');
                before.push_str(&text);
            }
            (last, Step::OffScript) => {
                if matches!(last, Some(Step::User(_))) {
                    out.pop();
                }
                out.push(Step::OffScript);
            }
            (_, step) => out.push(step),
        }
    }
    out
}

/// A message's text: a string, or the text parts of a list.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

/// A turn that is served again must not use its calls' ids again.
fn fresh_ids(mut message: Message, request: &[Said]) -> Message {
    let used = |id: &str| request.iter().flat_map(|said| &said.tool_calls).any(|call| call.id == id);
    for call in &mut message.tool_calls {
        let base = call.id.clone();
        let mut count = 2;
        while used(&call.id) {
            call.id = format!("{base}_{count}");
            count += 1;
        }
    }
    message
}
