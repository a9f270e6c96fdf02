//! The conversation without a screen: the same machine, client and tools; edits of the port and its test are accepted at
//! once, others refused.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::agent::client::ChatClient;
use crate::agent::data::{
    ChatRequest, Decision, EditScope, Entry, Role, StreamEvent, ToolCall, ToolOutcome, ToolRun,
};
use crate::agent::machine::{Budget, Input, Limits, Machine, Output, Setup, State, Verdict};
use crate::tools::{Prepared, Registry};
use crate::util::blame::Report;
use crate::util::sink::discard;

const REFUSED: &str = "only the port and its entry in tests/test_models.py may be changed in this run, and the twin check judges it";

/// How a turn came to rest.
#[derive(Clone, Debug, PartialEq)]
pub enum Rest {
    Answered,
    /// A budget is spent.
    Spent(String),
    /// The model did what no turn can go on from.
    Stopped(String),
    /// The endpoint or this machine failed: no score of the model's.
    Outside(Report),
}

/// What a conversation came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Answers of the model.
    pub turns: u32,
    pub tool_calls: u32,
    /// Edits that were written.
    pub edits: u32,
    /// As the endpoint counted; 0 where it does not.
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

/// A conversation under way.
pub struct Headless<'a> {
    machine: Machine,
    client: &'a ChatClient,
    registry: &'a Registry,
    start: Instant,
    cancel: CancellationToken,
    log: Vec<Entry>,
    counts: Counts,
    /// Of the whole conversation; the machine's own are of one answer.
    limits: Limits,
    /// Answers that called tools.
    rounds: u32,
    /// Whether the last thing that failed was not the model's.
    outside: bool,
}

impl<'a> Headless<'a> {
    /// Starts with an empty conversation.
    pub fn new(
        machine: Machine,
        (client, registry): (&'a ChatClient, &'a Registry),
        start: Instant,
        cancel: CancellationToken,
    ) -> Self {
        let (log, counts, limits) = (Vec::new(), Counts::default(), machine.setup().limits);
        Self { machine, client, registry, start, cancel, log, counts, limits, rounds: 0, outside: false }
    }

    /// What was said and done.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// What it came to so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether another message can help: a spent budget is spent, and what was left of it is all that the next answer has.
    pub fn may_go_on(&mut self) -> bool {
        let rounds = self.limits.rounds.saturating_sub(self.rounds);
        let used = self.counts.prompt_tokens + self.counts.completion_tokens;
        let tokens = self.limits.tokens.map(|tokens| tokens.saturating_sub(used));
        if !matches!(self.machine.state(), State::Idle) || rounds == 0 || tokens == Some(0) {
            return false;
        }
        let limits = Limits { rounds, tokens, ..self.limits };
        self.machine.configure(Setup { limits, ..self.machine.setup().clone() });
        true
    }

    /// Says something and goes on until nothing is left to do.
    pub async fn say(&mut self, text: String) -> Rest {
        let mut inputs = VecDeque::from([Input::User(text)]);
        while !self.cancel.is_cancelled() {
            let Some(input) = inputs.pop_front() else {
                match self.next().await {
                    Some(input) => inputs.push_back(input),
                    None => break,
                }
                continue;
            };
            for output in self.machine.step(self.now(), input) {
                inputs.extend(self.carry(output).await);
            }
        }
        match self.machine.state() {
            State::Stopped { report } if self.outside => Rest::Outside(report.clone()),
            State::Stopped { report } => Rest::Stopped(report.text.clone()),
            State::BudgetSpent { budget: Budget::Rounds(_) } => {
                Rest::Spent(format!("{} rounds are spent", self.limits.rounds))
            }
            State::BudgetSpent { budget: Budget::Tokens(_) } => {
                Rest::Spent(format!("{} tokens are spent", self.limits.tokens.unwrap_or_default()))
            }
            _ => Rest::Answered,
        }
    }

    /// What the person or the clock would say now, if the machine waits for either.
    async fn next(&self) -> Option<Input> {
        if let Some(proposal) = self.machine.proposal() {
            let decision = match proposal.scope {
                EditScope::Port | EditScope::Test => Decision::Accept,
                EditScope::Shared | EditScope::Lessons | EditScope::Run { .. } => {
                    Decision::Deny { reason: REFUSED.into() }
                }
            };
            return Some(Input::Decided { call_id: proposal.call_id.clone(), decision });
        }
        if self.machine.summary().is_some() {
            return Some(Input::Judged(Verdict::Accept));
        }
        let wait = self.machine.wake_at_ms()?.saturating_sub(self.now());
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait)) => Some(Input::Tick),
            () = self.cancel.cancelled() => None,
        }
    }

    async fn carry(&mut self, output: Output) -> Vec<Input> {
        match output {
            Output::OpenStream { stream, request } => {
                let said = self.ask(request).await;
                said.into_iter().map(|event| Input::Stream { stream, event }).collect()
            }
            Output::Prepare { run } => vec![self.prepare(run).await],
            Output::RunTool { run } => vec![self.run(run).await],
            Output::KillTool { call_id } => {
                let outcome = ToolOutcome::Interrupted { text: String::new() };
                vec![Input::ToolEnded { call_id, outcome }]
            }
            Output::Record(entry) => {
                self.count(&entry);
                self.log.push(entry);
                Vec::new()
            }
            Output::CloseStream { .. } | Output::Notify(_) => Vec::new(),
        }
    }

    async fn ask(&self, request: ChatRequest) -> Vec<StreamEvent> {
        let events: Arc<Mutex<Vec<StreamEvent>>> = Arc::default();
        let to = Arc::clone(&events);
        let sink = Arc::new(move |event| to.lock().unwrap_or_else(PoisonError::into_inner).push(event));
        self.client.stream(request, sink, self.cancel.clone()).await;
        std::mem::take(&mut events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn prepare(&self, run: ToolRun) -> Input {
        let call = ToolCall { id: run.call_id, name: run.name, arguments: run.arguments.to_string() };
        let call_id = call.id.clone();
        match self.registry.prepare(&call, &self.cancel).await {
            Prepared::Propose(proposal) => Input::Proposed { call_id, result: Ok(proposal) },
            Prepared::Reject(outcome) => Input::ToolEnded { call_id, outcome },
            Prepared::Run(_) => {
                let text = "this call changes nothing that could be agreed to".to_string();
                Input::Proposed { call_id, result: Err(text) }
            }
        }
    }

    async fn run(&mut self, run: ToolRun) -> Input {
        let (call_id, edit) = (run.call_id.clone(), run.approved.is_some());
        let end = self.registry.run(run, discard(), self.cancel.clone()).await;
        if edit && matches!(end.outcome, ToolOutcome::Done { .. }) {
            self.counts.edits += 1;
        }
        Input::ToolEnded { call_id, outcome: end.outcome }
    }

    fn count(&mut self, entry: &Entry) {
        match entry {
            Entry::Message { message } if message.role == Role::Assistant => {
                self.counts.turns += 1;
                self.rounds += u32::from(!message.tool_calls.is_empty());
                self.counts.tool_calls += u32::try_from(message.tool_calls.len()).unwrap_or(u32::MAX);
            }
            Entry::Usage { usage } => {
                self.counts.prompt_tokens += usage.prompt_tokens;
                self.counts.completion_tokens += usage.completion_tokens;
            }
            _ => {}
        }
        self.outside = match entry {
            Entry::Failed { .. } | Entry::ToolEnded { outcome: ToolOutcome::Stop { .. }, .. } => true,
            // What tells of the stop comes after its cause.
            Entry::Stopped { .. } => self.outside,
            _ => false,
        };
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
