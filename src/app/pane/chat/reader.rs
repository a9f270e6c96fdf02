//! The second reader: a conversation of its own, from a fresh context, that reads the diff against the reference and lists
//! doubts. It sees nothing of the chat, has tools that read and no others, and cannot be answered: its list stands in the
//! transcript under its name, and its words are known to the guard of the person's prose like the model's.

use super::{Item, State, Tone, items};
use crate::agent::data::{
    ChatRequest, Entry, FailureKind, Role, StreamEvent, StreamFailure, ToolOutcome, ToolRun,
};
use crate::agent::machine::{Budget, Input, Machine, Notice, Output, Provider, Setup, State as Machinery};
use crate::app::effect::Job as AnyJob;
use crate::app::job::JobKind;
use crate::app::pane::Ctx;
use crate::session::data::Entry as Logged;
use crate::tools::data::ToolEnd;
use crate::util::blame::Report;

/// The number of the job that prepares it, and of its stream; tools count from the next.
const LOAD: u32 = 0;
const STREAM: u32 = 1;

/// What its jobs say.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The person asks for it in another pane.
    Begin,
    /// What it is told and shown; reading can begin. `about` says in a line what it reads.
    Ready {
        setup: Box<Setup>,
        opening: String,
        about: String,
    },
    Stream {
        stream: u64,
        event: StreamEvent,
    },
    ToolEnded {
        call_id: String,
        end: Box<ToolEnd>,
    },
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    /// Gather diff, outline and findings; answers with [`Msg::Ready`].
    Load,
    /// Ask the endpoint; answers with [`Msg::Stream`].
    Stream { stream: u64, request: Box<ChatRequest> },
    /// Run a call that reads; answers with [`Msg::ToolEnded`].
    Run { run: Box<ToolRun> },
}

/// The second reader at work, or done.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    pub machine: Machine,
    /// Whether the diff is being gathered.
    pub loading: bool,
    tool: u32,
    running: Option<(u32, String)>,
}

impl Reader {
    /// Whether it is at work.
    pub fn is_busy(&self) -> bool {
        self.loading || self.machine.is_busy()
    }

    /// Whether the person carries its words to a model, and it waits for what comes back.
    pub fn waits_for_person(&self) -> bool {
        self.machine.manual_request().is_some()
    }
}

impl State {
    /// Begins a reading.
    pub(super) fn start_reader(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.facts.demo.is_some() {
            return ctx.toast("A recording has no second reader");
        }
        if !self.is_open() {
            return ctx.toast(super::NOT_READY);
        }
        if self.reader.is_busy() {
            return ctx.toast("The second reader is at work; Ctrl-C stops it");
        }
        if self.machine.manual_request().is_some() {
            return ctx.toast("You carry a request of the chat: bring its reply first, or Ctrl-C");
        }
        self.reader = Reader { loading: true, ..Reader::default() };
        self.scroll.ends += 1;
        start(LOAD, "second reader", Job::Load, ctx);
        self.settle(ctx);
    }

    pub(super) fn on_reader(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        match msg {
            Msg::Begin => return self.start_reader(ctx),
            Msg::Ready { setup, opening, about } => {
                self.reader = Reader { machine: Machine::new(*setup), ..Reader::default() };
                let model = &self.reader.machine.setup().model;
                let who = match self.reader.machine.setup().provider {
                    Provider::Manual => "you carry its words to a model of your choice, in a new chat",
                    Provider::Endpoint => model,
                };
                let text =
                    format!("Second reader ({who}) reads {about}. Its doubts are for you, not for upstream");
                self.items.push(Item::notice(Tone::Quiet, text));
                self.feed_reader(Input::User(opening), ctx);
            }
            Msg::Stream { stream, event } => self.feed_reader(Input::Stream { stream, event }, ctx),
            Msg::ToolEnded { call_id, end } => {
                self.reader.running = None;
                let summary = end.summary.clone();
                self.feed_reader(Input::ToolEnded { call_id: call_id.clone(), outcome: end.outcome }, ctx);
                items::summarise(&mut self.items, &card_id(&call_id), &summary);
            }
        }
        self.settle(ctx);
    }

    pub(super) fn feed_reader(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for output in self.reader.machine.step(ctx.now, input) {
                inputs.extend(self.carry_reader(output, ctx));
            }
        }
    }

    fn carry_reader(&mut self, output: Output, ctx: &mut Ctx<'_>) -> Option<Input> {
        match output {
            Output::OpenStream { stream, request } => {
                let job = Job::Stream { stream, request: Box::new(request) };
                start(STREAM, "second reader", job, ctx);
            }
            Output::CloseStream { .. } => ctx.cancel(JobKind::Reader(STREAM)),
            Output::RunTool { run } => {
                self.reader.tool += 1;
                let number = STREAM + self.reader.tool;
                self.reader.running = Some((number, run.call_id.clone()));
                start(number, "second reader", Job::Run { run: Box::new(run) }, ctx);
            }
            // It has no tool that changes anything.
            Output::Prepare { run } => {
                let text = "The second reader changes nothing.".to_string();
                return Some(Input::Proposed { call_id: run.call_id, result: Err(text) });
            }
            Output::KillTool { call_id } => {
                let (number, _) = self.reader.running.take()?;
                ctx.cancel(JobKind::Reader(number));
                let outcome = ToolOutcome::Interrupted { text: String::new() };
                return Some(Input::ToolEnded { call_id, outcome });
            }
            Output::Record(entry) => {
                self.show_reader(&entry, ctx);
                ctx.record(Logged::Reader { entry });
            }
            Output::Notify(Notice::TurnEnded) if !ctx.facts.focused => {
                ctx.effects.push(crate::app::Effect::Notify("The second reader is done".into()));
            }
            Output::Notify(Notice::Stopped { .. }) => self.tell_reader_stop(),
            Output::Notify(_) => {}
        }
        None
    }

    /// Shows what it says and reads, and lets the guard of the person's prose know its words.
    pub(super) fn show_reader(&mut self, entry: &Entry, ctx: &mut Ctx<'_>) {
        if let Entry::Message { message } = entry
            && message.role == Role::Assistant
        {
            ctx.facts.assistant_said.push(message.content.clone());
        }
        items::fold_reader(&mut self.items, entry);
    }

    /// A spent budget is a state of the machine and no entry: it is told here.
    fn tell_reader_stop(&mut self) {
        let spent = match self.reader.machine.state() {
            Machinery::BudgetSpent { budget: Budget::Rounds(rounds) } => format!("{rounds} rounds of tools"),
            Machinery::BudgetSpent { budget: Budget::Tokens(tokens) } => format!("{tokens} tokens"),
            _ => return,
        };
        let text = format!("Second reader: stopped, its {spent} are used. What it wrote so far stands above");
        self.items.push(Item::notice(Tone::Warn, text));
    }

    /// Says in a few words what it is doing.
    pub fn reader_words(&self) -> Option<String> {
        if self.reader.loading {
            return Some("second reader: gathering the diff".into());
        }
        match self.reader.machine.state() {
            Machinery::ManualWaiting { .. } => {
                Some("second reader: waits for the reply that you bring".into())
            }
            Machinery::Streaming { .. } => Some("second reader: thinking".into()),
            Machinery::Tools(round) => {
                Some(format!("second reader: {}", round.active().map_or("", |active| &active.call.name)))
            }
            Machinery::WaitingRetry { until_ms, failure, .. } => {
                let left = until_ms.saturating_sub(self.now).div_ceil(1000);
                Some(format!("second reader: again in {left} s, {}", failure.text))
            }
            _ => None,
        }
    }

    /// Stops it, if it is at work.
    pub(super) fn interrupt_reader(&mut self, ctx: &mut Ctx<'_>) -> bool {
        if !self.reader.is_busy() {
            return false;
        }
        if std::mem::take(&mut self.reader.loading) {
            ctx.cancel(JobKind::Reader(LOAD));
        }
        self.feed_reader(Input::Interrupt, ctx);
        self.items.push(Item::notice(Tone::Warn, "Second reader: interrupted"));
        true
    }

    /// Is told that one of its jobs ended; one that broke must not leave it waiting for ever.
    pub(super) fn reader_ended(&mut self, number: u32, failed: Option<Report>, ctx: &mut Ctx<'_>) {
        let Some(report) = failed else { return };
        match number {
            LOAD => {
                self.reader.loading = false;
                items::fold(&mut self.items, &Entry::Stopped { report });
            }
            STREAM => {
                if let Some(stream) = self.reader.machine.stream() {
                    let failure =
                        StreamFailure { kind: FailureKind::Protocol, text: report.text, hint: report.hint };
                    self.feed_reader(Input::Stream { stream, event: StreamEvent::Failed { failure } }, ctx);
                }
            }
            _ => {
                if let Some((_, call_id)) = self.reader.running.take_if(|(running, _)| *running == number) {
                    let outcome = ToolOutcome::Stop { report };
                    self.feed_reader(Input::ToolEnded { call_id, outcome }, ctx);
                }
            }
        }
        self.settle(ctx);
    }
}

/// Its calls' ids are its own: the chat may have used the same.
pub(super) fn card_id(call_id: &str) -> String {
    format!("reader {call_id}")
}

fn start(number: u32, title: &str, job: Job, ctx: &mut Ctx<'_>) {
    ctx.start(JobKind::Reader(number), title, AnyJob::Chat(super::Job::Reader(job)));
}

#[cfg(test)]
mod tests;
