//! The pane's rows of the registry. lazygit's keys where lazygit has one.

use crate::app::action::{Action as AppAction, Binding, row};

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Reload,
    Left,
    Right,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    /// Goes into what the cursor is on.
    Open,
    /// Stages, or unstages what is staged.
    Toggle,
    /// Between hunk and line.
    HunkOrLine,
    /// Between the hunk and its blocks.
    Split,
    /// Begins or drops a range of lines.
    Range,
    Undo,
    Write,
    Output,
    Commit,
    /// Does what the open prompt or the commit message asks.
    Confirm,
    Push,
    HandOver,
    CopyBody,
    CopyLink,
    VoiceUndo,
    VoiceRedo,
    NextField,
    /// A fresh context reads the diff and lists doubts, in the chat.
    SecondReader,
}

const fn pr(action: Action) -> AppAction {
    AppAction::Pr(action)
}

/// Its rows of the registry.
pub const ACTIONS: &[Binding] = &[
    row("pr.toggle", "Stage or unstage", &["space"], ("files", 1), pr(Action::Toggle)),
    row("pr.stage", "Stage or unstage", &["space"], ("diff", 1), pr(Action::Toggle)),
    row("pr.unit", "Hunk or line", &["a"], ("diff", 2), pr(Action::HunkOrLine)),
    row("pr.range", "Range", &["v"], ("diff", 3), pr(Action::Range)),
    row("pr.split", "Split the hunk", &["s"], ("diff", 4), pr(Action::Split)),
    row("pr.undo", "Undo the last staging", &["z"], ("moving", 5), pr(Action::Undo)),
    row("pr.open-file", "Show the diff", &["enter"], ("files", 2), pr(Action::Open)),
    row("pr.open-field", "Write", &["enter"], ("fields", 1), pr(Action::Open)),
    row("pr.open-gate", "Answer for it in writing", &["enter"], ("gates", 1), pr(Action::Open)),
    row("pr.write", "Write for upstream", &["i"], ("moving", 6), pr(Action::Write)),
    row("pr.output", "Insert program output", &["o"], ("moving", 9), pr(Action::Output)),
    row("pr.commit", "Commit", &["c"], ("moving", 7), pr(Action::Commit)),
    row("pr.push", "Push to fork", &["P"], ("moving", 8), pr(Action::Push)),
    row("pr.hand-over", "Hand-over", &["H"], ("moving", 0), pr(Action::HandOver)),
    row("pr.copy-body", "Copy the PR's text", &["y"], ("moving", 0), pr(Action::CopyBody)),
    row("pr.second-reader", "Second reader", &["R"], ("moving", 10), pr(Action::SecondReader)),
    row("pr.reload", "Read the branch again", &["r"], ("moving", 0), pr(Action::Reload)),
    row("pr.left", "Section to the left", &["left", "h"], ("moving", 0), pr(Action::Left)),
    row("pr.right", "Section to the right", &["right", "l"], ("moving", 0), pr(Action::Right)),
    row("pr.up", "Up", &["up", "k"], ("moving", 0), pr(Action::Up)),
    row("pr.down", "Down", &["down", "j"], ("moving", 0), pr(Action::Down)),
    row("pr.page-up", "Page up", &["pageup"], ("moving", 0), pr(Action::PageUp)),
    row("pr.page-down", "Page down", &["pagedown"], ("moving", 0), pr(Action::PageDown)),
    row("pr.top", "To the top", &["home", "g"], ("moving", 0), pr(Action::Top)),
    row("pr.bottom", "To the bottom", &["end", "G"], ("moving", 0), pr(Action::Bottom)),
    row("pr.confirm", "Do it", &["enter"], ("prompt", 1), pr(Action::Confirm)),
    row("pr.insert", "Insert", &["enter"], ("outputs", 1), pr(Action::Confirm)),
    row("pr.outputs-up", "Up", &["up", "k"], ("outputs", 0), pr(Action::Up)),
    row("pr.outputs-down", "Down", &["down", "j"], ("outputs", 0), pr(Action::Down)),
    row("pr.copy-link", "Copy the link", &["u"], ("handover", 1), pr(Action::CopyLink)),
    row("pr.copy-text", "Copy the PR's text", &["y"], ("handover", 2), pr(Action::CopyBody)),
    row(
        "pr.voice-commit",
        "Commit with this message",
        &["alt-enter", "ctrl-s"],
        ("message", 1),
        pr(Action::Confirm),
    ),
    row("pr.voice-output", "Insert program output", &["alt-o"], ("voice", 2), pr(Action::Output)),
    row("pr.next-field", "Next field", &["tab"], ("voice", 3), pr(Action::NextField)),
    row("pr.voice-undo", "Undo typing", &["alt-u"], ("voice", 4), pr(Action::VoiceUndo)),
    row("pr.voice-redo", "Redo typing", &["alt-r"], ("voice", 0), pr(Action::VoiceRedo)),
];
