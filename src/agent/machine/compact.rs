//! Condensing: the model sums up the older part of the conversation in a stream of its own, the person judges the
//! summary, and facts and summary stand for that part from then on. The messages stay in transcript and log.
//!
//! It happens by request, when the context is nearly full, and when the endpoint says that a request was too long. The
//! second must not cost the turn: where no summary comes of it, the turn goes on with older outputs left out.

use super::{Budget, Machine, Notice, Output, Partial, Provider, State};
use crate::agent::context;
use crate::agent::data::{
    ChatRequest, Entry, FailureKind, FinishReason, Message, Pin, PinKind, Role, StreamEvent, StreamFailure,
    Usage, fact_line,
};
use crate::agent::manual;
use crate::agent::transcript::Condensed;
use crate::util::blame::{Blame, Report};

/// What the model is asked, where the setup brings no text of its own.
pub const PROMPT: &str = include_str!("../../../prompts/compact.md");

/// Tokens that stay as they are where the size of the context is not known.
const KEPT: u64 = 8_000;
/// Fewer tokens than this are not worth a summary.
const LEAST: u64 = 300;
/// Characters of a request for a summary where the size of the context is not known.
const ROOM: usize = 120_000;
/// How often a request for a summary is made shorter because it did not fit.
const SHRINKS: u32 = 3;

/// A condensing under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Compacting {
    /// How many messages the summary will stand for, and their estimated tokens.
    pub upto: usize,
    pub tokens: u64,
    pub why: Why,
    pub phase: CompactPhase,
    shrinks: u32,
    /// Bytes of the text that the model was given last.
    bytes: usize,
    then: Then,
}

/// What made it necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The person asked for it.
    Asked,
    /// The context is nearly full.
    Full,
    /// The endpoint said that the request was too long.
    Overflow,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub enum CompactPhase {
    /// The model writes the summary.
    Streaming { stream: u64, attempt: u32, since_ms: u64, partial: Partial },
    /// An attempt failed; the next follows at `until_ms`.
    WaitingRetry { attempt: u32, until_ms: u64, failure: StreamFailure },
    /// The person carries `request` to a model.
    Manual { request: String, problem: Option<String> },
    /// The summary waits for the person.
    Preview { summary: String, pinned: Vec<Pin> },
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
enum Then {
    /// The turn's next request.
    GoOn,
    /// The state in which the person asked for it.
    Rest(Box<State>),
}

/// What the person said to a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    /// Use this text in its place.
    AcceptEdited(String),
    /// Leave the conversation as it is.
    Deny,
}

impl Machine {
    /// The person wants the conversation condensed: now where it rests, else before the next request.
    pub(super) fn compact(&mut self) {
        match self.state {
            State::Idle | State::Interrupted | State::Stopped { .. } | State::BudgetSpent { .. } => {
                let rest = Then::Rest(Box::new(self.state.clone()));
                if !self.start_compacting(Why::Asked, rest) {
                    self.out.push(Output::Notify(Notice::NothingToCondense));
                }
            }
            State::Streaming { .. }
            | State::WaitingRetry { .. }
            | State::Tools(_)
            | State::ManualWaiting { .. } => {
                self.compact_asked = true;
                self.out.push(Output::Notify(Notice::CondensedLater));
            }
            State::Compacting(_) => {}
        }
    }

    /// Opens the turn's next request, unless the conversation has to be condensed before it.
    pub(super) fn next_request(&mut self) {
        let asked = std::mem::take(&mut self.compact_asked);
        let why = if asked { Some(Why::Asked) } else { self.is_nearly_full().then_some(Why::Full) };
        match why {
            Some(why) if self.start_compacting(why, Then::GoOn) => {}
            _ => self.open(1),
        }
    }

    fn is_nearly_full(&self) -> bool {
        let limits = self.setup.limits;
        let Some(limit) = limits.context.filter(|limit| *limit > 0) else { return false };
        let tokens = self.meter().tokens;
        let again = self.declined_at.is_none_or(|declined| tokens >= declined + limit / 10);
        again && tokens * 100 >= limit * u64::from(limits.compact_percent)
    }

    /// Condenses because a request was too long; says whether there is anything to condense.
    pub(super) fn compact_overflow(&mut self) -> bool {
        self.start_compacting(Why::Overflow, Then::GoOn)
    }

    fn start_compacting(&mut self, why: Why, then: Then) -> bool {
        let Some((upto, tokens)) = self.plan() else { return false };
        // Where prompt and tools alone fill the context, a summary of every few messages would help nobody.
        let least = self.setup.limits.context.map_or(0, |limit| limit / 10);
        if why == Why::Full && tokens < least {
            return false;
        }
        let phase = CompactPhase::Preview { summary: String::new(), pinned: Vec::new() };
        self.state = State::Compacting(Compacting { upto, tokens, why, phase, shrinks: 0, bytes: 0, then });
        self.ask_for_summary(1);
        true
    }

    /// Chooses what is condensed: everything but the last quarter of the room, at least down to the last request.
    fn plan(&self) -> Option<(usize, u64)> {
        let live = self.transcript.live();
        let first = self.transcript.messages().len() - live.len();
        let total = self.transcript.tokens();
        let keep = self.setup.limits.context.map_or(KEPT, |limit| limit / 4).min(total / 4);
        let (mut kept, mut cut) = (0, live.len());
        for (at, message) in live.iter().enumerate().rev() {
            kept += context::estimate(message);
            if kept > keep {
                break;
            }
            cut = at;
        }
        // What the model has not answered yet must reach it word for word.
        let asked = live.iter().rposition(|message| message.role == Role::Assistant).map_or(0, |at| at + 1);
        let open = live[asked..].iter().any(|message| message.role == Role::User);
        let cut = if open { cut.min(asked) } else { cut };
        let upto = self.transcript.safe_cut(first + cut);
        let tokens: u64 =
            self.transcript.messages()[first..upto.max(first)].iter().map(context::estimate).sum();
        (upto > first && tokens >= LEAST).then_some((upto, tokens))
    }

    fn ask_for_summary(&mut self, attempt: u32) {
        let State::Compacting(under_way) = &self.state else { return };
        let text = self.summary_text(under_way);
        let bytes = text.len();
        let prompt = match self.setup.summarise.trim() {
            "" => PROMPT.trim(),
            own => own,
        };
        let phase = match self.setup.provider {
            Provider::Manual => {
                CompactPhase::Manual { request: format!("{prompt}\n\n{text}"), problem: None }
            }
            Provider::Endpoint => {
                self.streams += 1;
                let stream = self.streams;
                let output = self
                    .setup
                    .limits
                    .output
                    .map_or(self.setup.limits.summary, |output| output.min(self.setup.limits.summary));
                let request = ChatRequest {
                    model: self.setup.model.clone(),
                    messages: vec![Message::text(Role::System, prompt), Message::user(text)],
                    tools: Vec::new(),
                    max_tokens: Some(output),
                };
                self.out.push(Output::OpenStream { stream, request });
                let partial = Partial::default();
                CompactPhase::Streaming { stream, attempt, since_ms: self.now_ms, partial }
            }
        };
        if let State::Compacting(under_way) = &mut self.state {
            (under_way.phase, under_way.bytes) = (phase, bytes);
        }
    }

    /// Writes what is to be summed up: facts, the summary so far, the messages, long ones cut so that it fits.
    fn summary_text(&self, under_way: &Compacting) -> String {
        let room = self.setup.limits.context.map_or(ROOM, |limit| usize::try_from(limit * 2).unwrap_or(ROOM));
        let room = if under_way.shrinks > 0 { under_way.bytes / 2 } else { room };
        let before = self.transcript.condensed();
        let first = before.map_or(0, |condensed| condensed.upto);
        let mut parts = Vec::new();
        let pins = self.pins();
        if !pins.is_empty() {
            let facts: Vec<String> = pins.iter().map(fact_line).collect();
            parts.push(format!("# Facts that the program keeps\n\n{}", facts.join("\n")));
        }
        parts.extend(before.map(|condensed| format!("# Summary so far\n\n{}", condensed.summary.trim())));
        let used: usize = parts.iter().map(String::len).sum();
        let messages = &self.transcript.messages()[first..under_way.upto];
        let said = manual::conversation(messages, room.saturating_sub(used));
        parts.push(format!("# The messages to sum up\n\n{said}"));
        parts.push("Write the summary now.".into());
        parts.join("\n\n")
    }

    pub(super) fn summary_event(&mut self, number: u64, event: StreamEvent) {
        let State::Compacting(under_way) = &mut self.state else { return };
        let CompactPhase::Streaming { stream, attempt, partial, .. } = &mut under_way.phase else { return };
        if *stream != number {
            return;
        }
        let attempt = *attempt;
        match event {
            StreamEvent::Finished { reason, usage } => {
                let text = std::mem::take(&mut partial.text);
                self.summarised(&text, &reason, usage);
            }
            StreamEvent::Failed { failure } => self.summary_failed(attempt, failure),
            said => partial.absorb(said),
        }
    }

    fn summarised(&mut self, text: &str, reason: &FinishReason, usage: Option<Usage>) {
        self.turn.tokens += usage.map_or(0, |usage| usage.prompt_tokens + usage.completion_tokens);
        let why = match (text.trim(), reason) {
            ("", FinishReason::Length) => "the model used all its output tokens before it wrote a summary",
            ("", FinishReason::ContentFilter) => "the endpoint's content filter withheld the summary",
            ("", _) => "the model wrote no summary",
            (text, _) => {
                let State::Compacting(under_way) = &self.state else { return };
                let made = Condensed { upto: under_way.upto, summary: text.into(), pinned: self.pins() };
                if context::estimate(&made.message()) < under_way.tokens {
                    return self.preview(text.trim().to_string(), usage);
                }
                "the summary is not shorter than what it would replace"
            }
        };
        self.give_up(Report::new(Blame::Environment, why));
    }

    fn preview(&mut self, summary: String, usage: Option<Usage>) {
        let pinned = self.pins();
        let State::Compacting(under_way) = &mut self.state else { return };
        let upto = under_way.upto;
        under_way.phase = CompactPhase::Preview { summary: summary.clone(), pinned };
        self.record(Entry::Summarised { upto, summary, usage });
        self.out.push(Output::Notify(Notice::SummaryReady));
    }

    fn summary_failed(&mut self, attempt: u32, failure: StreamFailure) {
        let shrinks = match &mut self.state {
            State::Compacting(under_way) if failure.kind == FailureKind::ContextOverflow => {
                under_way.shrinks += 1;
                under_way.shrinks
            }
            _ => SHRINKS + 1,
        };
        if shrinks <= SHRINKS {
            self.record(Entry::Failed { failure, retry_in_ms: Some(0) });
            return self.ask_for_summary(attempt);
        }
        let wait = self.wait_ms(attempt, &failure);
        self.record(Entry::Failed { failure: failure.clone(), retry_in_ms: wait });
        let (Some(wait), State::Compacting(under_way)) = (wait, &mut self.state) else {
            return self.give_up(Report::from(&failure));
        };
        let until_ms = self.now_ms + wait;
        under_way.phase = CompactPhase::WaitingRetry { attempt: attempt + 1, until_ms, failure };
    }

    /// Tries again now, or when the countdown is over.
    pub(super) fn retry_summary(&mut self) {
        let State::Compacting(under_way) = &self.state else { return };
        if let CompactPhase::WaitingRetry { attempt, .. } = under_way.phase {
            self.ask_for_summary(attempt);
        }
    }

    pub(super) fn tick_summary(&mut self) {
        let State::Compacting(under_way) = &self.state else { return };
        if matches!(under_way.phase, CompactPhase::WaitingRetry { until_ms, .. } if self.now_ms >= until_ms) {
            self.retry_summary();
        }
    }

    /// Takes the summary that the person brought from a model.
    pub(super) fn summary_reply(&mut self, text: &str) {
        let State::Compacting(under_way) = &mut self.state else { return };
        let CompactPhase::Manual { problem, .. } = &mut under_way.phase else { return };
        if text.trim().is_empty() {
            *problem = Some("The reply that reached the program was empty. Please send it again.".into());
            return;
        }
        self.summarised(text, &FinishReason::Stop, None);
    }

    /// The person judged the summary.
    pub(super) fn judged(&mut self, verdict: Verdict) {
        let State::Compacting(under_way) = &self.state else { return };
        let CompactPhase::Preview { summary, pinned } = &under_way.phase else { return };
        let summary = match verdict {
            Verdict::Accept => summary.clone(),
            Verdict::AcceptEdited(text) if !text.trim().is_empty() => text,
            Verdict::AcceptEdited(_) | Verdict::Deny => {
                return self.give_up(Report::new(Blame::User, "you kept the conversation as it is"));
            }
        };
        let condensed = Condensed { upto: under_way.upto, summary, pinned: pinned.clone() };
        self.record(Entry::Compacted {
            upto: condensed.upto,
            summary: condensed.summary.clone(),
            pinned: condensed.pinned.clone(),
        });
        self.condensed(condensed);
        self.turn.overflowed = false;
        self.after_compacting();
    }

    /// Lets the summary stand for the messages from now on.
    pub(super) fn condensed(&mut self, condensed: Condensed) {
        self.transcript.condense(condensed);
        self.declined_at = None;
        // The last count was of another request, and a manual chat begins anew.
        (self.usage, self.since, self.shown) = (None, 0, 0);
    }

    /// Goes on without a summary.
    fn give_up(&mut self, report: Report) {
        let State::Compacting(under_way) = &self.state else { return };
        let why = under_way.why;
        self.record(Entry::NotCompacted { why: report.text.clone() });
        self.declined_at = Some(self.meter().tokens);
        match why {
            Why::Overflow => {
                let text = format!("the conversation does not fit the model's context: {}", report.text);
                let hint = "r tries again with older tool outputs left out; /compact asks for another summary; or choose a \
                            model with a larger context";
                self.stop(Report { text, hint: Some(hint.into()), ..report });
            }
            Why::Full | Why::Asked => self.after_compacting(),
        }
    }

    fn after_compacting(&mut self) {
        let State::Compacting(under_way) = std::mem::replace(&mut self.state, State::Idle) else { return };
        match under_way.then {
            Then::GoOn => match self.over_tokens() {
                Some(budget) => self.spend(budget),
                None => {
                    self.deliver_queue();
                    self.open(1);
                }
            },
            Then::Rest(rest) if *rest == State::Idle && !self.queue.is_empty() => self.end_turn(),
            Then::Rest(rest) => self.state = *rest,
        }
    }

    fn over_tokens(&self) -> Option<Budget> {
        let limit = self.setup.limits.tokens.filter(|limit| self.turn.tokens >= *limit);
        limit.map(Budget::Tokens)
    }

    /// Stops a condensing; a turn that it held up rests. A summary that waits is dropped with the person's word.
    pub(super) fn interrupt_summary(&mut self) {
        let State::Compacting(under_way) = &self.state else { return };
        if let CompactPhase::Streaming { stream, .. } = under_way.phase {
            self.out.push(Output::CloseStream { stream });
        }
        self.record(Entry::NotCompacted { why: "interrupted".into() });
        self.declined_at = Some(self.meter().tokens);
        let State::Compacting(under_way) = std::mem::replace(&mut self.state, State::Interrupted) else {
            return;
        };
        if let Then::Rest(rest) = under_way.then {
            self.state = *rest;
        }
    }

    /// Puts a summary that nobody judged before the person again.
    pub(super) fn preview_again(&mut self, upto: usize, summary: String) {
        let upto = self.transcript.safe_cut(upto);
        let first = self.transcript.condensed().map_or(0, |condensed| condensed.upto);
        if upto <= first {
            return;
        }
        let tokens = self.transcript.messages()[first..upto].iter().map(context::estimate).sum();
        let phase = CompactPhase::Preview { summary, pinned: self.pins() };
        let then = Then::Rest(Box::new(std::mem::replace(&mut self.state, State::Idle)));
        let why = Why::Asked;
        self.state = State::Compacting(Compacting { upto, tokens, why, phase, shrinks: 0, bytes: 0, then });
    }

    /// Gives the facts that go with every request after a condensing, within an eighth of the context: the oldest words of
    /// the person go first, then the oldest decisions.
    pub fn pins(&self) -> Vec<Pin> {
        let mut pins = self.facts.pins(&self.setup.model_type);
        let room = self.setup.limits.context.map_or(4 * KEPT, |limit| (limit / 8 * 4).max(2_000));
        let size = |pins: &[Pin]| pins.iter().map(|pin| pin.text.len() as u64 + 16).sum::<u64>();
        for kind in [PinKind::Said, PinKind::Decision] {
            while size(&pins) > room
                && let Some(at) = pins.iter().position(|pin| pin.kind == kind)
            {
                pins.remove(at);
            }
        }
        pins
    }
}

impl Compacting {
    /// Gives the summary that waits for the person, and the facts that go with it.
    pub fn waiting(&self) -> Option<(&str, &[Pin])> {
        match &self.phase {
            CompactPhase::Preview { summary, pinned } => Some((summary, pinned)),
            CompactPhase::Streaming { .. }
            | CompactPhase::WaitingRetry { .. }
            | CompactPhase::Manual { .. } => None,
        }
    }
}
