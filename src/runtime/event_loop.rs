//! Input → message → update → effects → jobs → one bounded channel → drain → one draw.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::demo::{Demo, Mode};
use super::effects::{Acted, Cause, Effects};
use super::front::Front;
use super::input::Input;
use super::jobs::{CHANNEL, JobTable};
use super::keyboard::{Heard, Keyboard};
use super::services::Services;
use crate::app::pane::configs::discover::Taken;
use crate::app::pane::{chat, configs};
use crate::app::{Millis, Msg, PaneMsg, State, recorded, update};
use crate::session::data::Live;
use crate::session::{Redactor, Writer};
use crate::util::blame::{Blame, Report};
use crate::util::fs;

/// An automatic demo in which nothing runs and whose next step cannot be played is given up after this long.
const STALL_MS: Millis = 20_000;

/// Frames caused by jobs alone come no closer than this; a key is answered at once.
const FRAME_MS: Millis = 16;

/// The loop with everything it owns.
pub struct EventLoop {
    pub state: State,
    pub demo: Option<Demo>,
    /// Where discovery starts by itself, and the variant that is taken already.
    pub discover: Option<(String, Taken)>,
    services: Arc<Services>,
    front: Front,
    effects: Effects,
    messages: mpsc::Receiver<Msg>,
    heard: mpsc::Receiver<Heard>,
    keyboard: Option<Keyboard>,
    signals: Signals,
    wake: Option<Millis>,
    dirty: Dirty,
    last_frame: Millis,
    played: Played,
    /// Since when an automatic demo has been at rest with steps left.
    stalled: Option<Millis>,
}

/// Whether a recorded step was played just now: the next may be ready without anything else happening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Played {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dirty {
    No,
    /// A job said something: drawn at the next frame.
    Soon,
    /// A key: drawn now.
    Now,
}

impl EventLoop {
    /// Puts the loop together.
    pub fn new(
        state: State,
        services: Arc<Services>,
        front: Front,
        writer: Writer,
        (to, messages): (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
    ) -> Result<Self, Report> {
        let (say, heard) = mpsc::channel(CHANNEL);
        let broken = |error: std::io::Error| {
            Report::new(Blame::Environment, format!("cannot listen to the terminal: {error}"))
        };
        let keyboard = match front {
            Front::Screen(_) => Some(Keyboard::start(say).map_err(broken)?),
            Front::Plain(_) => None,
        };
        let jobs = JobTable::new(to, Arc::clone(&services));
        let effects = Effects::new(jobs, writer);
        let signals = Signals::listen().map_err(broken)?;
        let (wake, dirty) = (None, Dirty::Now);
        Ok(Self {
            state,
            demo: None,
            discover: None,
            services,
            front,
            effects,
            messages,
            heard,
            keyboard,
            signals,
            wake,
            dirty,
            last_frame: 0,
            played: Played::No,
            stalled: None,
        })
    }

    /// Runs until the person quits, the terminal goes or a signal asks to end.
    pub async fn run(mut self) -> Result<ExitCode, Report> {
        let size = self.front.size();
        self.message(Msg::Resize(size.0, size.1), Cause::Program);
        self.draw()?;
        self.start();
        while !self.state.quitting && !super::terminal::panicked() {
            if self.played == Played::No {
                self.wait().await;
            }
            self.drain();
            self.played = self.play(Mode::Auto);
            let frame_due = self.services.now() >= self.last_frame + FRAME_MS;
            if self.dirty == Dirty::Now || (self.dirty == Dirty::Soon && frame_due) {
                self.draw()?;
            }
        }
        self.effects.finish(&self.state);
        if let Some(demo) = self.demo.as_ref().filter(|demo| demo.mode == Mode::Auto) {
            let (lines, code) = demo.conclude(&self.state, &self.services);
            lines.iter().for_each(|line| self.front.line(line));
            return Ok(code);
        }
        Ok(if super::terminal::panicked() { ExitCode::from(101) } else { ExitCode::SUCCESS })
    }

    /// Takes back what an earlier run kept: what is live at once, the conversation when it has been read.
    pub fn restore(&mut self, live: &Live, redactor: Redactor) {
        self.message(Msg::Restore(Box::new(live.clone())), Cause::Program);
        self.effects.jobs.bring_back(self.services.session.clone(), redactor);
    }

    /// Breaks in a job after the first frame, so that tests see the terminal given back.
    pub fn break_soon(&mut self) {
        self.effects.jobs.spawn(crate::app::job::JobId(u64::MAX), |_, _| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            panic!("broken on purpose");
        });
    }

    /// What the first frame must not wait for: the workspace is opened or built.
    fn start(&mut self) {
        if let Some((model, taken)) = self.discover.take() {
            let begin = configs::discover::Msg::Begin { model, taken: Some(taken) };
            self.message(Msg::Post(PaneMsg::Configs(configs::Msg::Discover(begin))), Cause::Program);
        }
        // Without an architecture there is nothing to build for: the person asks for it, or starts with a model.
        if self.state.facts.model_type.is_none() {
            let warnings = std::mem::take(&mut self.state.facts.warnings).into_iter();
            let notes = warnings.map(|text| PaneMsg::Chat(chat::Msg::Note(text)));
            for msg in notes.chain([PaneMsg::Configs(configs::Msg::Named)]) {
                self.message(Msg::Post(msg), Cause::Program);
            }
            return;
        }
        let action = crate::app::Action::Global(crate::app::action::Global::Setup);
        self.message(Msg::Act(action), Cause::Program);
    }

    /// Plays the demo's next step, if it may be played and this is how steps are played.
    fn play(&mut self, how: Mode) -> Played {
        let Some(demo) = &mut self.demo else { return Played::No };
        if how == Mode::Auto && demo.mode != Mode::Auto {
            return Played::No;
        }
        let step = demo.next(&self.state);
        let waits = step.is_none();
        self.state.facts.demo = Some(demo.facts());
        let done = demo.is_done();
        let rests = how == Mode::Auto && waits && recorded::at_rest(&self.state);
        let ended = rests && (done || self.has_stalled());
        if !rests {
            self.stalled = None;
        }
        if let Some(step) = step {
            self.message(Msg::Recorded(Box::new(step)), Cause::Recorded);
            return Played::Yes;
        } else if ended || (how == Mode::Auto && recorded::stuck(&self.state)) {
            self.state.quitting = true;
        } else if waits && how == Mode::Keys {
            let now = self.services.now();
            let text = if done {
                "The recording is over; go on by yourself"
            } else {
                "Not yet: wait until this is done"
            };
            self.state.facts.toast(now, text.into());
        }
        Played::No
    }

    /// Says whether it has been at rest for too long, and sees to it that this is asked again.
    fn has_stalled(&mut self) -> bool {
        let now = self.services.now();
        let until = *self.stalled.get_or_insert(now) + STALL_MS;
        self.wake = Some(self.wake.map_or(until, |wake| wake.min(until)));
        now >= until
    }

    async fn wait(&mut self) {
        let mut next = self.wake;
        if self.dirty == Dirty::Soon {
            next = Some(next.map_or(self.last_frame + FRAME_MS, |at| at.min(self.last_frame + FRAME_MS)));
        }
        if let Some(toast) = &self.state.facts.toast {
            next = Some(next.map_or(toast.until, |at| at.min(toast.until)));
        }
        let timer = async {
            match next {
                Some(at) => tokio::time::sleep_until(self.services.instant(at).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            heard = self.heard.recv(), if self.keyboard.is_some() => self.hear(heard.unwrap_or(Heard::Gone)),
            signal = self.signals.next() => self.signal(signal),
            msg = self.messages.recv() => {
                if let Some(msg) = msg {
                    self.message(msg, Cause::Program);
                }
            }
            () = timer => {
                let now = self.services.now();
                let toast = self.state.facts.toast.as_ref().is_some_and(|toast| toast.until <= now);
                if toast || self.wake.is_some_and(|at| at <= now) {
                    self.wake = None;
                    self.message(Msg::Tick, Cause::Program);
                }
            }
        }
    }

    /// Takes everything that waits, so that ten queued keys are one frame.
    fn drain(&mut self) {
        for _ in 0..CHANNEL {
            let Ok(heard) = self.heard.try_recv() else { break };
            self.hear(heard);
        }
        for _ in 0..CHANNEL {
            let Ok(msg) = self.messages.try_recv() else { break };
            self.message(msg, Cause::Program);
        }
    }

    fn hear(&mut self, heard: Heard) {
        let msg = match heard {
            Heard::Gone => Msg::Hangup,
            Heard::Input(Input::Key(key)) => Msg::Key(key),
            Heard::Input(Input::Paste(text)) => Msg::Paste(text),
            Heard::Input(Input::Mouse(mouse)) => Msg::Mouse(mouse),
            Heard::Input(Input::Focus(focused)) => Msg::Focus(focused),
        };
        self.message(msg, Cause::Key);
    }

    fn signal(&mut self, kind: Caught) {
        match kind {
            Caught::Resize => {
                let size = self.front.resize();
                self.message(Msg::Resize(size.0, size.1), Cause::Program);
                self.dirty = Dirty::Now;
            }
            Caught::Suspend => self.suspend(),
            Caught::Continue => self.resume(),
            Caught::End => self.message(Msg::Hangup, Cause::Program),
        }
    }

    fn message(&mut self, msg: Msg, cause: Cause) {
        let now = self.services.now();
        if let Msg::Ended(id, _) = &msg {
            self.effects.jobs.forget(*id);
        }
        let effects = update::update(&mut self.state, now, msg);
        self.services.configs().set(&self.state.facts.configs);
        let dirty = if cause == Cause::Key { Dirty::Now } else { Dirty::Soon };
        self.dirty = self.dirty.max(dirty);
        for effect in effects {
            match self.effects.act(effect, cause, &mut self.front) {
                Acted::Done => {}
                Acted::Wake(at) => self.wake = Some(self.wake.map_or(at, |old| old.min(at))),
                Acted::Redraw => self.redraw(),
                Acted::NextRecorded => {
                    self.play(Mode::Keys);
                }
                Acted::Suspend => self.suspend(),
                Acted::Edit { path, line } => self.edit(&path, line),
                Acted::EditText { call_id, name, text, line } => {
                    let text = self.edit_text(&name, &text, line);
                    let edited = chat::Msg::Edited { call_id, text };
                    self.message(Msg::Post(PaneMsg::Chat(edited)), Cause::Program);
                }
            }
        }
        self.effects.keep(&self.state);
    }

    fn draw(&mut self) -> Result<(), Report> {
        self.dirty = Dirty::No;
        self.last_frame = self.services.now();
        self.front.draw(&self.state)
    }

    fn redraw(&mut self) {
        self.front.clear();
        self.dirty = Dirty::Now;
    }

    fn suspend(&mut self) {
        let Some(keyboard) = &mut self.keyboard else { return };
        keyboard.park();
        self.front.lend(|| {
            // The shell takes over; SIGCONT brings us back here.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
        });
        self.resume();
    }

    fn resume(&mut self) {
        if let Some(keyboard) = &self.keyboard {
            keyboard.resume();
        }
        let size = self.front.resize();
        self.message(Msg::Resize(size.0, size.1), Cause::Program);
        self.redraw();
    }

    /// Gives a text to `$EDITOR` in a file of the session's folder, and reads it back.
    fn edit_text(&mut self, name: &str, text: &str, line: usize) -> Result<String, Report> {
        let folder = self.services.home().session(&self.services.session).join("edit");
        let path = folder.join(name);
        fs::create_dir(&folder).map_err(|error| Report::from(&error))?;
        fs::write_atomic(&path, text.as_bytes()).map_err(|error| Report::from(&error))?;
        let Some(keyboard) = &mut self.keyboard else {
            return Err(Report::new(Blame::User, "there is no screen to lend to an editor"));
        };
        keyboard.park();
        let said = self.front.edit(&path, line);
        self.resume();
        let read = said.and_then(|()| fs::read_text(&path).map_err(|error| Report::from(&error)));
        // What was written there is in the approval now; an editor that failed leaves nothing to lose either.
        let _ = std::fs::remove_file(&path);
        read
    }

    fn edit(&mut self, path: &std::path::Path, line: usize) {
        let Some(keyboard) = &mut self.keyboard else { return };
        keyboard.park();
        let said = self.front.edit(path, line);
        self.resume();
        if let Err(report) = said {
            let now = self.services.now();
            self.state.facts.toast(now, report.to_string());
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug)]
enum Caught {
    Resize,
    Suspend,
    Continue,
    End,
}

struct Signals {
    resize: Signal,
    stop: Signal,
    cont: Signal,
    ends: [Signal; 4],
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            resize: signal(SignalKind::window_change())?,
            stop: signal(SignalKind::from_raw(nix::libc::SIGTSTP))?,
            cont: signal(SignalKind::from_raw(nix::libc::SIGCONT))?,
            ends: [
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
                signal(SignalKind::interrupt())?,
            ],
        })
    }

    async fn next(&mut self) -> Caught {
        let [term, hup, quit, int] = &mut self.ends;
        tokio::select! {
            _ = self.resize.recv() => Caught::Resize,
            _ = self.stop.recv() => Caught::Suspend,
            _ = self.cont.recv() => Caught::Continue,
            _ = term.recv() => Caught::End,
            _ = hup.recv() => Caught::End,
            _ = quit.recv() => Caught::End,
            _ = int.recv() => Caught::End,
        }
    }
}

/// Runs a future on a runtime made for the program.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Report::new(Blame::Environment, format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(work);
    // A job stuck in a system call must not keep the terminal.
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(result)
}
