//! A reply of 2,000 tokens a second for ten seconds with 200 tool calls, after 1,000 earlier messages: what the client
//! gives in each 16 ms is told to the state, then the screen is drawn; every fifth frame a key is typed as well. Then the
//! 200 calls end one after another. Drawn at 200×60 and 80×24 into memory.

use std::time::{Duration, Instant};

use mlxport::agent::data::{
    Approval, Entry as Said, FinishReason, Message, StreamEvent, ToolCallDelta, ToolOutcome, ToolSpec, Usage,
};
use mlxport::agent::machine::{Limits, Setup};
use mlxport::app::effect::Job;
use mlxport::app::job::JobId;
use mlxport::app::pane::chat::{Job as ChatJob, Msg};
use mlxport::app::update::update;
use mlxport::app::{Effect, Msg as AppMsg, PaneMsg, State};
use mlxport::session::data::{Earlier, Entry};
use mlxport::theme::Theme;
use mlxport::tools::data::ToolEnd;
use mlxport::ui::{self, ViewCache};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

const CALLS: usize = 200;
/// Ten seconds of frames.
const FRAMES: usize = 625;
/// 2,000 tokens a second in 16 ms; a token is four bytes.
const TOKENS: usize = 32;
const EARLIER: usize = 1_000;

pub fn run() {
    for size in [(200, 60), (80, 24)] {
        let mut bench = Bench::new(size);
        bench.stream();
        bench.calls();
        let name = |what: &str| format!("2,000 tokens/s, 200 calls, {}x{}: {what}", size.0, size.1);
        super::configs::print(&name("update"), &mut bench.updates, "goal with the frame: p50 2, p99 5");
        super::configs::print(&name("frame"), &mut bench.frames, "goal: p50 2, p99 5");
        super::configs::print(&name("update and frame with a typed key"), &mut bench.keys, "goal: p99 33");
        super::configs::print(
            &name("end of a call, update and frame"),
            &mut bench.ends,
            "goal: p50 2, p99 5",
        );
    }
}

struct Bench {
    app: State,
    now: u64,
    /// Jobs of the chat that were asked for and not answered.
    asked: Vec<(JobId, ChatJob)>,
    terminal: Terminal<TestBackend>,
    view: ViewCache,
    theme: Theme,
    updates: Vec<Duration>,
    frames: Vec<Duration>,
    keys: Vec<Duration>,
    ends: Vec<Duration>,
}

impl Bench {
    fn new(size: (u16, u16)) -> Self {
        let mut bench = Self {
            app: State::default(),
            now: 0,
            asked: Vec::new(),
            terminal: Terminal::new(TestBackend::new(size.0, size.1)).expect("a terminal"),
            view: ViewCache::default(),
            theme: Theme::named("dark").expect("a theme"),
            updates: Vec::new(),
            frames: Vec::new(),
            keys: Vec::new(),
            ends: Vec::new(),
        };
        bench.tell(AppMsg::Resize(size.0, size.1));
        let entries = (0..EARLIER).map(|at| {
            let text =
                format!("Message {at}: the **MLP** has no gate; `act_fn` is squared.\n\n- one\n- two\n");
            let message = if at.is_multiple_of(2) { Message::user(text) } else { Message::assistant(text) };
            Entry::Chat { entry: Said::Message { message } }
        });
        let earlier = Earlier {
            entries: entries.collect(),
            model: "m".into(),
            log: "log.jsonl".into(),
            damaged: Vec::new(),
            unknown: 0,
        };
        bench.chat(Msg::Resuming { queue: Vec::new() });
        bench.chat(Msg::Restored(Box::new(earlier)));
        let schema = json!({"type": "object", "properties": {}});
        let read = ToolSpec {
            name: "read_source".into(),
            description: "Reads.".into(),
            schema,
            approval: Approval::Auto,
        };
        let limits = Limits { rounds: 1_000, ..Limits::default() };
        bench.chat(Msg::Ready(Box::new(Setup {
            model: "m".into(),
            tools: vec![read],
            limits,
            ..Setup::default()
        })));
        for key in ["g", "o", "enter"] {
            bench.tell(AppMsg::Key(key.parse().expect("a key")));
        }
        bench.draw();
        bench
    }

    fn tell(&mut self, msg: AppMsg) {
        for effect in update(&mut self.app, self.now, msg) {
            if let Effect::Start(id, Job::Chat(job)) = effect {
                self.asked.push((id, job));
            }
        }
    }

    fn chat(&mut self, msg: Msg) {
        self.tell(AppMsg::Post(PaneMsg::Chat(msg)));
    }

    fn draw(&mut self) -> Duration {
        let began = Instant::now();
        let Self { terminal, app, view, theme, .. } = self;
        terminal.draw(|frame| ui::draw(frame, app, view, theme)).expect("drawn");
        began.elapsed()
    }

    /// First words in Markdown, then the calls.
    fn stream(&mut self) {
        let stream = self.asked.iter().find_map(|(_, job)| match job {
            ChatJob::Stream { stream, .. } => Some(*stream),
            _ => None,
        });
        let stream = stream.expect("a request went out");
        let words = "the **gate** is `None`, so\n\n```python\nreturn down(act(up(x)))\n```\n\n";
        let piece: String = words.chars().cycle().take(TOKENS * 4).collect();
        for at in 0..FRAMES {
            self.now += 16;
            let event = match at.checked_sub(FRAMES - 2 * CALLS) {
                None => StreamEvent::Text { delta: piece.clone() },
                Some(at) => Self::call_piece(at),
            };
            let began = Instant::now();
            self.chat(Msg::Stream { stream, event });
            if at.is_multiple_of(5) {
                self.tell(AppMsg::Key("x".parse().expect("a key")));
            }
            self.tell(AppMsg::Tick);
            let updated = began.elapsed();
            let drawn = self.draw();
            self.updates.push(updated);
            self.frames.push(drawn);
            if at.is_multiple_of(5) {
                self.keys.push(updated + drawn);
            }
        }
        let usage = Some(Usage { prompt_tokens: 50_000, completion_tokens: 20_000 });
        self.chat(Msg::Stream {
            stream,
            event: StreamEvent::Finished { reason: FinishReason::ToolCalls, usage },
        });
    }

    /// Each call comes in two pieces.
    fn call_piece(at: usize) -> StreamEvent {
        let (slot, begins) = (at / 2, at.is_multiple_of(2));
        let half = "transformers/models/".chars().cycle().take(TOKENS * 4 - 12).collect::<String>();
        let arguments = if begins { format!("{{\"path\": \"{half}") } else { format!("{half}\"}}") };
        let id = begins.then(|| format!("call-{slot}"));
        let name = begins.then(|| "read_source".to_string());
        StreamEvent::ToolCall {
            delta: ToolCallDelta { slot: u32::try_from(slot).expect("small"), id, name, arguments },
        }
    }

    /// Answers every call that is asked for, one after another.
    fn calls(&mut self) {
        let mut answered = 0;
        while let Some(at) = self.asked.iter().position(|(_, job)| matches!(job, ChatJob::Run { .. })) {
            let (id, ChatJob::Run { run }) = self.asked.remove(at) else { return };
            let text = "class ArceeMLP:\n    pass\n".repeat(20);
            let end = ToolEnd {
                outcome: ToolOutcome::Done { text },
                summary: "read modeling_arcee.py 1–40".into(),
                artifacts: Vec::new(),
            };
            self.now += 16;
            let began = Instant::now();
            self.tell(AppMsg::Job(
                id,
                PaneMsg::Chat(Msg::ToolEnded { call_id: run.call_id, end: Box::new(end) }),
            ));
            self.tell(AppMsg::Ended(id, Ok(())));
            let updated = began.elapsed();
            let drawn = self.draw();
            self.ends.push(updated + drawn);
            answered += 1;
        }
        assert_eq!(answered, CALLS, "every call was asked for");
    }
}
