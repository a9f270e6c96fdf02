//! What is shown of a conversation: messages, tool cards, notices. Folded from the same entries that the session log
//! keeps, so that a resumed session looks as it did.

use super::judge::rows::DiffRow;
use super::reader::card_id;
use crate::agent::data::policy::{By, RuleChange};
use crate::agent::data::{
    Decision, Entry, Mark, Message, Pin, Role, ToolCall, ToolOutcome, call_title, fact_line,
};

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
    User {
        text: String,
    },
    Model {
        text: String,
        reasoning: String,
        mark: Mark,
    },
    /// What the second reader wrote.
    Reader {
        text: String,
        mark: Mark,
    },
    Tool(Card),
    Notice {
        tone: Tone,
        text: String,
        hint: Option<String>,
    },
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
    /// How it was agreed to, where that was not by the person and whole.
    pub note: String,
    /// What the model was told.
    pub output: String,
    /// What was written without asking.
    pub diff: Vec<DiffRow>,
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
    /// It was written, and the person took it back.
    TakenBack,
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
        Entry::Rebased { proposal, lost } => with_card(items, &proposal.call_id, |card| {
            card.title.clone_from(&proposal.title);
            card.summary = match lost.is_empty() {
                true => "fitted onto the changed file".into(),
                false => "fitted onto the changed file; at some places your text stands".into(),
            };
        }),
        Entry::Decided { call_id, decision, by } => {
            with_card(items, call_id, |card| decided(card, decision, by));
        }
        Entry::Undone { call_id, .. } => {
            with_card(items, call_id, |card| card.state = CardState::TakenBack);
            items.push(Item::notice(
                Tone::Quiet,
                "You took this edit back. The model is told with the next message",
            ));
        }
        Entry::Mode { mode } => {
            items.push(Item::notice(Tone::Quiet, format!("Edits: {}: {}", mode.name(), mode.words())));
        }
        Entry::Rule { rule, change } => {
            let what = if *change == RuleChange::Taken { "Rule" } else { "Rule revoked" };
            items.push(Item::notice(Tone::Quiet, format!("{what}: {rule}")));
        }
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
        Entry::Compacted { upto, summary, pinned } => items.push(condensed(*upto, summary, pinned)),
        Entry::NotCompacted { why } => {
            items.push(Item::notice(Tone::Quiet, format!("Not condensed: {why}")));
        }
        Entry::Usage { .. } | Entry::Queue { .. } | Entry::Pinned { .. } | Entry::Summarised { .. } => {}
    }
}

/// Adds what the second reader's entry says. What it was given to read is not shown again.
pub(super) fn fold_reader(items: &mut Vec<Item>, entry: &Entry) {
    match entry {
        Entry::Message { message } if message.role == Role::Assistant => {
            if !message.content.trim().is_empty() {
                let (text, mark) = (message.content.clone(), message.mark);
                items.push(Item::new(ItemKind::Reader { text, mark }));
            }
            items.extend(message.tool_calls.iter().map(|call| {
                let own = Card { call_id: card_id(&call.id), ..card(call) };
                Item::new(ItemKind::Tool(Card { title: format!("second reader · {}", own.title), ..own }))
            }));
        }
        Entry::Message { message } if message.role == Role::Tool => {
            let id = card_id(message.tool_call_id.as_deref().unwrap_or_default());
            with_card(items, &id, |card| card.output.clone_from(&message.content));
        }
        Entry::ToolEnded { call_id, outcome } => {
            with_card(items, &card_id(call_id), |card| end(card, outcome))
        }
        Entry::Failed { .. } | Entry::Stopped { .. } => fold(items, entry),
        _ => {}
    }
}

/// A card that says what was condensed, with the facts and the summary to unfold.
fn condensed(upto: usize, summary: &str, pinned: &[Pin]) -> Item {
    let facts: Vec<String> = pinned.iter().map(fact_line).collect();
    Item::new(ItemKind::Tool(Card {
        call_id: format!("condensed {upto}"),
        title: format!("condensed: facts and a summary stand for the {upto} messages above"),
        state: CardState::Done,
        summary: "Ctrl-O shows it".into(),
        note: String::new(),
        diff: Vec::new(),
        output: format!("{}\n\n{}", facts.join("\n"), summary.trim()),
    }))
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
        title: call_title(call),
        state: CardState::Waiting,
        summary: String::new(),
        note: String::new(),
        output: String::new(),
        diff: Vec::new(),
    }
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

/// Puts on its card what was written without asking.
pub(super) fn with_diff(items: &mut [Item], call_id: &str, diff: Vec<DiffRow>) {
    with_card(items, call_id, |card| card.diff = diff);
}

fn decided(card: &mut Card, decision: &Decision, by: &By) {
    let (state, summary) = match decision {
        Decision::Accept => (CardState::Accepted, String::new()),
        Decision::AcceptEdited { .. } => (CardState::Accepted, String::new()),
        Decision::AcceptPart { written, declined, .. } => {
            let all = written.len() + declined.len();
            card.note = format!("{} of {all} hunks", written.len());
            (CardState::Accepted, String::new())
        }
        Decision::Deny { reason } if reason.trim().is_empty() => (CardState::Denied, "denied".into()),
        Decision::Deny { reason } => {
            (CardState::Denied, format!("denied: {}", reason.lines().next().unwrap_or_default()))
        }
    };
    card.state = state;
    card.summary = summary;
    if let Some(by) = by.words() {
        card.note = by;
    }
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
