//! Carries effects out. A person's act is done only when a key caused the very update that asked for it.

use std::path::PathBuf;

use super::front::Front;
use super::jobs::JobTable;
use crate::app::effect::Effect;
use crate::app::{Millis, State};
use crate::git::acts::PersonAct;
use crate::session::{Entry, Writer};
use crate::util::blame::{Blame, Report};

/// What caused an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A key, paste or click of the person.
    Key,
    /// A step of a recording's person (demo only).
    Recorded,
    /// A job, the clock, the program itself.
    Program,
}

/// What is left for the loop to do.
#[derive(Debug)]
pub enum Acted {
    Done,
    Wake(Millis),
    Redraw,
    NextRecorded,
    Suspend,
    Edit { path: PathBuf, line: usize },
    EditText { call_id: String, name: String, text: String, line: usize },
}

/// What effects act on.
pub struct Effects {
    pub jobs: JobTable,
    writer: Writer,
    kept: serde_json::Map<String, serde_json::Value>,
}

impl Effects {
    /// Takes the table of jobs and the session's writer.
    pub fn new(jobs: JobTable, writer: Writer) -> Self {
        Self { jobs, writer, kept: serde_json::Map::new() }
    }

    /// Does one effect.
    pub fn act(&mut self, effect: Effect, cause: Cause, front: &mut Front) -> Acted {
        match effect {
            Effect::Start(id, job) => self.jobs.start(id, job),
            Effect::Cancel(id) => self.jobs.cancel(id),
            Effect::Record(entry) => {
                front.entry(&entry);
                self.writer.record(*entry);
            }
            Effect::Person(id, request) => match cause {
                Cause::Key => self.jobs.person(id, request, PersonAct::from_key("key")),
                Cause::Recorded => {
                    let workspace = self.jobs.home();
                    self.jobs.person(id, request, PersonAct::recorded(workspace));
                }
                Cause::Program => {
                    let text = "an act of the person was asked for without a key, and refused";
                    let refused = Report::new(Blame::Bug, text);
                    self.jobs.spawn(id, |_, _| async { Err(refused) });
                }
            },
            Effect::Copy(text) => front.sequence(&osc52(&text)),
            Effect::Edit { path, line } => return Acted::Edit { path, line },
            Effect::EditText { call_id, name, text, line } => {
                return Acted::EditText { call_id, name, text, line };
            }
            Effect::Wake(at) => return Acted::Wake(at),
            Effect::Notify(text) => front.sequence(&notify(&text)),
            Effect::NextRecorded => return Acted::NextRecorded,
            Effect::Redraw => return Acted::Redraw,
            Effect::Suspend => return Acted::Suspend,
            Effect::Quit => self.jobs.cancel_all(),
        }
        Acted::Done
    }

    /// Keeps what must survive kill -9: each pane's part that changed.
    pub fn keep(&mut self, state: &State) {
        for (pane, part) in state.save() {
            if self.kept.get(&pane) != Some(&part) {
                self.kept.insert(pane.clone(), part.clone());
                self.writer.record(Entry::Pane { pane, state: part });
            }
        }
    }

    /// Writes what is left before the program ends.
    pub fn finish(&mut self, state: &State) {
        self.keep(state);
        self.jobs.cancel_all();
        self.writer.flush();
    }
}

fn osc52(text: &str) -> Vec<u8> {
    let mut out = b"\x1b]52;c;".to_vec();
    out.extend_from_slice(base64(text.as_bytes()).as_bytes());
    out.push(7);
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let value = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place) & 63) as usize];
            out.push(if place > group.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

fn notify(text: &str) -> Vec<u8> {
    let text = crate::util::text::one_line(text);
    format!("\x1b]9;{text}\x07").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clipboard_gets_base64() {
        for (text, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }
}
