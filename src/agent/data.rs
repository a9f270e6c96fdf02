//! The conversation as plain data, shared with `app`, `tools`, `session` and `runtime`: messages, tool calls, stream
//! events, approvals, and the entries that the session log keeps. Leaves out behaviour: what happens next is decided
//! in [`machine`](super::machine), how bytes arrive in [`client`](super::client).

pub mod policy;
pub mod provenance;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::policy::{By, EditMode, Rule, RuleChange};
use crate::util::blame::{Blame, Report};

/// Who said a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    System,
    User,
    Assistant,
    /// The result of one tool call.
    Tool,
}

/// Whether a message is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    #[default]
    Whole,
    /// The person interrupted it.
    Interrupted,
    /// The connection ended before the model did.
    Cut,
    /// The model reached its limit of output tokens.
    Truncated,
}

impl Mark {
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    #[serde(default)]
    pub content: String,
    /// What the model said it thought; shown, never sent back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a [`Role::Tool`] message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    #[serde(default, skip_serializing_if = "Mark::is_whole")]
    pub mark: Mark,
}

impl Message {
    /// Makes a message of plain text.
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            reasoning: String::new(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            mark: Mark::Whole,
        }
    }

    /// Makes the person's message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::text(Role::User, content)
    }

    /// Makes the model's message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::text(Role::Assistant, content)
    }

    /// Makes the answer to a tool call.
    pub fn tool(call_id: impl Into<String>, content: impl Into<String>) -> Self {
        Self { tool_call_id: Some(call_id.into()), ..Self::text(Role::Tool, content) }
    }

    /// Adds tool calls.
    pub fn calling(mut self, calls: Vec<ToolCall>) -> Self {
        self.tool_calls = calls;
        self
    }
}

/// A tool call as the model wrote it; `arguments` is JSON text that nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: String,
}

/// Says in one line what a call is about: its name and its short arguments.
pub fn call_title(call: &ToolCall) -> String {
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    let short = arguments.as_object().into_iter().flatten().filter_map(|(_, value)| match value {
        Value::String(text) if text.len() <= 60 && !text.contains('\n') => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let about: Vec<String> = short.take(3).collect();
    format!("{} {}", call.name, about.join(" ")).trim_end().to_string()
}

/// Whether a person must agree before a tool runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Reads only, or runs inside the sandbox: runs at once.
    Auto,
    /// Changes a file: a proposal is shown and waits.
    Ask,
    /// Takes minutes and gigabytes: what it costs is shown and waits, in every mode.
    Cost,
}

/// A tool as the model sees it, and its approval rule as the machine sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// JSON schema of the arguments: an object.
    pub schema: Value,
    pub approval: Approval,
}

/// How a tool call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It worked; the text goes to the model.
    Done { text: String },
    /// It did not work in a way that the model can act on: bad arguments, no such file. The text goes to the model.
    Failed { text: String },
    /// It did not work in a way that the model cannot mend (no disk, no Python): the turn stops and the person sees why.
    Stop { report: Report },
    /// It was killed by an interrupt; the partial output is kept.
    Interrupted { text: String },
}

/// Which file an edit is of; the person's rules are made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditScope {
    /// The port's own file.
    #[default]
    Port,
    /// Upstream's file of model tests.
    Test,
    /// A file of mlx-lm that other models use.
    Shared,
    /// The person's own ledger of lessons.
    Lessons,
    /// No file: a run that takes about so long.
    Run { seconds: u64 },
}

impl EditScope {
    /// Whether a mode or a rule may agree in the person's place. What others rely on is asked for each time.
    pub fn may_be_automatic(self) -> bool {
        match self {
            Self::Port | Self::Test => true,
            Self::Shared | Self::Lessons | Self::Run { .. } => false,
        }
    }

    /// Whether it is an edit, and not a run that costs.
    pub fn is_file(self) -> bool {
        !matches!(self, Self::Run { .. })
    }
}

/// What a call would change, for the person to judge. Text edits carry both whole texts, so that the diff is drawn
/// and the edited text can replace `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub call_id: String,
    /// One line: `edit models/arcee.py`.
    pub title: String,
    /// Path as shown to the person, relative to its checkout.
    pub path: String,
    /// Logs of earlier versions have none: they knew the port and its test alone.
    #[serde(default)]
    pub scope: EditScope,
    /// The text now; empty for a new file.
    pub before: String,
    pub after: String,
}

/// What the person said to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Write it as proposed.
    Accept,
    /// Write this text in its place; the model is told that it was changed, and how.
    AcceptEdited { after: String },
    /// Write some of its hunks: the text with these only, their heads, and the diffs of the others. It stays the model's text.
    AcceptPart { after: String, written: Vec<String>, declined: Vec<String> },
    /// Write nothing; the reason goes to the model.
    Deny { reason: String },
}

/// A tool call that may run: arguments are a JSON object, the name is known, the person has agreed where needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolRun {
    pub call_id: String,
    pub name: String,
    pub arguments: Value,
    /// The text that the person agreed to, for calls that had a proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<ApprovedEdit>,
}

/// The edit as agreed. A tool writes `after` only if the file still reads `before`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedEdit {
    pub path: String,
    pub before: String,
    pub after: String,
    pub by: EditOrigin,
}

/// Who wrote the text of an agreed edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditOrigin {
    Model,
    /// The model proposed it and the person changed it.
    Person,
}

/// Tokens as the endpoint counted them; zero where it said nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    #[serde(default)]
    pub prompt_tokens: u64,
    #[serde(default)]
    pub completion_tokens: u64,
}

/// Why the model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    Stop,
    ToolCalls,
    /// The limit of output tokens was reached.
    Length,
    ContentFilter,
    Other(String),
}

/// A piece of a tool call. Pieces with the same `slot` belong to one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallDelta {
    pub slot: u32,
    pub id: Option<String>,
    pub name: Option<String>,
    pub arguments: String,
}

/// What a stream says, in order. `Finished` or `Failed` comes exactly once, last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamEvent {
    /// The endpoint answered with headers; nothing said yet.
    Opened,
    Text {
        delta: String,
    },
    Reasoning {
        delta: String,
    },
    ToolCall {
        delta: ToolCallDelta,
    },
    Finished {
        reason: FinishReason,
        usage: Option<Usage>,
    },
    Failed {
        failure: StreamFailure,
    },
}

/// The kind of a stream's failure; it decides whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FailureKind {
    /// The key is missing, wrong, or may not use the model.
    Auth,
    RateLimit {
        retry_after_ms: Option<u64>,
    },
    /// 5xx, or an error object inside a stream.
    Server {
        retry_after_ms: Option<u64>,
    },
    /// Connected, then silent for longer than the limit.
    Stalled,
    /// The stream ended without saying that it was finished.
    Cut,
    BadRequest,
    ContextOverflow,
    /// No connection: DNS, refused, TLS, time-out.
    Connect,
    /// Answered with something that is not chat completions: a web page, another API.
    Protocol,
}

impl FailureKind {
    /// Says whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        match self {
            Self::RateLimit { .. } | Self::Server { .. } | Self::Stalled | Self::Cut | Self::Connect => true,
            Self::Auth | Self::BadRequest | Self::ContextOverflow | Self::Protocol => false,
        }
    }

    /// Gives how long the endpoint asked us to wait.
    pub fn retry_after_ms(self) -> Option<u64> {
        match self {
            Self::RateLimit { retry_after_ms } | Self::Server { retry_after_ms } => retry_after_ms,
            _ => None,
        }
    }
}

/// Why a stream failed, in words for the person. Never holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFailure {
    #[serde(flatten)]
    pub kind: FailureKind,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&StreamFailure> for Report {
    fn from(failure: &StreamFailure) -> Self {
        let blame = match failure.kind {
            FailureKind::Auth | FailureKind::BadRequest | FailureKind::ContextOverflow => Blame::User,
            _ => Blame::Environment,
        };
        Self { blame, text: failure.text.clone(), hint: failure.hint.clone(), detail: None }
    }
}

/// One request for one assistant message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    pub model: String,
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    /// Limit of output tokens; the endpoint's own when absent.
    pub max_tokens: Option<u32>,
}

/// What the session log keeps of a conversation; enough to rebuild it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// A message joined the conversation.
    Message { message: Message },
    /// A tool call ended. Its message follows as its own entry.
    ToolEnded { call_id: String, outcome: ToolOutcome },
    /// A proposal was shown.
    Proposed { proposal: Proposal },
    /// The person decided, or what decides in their place.
    Decided {
        call_id: String,
        decision: Decision,
        #[serde(default, skip_serializing_if = "By::is_person")]
        by: By,
    },
    /// A proposal was fitted onto the text that the person had made of the file; `lost` are the hunks that are left out.
    Rebased { proposal: Proposal, lost: String },
    /// The person took back a written edit; the diff of what that changed.
    Undone { call_id: String, diff: String },
    /// The person chose who decides on edits.
    Mode { mode: EditMode },
    /// The person took or revoked a rule.
    Rule { rule: Rule, change: RuleChange },
    /// The endpoint counted.
    Usage { usage: Usage },
    /// An attempt failed; `retry_in_ms` says when the next follows.
    Failed { failure: StreamFailure, retry_in_ms: Option<u64> },
    /// The turn stopped for a reason that is not the model's.
    Stopped { report: Report },
    /// The queue of messages typed while busy, whole, after each change.
    Queue { messages: Vec<String> },
    /// A fact that outlives compactions; the latest of its kind and subject counts.
    Pinned { pin: Pin },
    /// A summary of the first `upto` messages was written and waits for the person.
    Summarised { upto: usize, summary: String, usage: Option<Usage> },
    /// The first `upto` messages are no longer sent: facts and summary stand for them. They stay in the log.
    Compacted { upto: usize, summary: String, pinned: Vec<Pin> },
    /// The conversation stays as it was.
    NotCompacted { why: String },
}

/// A fact that is sent word for word with every request, whatever else is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    pub kind: PinKind,
    /// What it is about, where there can be several of a kind: a call, a file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub text: String,
}

/// What a pinned fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinKind {
    /// What the person asked for first.
    Task,
    /// What is ported.
    Architecture,
    /// What the person wrote of the architecture in their own words, or that they went on without.
    Understanding,
    /// What the person said after the task.
    Said,
    /// A refused edit with its reason, or one that the person changed.
    Decision,
    /// A file that was changed by an agreed edit.
    Edited,
    /// The last check's verdict and open failures.
    Check,
}

impl PinKind {
    /// Names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Architecture => "architecture",
            Self::Understanding => "the person's own summary of the architecture",
            Self::Said => "the person said",
            Self::Decision => "decision",
            Self::Edited => "edited",
            Self::Check => "last check",
        }
    }
}

/// Writes a fact on as many lines as it has, as an item of a list.
pub fn fact_line(pin: &Pin) -> String {
    format!("- {}: {}", pin.kind.name(), pin.text.trim_end().replace('\n', "\n  "))
}

impl Pin {
    /// Makes a fact.
    pub fn new(kind: PinKind, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), text: text.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_without_its_empty_parts() {
        let call = ToolCall { id: "call_1".into(), name: "read_file".into(), arguments: "{}".into() };
        let message = Message::assistant("Looking.").calling(vec![call]);
        let text = serde_json::to_string(&message).expect("json");
        assert_eq!(
            text,
            r#"{"role":"assistant","content":"Looking.","tool_calls":[{"id":"call_1","name":"read_file","arguments":"{}"}]}"#
        );
        assert_eq!(serde_json::from_str::<Message>(&text).expect("back"), message);
    }

    #[test]
    fn a_failure_keeps_its_kind_and_wait() {
        let failure = StreamFailure {
            kind: FailureKind::RateLimit { retry_after_ms: Some(7000) },
            text: "busy".into(),
            hint: None,
        };
        let text = serde_json::to_string(&failure).expect("json");
        assert_eq!(text, r#"{"kind":"rate_limit","retry_after_ms":7000,"text":"busy"}"#);
        assert_eq!(serde_json::from_str::<StreamFailure>(&text).expect("back"), failure);
    }

    #[test]
    fn an_entry_carries_the_failure_beside_its_own_kind() {
        let entry = Entry::Failed {
            failure: StreamFailure { kind: FailureKind::Cut, text: "cut".into(), hint: None },
            retry_in_ms: Some(1000),
        };
        let text = serde_json::to_string(&entry).expect("json");
        assert_eq!(serde_json::from_str::<Entry>(&text).expect("back"), entry);
    }
}
