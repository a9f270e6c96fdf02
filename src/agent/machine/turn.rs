//! Requests, streams, retries and interruption: how a turn goes from the person's message to the model's last word.

use super::gates::Gates;
use super::{Budget, GO_ON, Machine, Notice, Output, Partial, Provider, State, Turn};
use crate::agent::context::{self, Fitted};
use crate::agent::data::{
    ChatRequest, Entry, FailureKind, FinishReason, Mark, Message, StreamEvent, StreamFailure, Usage,
};
use crate::agent::manual;
use crate::util::blame::{Blame, Report};

impl Machine {
    pub(super) fn user(&mut self, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if self.is_busy() {
            return self.later(text);
        }
        self.close_unanswered("the person went on without it");
        let text = self.after_notes(text);
        self.say(Message::user(text));
        self.begin_turn();
    }

    pub(super) fn later(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.queue.push(text);
            self.record_queue();
        }
    }

    fn begin_turn(&mut self) {
        self.turn = Turn::default();
        self.policy.end_turn();
        self.next_request();
    }

    /// Asks for the next assistant message.
    pub(super) fn open(&mut self, attempt: u32) {
        match self.setup.provider {
            Provider::Manual => {
                let request = match self.shown {
                    0 => self.manual_full_text(),
                    shown => manual::new_text(self.transcript.messages(), shown),
                };
                self.state = State::ManualWaiting { request, problem: None };
            }
            Provider::Endpoint => {
                self.streams += 1;
                let stream = self.streams;
                let request = self.request();
                let partial = Partial::default();
                self.state = State::Streaming { stream, attempt, since_ms: self.now_ms, partial };
                self.out.push(Output::OpenStream { stream, request });
            }
        }
    }

    fn request(&mut self) -> ChatRequest {
        let limit = context::request_limit(&self.setup, self.turn.overflowed);
        let Fitted { messages, left_out } = context::fit(self.transcript.to_wire(&self.setup.system), limit);
        if left_out.iter().any(|call| !self.left_out.contains(call)) {
            let tools = left_out.iter().map(|call| self.transcript.tool_of(call).to_string()).collect();
            self.out.push(Output::Notify(Notice::Trimmed { tools }));
        }
        self.left_out = left_out;
        ChatRequest {
            model: self.setup.model.clone(),
            messages,
            tools: self.setup.tools.clone(),
            max_tokens: self.setup.limits.output,
        }
    }

    pub(super) fn stream_event(&mut self, number: u64, event: StreamEvent) {
        let State::Streaming { stream, attempt, partial, .. } = &mut self.state else {
            return self.summary_event(number, event);
        };
        if *stream != number {
            return;
        }
        let attempt = *attempt;
        match event {
            StreamEvent::Finished { reason, usage } => {
                let partial = std::mem::take(partial);
                self.finish(partial, reason, usage);
            }
            StreamEvent::Failed { failure } => {
                let partial = std::mem::take(partial);
                self.fail(partial, attempt, failure);
            }
            said => partial.absorb(said),
        }
    }

    fn finish(&mut self, partial: Partial, reason: FinishReason, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.usage = Some(usage);
            self.counts_next = true;
            self.turn.tokens += usage.prompt_tokens + usage.completion_tokens;
            self.record(Entry::Usage { usage });
        }
        if partial.text.trim().is_empty() && partial.calls.is_empty() {
            self.counts_next = false;
            return self.stop(silence(&reason));
        }
        let mark = if reason == FinishReason::Length { Mark::Truncated } else { Mark::Whole };
        let message = self.named(partial, mark);
        self.accept_reply(message);
    }

    /// Gives every call an id that no other call of the conversation has.
    fn named(&mut self, partial: Partial, mark: Mark) -> Message {
        let mut taken: Vec<String> = Vec::new();
        let (transcript, minted) = (&self.transcript, &mut self.minted);
        partial.into_message(mark, |id| {
            let mut id = id.to_string();
            while id.is_empty() || taken.contains(&id) || transcript.has_call(&id) {
                *minted += 1;
                id = format!("call_{minted}");
            }
            taken.push(id.clone());
            id
        })
    }

    fn accept_reply(&mut self, message: Message) {
        let calls = message.tool_calls.clone();
        let mark = message.mark;
        self.say(message);
        match calls.is_empty() {
            true => self.end_turn(),
            false => self.start_calls(calls, mark),
        }
    }

    pub(super) fn end_turn(&mut self) {
        if self.deliver_queue() {
            self.begin_turn();
        } else {
            self.state = State::Idle;
            self.policy.end_turn();
            if self.setup.gates == Gates::Kept && self.seen.take_unchecked() {
                self.out.push(Output::Notify(Notice::Unchecked));
            }
            self.out.push(Output::Notify(Notice::TurnEnded));
        }
    }

    /// Sends what waits as one message: several in a row are refused by strict chat templates.
    pub(super) fn deliver_queue(&mut self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let text = std::mem::take(&mut self.queue).join("\n\n");
        self.record_queue();
        let text = self.after_notes(text);
        self.say(Message::user(text));
        true
    }

    /// Goes on after a round of tool calls: budgets, then the queue, then the next request.
    pub(super) fn next_round(&mut self) {
        self.turn.rounds += 1;
        let limits = self.setup.limits;
        let spent = if self.turn.rounds >= limits.rounds {
            Some(Budget::Rounds(limits.rounds))
        } else {
            limits.tokens.filter(|limit| self.turn.tokens >= *limit).map(Budget::Tokens)
        };
        if let Some(budget) = spent {
            return self.spend(budget);
        }
        self.deliver_queue();
        self.next_request();
    }

    pub(super) fn spend(&mut self, budget: Budget) {
        self.state = State::BudgetSpent { budget };
        self.out.push(Output::Notify(Notice::Stopped { text: "the turn's budget is spent".into() }));
    }

    fn fail(&mut self, partial: Partial, attempt: u32, failure: StreamFailure) {
        // The partial stays on screen and in the log; it is not sent again, the model starts over.
        if let Some(message) = partial.into_broken(Mark::Cut) {
            self.say(message);
        }
        if failure.kind == FailureKind::ContextOverflow && self.make_shorter(attempt, &failure) {
            return;
        }
        let wait = self.wait_ms(attempt, &failure);
        self.record(Entry::Failed { failure: failure.clone(), retry_in_ms: wait });
        match wait {
            None => self.stop(Report::from(&failure)),
            Some(wait) => {
                self.state =
                    State::WaitingRetry { attempt: attempt + 1, until_ms: self.now_ms + wait, failure };
            }
        }
    }

    /// Answers an overflow: once by leaving out older outputs where there are any, then by a summary. Says whether either
    /// could be done.
    fn make_shorter(&mut self, attempt: u32, failure: &StreamFailure) -> bool {
        let retried = Entry::Failed { failure: failure.clone(), retry_in_ms: Some(0) };
        let wire = self.transcript.to_wire(&self.setup.system);
        let shorter = context::fit(wire, context::request_limit(&self.setup, true)).left_out;
        if !self.turn.overflowed && shorter.len() > self.left_out.len() {
            self.turn.overflowed = true;
            self.record(retried);
            self.open(attempt);
            return true;
        }
        self.turn.overflowed = true;
        let condensing = self.compact_overflow();
        if condensing {
            self.record(retried);
        }
        condensing
    }

    /// Gives how long to wait before the next attempt, or nothing when there is no use in one.
    pub(super) fn wait_ms(&self, attempt: u32, failure: &StreamFailure) -> Option<u64> {
        let limits = self.setup.limits;
        if !failure.kind.is_transient() || attempt >= limits.attempts {
            return None;
        }
        let own = backoff_ms(attempt);
        let wait = failure.kind.retry_after_ms().map_or(own, |asked| asked.max(own.min(1000)));
        (wait <= limits.longest_wait_ms).then_some(wait)
    }

    pub(super) fn tick(&mut self) {
        if let State::WaitingRetry { attempt, until_ms, .. } = self.state
            && self.now_ms >= until_ms
        {
            self.open(attempt);
        }
        self.tick_summary();
    }

    /// Goes on now: skips a countdown, or resumes from any stop.
    pub(super) fn retry(&mut self) {
        match self.state {
            State::WaitingRetry { attempt, .. } => self.open(attempt),
            State::Compacting(_) => self.retry_summary(),
            State::Stopped { .. } | State::Interrupted | State::BudgetSpent { .. } => {
                self.turn = Turn::default();
                self.resume_turn();
            }
            State::Idle if !self.queue.is_empty() => {
                self.deliver_queue();
                self.begin_turn();
            }
            State::Idle | State::Streaming { .. } | State::Tools(_) | State::ManualWaiting { .. } => {}
        }
    }

    fn resume_turn(&mut self) {
        let unanswered = self.transcript.unanswered();
        if !unanswered.is_empty() {
            return self.start_calls(unanswered, Mark::Whole);
        }
        // A request must not end in the model's own words: some endpoints refuse it, others read it as a prefill.
        let broken_off = self.transcript.messages().last().is_some_and(|last| last.mark == Mark::Interrupted);
        if !self.deliver_queue() && broken_off {
            self.say(Message::user(GO_ON));
        }
        match self.transcript.awaits_model() {
            true => self.next_request(),
            false => self.state = State::Idle,
        }
    }

    pub(super) fn interrupt(&mut self) {
        match &mut self.state {
            State::Streaming { stream, partial, .. } => {
                let (stream, partial) = (*stream, std::mem::take(partial));
                self.out.push(Output::CloseStream { stream });
                if let Some(message) = partial.into_broken(Mark::Interrupted) {
                    self.say(message);
                }
                self.state = State::Interrupted;
            }
            State::WaitingRetry { .. } | State::ManualWaiting { .. } => self.state = State::Interrupted,
            State::Tools(_) => self.interrupt_tools(),
            State::Compacting(_) => self.interrupt_summary(),
            State::Idle | State::Interrupted | State::Stopped { .. } | State::BudgetSpent { .. } => {}
        }
    }

    /// Sends the queue without waiting for the model to finish. Running tools are let finish: the queue goes out
    /// with their results.
    pub(super) fn steer(&mut self) {
        if self.queue.is_empty() || matches!(self.state, State::Tools(_)) {
            return;
        }
        self.interrupt();
        self.close_unanswered("the person went on without it");
        self.deliver_queue();
        self.begin_turn();
    }

    pub(super) fn manual_reply(&mut self, text: &str) {
        let State::ManualWaiting { problem, .. } = &mut self.state else {
            return self.summary_reply(text);
        };
        match manual::parse(text, &self.setup.tools) {
            Err(wrong) => *problem = Some(wrong),
            Ok(partial) => {
                let message = self.named(partial, Mark::Whole);
                // The reply itself is known to the model: what follows it is new.
                self.shown = self.transcript.messages().len() + 1;
                self.accept_reply(message);
            }
        }
    }
}

/// Doubles from one second to thirty. Without jitter: one person retries, not a fleet, and the countdown is shown.
fn backoff_ms(attempt: u32) -> u64 {
    1000_u64.saturating_mul(1 << attempt.saturating_sub(1).min(5)).min(30_000)
}

fn silence(reason: &FinishReason) -> Report {
    let text = match reason {
        FinishReason::ContentFilter => "the endpoint's content filter withheld the reply",
        FinishReason::Length => "the model used all its output tokens before it said anything",
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_) => {
            "the model returned an empty reply"
        }
    };
    Report::new(Blame::Environment, text).hint("press r to ask again, or say more")
}
