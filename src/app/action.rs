//! The one registry of what a person can do: keymap, hint bar, help, palette and slash commands are all drawn from it.

use super::pane::{PaneId, chat, configs, harness, pr, source};

/// Something a person can ask for, by key, palette or slash command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Global(Global),
    Chat(chat::Action),
    Source(source::Action),
    Harness(harness::Action),
    Configs(configs::Action),
    Pr(pr::Action),
}

/// What can be asked for anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// First press interrupts what runs; a second within two seconds quits.
    Interrupt,
    Quit,
    Suspend,
    FocusNext,
    FocusPrevious,
    Focus(PaneId),
    Zoom,
    /// Grows or shrinks the focused column.
    Wider,
    Narrower,
    Help,
    Palette,
    /// Closes the top layer; never destroys.
    Escape,
    /// Opens the model picker.
    Models,
    /// Opens the list of what the files can be put back to.
    Rewind,
    /// Runs or resumes the workspace set-up.
    Setup,
    /// Plays the recording's next step of the person (demo only).
    NextRecorded,
    Redraw,
}

/// One row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The name in config.toml and in slash commands: `harness.rerun`.
    pub id: &'static str,
    /// What it does, in a few words, for hints, help and palette.
    pub text: &'static str,
    /// The keys, as written in config.toml.
    pub keys: &'static [&'static str],
    /// Where the keys count: "" anywhere in the pane, else one of the names that `Pane::contexts` gives.
    pub context: &'static str,
    /// Place in the hint bar, 1 first; 0 keeps it out.
    pub hint: u8,
    pub action: Action,
}

/// Makes a row; a function, so that rows read as a table.
pub const fn row(
    id: &'static str,
    text: &'static str,
    keys: &'static [&'static str],
    place: (&'static str, u8),
    action: Action,
) -> Binding {
    Binding { id, text, keys, context: place.0, hint: place.1, action }
}

/// The rows that count in every pane.
pub const GLOBAL: &[Binding] = &[
    row("app.interrupt", "Interrupt; twice quits", &["ctrl-c"], ("", 0), Action::Global(Global::Interrupt)),
    row("app.quit", "Quit", &["ctrl-q"], ("", 0), Action::Global(Global::Quit)),
    row("app.suspend", "Suspend to the shell", &["ctrl-z"], ("", 0), Action::Global(Global::Suspend)),
    row("app.next-pane", "Next pane", &["tab"], ("", 90), Action::Global(Global::FocusNext)),
    row("app.previous-pane", "Previous pane", &["shift-tab"], ("", 0), Action::Global(Global::FocusPrevious)),
    row("app.chat", "Go to Chat", &["alt-1"], ("", 0), Action::Global(Global::Focus(PaneId::Chat))),
    row("app.source", "Go to Source", &["alt-2"], ("", 0), Action::Global(Global::Focus(PaneId::Source))),
    row("app.harness", "Go to Harness", &["alt-3"], ("", 0), Action::Global(Global::Focus(PaneId::Harness))),
    row("app.configs", "Go to Configs", &["alt-4"], ("", 0), Action::Global(Global::Focus(PaneId::Configs))),
    row("app.pr", "Go to PR", &["alt-5"], ("", 0), Action::Global(Global::Focus(PaneId::Pr))),
    row("app.zoom", "Zoom the pane", &["z", "alt-z"], ("", 80), Action::Global(Global::Zoom)),
    row("app.wider", "Make the pane wider", &["alt-right"], ("", 0), Action::Global(Global::Wider)),
    row("app.narrower", "Make the pane narrower", &["alt-left"], ("", 0), Action::Global(Global::Narrower)),
    row("app.palette", "Palette", &["ctrl-p"], ("", 92), Action::Global(Global::Palette)),
    row("app.help", "Help", &["?", "f1"], ("", 95), Action::Global(Global::Help)),
    row("app.escape", "Close the top layer", &["esc"], ("", 0), Action::Global(Global::Escape)),
    row("app.model", "Choose the model", &["f4"], ("", 0), Action::Global(Global::Models)),
    row("app.rewind", "Go back to before a turn", &["f6"], ("", 0), Action::Global(Global::Rewind)),
    row("app.setup", "Set up the workspace", &[], ("", 0), Action::Global(Global::Setup)),
    row("app.recorded", "Play the recorded step", &["f8"], ("demo", 1), Action::Global(Global::NextRecorded)),
    row("app.redraw", "Draw the screen again", &["ctrl-l"], ("", 0), Action::Global(Global::Redraw)),
];

/// Gives every row: the global ones, then each pane's.
pub fn registry() -> impl Iterator<Item = (Option<PaneId>, &'static Binding)> {
    let of = |pane: PaneId, rows: &'static [Binding]| rows.iter().map(move |row| (Some(pane), row));
    GLOBAL
        .iter()
        .map(|row| (None, row))
        .chain(of(PaneId::Chat, chat::ACTIONS))
        .chain(of(PaneId::Source, source::ACTIONS))
        .chain(of(PaneId::Harness, harness::ACTIONS))
        .chain(configs::ROWS.iter().flat_map(move |rows| of(PaneId::Configs, rows)))
        .chain(of(PaneId::Pr, pr::ACTIONS))
}
