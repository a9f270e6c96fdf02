//! What is shown of a conversation: messages, tool cards, notices. Folded from the same entries that the session log
//! keeps, so that a resumed session looks as it did.

use crate::agent::data::{Decision, Entry, Mark, Message, Role, ToolCall, ToolOutcome};

/// One thing in the transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Grows with every change of this item, so that what was drawn of it can be kept.
    pub version: u32,
    pub kind: ItemKind,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    User { text: String },
    Model { text: String, reasoning: String, mark: Mark },
    Tool(Card),
    Notice { tone: Tone, text: String, hint: Option<String> },
}

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Quiet,
    Warn,
    Fail,
}

/// A tool call, one line while folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub call_id: String,
    pub title: String,
    pub state: CardState,
    /// One line of what came of it.
    pub summary: String,
    /// What the model was told.
    pub output: String,
}

/// How far a tool call is, as its card shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardState {
    Waiting,
    NeedsApproval,
    Accepted,
    Done,
    Denied,
    Failed,
    Interrupted,
}

impl Item {
    fn new(kind: ItemKind) -> Self {
        Self { version: 0, kind }
    }

    /// Makes a notice.
    pub(super) fn notice(tone: Tone, text: impl Into<String>) -> Self {
        Self::new(ItemKind::Notice { tone, text: text.into(), hint: None })
    }
}

/// Adds what an entry says to the transcript.
pub(super) fn fold(items: &mut Vec<Item>, entry: &Entry) {
    match entry {
        Entry::Message { message } => message_items(items, message),
        Entry::ToolEnded { call_id, outcome } => with_card(items, call_id, |card| end(card, outcome)),
        Entry::Proposed { proposal } => with_card(items, &proposal.call_id, |card| {
            card.state = CardState::NeedsApproval;
            card.title.clone_from(&proposal.title);
        }),
        Entry::Decided { call_id, decision } => with_card(items, call_id, |card| decided(card, decision)),
        Entry::Failed { failure, retry_in_ms } => {
            let (tone, text) = match retry_in_ms {
                Some(_) => (Tone::Warn, failure.text.clone()),
                // What follows says why it stopped.
                None => return,
            };
            items.push(Item::notice(tone, text));
        }
        Entry::Stopped { report } => {
            let (text, hint) = (report.text.clone(), report.hint.clone());
            items.push(Item::new(ItemKind::Notice { tone: Tone::Fail, text, hint }));
        }
        Entry::Usage { .. } | Entry::Queue { .. } => {}
    }
}

/// Says on its card that a call is being worked on, perhaps again after an interrupt.
pub(super) fn started(items: &mut [Item], call_id: &str) {
    with_card(items, call_id, |card| {
        if card.state == CardState::Interrupted {
            (card.state, card.summary) = (CardState::Waiting, String::new());
        }
    });
}

/// Puts the line of a finished tool run on its card.
pub(super) fn summarise(items: &mut [Item], call_id: &str, summary: &str) {
    with_card(items, call_id, |card| card.summary = summary.to_string());
}

fn message_items(items: &mut Vec<Item>, message: &Message) {
    match message.role {
        Role::System => {}
        Role::User => items.push(Item::new(ItemKind::User { text: message.content.clone() })),
        Role::Assistant => {
            if !message.content.trim().is_empty() || !message.reasoning.trim().is_empty() {
                let (text, reasoning) = (message.content.clone(), message.reasoning.clone());
                items.push(Item::new(ItemKind::Model { text, reasoning, mark: message.mark }));
            }
            items.extend(message.tool_calls.iter().map(|call| Item::new(ItemKind::Tool(card(call)))));
        }
        Role::Tool => {
            let call_id = message.tool_call_id.as_deref().unwrap_or_default();
            with_card(items, call_id, |card| card.output.clone_from(&message.content));
        }
    }
}

fn card(call: &ToolCall) -> Card {
    Card {
        call_id: call.id.clone(),
        title: title(call),
        state: CardState::Waiting,
        summary: String::new(),
        output: String::new(),
    }
}

/// Says in one line what a call is about: its name and its short arguments.
fn title(call: &ToolCall) -> String {
    let arguments: serde_json::Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    let short = arguments.as_object().into_iter().flatten().filter_map(|(_, value)| match value {
        serde_json::Value::String(text) if text.len() <= 60 && !text.contains('\n') => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let about: Vec<String> = short.take(3).collect();
    format!("{} {}", call.name, about.join(" ")).trim_end().to_string()
}

fn end(card: &mut Card, outcome: &ToolOutcome) {
    let (state, text) = match outcome {
        ToolOutcome::Done { text } => (CardState::Done, text.clone()),
        ToolOutcome::Failed { .. } if card.state == CardState::Denied => return,
        ToolOutcome::Failed { text } => (CardState::Failed, text.clone()),
        ToolOutcome::Stop { report } => (CardState::Failed, report.text.clone()),
        ToolOutcome::Interrupted { .. } => (CardState::Interrupted, "interrupted".into()),
    };
    card.state = state;
    if card.summary.is_empty() {
        card.summary = text.lines().next().unwrap_or_default().to_string();
    }
}

fn decided(card: &mut Card, decision: &Decision) {
    let (state, summary) = match decision {
        Decision::Accept => (CardState::Accepted, String::new()),
        Decision::AcceptEdited { .. } => (CardState::Accepted, String::new()),
        Decision::Deny { reason } if reason.trim().is_empty() => (CardState::Denied, "denied".into()),
        Decision::Deny { reason } => (CardState::Denied, format!("denied: {reason}")),
    };
    card.state = state;
    card.summary = summary;
}

fn with_card(items: &mut [Item], call_id: &str, change: impl FnOnce(&mut Card)) {
    // Cards that change are near the end.
    let found = items.iter_mut().rev().find_map(|item| match &mut item.kind {
        ItemKind::Tool(card) if card.call_id == call_id => Some((&mut item.version, card)),
        _ => None,
    });
    if let Some((version, card)) = found {
        *version += 1;
        change(card);
    }
}
