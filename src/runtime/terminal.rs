//! The terminal, taken and given back: raw mode, alternate screen, mouse, paste, focus, cursor. What is taken is given
//! back on every way out: drop, panic, signals, suspend.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use nix::sys::termios::{self, SetArg, Termios};
use ratatui::Terminal;

use super::backend::FrameBackend;
use crate::theme::Depth;
use crate::util::blame::{Blame, Report};

/// What is switched on at entry.
pub const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h\x1b[?1002h\x1b[?1006h\x1b[m\x1b[2J\x1b[H";
/// What is switched off on every way out, in the reverse order; a pending synchronised frame is closed first.
pub const LEAVE: &str =
    "\x1b[?2026l\x1b[m\x1b[?1006l\x1b[?1002l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1049l\x1b]9;4;0\x1b\\";

static PANICKED: AtomicBool = AtomicBool::new(false);
static TAKEN: AtomicBool = AtomicBool::new(false);
static BEFORE: OnceLock<Mutex<Option<Termios>>> = OnceLock::new();

/// The screen: ratatui over our backend over standard output.
pub type Screen = Terminal<FrameBackend<io::Stdout>>;

/// The terminal while it is ours; giving it back is dropping this.
#[derive(Debug)]
pub struct Taken(());

impl Taken {
    /// Takes the terminal. Refuses where standard input or output is none.
    pub fn take() -> Result<Self, Report> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(Report::new(
                Blame::User,
                "the workbench needs a terminal, and this is a pipe or file",
            )
            .hint("use --plain, or a subcommand such as `mlxport check`"));
        }
        install_panic_hook();
        enter()?;
        Ok(Self(()))
    }

    /// Gives the terminal back for a while: suspend or `$EDITOR`.
    pub fn lend<T>(&self, run: impl FnOnce() -> T) -> Result<T, Report> {
        give_back();
        let result = run();
        enter()?;
        Ok(result)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> Result<(), Report> {
    let failed =
        |error: String| Report::new(Blame::Environment, format!("the terminal refuses raw mode: {error}"));
    let stdin = io::stdin();
    let before = termios::tcgetattr(&stdin).map_err(|error| failed(error.to_string()))?;
    let mut raw = before.clone();
    termios::cfmakeraw(&mut raw);
    let saved = BEFORE.get_or_init(|| Mutex::new(None));
    if let Ok(mut saved) = saved.lock() {
        saved.get_or_insert(before);
    }
    termios::tcsetattr(&stdin, SetArg::TCSANOW, &raw).map_err(|error| failed(error.to_string()))?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    out.write_all(ENTER.as_bytes()).and_then(|()| out.flush()).map_err(|error| failed(error.to_string()))
}

/// Gives the terminal back, once. Safe to call from a panic hook and from the end of `main`.
pub fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    // The terminal may be gone (hang-up); then there is nobody to tell.
    let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
    let saved = BEFORE.get().and_then(|saved| saved.lock().ok().and_then(|saved| saved.clone()));
    if let Some(before) = saved {
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
    }
}

fn install_panic_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICKED.store(true, Ordering::SeqCst);
            give_back();
            earlier(info);
        }));
    });
}

/// Whether any thread or task has panicked: the terminal is given back, and the loop ends.
pub fn panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}

/// Makes the screen over standard output.
pub fn screen(size: (u16, u16), depth: Depth) -> Result<Screen, Report> {
    Terminal::new(FrameBackend::new(io::stdout(), size, depth))
        .map_err(|error| Report::new(Blame::Environment, format!("the terminal cannot be drawn on: {error}")))
}

/// Asks the terminal for its columns and rows.
pub fn size() -> (u16, u16) {
    crossterm::terminal::size().unwrap_or((80, 24))
}
