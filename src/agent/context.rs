//! How full the model's context is, and what is left out of a request when it would not fit. Counts are the
//! endpoint's where it gave any; otherwise estimates, and labelled so.

use super::data::{Message, Role, Usage};
use super::machine::Setup;

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
    /// Bytes divided by four.
    Estimated,
}

impl Meter {
    /// Measures a conversation: the last count if there is one, else the estimate. Asked for with every event of a
    /// stream, so nothing is added up here.
    pub fn of(usage: Option<Usage>, estimated: u64, limit: Option<u64>) -> Self {
        match usage.filter(|usage| usage.prompt_tokens > 0) {
            Some(usage) => {
                let tokens = usage.prompt_tokens + usage.completion_tokens;
                Self { tokens, limit, source: Source::Counted }
            }
            None => Self { tokens: estimated, limit, source: Source::Estimated },
        }
    }

    /// Gives the share used, 0 to 100, when the limit is known.
    pub fn percent(&self) -> Option<u64> {
        self.limit.filter(|limit| *limit > 0).map(|limit| (self.tokens * 100 / limit).min(100))
    }
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
    setup
        .tools
        .iter()
        .map(|tool| (tool.description.len() + tool.schema.to_string().len()) as u64 / 4 + 8)
        .sum()
}

/// Gives how many tokens of messages a request may carry; a fifth of the context is left for the answer, and half
/// after the endpoint said that a request was too long (so our estimate, or the limit we know, is wrong).
pub fn request_limit(setup: &Setup, overflowed: bool) -> Option<u64> {
    let share = |limit: u64| if overflowed { limit / 2 } else { limit / 5 * 4 };
    let known = setup.limits.context.map(|limit| share(limit).saturating_sub(overhead(setup)));
    // With no known limit an overflow still has to shrink the request.
    if overflowed { Some(known.unwrap_or(8_000).max(1_000)) } else { known }
}

/// Leaves out the oldest long tool outputs until the estimate fits; says how many. Never touches what people and
/// models said: a lost instruction costs more than a lost listing, which can be read again.
pub fn fit(mut messages: Vec<Message>, limit: Option<u64>) -> (Vec<Message>, usize) {
    let Some(limit) = limit else { return (messages, 0) };
    let mut total: u64 = messages.iter().map(estimate).sum();
    if total <= limit {
        return (messages, 0);
    }
    let outputs: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].role == Role::Tool).collect();
    let mut dropped = 0;
    for at in outputs.iter().take(outputs.len().saturating_sub(KEPT_OUTPUTS)) {
        let message = &mut messages[*at];
        if total <= limit || message.content.len() < SMALL_OUTPUT {
            continue;
        }
        let before = estimate(message);
        let lines = message.content.lines().count();
        message.content = format!("[{lines} lines left out to save context; call the tool again if needed]");
        total = total.saturating_sub(before) + estimate(message);
        dropped += 1;
    }
    (messages, dropped)
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

        let (fitted, dropped) = fit(messages.clone(), Some(2_900));
        let mut expected = messages.clone();
        expected[1].content = left_out.into();
        assert_eq!((fitted, dropped), (expected.clone(), 1));

        let (fitted, dropped) = fit(messages.clone(), Some(10));
        expected[2].content = left_out.into();
        assert_eq!((fitted, dropped), (expected, 2));
        assert_eq!(fit(messages.clone(), None), (messages, 0));
    }
}
