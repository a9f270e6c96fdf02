//! What leaves the composer: a command, a pasted reply of the manual provider, or a message; and what is copied out for it.

use super::{State, command};
use crate::agent::machine::{Input, QueueEdit};
use crate::app::pane::Ctx;

impl State {
    pub(super) fn send(&mut self, ctx: &mut Ctx<'_>) {
        let reader = self.reader.waits_for_person();
        let waits = self.carried().manual_request().is_some();
        if let Some(reply) = self.reply.take_if(|_| waits) {
            if !reader {
                return self.feed(Input::ManualReply(reply), ctx);
            }
            self.feed_reader(Input::ManualReply(reply), ctx);
            return self.settle(ctx);
        }
        if let Some(command) = command::parse(&self.composer.editor.text()) {
            if self.command(&command, ctx) {
                self.composer.take();
            }
            return;
        }
        let text = self.composer.take();
        if text.trim().is_empty() {
            // In a demo the person has nothing to write: Enter goes on with the recording.
            if ctx.facts.demo.is_some() {
                ctx.effects.push(crate::app::Effect::NextRecorded);
            }
            return;
        }
        self.scroll.ends += 1;
        self.say(text, ctx);
    }

    pub(super) fn say(&mut self, text: String, ctx: &mut Ctx<'_>) {
        if self.is_open() {
            self.feed(Input::User(text), ctx);
        } else {
            self.promised = true;
            self.feed(Input::Later(text), ctx);
            ctx.toast(match ctx.facts.model_type {
                Some(_) => "Kept: it is sent when the workspace is ready",
                None => "Kept here, but not sent: no architecture is chosen. Start with mlxport port MODEL",
            });
        }
    }

    pub(super) fn edit_queued(&mut self, ctx: &mut Ctx<'_>) {
        let Some(last) = self.machine.queue().last().cloned() else { return };
        let index = self.machine.queue().len() - 1;
        self.feed(Input::Queue(QueueEdit::Remove { index }), ctx);
        if !self.composer.editor.is_empty() {
            self.composer.editor.insert("\n");
        }
        self.composer.editor.insert(&last);
    }

    pub(super) fn copy_request(&mut self, ctx: &mut Ctx<'_>) {
        let Some((request, problem)) = self.carried().manual_request() else { return };
        let text = problem.unwrap_or(request).to_string();
        self.copy(text, ctx);
    }

    pub(super) fn copy(&mut self, text: String, ctx: &mut Ctx<'_>) {
        let lines = text.lines().count();
        ctx.effects.push(crate::app::Effect::Copy(text));
        ctx.toast(format!("Copied {lines} lines. Paste the model's reply here, then press Enter"));
    }
}
