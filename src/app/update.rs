//! Routes each message to who knows what it means; decides nothing else.

use super::action::{Action, Global};
use super::effect::Effect;
use super::job::JobKind;
use super::key::{Key, Mouse};
use super::layout::Zoom;
use super::msg::{Focused, Msg, PaneMsg};
use super::overlay::{self, Overlay};
use super::pane::{Ctx, Pane, PaneId, Used, chat};
use super::state::State;
use super::{Millis, recorded};
use crate::session::data::Live;
use crate::util::blame::Report;

/// How soon a second Ctrl-C quits.
const TWICE_MS: Millis = 2_000;

/// Changes the state by one message; gives what is to be done.
pub fn update(state: &mut State, now: Millis, msg: Msg) -> Vec<Effect> {
    let mut turn = Turn { state, now, effects: Vec::new(), posts: Vec::new() };
    turn.route(msg);
    // Posts may cause posts; panes that answer each other for ever are a bug, cut here rather than hanging.
    for _ in 0..64 {
        for post in std::mem::take(&mut turn.posts) {
            turn.deliver(post);
        }
    }
    turn.effects
}

/// One update under way.
struct Turn<'a> {
    state: &'a mut State,
    now: Millis,
    effects: Vec<Effect>,
    posts: Vec<PaneMsg>,
}

impl Turn<'_> {
    fn route(&mut self, msg: Msg) {
        match msg {
            Msg::Key(key) => self.key(key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Mouse(mouse) => self.mouse(mouse),
            Msg::Resize(width, height) => {
                self.state.size = (width, height);
                self.state.relayout();
            }
            Msg::Focus(focused) => self.state.facts.focused = focused == Focused::Yes,
            Msg::Act(action) => self.act(action),
            Msg::Recorded(step) => {
                self.with(self.state.focus, |state, ctx| recorded::play(state, *step, ctx))
            }
            // A job that is no longer in the table ended or was cancelled: what it still says is dropped.
            Msg::Job(id, msg) if self.state.jobs.is_live(id) => self.deliver(msg),
            Msg::Job(..) => {}
            Msg::Ended(id, result) => {
                if let Some(info) = self.state.jobs.end(id) {
                    self.ended(info.kind, result);
                }
            }
            Msg::Post(msg) => self.deliver(msg),
            Msg::Restore(live) => self.restore(*live),
            Msg::Tick => self.tick(),
            Msg::Hangup => self.quit(),
        }
    }

    /// Runs a closure with the parts of the state that a pane may touch.
    fn with<T>(&mut self, pane: PaneId, run: impl FnOnce(&mut Parts<'_>, &mut Ctx<'_>) -> T) -> T {
        let size = self.state.inner_size(pane);
        let State { facts, jobs, setup, models, rewind, panes, focus, .. } = &mut *self.state;
        facts.focus = *focus;
        let (now, effects, posts) = (self.now, &mut self.effects, &mut self.posts);
        let mut ctx = Ctx { now, size, facts, jobs, effects, posts };
        run(&mut Parts { setup, models, rewind, panes }, &mut ctx)
    }

    fn on_pane<T>(&mut self, pane: PaneId, run: impl FnOnce(&mut dyn Pane, &mut Ctx<'_>) -> T) -> T {
        self.with(pane, |parts, ctx| run(parts.panes.get_mut(pane), ctx))
    }

    fn deliver(&mut self, msg: PaneMsg) {
        match msg {
            PaneMsg::Focus(pane) => self.focus(pane),
            PaneMsg::Act(action) => self.act(action),
            PaneMsg::Setup(msg) => self.with(PaneId::Chat, |parts, ctx| parts.setup.on(msg, ctx)),
            PaneMsg::Rewind(msg) => self.with(PaneId::Chat, |parts, ctx| parts.rewind.on(msg, ctx)),
            PaneMsg::Models(msg) => self.with(PaneId::Chat, |parts, ctx| parts.models.on(msg, ctx)),
            PaneMsg::Chat(msg) => self.with(PaneId::Chat, |parts, ctx| parts.panes.chat.on(msg, ctx)),
            PaneMsg::Source(msg) => self.with(PaneId::Source, |parts, ctx| parts.panes.source.on(msg, ctx)),
            PaneMsg::Harness(msg) => {
                self.with(PaneId::Harness, |parts, ctx| parts.panes.harness.on(msg, ctx))
            }
            PaneMsg::Configs(msg) => {
                self.with(PaneId::Configs, |parts, ctx| parts.panes.configs.on(msg, ctx))
            }
            PaneMsg::Pr(msg) => self.with(PaneId::Pr, |parts, ctx| parts.panes.pr.on(msg, ctx)),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Global(action) => self.global(action),
            Action::Chat(action) => self.with(PaneId::Chat, |parts, ctx| parts.panes.chat.act(action, ctx)),
            Action::Source(action) => {
                self.with(PaneId::Source, |parts, ctx| parts.panes.source.act(action, ctx))
            }
            Action::Harness(action) => {
                self.with(PaneId::Harness, |parts, ctx| parts.panes.harness.act(action, ctx))
            }
            Action::Configs(action) => {
                self.with(PaneId::Configs, |parts, ctx| parts.panes.configs.act(action, ctx))
            }
            Action::Pr(action) => self.with(PaneId::Pr, |parts, ctx| parts.panes.pr.act(action, ctx)),
        }
    }

    fn key(&mut self, key: Key) {
        if let Some(open) = &mut self.state.overlay {
            match open.key(key) {
                overlay::Outcome::Stay => {}
                overlay::Outcome::Close => self.state.overlay = None,
                overlay::Outcome::Run(action) => {
                    self.state.overlay = None;
                    self.act(action);
                }
            }
            return;
        }
        if self.state.models.shown {
            return self.with(PaneId::Chat, |parts, ctx| parts.models.key(key, ctx));
        }
        if self.state.rewind.is_open() {
            return self.with(PaneId::Chat, |parts, ctx| {
                let busy = parts.panes.chat.machine.is_busy();
                parts.rewind.key(key, busy, ctx);
            });
        }
        let focus = self.state.focus;
        let contexts = self.state.contexts(focus);
        // While text is typed, a plain character is text unless the pane's present contexts bind it.
        let bound = match self.state.typing() && key.typed().is_some() {
            true => self.state.keymap.find_special(focus, &contexts, key),
            false => self.state.keymap.find(focus, &contexts, key),
        };
        match bound {
            Some(action) => self.act(action),
            None => {
                self.on_pane(focus, |pane, ctx| pane.key(key, ctx));
            }
        }
    }

    fn paste(&mut self, text: &str) {
        if let Some(open) = &mut self.state.overlay {
            return open.paste(text);
        }
        if self.state.models.shown {
            return self.state.models.paste(text);
        }
        if self.state.rewind.is_open() {
            return;
        }
        self.on_pane(self.state.focus, |pane, ctx| pane.paste(text, ctx));
    }

    fn mouse(&mut self, mouse: Mouse) {
        let Some(layout) = &self.state.layout else { return };
        let hit = layout.panes.iter().find(|(_, area)| area.contains(mouse.column, mouse.row));
        let Some((pane, _)) = hit.copied() else { return };
        let Some(inner) = layout.inner(pane) else { return };
        if mouse.kind == super::key::MouseKind::Press {
            self.focus(pane);
        }
        let (column, row) = (mouse.column.saturating_sub(inner.x), mouse.row.saturating_sub(inner.y));
        self.on_pane(pane, |pane, ctx| pane.mouse(Mouse { column, row, ..mouse }, ctx));
    }

    fn global(&mut self, action: Global) {
        match action {
            Global::Interrupt => self.interrupt(),
            Global::Quit => self.quit(),
            Global::Suspend => self.effects.push(Effect::Suspend),
            Global::FocusNext => self.focus_by(1),
            Global::FocusPrevious => self.focus_by(PaneId::ALL.len() - 1),
            Global::Focus(pane) => self.focus(pane),
            Global::Zoom => {
                let zoom = &mut self.state.choice.zoom;
                *zoom = if *zoom == Zoom::On { Zoom::Off } else { Zoom::On };
                self.state.relayout();
            }
            Global::Wider => self.widen(5),
            Global::Narrower => self.widen(-5),
            Global::Help => self.open(overlay::Kind::Help),
            Global::Palette => self.open(overlay::Kind::Palette),
            Global::Escape => self.escape(),
            Global::Rewind => self.with(PaneId::Chat, |parts, ctx| parts.rewind.open(ctx)),
            Global::Models => self.with(PaneId::Chat, |parts, ctx| parts.models.open(ctx)),
            Global::Setup => self.with(PaneId::Chat, |parts, ctx| parts.setup.start(ctx)),
            Global::NextRecorded => self.effects.push(Effect::NextRecorded),
            Global::Redraw => self.effects.push(Effect::Redraw),
        }
    }

    fn open(&mut self, kind: overlay::Kind) {
        self.state.overlay = Some(Overlay::open(kind, &self.state.keymap, self.state.focus));
    }

    fn focus_by(&mut self, steps: usize) {
        let at = PaneId::ALL.iter().position(|pane| *pane == self.state.focus).unwrap_or(0);
        self.focus(PaneId::ALL[(at + steps) % PaneId::ALL.len()]);
    }

    fn focus(&mut self, pane: PaneId) {
        self.state.focus = pane;
        self.state.relayout();
    }

    fn widen(&mut self, by: i16) {
        let by = if self.state.focus == PaneId::Chat { by } else { -by };
        self.state.choice.left = self.state.choice.left.saturating_add_signed(by).clamp(20, 80);
        self.state.relayout();
    }

    fn escape(&mut self) {
        if self.state.setup.shown {
            self.state.setup.shown = false;
            return;
        }
        self.on_pane(self.state.focus, |pane, ctx| pane.escape(ctx));
    }

    fn interrupt(&mut self) {
        let twice = self.state.last_interrupt.is_some_and(|last| self.now.saturating_sub(last) < TWICE_MS);
        self.state.last_interrupt = Some(self.now);
        if twice {
            return self.quit();
        }
        let focus = self.state.focus;
        let others = PaneId::ALL.into_iter().filter(|pane| *pane != focus);
        let used = std::iter::once(focus)
            .chain(others)
            .any(|pane| self.on_pane(pane, |pane, ctx| pane.interrupt(ctx)) == Used::Yes);
        let now = self.now;
        let text = if used { "Interrupted. Ctrl-C again quits" } else { "Nothing runs. Ctrl-C again quits" };
        self.state.facts.toast(now, text.into());
    }

    fn quit(&mut self) {
        self.with(PaneId::Chat, |parts, ctx| parts.panes.chat.leave(ctx));
        self.state.quitting = true;
        self.effects.push(Effect::Quit);
    }

    fn ended(&mut self, kind: JobKind, result: Result<(), Report>) {
        if let JobKind::Models | JobKind::Model(_) = kind {
            return self.with(PaneId::Chat, |parts, ctx| parts.models.ended(result, ctx));
        }
        match kind.pane() {
            None if matches!(kind, JobKind::Checkpoint(_) | JobKind::Rewind) => {
                self.with(PaneId::Chat, |parts, ctx| parts.rewind.ended(kind, result, ctx))
            }
            None => self.with(PaneId::Chat, |parts, ctx| parts.setup.ended(result, ctx)),
            Some(pane) => self.on_pane(pane, |pane, ctx| pane.ended(kind, result, ctx)),
        }
    }

    fn restore(&mut self, live: Live) {
        let saved = &live.panes;
        self.deliver(PaneMsg::Chat(chat::Msg::Resuming { queue: live.queue }));
        if let Some(own) = saved.get("app") {
            let part = |name: &str| own.get(name).cloned().unwrap_or_default();
            self.state.focus = serde_json::from_value(part("focus")).unwrap_or_default();
            self.state.choice = serde_json::from_value(part("layout")).unwrap_or_default();
            let facts = &mut self.state.facts;
            facts.model_type = serde_json::from_value(part("model_type")).ok().flatten();
            // Files named on the command line win over those of the last run.
            if facts.configs.is_empty() {
                facts.configs = serde_json::from_value(part("configs")).unwrap_or_default();
            }
            let chosen = part("models");
            self.with(PaneId::Chat, |parts, ctx| parts.models.restore(chosen, ctx));
            self.state.relayout();
        }
        for pane in PaneId::ALL {
            if let Some(part) = saved.get(&pane.title().to_lowercase()) {
                self.on_pane(pane, |pane, ctx| pane.restore(part, ctx));
            }
        }
    }

    fn tick(&mut self) {
        for pane in PaneId::ALL {
            self.on_pane(pane, |pane, ctx| pane.tick(ctx));
        }
        match &self.state.facts.toast {
            Some(toast) if toast.until <= self.now => self.state.facts.toast = None,
            _ => {}
        }
    }
}

/// What a pane's update may touch besides its [`Ctx`].
pub(super) struct Parts<'a> {
    pub setup: &'a mut super::setup::State,
    pub rewind: &'a mut super::rewind::State,
    pub models: &'a mut super::models::State,
    pub panes: &'a mut super::pane::Panes,
}
