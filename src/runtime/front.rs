//! The two fronts over the same events: the screen, and plain labelled lines.

use std::path::Path;

use super::terminal::{self, Screen, Taken};
use crate::app::State;
use crate::session::data::Entry;
use crate::theme::{Depth, Theme};
use crate::ui::{self, ViewCache};
use crate::util::blame::{Blame, Report};

/// Where the program shows itself.
pub enum Front {
    Screen(Box<ScreenFront>),
    Plain(PlainFront),
}

/// The screen with its caches. Fields drop in order: the terminal is given back last.
pub struct ScreenFront {
    screen: Screen,
    view: ViewCache,
    theme: Theme,
    editor: Option<String>,
    taken: Taken,
}

/// Labelled lines, for screen readers, logs and CI.
pub struct PlainFront {
    out: fn(&str),
}

impl Front {
    /// Takes the terminal.
    pub fn screen(theme: Theme, depth: Depth, editor: Option<String>) -> Result<Self, Report> {
        let taken = Taken::take()?;
        let screen = terminal::screen(terminal::size(), depth)?;
        Ok(Self::Screen(Box::new(ScreenFront { screen, view: ViewCache::default(), theme, editor, taken })))
    }

    /// Writes lines to `out`.
    pub fn plain(out: fn(&str)) -> Self {
        Self::Plain(PlainFront { out })
    }

    /// Gives columns and rows.
    pub fn size(&self) -> (u16, u16) {
        match self {
            Self::Screen(_) => terminal::size(),
            Self::Plain(_) => (100, 40),
        }
    }

    /// Takes the terminal's new size.
    pub fn resize(&mut self) -> (u16, u16) {
        let size = self.size();
        if let Self::Screen(front) = self {
            front.screen.backend_mut().resize(size);
        }
        size
    }

    /// Draws one frame.
    pub fn draw(&mut self, state: &State) -> Result<(), Report> {
        let Self::Screen(front) = self else { return Ok(()) };
        let ScreenFront { screen, view, theme, .. } = &mut **front;
        match screen.draw(|frame| ui::draw(frame, state, view, theme)) {
            Ok(_) => Ok(()),
            Err(error) => Err(Report::new(Blame::Environment, format!("the terminal is gone: {error}"))),
        }
    }

    /// Forgets what is on the screen, so that the next frame draws everything.
    pub fn clear(&mut self) {
        if let Self::Screen(front) = self {
            // A terminal that is gone is noticed by the next frame.
            let _ = front.screen.clear();
        }
    }

    /// Shows a session entry as lines, where the front is plain.
    pub fn entry(&self, entry: &Entry) {
        if let Self::Plain(front) = self {
            for line in super::plain::lines(entry) {
                (front.out)(&line);
            }
        }
    }

    /// Writes a line, where the front is plain.
    pub fn line(&self, text: &str) {
        if let Self::Plain(front) = self {
            (front.out)(text);
        }
    }

    /// Sends a sequence to the terminal with the next frame.
    pub fn sequence(&mut self, bytes: &[u8]) {
        if let Self::Screen(front) = self {
            front.screen.backend_mut().sequence(bytes);
        }
    }

    /// Gives the terminal away while `run` runs.
    pub fn lend(&self, run: impl FnOnce()) {
        if let Self::Screen(front) = self {
            // Where raw mode is refused on return, the next frame says that the terminal is gone.
            let _ = front.taken.lend(run);
        }
    }

    /// Opens a file in the person's editor.
    pub fn edit(&self, path: &Path, line: usize) -> Result<(), Report> {
        let Self::Screen(front) = self else { return Ok(()) };
        let Some(editor) = &front.editor else {
            return Err(Report::new(Blame::Environment, "no editor is set").hint("set $EDITOR"));
        };
        front.taken.lend(|| super::editor::run(editor, path, line))?
    }
}
