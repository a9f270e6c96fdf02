//! The model's tool calls: checked, run one after another in the model's order (a check that follows an edit in the
//! same message must see the edit), stopped at the first failure that the model cannot mend.

use serde_json::Value;

use super::gates::Gate;
use super::{Machine, Notice, Output, State};
use crate::agent::approval;
use crate::agent::data::policy::{By, EditMode, Ruling};
use crate::agent::data::{
    Approval, Decision, Entry, Mark, Message, Proposal, ToolCall, ToolOutcome, ToolRun, ToolSpec,
};
use crate::util::blame::{Blame, Report};

/// What the model is told of an edit while the session is read-only.
const READ_ONLY: &str = "The person has set this session to read-only: no edit is taken. Say in words what you would change and \
                         why; do not propose edits until they allow them again.";

/// The calls of one assistant message.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    pub calls: Vec<CallProgress>,
    /// The person interrupted; the running call is being killed.
    pub stopping: bool,
    /// The message that made the calls was cut at the limit of output tokens.
    truncated: bool,
}

/// One call and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct CallProgress {
    pub call: ToolCall,
    pub phase: CallPhase,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq)]
pub enum CallPhase {
    /// An earlier call is not done yet.
    Waiting,
    /// What it would change is being worked out.
    Preparing {
        since_ms: u64,
    },
    /// The person must decide.
    NeedsApproval {
        proposal: Proposal,
        /// The hunks that are left out, where the proposal was fitted onto a changed file.
        lost: Option<String>,
    },
    /// It runs; `note` is what the model is told beside the result of an agreed edit.
    Running {
        since_ms: u64,
        note: String,
    },
    Ended,
}

impl Round {
    /// A round of an earlier run, at the call that waits for the person.
    pub(super) fn again(calls: Vec<CallProgress>) -> Self {
        Self { calls, stopping: false, truncated: false }
    }

    /// Gives the call that is not done yet and comes first.
    pub fn active(&self) -> Option<&CallProgress> {
        self.calls.iter().find(|progress| progress.phase != CallPhase::Ended)
    }

    /// Gives the proposal that waits for the person.
    pub fn proposal(&self) -> Option<&Proposal> {
        match self.active().map(|progress| &progress.phase) {
            Some(CallPhase::NeedsApproval { proposal, .. }) => Some(proposal),
            _ => None,
        }
    }

    fn active_mut(&mut self, call_id: &str) -> Option<&mut CallProgress> {
        let active = self.calls.iter_mut().find(|progress| progress.phase != CallPhase::Ended);
        active.filter(|progress| progress.call.id == call_id)
    }
}

impl Machine {
    pub(super) fn start_calls(&mut self, calls: Vec<ToolCall>, mark: Mark) {
        let known = calls.iter().any(|call| check(call, &self.setup.tools).is_ok());
        self.turn.malformed = if known { 0 } else { self.turn.malformed + 1 };
        let waiting = |call| CallProgress { call, phase: CallPhase::Waiting };
        let calls = calls.into_iter().map(waiting).collect();
        self.state = State::Tools(Round { calls, stopping: false, truncated: mark == Mark::Truncated });
        self.advance();
    }

    /// Starts the next call; goes on to the next request when none is left.
    fn advance(&mut self) {
        while let Some(call) = self.active_call() {
            match check(&call, &self.setup.tools) {
                Err(wrong) => self.end_call(&call.id, ToolOutcome::Failed { text: self.blame_cut(wrong) }),
                Ok((run, approval)) => match self.gate_of(&run.name).filter(|_| approval == Approval::Ask) {
                    Some(gate) => self.refuse_by(gate, &call.id),
                    None => return self.dispatch(run, approval),
                },
            }
        }
        if self.turn.malformed >= self.setup.limits.malformed_rounds {
            let text = format!("the model made {} unusable tool calls in a row", self.turn.malformed);
            let report = Report::new(Blame::Environment, text);
            return self.stop(report.hint("try another model, or tell it what is wrong; r goes on"));
        }
        self.next_round();
    }

    fn refuse_by(&mut self, gate: Gate, call_id: &str) {
        self.end_call(call_id, ToolOutcome::Failed { text: gate.refusal().into() });
        self.out.push(Output::Notify(Notice::GateShut(gate)));
    }

    fn dispatch(&mut self, run: ToolRun, approval: Approval) {
        let since_ms = self.now_ms;
        let (phase, output) = match approval {
            Approval::Auto => {
                let phase = CallPhase::Running { since_ms, note: String::new() };
                (phase, Output::RunTool { run: run.clone() })
            }
            Approval::Ask if self.policy.mode == EditMode::ReadOnly => {
                let text = READ_ONLY.to_string();
                self.end_call(&run.call_id, ToolOutcome::Failed { text });
                return self.advance();
            }
            Approval::Ask | Approval::Cost => {
                (CallPhase::Preparing { since_ms }, Output::Prepare { run: run.clone() })
            }
        };
        self.set_phase(&run.call_id, phase);
        self.out.push(output);
    }

    pub(super) fn proposed(&mut self, call_id: &str, result: Result<Proposal, String>) {
        if !matches!(self.phase(call_id), Some(CallPhase::Preparing { .. })) {
            return;
        }
        match result {
            Err(text) => {
                self.end_call(call_id, ToolOutcome::Failed { text });
                self.advance();
            }
            Ok(proposal) => {
                self.record(Entry::Proposed { proposal: proposal.clone() });
                let ruling = self.ruling(&proposal);
                let title = proposal.title.clone();
                self.set_phase(call_id, CallPhase::NeedsApproval { proposal, lost: None });
                match ruling {
                    Ruling::Write(by) => self.decided(call_id, Decision::Accept, by),
                    Ruling::Ask => self.out.push(Output::Notify(Notice::ApprovalNeeded { title })),
                }
            }
        }
    }

    /// Fits the proposal that waits onto a file that changed since it was made. What was asked for before the person's change
    /// is asked for again: no rule agrees to it.
    pub(super) fn rebased(&mut self, proposal: Proposal, lost: String) {
        let Some(CallPhase::NeedsApproval { lost: before, .. }) = self.phase(&proposal.call_id) else {
            return;
        };
        let lost = format!("{}{lost}", before.as_deref().unwrap_or_default());
        self.record(Entry::Rebased { proposal: proposal.clone(), lost: lost.clone() });
        let call_id = proposal.call_id.clone();
        self.set_phase(&call_id, CallPhase::NeedsApproval { proposal, lost: Some(lost) });
    }

    pub(super) fn decided(&mut self, call_id: &str, decision: Decision, by: By) {
        let Some(CallPhase::NeedsApproval { proposal, lost }) = self.phase(call_id).cloned() else { return };
        self.record(Entry::Decided { call_id: call_id.to_string(), decision: decision.clone(), by });
        match approval::resolve(&proposal, &decision) {
            Err(told) => {
                self.end_call(call_id, ToolOutcome::Failed { text: told });
                self.advance();
            }
            Ok(edit) => {
                let Some(call) = self.active_call() else { return };
                let Ok((run, _)) = check(&call, &self.setup.tools) else { return };
                let note = approval::told(&proposal, &decision, lost.as_deref());
                self.set_phase(call_id, CallPhase::Running { since_ms: self.now_ms, note });
                self.out.push(Output::RunTool { run: ToolRun { approved: Some(edit), ..run } });
            }
        }
    }

    pub(super) fn tool_ended(&mut self, call_id: &str, outcome: ToolOutcome) {
        let Some(phase) = self.phase(call_id).cloned() else { return };
        let outcome = match (phase, outcome) {
            (CallPhase::Running { note, .. }, ToolOutcome::Done { text }) if !note.is_empty() => {
                ToolOutcome::Done { text: format!("{text}\n{note}") }
            }
            (CallPhase::Running { .. } | CallPhase::Preparing { .. }, outcome) => outcome,
            (CallPhase::Waiting | CallPhase::NeedsApproval { .. } | CallPhase::Ended, _) => return,
        };
        let report = match &outcome {
            ToolOutcome::Stop { report } => Some(report.clone()),
            ToolOutcome::Done { .. } | ToolOutcome::Failed { .. } | ToolOutcome::Interrupted { .. } => None,
        };
        self.end_call(call_id, outcome);
        if let Some(report) = report {
            self.end_rest("an earlier call could not run");
            self.stop(report);
        } else if self.is_stopping() {
            self.end_rest("the person interrupted");
            self.state = State::Interrupted;
        } else {
            self.advance();
        }
    }

    pub(super) fn interrupt_tools(&mut self) {
        let State::Tools(round) = &mut self.state else { return };
        let Some(active) = round.active() else { return };
        let call_id = active.call.id.clone();
        let runs = matches!(active.phase, CallPhase::Running { .. });
        if matches!(active.phase, CallPhase::Running { .. } | CallPhase::Preparing { .. }) {
            self.out.push(Output::KillTool { call_id: call_id.clone() });
        }
        // The first interrupt waits for the partial output; a second one does not.
        if runs && !round.stopping {
            round.stopping = true;
            return;
        }
        self.end_call(&call_id, ToolOutcome::Interrupted { text: String::new() });
        self.end_rest("the person interrupted");
        self.state = State::Interrupted;
    }

    /// Answers calls that a crash or an interrupt left open, so that every call has its result.
    pub(super) fn close_unanswered(&mut self, why: &str) {
        for call in self.transcript.unanswered() {
            self.answer(&call.id, ToolOutcome::Failed { text: format!("Not run: {why}.") });
        }
    }

    fn end_rest(&mut self, why: &str) {
        while let Some(call) = self.active_call() {
            self.end_call(&call.id, ToolOutcome::Failed { text: format!("Not run: {why}.") });
        }
    }

    fn end_call(&mut self, call_id: &str, outcome: ToolOutcome) {
        self.set_phase(call_id, CallPhase::Ended);
        self.answer(call_id, outcome);
    }

    fn answer(&mut self, call_id: &str, outcome: ToolOutcome) {
        let text = self.before_notes(answer_text(&outcome));
        self.record(Entry::ToolEnded { call_id: call_id.to_string(), outcome });
        self.say(Message::tool(call_id, text));
    }

    fn active_call(&self) -> Option<ToolCall> {
        match &self.state {
            State::Tools(round) => round.active().map(|progress| progress.call.clone()),
            _ => None,
        }
    }

    fn phase(&self, call_id: &str) -> Option<&CallPhase> {
        match &self.state {
            State::Tools(round) => {
                round.active().filter(|progress| progress.call.id == call_id).map(|progress| &progress.phase)
            }
            _ => None,
        }
    }

    fn set_phase(&mut self, call_id: &str, phase: CallPhase) {
        if let State::Tools(round) = &mut self.state
            && let Some(progress) = round.active_mut(call_id)
        {
            progress.phase = phase;
        }
    }

    fn is_stopping(&self) -> bool {
        matches!(&self.state, State::Tools(round) if round.stopping)
    }

    fn blame_cut(&self, wrong: String) -> String {
        match &self.state {
            State::Tools(round) if round.truncated => {
                format!("{wrong} Your message was cut at the limit of output tokens: send a smaller call.")
            }
            _ => wrong,
        }
    }
}

/// Checks a call as the model wrote it; the error is what the model is told.
fn check(call: &ToolCall, tools: &[ToolSpec]) -> Result<(ToolRun, Approval), String> {
    let Some(spec) = tools.iter().find(|spec| spec.name == call.name) else {
        let names: Vec<&str> = tools.iter().map(|spec| spec.name.as_str()).collect();
        return Err(format!("There is no tool named {:?}. The tools are: {}.", call.name, names.join(", ")));
    };
    let arguments = arguments(&call.arguments)
        .map_err(|wrong| format!("The arguments of {} are not usable: {wrong}.", call.name))?;
    for name in spec.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if arguments.get(name).is_none() {
            return Err(format!("The arguments of {} lack {name:?}.", call.name));
        }
    }
    let run = ToolRun { call_id: call.id.clone(), name: call.name.clone(), arguments, approved: None };
    Ok((run, spec.approval))
}

fn arguments(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() => Ok(value),
        // Some models write the object as a JSON string.
        Ok(Value::String(inner)) => match serde_json::from_str::<Value>(&inner) {
            Ok(value) if value.is_object() => Ok(value),
            _ => Err("a string, where a JSON object is wanted".into()),
        },
        Ok(_) => Err("not a JSON object".into()),
        Err(error) => Err(format!("not valid JSON ({error})")),
    }
}

/// What the model reads as the result of a call.
fn answer_text(outcome: &ToolOutcome) -> String {
    match outcome {
        ToolOutcome::Done { text } if text.trim().is_empty() => "Done; no output.".into(),
        ToolOutcome::Done { text } => text.clone(),
        ToolOutcome::Failed { text } => format!("Error: {text}"),
        ToolOutcome::Stop { report } => format!("Error: it could not run here: {}", report.text),
        ToolOutcome::Interrupted { text } if text.trim().is_empty() => "Interrupted by the person.".into(),
        ToolOutcome::Interrupted { text } => format!("{text}\n[interrupted by the person]"),
    }
}
