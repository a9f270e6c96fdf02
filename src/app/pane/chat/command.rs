//! Slash commands: `/name words` in the composer does what the registry's row of that name does. A text that only looks like
//! one is kept in the composer, with how to send it.

use super::{Action, Job, State};
use crate::agent::data::{Pin, PinKind};
use crate::agent::machine::Input;
use crate::agent::machine::gates::WAIVED;
use crate::app::action::{Action as Any, registry};
use crate::app::effect::Job as AnyJob;
use crate::app::job::JobKind;
use crate::app::msg::PaneMsg;
use crate::app::pane::Ctx;

/// A command as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub name: String,
    pub words: String,
}

/// Reads a text as a command; a path or a sentence is none.
pub(super) fn parse(text: &str) -> Option<Command> {
    let rest = text.strip_prefix('/')?;
    let (name, words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '-' | '.');
    let named = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain);
    named.then(|| Command { name: name.into(), words: words.trim().into() })
}

/// Finds the row: `context` and `chat.context` are the same. What a key does in one layer only is no command: it would answer
/// for something that the person may not be looking at.
pub(super) fn find(name: &str) -> Option<Any> {
    let own = format!("chat.{name}");
    let anywhere = |id: &str| registry().find(|(_, row)| row.id == id && row.context.is_empty());
    let of = |id: &str| anywhere(id).map(|(_, row)| row.action);
    of(&own).or_else(|| of(name)).or_else(|| of(&format!("app.{name}")))
}

impl State {
    /// Does what a command says; gives the text back where there is no such command.
    pub(super) fn command(&mut self, command: &Command, ctx: &mut Ctx<'_>) -> bool {
        match find(&command.name) {
            Some(Any::Chat(action)) if takes_words(action) => self.worded(action, &command.words, ctx),
            Some(Any::Chat(action)) => self.act(action, ctx),
            Some(action) => ctx.post(PaneMsg::Act(action)),
            None => {
                let name = &command.name;
                ctx.toast(format!(
                    "There is no command /{name}; ? lists them. A blank before it sends it as text"
                ));
                return false;
            }
        }
        true
    }

    fn worded(&mut self, action: Action, words: &str, ctx: &mut Ctx<'_>) {
        match action {
            Action::Understood if words.is_empty() => {
                ctx.toast(
                    "Write it after the command: /understood then, in your words, what is different here",
                );
            }
            Action::Understood => {
                self.pin(Pin::new(PinKind::Understanding, "", words), ctx);
                self.say(format!("What I understood of the architecture: {words}"), ctx);
            }
            Action::Waive => self.waive(words, ctx),
            Action::Export => self.export(words, ctx),
            _ => self.act(action, ctx),
        }
    }

    /// Opens the gates for this session without a summary of the person's own.
    pub(super) fn waive(&mut self, words: &str, ctx: &mut Ctx<'_>) {
        let why = if words.is_empty() { "no reason given" } else { words };
        self.pin(Pin::new(PinKind::Understanding, "", format!("{WAIVED}{why}")), ctx);
        ctx.toast("Edits may be proposed now, in this session. /understood can still say it");
    }

    /// Writes the session as a document in the data folder.
    pub(super) fn export(&mut self, words: &str, ctx: &mut Ctx<'_>) {
        let format = if words.is_empty() { "md" } else { words }.to_string();
        ctx.start(JobKind::Export, "export", AnyJob::Chat(Job::Export { format }));
    }

    fn pin(&mut self, pin: Pin, ctx: &mut Ctx<'_>) {
        self.feed(Input::Pin(pin), ctx);
    }
}

fn takes_words(action: Action) -> bool {
    matches!(action, Action::Understood | Action::Waive | Action::Export)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_plain_word_after_the_slash() {
        let read = |text: &str| parse(text).map(|command| (command.name, command.words));
        assert_eq!(read("/context"), Some(("context".into(), String::new())));
        assert_eq!(read("/understood it is\nllama"), Some(("understood".into(), "it is\nllama".into())));
        for text in ["/tmp/x is full", "/ what", "//", " /context", "context", "/Users"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(find("context").is_some() && find("harness.rerun").is_some() && find("quit").is_some());
        assert_eq!((find("nothing"), find("accept"), find("use-summary")), (None, None, None));
    }
}
