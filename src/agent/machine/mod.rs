//! The conversation as a pure state machine: inputs in, outputs as data out. No clock, no network, no task: the time
//! comes with each input, and `runtime` carries out what is asked.
//!
//! [`turn`] holds requests, streams and retries; [`calls`] holds tool calls and approvals; [`compact`] condenses what
//! grows too long, beside the [`facts`] that outlive it; [`gates`] holds the phases; [`restore`] rebuilds a machine from a
//! session's entries.

mod calls;
mod compact;
mod facts;
pub mod gates;
mod partial;
mod policy;
mod restore;
mod turn;

#[cfg(test)]
mod tests;

pub use calls::{CallPhase, CallProgress, Round};
pub use compact::{CompactPhase, Compacting, PROMPT as COMPACT_PROMPT, Verdict, Why};
pub use partial::{Partial, PartialCall};

use super::context::{self, Meter};
use super::data::policy::{By, EditMode, Policy, Rule};
use super::data::{
    ChatRequest, Decision, Entry, Message, Pin, Proposal, StreamEvent, StreamFailure, ToolOutcome, ToolRun,
    ToolSpec, Usage,
};
use super::transcript::Transcript;
use crate::util::blame::Report;

/// What is said for the person where a request must not end in the model's own words.
pub(crate) const GO_ON: &str = "Go on.";

/// One conversation with a model.
#[derive(Clone, Debug)]
pub struct Machine {
    setup: Setup,
    transcript: Transcript,
    state: State,
    /// What the person typed while the model was busy, oldest first.
    queue: Vec<String>,
    turn: Turn,
    policy: Policy,
    /// What the model is to be told with the next message.
    notes: Vec<String>,
    /// The last count that the endpoint gave, and the estimated tokens of what came since.
    usage: Option<Usage>,
    since: u64,
    /// Whether the count includes the message that comes next.
    counts_next: bool,
    facts: facts::Facts,
    seen: gates::Seen,
    /// The person asked for a summary while the model was busy.
    compact_asked: bool,
    /// How full the context was when a summary was last turned down.
    declined_at: Option<u64>,
    /// Calls whose outputs the last request went without.
    left_out: Vec<String>,
    streams: u64,
    minted: u64,
    /// Estimated tokens of system prompt and tools.
    fixed: u64,
    /// How many messages of the transcript the person has already copied out (manual provider).
    shown: usize,
    now_ms: u64,
    out: Vec<Output>,
}

/// What a conversation needs to know before it starts; may change between turns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    pub provider: Provider,
    pub model: String,
    pub system: String,
    /// The parts of `system` by name, for showing what takes the room.
    pub parts: Vec<PromptPart>,
    pub tools: Vec<ToolSpec>,
    pub limits: Limits,
    /// What is ported; a fact that outlives every condensing.
    pub model_type: String,
    /// What the model is asked for a summary; ours where it is empty.
    pub summarise: String,
    pub gates: gates::Gates,
}

/// A named part of the system prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptPart {
    pub name: String,
    /// Where it was learnt, or whose file it is.
    pub source: String,
    pub bytes: usize,
}

/// Who answers requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// An OpenAI-compatible endpoint.
    #[default]
    Endpoint,
    /// The person carries text to a model and back.
    Manual,
}

/// Where a conversation stops by itself. A limit that is reached is a state, and the person may go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rounds of tool calls in one turn.
    pub rounds: u32,
    /// Tokens in one turn, as counted by the endpoint.
    pub tokens: Option<u64>,
    /// Attempts for one request, the first included.
    pub attempts: u32,
    /// Rounds in a row in which no call could be understood.
    pub malformed_rounds: u32,
    /// The longest wait before a retry; an endpoint that asks for more stops the turn.
    pub longest_wait_ms: u64,
    /// Size of the model's context in tokens, if known.
    pub context: Option<u64>,
    /// Limit of output tokens sent with each request.
    pub output: Option<u32>,
    /// Limit of output tokens of a summary, thoughts included.
    pub summary: u32,
    /// How full the context may be, of a hundred, before the conversation is condensed.
    pub compact_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rounds: 60,
            tokens: None,
            attempts: 6,
            malformed_rounds: 4,
            longest_wait_ms: 300_000,
            context: None,
            output: None,
            summary: 4_000,
            compact_percent: 80,
        }
    }
}

/// What the conversation is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The person's turn.
    Idle,
    /// A request is out.
    Streaming { stream: u64, attempt: u32, since_ms: u64, partial: Partial },
    /// An attempt failed; the next follows at `until_ms`.
    WaitingRetry { attempt: u32, until_ms: u64, failure: StreamFailure },
    /// The model's tool calls run, one after another; one of them may wait for the person.
    Tools(Round),
    /// The person carries `request` to a model; `problem` is set when a reply could not be read.
    ManualWaiting { request: String, problem: Option<String> },
    /// The older part of the conversation is being summed up, or its summary waits for the person.
    Compacting(Compacting),
    /// The person interrupted; the queue is kept.
    Interrupted,
    /// The turn stopped for a reason that is not the model's to mend.
    Stopped { report: Report },
    /// A limit of the turn was reached.
    BudgetSpent { budget: Budget },
}

/// The limit that a turn reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Rounds(u32),
    Tokens(u64),
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The person sent a message; queued while busy.
    User(String),
    /// The person sent a message that must wait, though nothing is under way: prompts and tools are not there yet.
    Later(String),
    /// A stream said something; dropped when the stream is not the current one.
    Stream { stream: u64, event: StreamEvent },
    /// A tool worked out what it would change, or why it cannot.
    Proposed { call_id: String, result: Result<Proposal, String> },
    /// The person judged a proposal.
    Decided { call_id: String, decision: Decision },
    /// The person takes a rule and agrees by it to the proposal that waits.
    DecidedByRule { call_id: String, rule: Rule },
    /// The person had the proposal that waits fitted onto the changed file.
    Rebased { proposal: Proposal, lost: String },
    /// The person took back a written edit.
    Undone { call_id: String, path: String, diff: String },
    /// The person chose who decides on edits.
    Mode(EditMode),
    /// The person took a rule for edits to come.
    TakeRule(Rule),
    /// The person took a rule away, by its number.
    RevokeRule(u32),
    /// A tool call ended.
    ToolEnded { call_id: String, outcome: ToolOutcome },
    /// The person wants it to stop now.
    Interrupt,
    /// The person does not want to wait, or wants to go on from a stop.
    Retry,
    /// Time passed.
    Tick,
    /// The person pasted a model's reply.
    ManualReply(String),
    /// The person edited the queue.
    Queue(QueueEdit),
    /// The person wants the queue sent now, interrupting the model.
    Steer,
    /// The person wants the conversation condensed.
    Compact,
    /// The person judged the summary that waits.
    Judged(Verdict),
    /// Something happened that must outlive every condensing.
    Pin(Pin),
}

/// A change to the queue by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueEdit {
    Replace { index: usize, text: String },
    Remove { index: usize },
    Move { from: usize, to: usize },
}

/// What must be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this request; its events come back with the same number.
    OpenStream { stream: u64, request: ChatRequest },
    /// Drop the connection.
    CloseStream { stream: u64 },
    /// Work out what this call would change, without changing it.
    Prepare { run: ToolRun },
    /// Run this call.
    RunTool { run: ToolRun },
    /// Kill this call's processes; it still ends with [`Input::ToolEnded`], its partial output kept.
    KillTool { call_id: String },
    /// Append to the session log.
    Record(Entry),
    /// Tell a person who is looking elsewhere.
    Notify(Notice),
}

/// What is worth a person's attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    TurnEnded,
    ApprovalNeeded {
        title: String,
    },
    Stopped {
        text: String,
    },
    /// Older tool outputs were left out of the request to fit the context: these tools', oldest first.
    Trimmed {
        tools: Vec<String>,
    },
    /// A summary waits for the person.
    SummaryReady,
    /// The conversation is too short to be condensed.
    NothingToCondense,
    /// It is condensed before the next request.
    CondensedLater,
    /// An edit was refused, because a phase before it is not done.
    GateShut(gates::Gate),
    /// The turn ended with an edit that no check followed.
    Unchecked,
}

/// What a turn has used so far.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    rounds: u32,
    malformed: u32,
    tokens: u64,
    /// The endpoint said that the request was too long; requests are made shorter.
    overflowed: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new(Setup::default())
    }
}

impl Machine {
    /// Starts an empty conversation.
    pub fn new(setup: Setup) -> Self {
        Self {
            fixed: context::fixed(&setup),
            setup,
            transcript: Transcript::default(),
            state: State::Idle,
            queue: Vec::new(),
            turn: Turn::default(),
            policy: Policy::default(),
            notes: Vec::new(),
            usage: None,
            since: 0,
            counts_next: false,
            facts: facts::Facts::default(),
            seen: gates::Seen::default(),
            compact_asked: false,
            declined_at: None,
            left_out: Vec::new(),
            streams: 0,
            minted: 0,
            shown: 0,
            now_ms: 0,
            out: Vec::new(),
        }
    }

    /// Takes one input at a time in milliseconds (any origin, never going back) and says what must be done.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Output> {
        self.now_ms = now_ms;
        match input {
            Input::User(text) => self.user(text),
            Input::Later(text) => self.later(text),
            Input::Stream { stream, event } => self.stream_event(stream, event),
            Input::Proposed { call_id, result } => self.proposed(&call_id, result),
            Input::Decided { call_id, decision } => self.decided(&call_id, decision, By::Person),
            Input::DecidedByRule { call_id, rule } => self.decided_by_rule(&call_id, rule),
            Input::Rebased { proposal, lost } => self.rebased(proposal, lost),
            Input::Undone { call_id, path, diff } => self.undone(call_id, &path, diff),
            Input::Mode(mode) => self.set_mode(mode),
            Input::TakeRule(rule) => self.take_rule(rule),
            Input::RevokeRule(id) => self.revoke_rule(id),
            Input::ToolEnded { call_id, outcome } => self.tool_ended(&call_id, outcome),
            Input::Interrupt => self.interrupt(),
            Input::Retry => self.retry(),
            Input::Tick => self.tick(),
            Input::ManualReply(text) => self.manual_reply(&text),
            Input::Queue(edit) => self.edit_queue(edit),
            Input::Steer => self.steer(),
            Input::Compact => self.compact(),
            Input::Judged(verdict) => self.judged(verdict),
            Input::Pin(pin) => self.record(Entry::Pinned { pin }),
        }
        std::mem::take(&mut self.out)
    }

    /// Gives the present state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Gives the messages so far, without the one that is being streamed.
    pub fn messages(&self) -> &[Message] {
        self.transcript.messages()
    }

    /// Gives what waits to be sent.
    pub fn queue(&self) -> &[String] {
        &self.queue
    }

    /// Takes the queue of a conversation whose messages are still being read.
    pub fn keep_queue(&mut self, queue: Vec<String>) {
        self.queue = queue;
    }

    /// Gives the setup.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Changes provider, model, prompt, tools or limits; the next request uses them.
    pub fn configure(&mut self, setup: Setup) {
        if setup.provider != self.setup.provider {
            self.shown = 0;
        }
        self.fixed = context::fixed(&setup);
        self.setup = setup;
    }

    /// Takes the size of the model's context in tokens, as the endpoint says it. What the setup says wins.
    pub fn set_context(&mut self, tokens: u64) {
        self.setup.limits.context.get_or_insert(tokens);
    }

    /// Says whether something is under way, so that a message would be queued.
    pub fn is_busy(&self) -> bool {
        match self.state {
            State::Streaming { .. }
            | State::WaitingRetry { .. }
            | State::Tools(_)
            | State::ManualWaiting { .. }
            | State::Compacting(_) => true,
            State::Idle | State::Interrupted | State::Stopped { .. } | State::BudgetSpent { .. } => false,
        }
    }

    /// Gives when the machine wants a [`Input::Tick`], if at all.
    pub fn wake_at_ms(&self) -> Option<u64> {
        match &self.state {
            State::WaitingRetry { until_ms, .. } => Some(*until_ms),
            State::Compacting(under_way) => match under_way.phase {
                CompactPhase::WaitingRetry { until_ms, .. } => Some(until_ms),
                _ => None,
            },
            _ => None,
        }
    }

    /// Gives the number of the stream that is open, the conversation's or a summary's.
    pub fn stream(&self) -> Option<u64> {
        match &self.state {
            State::Streaming { stream, .. } => Some(*stream),
            State::Compacting(under_way) => match under_way.phase {
                CompactPhase::Streaming { stream, .. } => Some(stream),
                _ => None,
            },
            _ => None,
        }
    }

    /// Gives what the person has to carry to a model, and what was wrong with the last reply.
    pub fn manual_request(&self) -> Option<(&str, Option<&str>)> {
        match &self.state {
            State::ManualWaiting { request, problem } => Some((request, problem.as_deref())),
            State::Compacting(under_way) => match &under_way.phase {
                CompactPhase::Manual { request, problem } => Some((request, problem.as_deref())),
                _ => None,
            },
            _ => None,
        }
    }

    /// Gives the summary that waits for the person.
    pub fn summary(&self) -> Option<(&Compacting, &str, &[Pin])> {
        match &self.state {
            State::Compacting(under_way) => {
                under_way.waiting().map(|(summary, pinned)| (under_way, summary, pinned))
            }
            _ => None,
        }
    }

    /// Gives the conversation as it is sent and kept.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Gives the calls whose outputs the last request went without.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Gives the proposal that waits for the person.
    pub fn proposal(&self) -> Option<&Proposal> {
        match &self.state {
            State::Tools(round) => round.proposal(),
            _ => None,
        }
    }

    /// Gives what the model has said in the running stream.
    pub fn partial(&self) -> Option<&Partial> {
        match &self.state {
            State::Streaming { partial, .. } => Some(partial),
            _ => None,
        }
    }

    /// Gives how full the context is.
    pub fn meter(&self) -> Meter {
        Meter::of(self.usage, self.since, self.fixed + self.transcript.tokens(), self.setup.limits.context)
    }

    /// Gives the whole conversation as text to copy (manual provider), for a fresh chat window.
    pub fn manual_full_text(&self) -> String {
        let sent: Vec<Message> = self.transcript.sent().collect();
        super::manual::full_text(&self.setup, &sent)
    }

    fn edit_queue(&mut self, edit: QueueEdit) {
        let len = self.queue.len();
        match edit {
            QueueEdit::Replace { index, text } if index < len => self.queue[index] = text,
            QueueEdit::Remove { index } if index < len => drop(self.queue.remove(index)),
            QueueEdit::Move { from, to } if from < len && to < len => {
                let text = self.queue.remove(from);
                self.queue.insert(to, text);
            }
            QueueEdit::Replace { .. } | QueueEdit::Remove { .. } | QueueEdit::Move { .. } => return,
        }
        self.record_queue();
    }

    fn record_queue(&mut self) {
        let messages = self.queue.clone();
        self.record(Entry::Queue { messages });
    }

    /// Takes in what outlives the entry itself.
    fn note(&mut self, entry: &Entry) {
        self.facts.take(entry);
        self.seen.take(entry);
    }

    fn record(&mut self, entry: Entry) {
        self.note(&entry);
        self.out.push(Output::Record(entry));
    }

    /// Adds a message to the conversation and to the log.
    fn say(&mut self, message: Message) {
        self.push(message.clone());
        self.record(Entry::Message { message });
    }

    fn push(&mut self, message: Message) {
        let tokens = context::estimate(&message);
        self.since = if std::mem::take(&mut self.counts_next) { 0 } else { self.since + tokens };
        self.transcript.push(message);
    }

    fn stop(&mut self, report: Report) {
        self.record(Entry::Stopped { report: report.clone() });
        self.out.push(Output::Notify(Notice::Stopped { text: report.text.clone() }));
        self.state = State::Stopped { report };
    }
}
