//! The summary that waits for the person: what it would stand for, the facts that stay, and the keys that accept, edit or
//! drop it. Shown where an approval is; the two never wait at once.

use super::{State, sheet};
use crate::agent::data::Pin;
use crate::agent::machine::{Input, Verdict, Why};
use crate::app::Millis;
use crate::app::editor::Editor;
use crate::app::key::{Code, Key};
use crate::app::pane::{Ctx, Used};

/// Keys that agree are not taken this soon after the summary appeared.
const SETTLE_MS: Millis = 350;

/// A summary that waits.
#[derive(Clone, Debug)]
pub struct Digest {
    pub summary: String,
    pub pinned: Vec<Pin>,
    pub upto: usize,
    /// Estimated tokens of what it would stand for.
    pub tokens: u64,
    pub why: Why,
    pub mode: Reading,
    pub scroll: usize,
    /// The summary being edited.
    pub editor: Editor,
    since: Millis,
}

/// What the person does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Judging,
    Editing,
    /// Writes in the composer; the summary waits.
    Aside,
}

impl Digest {
    pub(super) fn contexts(&self) -> &'static [&'static str] {
        match self.mode {
            Reading::Judging => &["summary"],
            Reading::Editing => &["summary-editing"],
            Reading::Aside => &["waiting-summary", "first-line", "last-line", "composer"],
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Used {
        match self.mode {
            Reading::Editing if key.code == Code::Enter => {
                self.editor.insert("\n");
                Used::Yes
            }
            Reading::Editing => self.editor.key(key),
            Reading::Judging | Reading::Aside => Used::No,
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if self.mode == Reading::Editing {
            self.editor.insert(&text.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }

    /// Closes what stands above the summary; gives whether there was anything.
    pub(super) fn escape(&mut self) -> Used {
        if self.mode == Reading::Judging {
            return Used::No;
        }
        self.mode = Reading::Judging;
        Used::Yes
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by);
    }
}

impl State {
    /// Shows the summary that the machine has, or none.
    pub(super) fn settle_digest(&mut self, now: Millis) {
        let Some((under_way, summary, pinned)) = self.machine.summary() else {
            self.digest = None;
            return;
        };
        if self.digest.as_ref().is_some_and(|digest| digest.summary == summary) {
            return;
        }
        let mode = if self.composer.editor.is_empty() { Reading::Judging } else { Reading::Aside };
        let mut digest = Digest {
            summary: summary.to_string(),
            pinned: pinned.to_vec(),
            upto: under_way.upto,
            tokens: under_way.tokens,
            why: under_way.why,
            mode,
            scroll: 0,
            editor: Editor::default(),
            since: now,
        };
        if let Some(text) = self.kept_digest.take() {
            digest.editor = Editor::new(&text);
            digest.mode = Reading::Editing;
        }
        self.digest = Some(digest);
    }

    pub(super) fn accept_summary(&mut self, ctx: &mut Ctx<'_>) {
        let Some(digest) = &self.digest else { return };
        if ctx.now.saturating_sub(digest.since) < SETTLE_MS {
            return ctx.toast("This summary has just appeared. Press the key again to use it");
        }
        self.judge_summary(Verdict::Accept, ctx);
    }

    pub(super) fn edit_summary(&mut self) {
        let Some(digest) = &mut self.digest else { return };
        if digest.mode == Reading::Judging {
            digest.editor = Editor::new(&digest.summary);
            digest.editor.set_cursor(0, 0);
            digest.mode = Reading::Editing;
        }
    }

    pub(super) fn confirm_summary(&mut self, ctx: &mut Ctx<'_>) {
        let Some(digest) = &self.digest else { return };
        let text = digest.editor.text();
        if text.trim().is_empty() {
            return ctx.toast("An empty summary would lose everything before it: Esc goes back, d drops it");
        }
        self.judge_summary(Verdict::AcceptEdited(text), ctx);
    }

    pub(super) fn judge_summary(&mut self, verdict: Verdict, ctx: &mut Ctx<'_>) {
        // A turn may go on with it, which needs tools and history.
        if !self.is_open() {
            return ctx.toast(super::NOT_READY);
        }
        self.digest = None;
        self.feed(Input::Judged(verdict), ctx);
        if self.sheet.is_some() {
            self.sheet = Some(sheet::Sheet::of(&self.machine));
        }
    }

    pub(super) fn swap_summary(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.mode = if digest.mode == Reading::Aside { Reading::Judging } else { Reading::Aside };
        }
    }
}
