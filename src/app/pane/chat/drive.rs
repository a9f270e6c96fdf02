//! Feeds the machine and carries its outputs to the program: jobs, session log, notices, shared facts.

use super::judge::{Judge, Mode};
use super::{Details, Item, Job, Msg, State, Tone, items};
use crate::agent::context::Source;
use crate::agent::data::{
    Decision, Entry, FailureKind, Pin, PinKind, Role, StreamEvent, StreamFailure, ToolCall, ToolOutcome,
};
use crate::agent::machine::{Input, Notice, Output, Provider, Setup};
use crate::app::effect::{Effect, Job as AnyJob};
use crate::app::job::JobKind;
use crate::app::msg::PaneMsg;
use crate::app::pane::{Ctx, Used, pr};
use crate::app::rewind;
use crate::harness::data::{CheckVerdict, RunResult};
use crate::session::data::{Entry as Logged, PersonStep};
use crate::tools::data::{Artifact, Prepared, ToolEnd};
use crate::util::blame::Report;

/// How often a spinner turns; slower over SSH, where each turn is a packet.
const SPIN_MS: u64 = 120;
const SPIN_SSH_MS: u64 = 300;
/// The job that loads prompts and tools has a number that no tool gets.
const LOAD: JobKind = JobKind::Tool(0);

impl State {
    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        self.now = ctx.now;
        match msg {
            Msg::WorkspaceReady => {
                ctx.start(LOAD, "prompts and tools", AnyJob::Chat(Job::Load));
            }
            Msg::Note(text) => self.items.push(Item::notice(Tone::Warn, text)),
            Msg::Ready(setup) => self.loaded(*setup, ctx),
            Msg::ContextSize(tokens) => self.machine.set_context(tokens),
            Msg::Recorded(step) => self.recorded(*step, ctx),
            Msg::Resuming { queue } => self.resuming(queue, ctx),
            Msg::Restored(earlier) => self.restored(&earlier, ctx),
            Msg::Unrestored(report) => self.unrestored(report, ctx),
            Msg::Trouble(report) => self.trouble(report, ctx),
            Msg::Stream { stream, event } => self.feed(Input::Stream { stream, event }, ctx),
            Msg::Prepared { call_id, prepared } => {
                let input = match prepared {
                    Prepared::Propose(proposal) => Input::Proposed { call_id, result: Ok(proposal) },
                    Prepared::Reject(outcome) => Input::ToolEnded { call_id, outcome },
                    Prepared::Run(_) => {
                        let text = "this call changes nothing that could be agreed to".to_string();
                        Input::Proposed { call_id, result: Err(text) }
                    }
                };
                self.feed(input, ctx);
            }
            Msg::FileNow { call_id, present } => self.file_now(&call_id, present),
            Msg::Edited { call_id, text } => self.edited_outside(&call_id, text, ctx),
            Msg::Drafted { call_id, draft } => self.drafted(call_id, *draft, ctx),
            Msg::PortNow { path, text } => self.port_now(path, text, ctx),
            Msg::TookBack { call_id, end } => self.took_back(call_id, end, ctx),
            Msg::ToolEnded { call_id, end } => self.tool_done(&call_id, *end, ctx),
            Msg::Reader(msg) => self.on_reader(msg, ctx),
            Msg::Exported(path) => {
                let text = format!("The session is written: {path}. Read it before you share it");
                self.items.push(Item::notice(Tone::Quiet, text));
            }
            Msg::Checked(result) => {
                let pin = Pin::new(PinKind::Check, "", open_failures(&result));
                self.feed(Input::Pin(pin), ctx);
            }
        }
    }

    /// Gives the machine an input and does what it asks.
    pub(super) fn feed(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for output in self.machine.step(ctx.now, input) {
                inputs.extend(self.carry(output, ctx));
            }
        }
        self.settle(ctx);
    }

    /// Does one thing; gives what the machine must hear at once because of it.
    fn carry(&mut self, output: Output, ctx: &mut Ctx<'_>) -> Option<Input> {
        match output {
            Output::OpenStream { stream, request } => {
                let job = Job::Stream { stream, request: Box::new(request) };
                ctx.start(JobKind::Stream, "model", AnyJob::Chat(job));
            }
            Output::CloseStream { .. } => ctx.cancel(JobKind::Stream),
            Output::Prepare { run } => {
                let call = ToolCall { id: run.call_id, name: run.name, arguments: run.arguments.to_string() };
                self.start_tool(&call.id.clone(), call.name.clone(), Job::Prepare { call }, ctx);
            }
            Output::RunTool { run } => {
                let (id, name) = (run.call_id.clone(), run.name.clone());
                self.start_tool(&id, name, Job::Run { run: Box::new(run) }, ctx);
            }
            Output::KillTool { call_id } => {
                let at = self.running.iter().position(|(_, running)| *running == call_id)?;
                let (number, _) = self.running.remove(at);
                ctx.cancel(JobKind::Tool(number));
                // A cancelled job says nothing more: its end is said here.
                return Some(Input::ToolEnded {
                    call_id,
                    outcome: ToolOutcome::Interrupted { text: String::new() },
                });
            }
            Output::Record(entry) => self.keep(entry, ctx),
            Output::Notify(notice) => self.tell(notice, ctx),
        }
        None
    }

    fn start_tool(&mut self, call_id: &str, name: String, job: Job, ctx: &mut Ctx<'_>) {
        self.last_tool_job += 1;
        self.running.push((self.last_tool_job, call_id.to_string()));
        items::started(&mut self.items, call_id);
        ctx.start(JobKind::Tool(self.last_tool_job), name, AnyJob::Chat(job));
    }

    fn keep(&mut self, entry: Entry, ctx: &mut Ctx<'_>) {
        if let Entry::Message { message } = &entry
            && message.role == Role::User
        {
            let turn = self.machine.messages().iter().filter(|message| message.role == Role::User).count();
            let turn = u32::try_from(turn).unwrap_or(u32::MAX);
            ctx.post(PaneMsg::Rewind(rewind::Msg::Begin { turn, words: message.content.clone() }));
            self.in_turn = true;
        }
        self.show(&entry, ctx);
        ctx.record(Logged::Chat { entry });
    }

    /// Shows an entry and counts what it says.
    fn show(&mut self, entry: &Entry, ctx: &mut Ctx<'_>) {
        items::fold(&mut self.items, entry);
        self.tally(entry, ctx);
        self.ask_draft(entry, ctx);
        if let Entry::Message { message } = entry
            && message.role == Role::Assistant
        {
            ctx.facts.assistant_said.push(message.content.clone());
            ctx.facts.counts.turns += 1;
            let model = &self.machine.setup().model;
            if !self.models.contains(model) {
                self.models.push(model.clone());
            }
            ctx.facts.counts.models.clone_from(&self.models);
            self.tell_pr(ctx);
        }
    }

    /// Tells the pull request's pane that its counts changed: answers, decisions, edits that wait.
    pub(super) fn tell_pr(&self, ctx: &mut Ctx<'_>) {
        let waiting = usize::from(self.machine.proposal().is_some_and(|edit| edit.scope.is_file()));
        ctx.post(PaneMsg::Pr(pr::Msg::Waiting(waiting)));
    }

    fn tell(&mut self, notice: Notice, ctx: &mut Ctx<'_>) {
        let text = match notice {
            Notice::TurnEnded => "The model has answered".to_string(),
            Notice::ApprovalNeeded { title } => format!("Waiting for you: {title}"),
            Notice::Stopped { text } => format!("Stopped: {text}"),
            Notice::SummaryReady => "A summary of the conversation waits for you".into(),
            Notice::Trimmed { tools } => return ctx.toast(trimmed(&tools)),
            Notice::NothingToCondense => return ctx.toast("The conversation is too short to be condensed"),
            Notice::CondensedLater => {
                return ctx.toast("It is condensed before the next request, when this step is done");
            }
            Notice::GateShut(gate) => {
                let text = format!("An edit was not proposed: {}", gate.words());
                return self.items.push(Item::notice(Tone::Warn, text));
            }
            Notice::Unchecked => {
                let text = "The port changed after the last check: what was said of it is not checked";
                return self.items.push(Item::notice(Tone::Warn, text));
            }
        };
        if !ctx.facts.focused {
            ctx.effects.push(Effect::Notify(text));
        }
    }

    /// Brings what is derived from the machine up to date after it moved.
    pub(super) fn settle(&mut self, ctx: &mut Ctx<'_>) {
        let waiting = self.machine.proposal();
        let same = |judge: &Judge| waiting == Some(&judge.proposal);
        if !self.judge.as_ref().is_some_and(same) {
            let mode = if self.composer.editor.is_empty() { Mode::Judging } else { Mode::Aside };
            let waits = waiting.is_some();
            let before = self.judge.take();
            self.judge = waiting.map(|proposal| Judge::new(proposal.clone(), ctx.now, mode));
            if let (Some(judge), Some(before)) = (&mut self.judge, before) {
                judge.go_on_from(&before);
            }
            if let (Some(judge), Some(kept)) = (&mut self.judge, self.kept_judge.take()) {
                kept.into(judge);
            }
            if waits {
                self.tell_pr(ctx);
            }
        }
        if self.in_turn && !self.machine.is_busy() {
            self.in_turn = false;
            ctx.post(PaneMsg::Rewind(rewind::Msg::End));
        }
        self.settle_digest(ctx.now);
        self.settle_sheet();
        self.watch_edit(ctx);
        let meter = self.machine.meter();
        let facts = &mut ctx.facts.model;
        facts.context_used = meter.tokens;
        facts.context_limit = meter.limit.unwrap_or(0);
        facts.context_estimated = meter.source != Source::Counted;
        let waits = self.judge.is_some() || self.digest.is_some() || self.is_manual_waiting();
        let reads = self.reader.is_busy() && !self.reader.waits_for_person();
        if self.machine.is_busy() && !waits || reads {
            let spin = if ctx.facts.ssh { SPIN_SSH_MS } else { SPIN_MS };
            ctx.effects.push(Effect::Wake(ctx.now + spin));
        }
    }

    fn loaded(&mut self, setup: Setup, ctx: &mut Ctx<'_>) {
        ctx.facts.model.model.clone_from(&setup.model);
        ctx.facts.model.provider = match (&ctx.facts.demo, setup.provider) {
            (Some(_), _) => "recorded".into(),
            (None, Provider::Manual) => "manual".into(),
            // Stays empty where no endpoint is named, so that the pane can say how to name one.
            (None, Provider::Endpoint) if ctx.facts.model.provider.is_empty() => String::new(),
            (None, Provider::Endpoint) => "endpoint".into(),
        };
        self.machine.configure(setup);
        self.ready = true;
        self.begin(ctx);
    }

    fn recorded(&mut self, step: PersonStep, ctx: &mut Ctx<'_>) {
        match step {
            PersonStep::Say { text } => {
                self.scroll.ends += 1;
                self.say(text, ctx);
            }
            PersonStep::Approve => self.decide(Decision::Accept, ctx),
            PersonStep::ApproveEdited { after } => self.decide(Decision::AcceptEdited { after }, ctx),
            PersonStep::ApprovePart { after, written, declined } => {
                self.decide(Decision::AcceptPart { after, written, declined }, ctx);
            }
            PersonStep::Deny { reason } => self.decide(Decision::Deny { reason }, ctx),
            PersonStep::Stage { .. }
            | PersonStep::Voice { .. }
            | PersonStep::Commit { .. }
            | PersonStep::Push { .. } => {}
        }
    }

    fn tool_done(&mut self, call_id: &str, end: ToolEnd, ctx: &mut Ctx<'_>) {
        self.forget_job(call_id);
        for artifact in &end.artifacts {
            if let Artifact::Edit { receipt } = artifact {
                if self.edit_written(call_id, receipt) == Used::Yes {
                    self.lines_written(ctx);
                }
                super::rules::tell_written(ctx);
            }
        }
        let summary = end.summary.clone();
        self.feed(Input::ToolEnded { call_id: call_id.to_string(), outcome: end.outcome }, ctx);
        items::summarise(&mut self.items, call_id, &summary);
        let entry = Logged::Tool { call_id: call_id.to_string(), summary, artifacts: end.artifacts };
        ctx.record(entry);
    }

    fn forget_job(&mut self, call_id: &str) {
        self.running.retain(|(_, running)| running != call_id);
    }

    /// Is told that a job ended. A job that ended without its last word broke: the machine must not wait for ever.
    pub(super) fn job_ended(&mut self, kind: JobKind, failed: Option<Report>, ctx: &mut Ctx<'_>) {
        self.now = ctx.now;
        match kind {
            JobKind::Stream => {
                if let (Some(report), Some(stream)) = (failed, self.machine.stream()) {
                    let failure =
                        StreamFailure { kind: FailureKind::Protocol, text: report.text, hint: report.hint };
                    self.feed(Input::Stream { stream, event: StreamEvent::Failed { failure } }, ctx);
                }
            }
            JobKind::WatchEdit | JobKind::Draft => {
                if let Some(report) = failed {
                    ctx.toast(report.text);
                }
            }
            JobKind::Reader(number) => self.reader_ended(number, failed, ctx),
            LOAD | JobKind::Export => {
                if let Some(report) = failed {
                    items::fold(&mut self.items, &Entry::Stopped { report });
                }
            }
            JobKind::Tool(number) => {
                let found = self.running.iter().find(|(running, _)| *running == number);
                if let (Some(report), Some((_, call_id))) = (failed, found.cloned()) {
                    self.forget_job(&call_id);
                    self.feed(Input::ToolEnded { call_id, outcome: ToolOutcome::Stop { report } }, ctx);
                }
            }
            _ => {}
        }
    }
}

/// Says how a run ended: verdict, run, and each check that did not pass.
fn open_failures(result: &RunResult) -> String {
    let mut lines = vec![format!("{} · run {}", result.verdict.name(), result.run_id)];
    for check in result.checks.iter().filter(|check| check.verdict != CheckVerdict::Pass) {
        let mut line = format!("{} {}", check.verdict.name(), check.id);
        line.extend(check.twin.iter().map(|twin| format!(" {twin}")));
        line.extend(check.figure.iter().map(|figure| format!(" {figure}")));
        line.extend(check.bar.iter().map(|bar| format!(", bar {bar}")));
        line.extend(check.error.iter().map(|error| format!(": {}", error.text)));
        line.extend(check.first_divergence.iter().map(|place| format!(", first at {}", place.module)));
        lines.push(line);
    }
    lines.join("\n")
}

/// Says which outputs a request went without.
fn trimmed(tools: &[String]) -> String {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    tools.iter().for_each(|tool| *counts.entry(tool).or_default() += 1);
    let each: Vec<String> = counts
        .into_iter()
        .map(|(tool, count)| if count == 1 { tool.to_string() } else { format!("{tool} ({count})") })
        .collect();
    format!("Left out to fit the context: older outputs of {}. /context lists them", each.join(", "))
}

impl Details {
    /// Says whether details are shown.
    pub fn shown(self) -> bool {
        self == Self::Shown
    }
}
