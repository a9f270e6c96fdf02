//! How full the model's context is, and what is left out of a request when it would not fit. Counts are the
//! endpoint's where it gave any; otherwise estimates, and labelled so.

use std::collections::HashMap;

use super::data::{Mark, Message, Role, Usage};
use super::machine::{Machine, Setup};

/// Tool outputs at the end of the conversation that are never left out.
const KEPT_OUTPUTS: usize = 4;
/// A tool output shorter than this is not worth leaving out.
const SMALL_OUTPUT: usize = 400;

/// How full the context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    pub tokens: u64,
    pub limit: Option<u64>,
    pub source: Source,
}

/// Where a count of tokens comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The endpoint counted.
    Counted,
    /// The endpoint counted the last request; what came since is estimated.
    Partly,
    /// Bytes divided by four.
    Estimated,
}

impl Source {
    /// Says it in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Partly => "partly estimated",
            Self::Estimated => "estimated",
        }
    }
}

impl Meter {
    /// Measures a conversation: the last count and an estimate of what came `since`, or the estimate of everything. Asked
    /// for with every event of a stream, so nothing is added up here.
    pub fn of(usage: Option<Usage>, since: u64, estimated: u64, limit: Option<u64>) -> Self {
        match usage.filter(|usage| usage.prompt_tokens > 0) {
            Some(usage) => {
                let tokens = usage.prompt_tokens + usage.completion_tokens + since;
                let source = if since == 0 { Source::Counted } else { Source::Partly };
                Self { tokens, limit, source }
            }
            None => Self { tokens: estimated, limit, source: Source::Estimated },
        }
    }

    /// Gives the share used, 0 to 100, when the limit is known.
    pub fn percent(&self) -> Option<u64> {
        self.limit.filter(|limit| *limit > 0).map(|limit| (self.tokens * 100 / limit).min(100))
    }
}

/// Something that takes room in the context, with an estimate of how much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// Where it comes from, or what happened to it.
    pub note: String,
    pub tokens: u64,
    pub inner: Vec<Part>,
}

/// Tool outputs that are listed one by one, the largest ones.
const LISTED: usize = 12;

/// Says what takes the room in the next request, the fixed parts first. Looks at every message: not for every frame.
pub fn parts(machine: &Machine) -> Vec<Part> {
    let setup = machine.setup();
    let part =
        |name: &str, note: String, tokens: u64| Part { name: name.into(), note, tokens, inner: Vec::new() };
    let fragments =
        setup.parts.iter().map(|piece| part(&piece.name, piece.source.clone(), bytes(piece.bytes)));
    let mut system = part("system prompt", String::new(), bytes(setup.system.len()));
    system.inner = fragments.collect();
    let mut tools = part("tools", format!("{} of them", setup.tools.len()), overhead(setup));
    tools.inner = setup.tools.iter().map(|tool| part(&tool.name, String::new(), tool_cost(tool))).collect();
    tools.inner.sort_by_key(|tool| std::cmp::Reverse(tool.tokens));
    let mut all = vec![system, tools];
    let transcript = machine.transcript();
    if let Some(condensed) = transcript.condensed() {
        let note = format!("stands for the first {} messages", condensed.upto);
        let mut whole = part("condensed part", note, estimate(&condensed.message()));
        let pins = condensed.pinned.iter();
        whole.inner = pins
            .map(|pin| part(pin.kind.name(), crate::util::text::one_line(&pin.text), bytes(pin.text.len())))
            .collect();
        whole.inner.push(part("summary", String::new(), bytes(condensed.summary.len())));
        all.push(whole);
    }
    let live = || transcript.live().iter().filter(|message| message.mark != Mark::Cut);
    let sum = |role: Role| live().filter(|message| message.role == role).map(estimate).sum::<u64>();
    let count = |role: Role| live().filter(|message| message.role == role).count();
    all.push(part("what you said", format!("{} messages", count(Role::User)), sum(Role::User)));
    let said = format!("{} messages, with their calls", count(Role::Assistant));
    all.push(part("what the model said", said, sum(Role::Assistant)));
    all.push(outputs(machine, live()));
    all
}

fn outputs<'a>(machine: &Machine, live: impl Iterator<Item = &'a Message>) -> Part {
    let names: HashMap<&str, String> = machine
        .messages()
        .iter()
        .flat_map(|message| &message.tool_calls)
        .map(|call| (call.id.as_str(), super::data::call_title(call)))
        .collect();
    let mut each: Vec<Part> = Vec::new();
    for message in live.filter(|message| message.role == Role::Tool) {
        let id = message.tool_call_id.as_deref().unwrap_or_default();
        let left_out = machine.left_out().iter().any(|call| call == id);
        let (note, tokens) = match left_out {
            true => (format!("left out of the last request, {} tokens", estimate(message)), 24),
            false => (String::new(), estimate(message)),
        };
        let name = names.get(id).cloned().unwrap_or_else(|| "a tool".into());
        each.push(Part { name, note, tokens, inner: Vec::new() });
    }
    let count = each.len();
    let tokens = each.iter().map(|part| part.tokens).sum();
    each.sort_by_key(|part| std::cmp::Reverse(part.tokens));
    // What was left out is named, however small it is now.
    let (left_out, mut whole): (Vec<Part>, Vec<Part>) =
        each.into_iter().partition(|part| !part.note.is_empty());
    let more = whole.len().saturating_sub(LISTED);
    let rest: u64 = whole.iter().skip(LISTED).map(|part| part.tokens).sum();
    whole.truncate(LISTED);
    if more > 0 {
        whole.push(Part { name: format!("{more} smaller ones"), tokens: rest, ..Part::default() });
    }
    whole.extend(left_out);
    Part { name: "tool outputs".into(), note: format!("{count} of them"), tokens, inner: whole }
}

fn bytes(count: usize) -> u64 {
    count as u64 / 4
}

fn tool_cost(tool: &super::data::ToolSpec) -> u64 {
    (tool.description.len() + tool.schema.to_string().len()) as u64 / 4 + 8
}

/// Estimates a message's tokens: a quarter of its bytes, and a few for its frame.
pub fn estimate(message: &Message) -> u64 {
    let calls: usize =
        message.tool_calls.iter().map(|call| call.name.len() + call.arguments.len() + 16).sum();
    (message.content.len() + calls) as u64 / 4 + 4
}

/// Estimates what a setup costs before anything is said: system prompt and tools.
pub fn fixed(setup: &Setup) -> u64 {
    overhead(setup) + setup.system.len() as u64 / 4
}

/// Estimates what the tools' descriptions and schemas cost.
fn overhead(setup: &Setup) -> u64 {
    setup.tools.iter().map(tool_cost).sum()
}

/// Gives how many tokens of messages a request may carry; a fifth of the context is left for the answer, and half
/// after the endpoint said that a request was too long (so our estimate, or the limit we know, is wrong).
pub fn request_limit(setup: &Setup, overflowed: bool) -> Option<u64> {
    let share = |limit: u64| if overflowed { limit / 2 } else { limit / 5 * 4 };
    let known = setup.limits.context.map(|limit| share(limit).saturating_sub(overhead(setup)));
    // With no known limit an overflow still has to shrink the request.
    if overflowed { Some(known.unwrap_or(8_000).max(1_000)) } else { known }
}

/// Messages that fit, and the calls whose outputs were left out for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fitted {
    pub messages: Vec<Message>,
    pub left_out: Vec<String>,
}

/// Leaves out the oldest long tool outputs until the estimate fits; says which. Never touches what people and models said
/// (a lost instruction costs more than a lost listing, which can be read again), nor what a tool refused.
pub fn fit(mut messages: Vec<Message>, limit: Option<u64>) -> Fitted {
    let total: u64 = messages.iter().map(estimate).sum();
    let Some(limit) = limit.filter(|limit| total > *limit) else {
        return Fitted { messages, left_out: Vec::new() };
    };
    let mut total = total;
    let outputs: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].role == Role::Tool).collect();
    let mut left_out = Vec::new();
    for at in outputs.iter().take(outputs.len().saturating_sub(KEPT_OUTPUTS)) {
        let message = &mut messages[*at];
        let kept = message.content.len() < SMALL_OUTPUT || message.content.starts_with("Error: ");
        if total <= limit || kept {
            continue;
        }
        let before = estimate(message);
        let lines = message.content.lines().count();
        message.content = format!("[{lines} lines left out to save context; call the tool again if needed]");
        total = total.saturating_sub(before) + estimate(message);
        left_out.extend(message.tool_call_id.clone());
    }
    Fitted { messages, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_long_outputs_go_first_and_the_last_four_stay() {
        let long = "line\n".repeat(400);
        let mut messages = vec![Message::user("port it")];
        messages.extend((0..6).map(|n| Message::tool(format!("c{n}"), long.clone())));
        let left_out = "[400 lines left out to save context; call the tool again if needed]";

        let mut expected = messages.clone();
        expected[1].content = left_out.into();
        let one = Fitted { messages: expected.clone(), left_out: vec!["c0".into()] };
        assert_eq!(fit(messages.clone(), Some(2_900)), one);

        expected[2].content = left_out.into();
        let two = Fitted { messages: expected, left_out: vec!["c0".into(), "c1".into()] };
        assert_eq!(fit(messages.clone(), Some(10)), two);
        assert_eq!(fit(messages.clone(), None), Fitted { messages: messages.clone(), left_out: vec![] });

        messages[1].content = format!("Error: The person declined this edit: {}", "because ".repeat(100));
        assert_eq!(fit(messages, Some(10)).left_out, ["c1"], "a refusal with its reason is not an output");
    }

    #[test]
    fn a_count_grows_by_what_came_since() {
        let usage = Some(Usage { prompt_tokens: 100, completion_tokens: 20 });
        let meter = |usage, since| Meter::of(usage, since, 77, Some(1000));
        assert_eq!((meter(usage, 0).tokens, meter(usage, 0).source), (120, Source::Counted));
        assert_eq!((meter(usage, 30).tokens, meter(usage, 30).source), (150, Source::Partly));
        assert_eq!((meter(None, 30).tokens, meter(None, 30).source), (77, Source::Estimated));
        assert_eq!(meter(None, 30).percent(), Some(7));
    }
}
