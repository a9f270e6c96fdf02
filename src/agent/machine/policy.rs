//! Who decides on edits, and what the model is told of edits that were taken back: mode, rules, notes.

use super::Machine;
use crate::agent::data::policy::{By, EditMode, Lasts, Policy, Rule, RuleChange, Ruling};
use crate::agent::data::{Decision, Entry, Proposal};

impl Machine {
    /// Gives mode and rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Decides on a proposal by mode and rules.
    pub(super) fn ruling(&self, proposal: &Proposal) -> Ruling {
        let (added, removed) = crate::util::text::line_changes(&proposal.before, &proposal.after);
        self.policy.rule((&proposal.path, proposal.scope), added + removed, self.now_ms)
    }

    pub(super) fn set_mode(&mut self, mode: EditMode) {
        if self.policy.mode != mode {
            self.policy.mode = mode;
            self.record(Entry::Mode { mode });
        }
    }

    pub(super) fn take_rule(&mut self, rule: Rule) {
        self.policy.take(rule.clone(), self.now_ms);
        self.record(Entry::Rule { rule, change: RuleChange::Taken });
    }

    /// Agrees to the proposal that waits by a new rule, where the rule is about it; else the rule counts for what comes.
    pub(super) fn decided_by_rule(&mut self, call_id: &str, rule: Rule) {
        self.take_rule(rule.clone());
        let waits = self.proposal().filter(|proposal| proposal.call_id == call_id);
        let by = By::Rule { rule: rule.to_string() };
        if waits.is_some_and(|proposal| self.ruling(proposal) == Ruling::Write(by.clone())) {
            self.decided(call_id, Decision::Accept, by);
        }
    }

    pub(super) fn revoke_rule(&mut self, id: u32) {
        if let Some(rule) = self.policy.revoke(id) {
            self.record(Entry::Rule { rule, change: RuleChange::Revoked });
        }
    }

    /// Rules of a turn or a run ended with it; those of the session come back.
    pub(super) fn replay_rule(&mut self, rule: &Rule, change: RuleChange) {
        let known: Vec<u32> = self
            .policy
            .in_force(0)
            .filter(|taken| taken.rule.path == rule.path)
            .map(|taken| taken.id)
            .collect();
        known.into_iter().for_each(|id| drop(self.policy.revoke(id)));
        if change == RuleChange::Taken && rule.lasts == Lasts::Session {
            self.policy.take(rule.clone(), 0);
        }
    }

    pub(super) fn undone(&mut self, call_id: String, path: &str, diff: String) {
        let diff = format!("{path}:\n{diff}");
        self.note_undone(&diff);
        self.record(Entry::Undone { call_id, diff });
    }

    pub(super) fn note_undone(&mut self, diff: &str) {
        self.notes.push(format!(
            "[mlxport: the person took back an edit that was written before, in {}]",
            diff.trim_end()
        ));
    }

    /// Puts what the model must hear before the person's message.
    pub(super) fn after_notes(&mut self, text: String) -> String {
        let notes = std::mem::take(&mut self.notes).join("\n");
        if notes.is_empty() { text } else { format!("{notes}\n\n{text}") }
    }

    /// Puts what the model must hear after a tool's answer, whose first words say what it is.
    pub(super) fn before_notes(&mut self, text: String) -> String {
        let notes = std::mem::take(&mut self.notes).join("\n");
        if notes.is_empty() { text } else { format!("{text}\n\n{notes}") }
    }

    /// Gives the milliseconds that the machine was last told.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::data::{
        Approval, EditScope, Message, Role, StreamEvent, ToolCallDelta, ToolOutcome, ToolSpec,
    };
    use crate::agent::machine::{Input, Output, Setup, State};

    const PORT: &str = "mlx_lm/models/arcee.py";

    fn machine() -> Machine {
        let tool = ToolSpec {
            name: "edit".into(),
            description: "d".into(),
            schema: json!({"type": "object"}),
            approval: Approval::Ask,
        };
        Machine::new(Setup { tools: vec![tool], ..Setup::default() })
    }

    fn proposal(id: &str, scope: EditScope) -> Proposal {
        let path = if scope == EditScope::Shared { "mlx_lm/models/base.py" } else { PORT };
        Proposal {
            call_id: id.into(),
            title: format!("edit {path}"),
            path: path.into(),
            scope,
            before: "1\n".into(),
            after: "2\n".into(),
        }
    }

    /// The model calls `edit` in this stream.
    fn called(machine: &mut Machine, (now, stream): (u64, u64), id: &str) -> Vec<Output> {
        let name = Some("edit".to_string());
        let delta = ToolCallDelta { slot: 0, id: Some(id.into()), name, arguments: "{}".into() };
        machine.step(now, Input::Stream { stream, event: StreamEvent::ToolCall { delta } });
        let reason = crate::agent::data::FinishReason::ToolCalls;
        machine.step(now, Input::Stream { stream, event: StreamEvent::Finished { reason, usage: None } })
    }

    fn proposed(machine: &mut Machine, now: u64, proposal: Proposal) -> Vec<Output> {
        machine.step(now, Input::Proposed { call_id: proposal.call_id.clone(), result: Ok(proposal) })
    }

    fn ended(machine: &mut Machine, id: &str) {
        let outcome = ToolOutcome::Done { text: "Applied: a.".into() };
        machine.step(0, Input::ToolEnded { call_id: id.into(), outcome });
    }

    fn decided(outputs: &[Output]) -> Option<By> {
        outputs.iter().find_map(|output| match output {
            Output::Record(Entry::Decided { decision: Decision::Accept, by, .. }) => Some(by.clone()),
            _ => None,
        })
    }

    fn rule(text: &str) -> Rule {
        Rule::parse(text).expect("a rule")
    }

    fn last(machine: &Machine) -> &Message {
        machine.messages().last().expect("a message")
    }

    #[test]
    fn read_only_refuses_before_anything_is_worked_out_and_says_why() {
        let mut machine = machine();
        machine.step(0, Input::Mode(EditMode::ReadOnly));
        machine.step(0, Input::User("hi".into()));
        let outputs = called(&mut machine, (1, 1), "e");
        assert!(!outputs.iter().any(|output| matches!(output, Output::Prepare { .. })), "{outputs:?}");
        let told = machine.messages().iter().rev().find(|message| message.role == Role::Tool).expect("told");
        assert!(told.content.contains("read-only"), "{}", told.content);
        assert!(matches!(machine.state(), State::Streaming { .. }), "the model goes on");
    }

    #[test]
    fn auto_edit_writes_the_port_at_once_and_asks_for_shared_files() {
        let mut machine = machine();
        machine.step(0, Input::Mode(EditMode::AutoEdit));
        machine.step(0, Input::User("hi".into()));
        called(&mut machine, (1, 1), "e");
        let outputs = proposed(&mut machine, 2, proposal("e", EditScope::Port));
        assert_eq!(decided(&outputs), Some(By::Mode));
        assert!(
            matches!(outputs.last(), Some(Output::RunTool { run }) if run.approved.is_some()),
            "{outputs:?}"
        );
        ended(&mut machine, "e");
        called(&mut machine, (3, 2), "s");
        let outputs = proposed(&mut machine, 4, proposal("s", EditScope::Shared));
        assert_eq!(decided(&outputs), None);
        assert!(machine.proposal().is_some(), "it waits for the person");
    }

    #[test]
    fn a_run_that_costs_waits_for_the_person_in_every_mode_and_whatever_the_rules() {
        for mode in EditMode::ALL {
            let mut machine = machine();
            let tool = ToolSpec {
                name: "edit".into(),
                description: "d".into(),
                schema: json!({"type": "object"}),
                approval: Approval::Cost,
            };
            machine.configure(Setup { tools: vec![tool], ..Setup::default() });
            machine.step(0, Input::Mode(mode));
            machine.step(0, Input::TakeRule(rule(&format!("allow edits of {PORT} until I quit"))));
            machine.step(0, Input::User("hi".into()));
            let outputs = called(&mut machine, (1, 1), "e");
            assert!(matches!(outputs.last(), Some(Output::Prepare { .. })), "{mode:?}: {outputs:?}");
            let run = proposal("e", EditScope::Run { seconds: 240 });
            assert_eq!(decided(&proposed(&mut machine, 2, run)), None, "{mode:?}");
            assert!(machine.proposal().is_some(), "{mode:?}");
        }
    }

    #[test]
    fn a_rule_agrees_until_its_time_and_the_log_names_it() {
        let mut machine = machine();
        let text = format!("allow edits of {PORT} for 1 minute");
        machine.step(0, Input::User("hi".into()));
        called(&mut machine, (0, 1), "e");
        proposed(&mut machine, 1000, proposal("e", EditScope::Port));
        let outputs = machine.step(1000, Input::DecidedByRule { call_id: "e".into(), rule: rule(&text) });
        assert_eq!(decided(&outputs), Some(By::Rule { rule: text.clone() }));
        ended(&mut machine, "e");
        called(&mut machine, (60_000, 2), "f");
        assert_eq!(
            decided(&proposed(&mut machine, 60_999, proposal("f", EditScope::Port))),
            Some(By::Rule { rule: text })
        );
        ended(&mut machine, "f");
        called(&mut machine, (61_000, 3), "g");
        assert_eq!(decided(&proposed(&mut machine, 61_000, proposal("g", EditScope::Port))), None);
    }

    #[test]
    fn a_rule_of_another_file_does_not_agree_to_the_edit_that_waits() {
        let mut machine = machine();
        machine.step(0, Input::User("hi".into()));
        called(&mut machine, (0, 1), "e");
        proposed(&mut machine, 1, proposal("e", EditScope::Port));
        let rule = rule("allow edits of tests/test_models.py until I quit");
        let outputs = machine.step(1, Input::DecidedByRule { call_id: "e".into(), rule });
        assert_eq!(decided(&outputs), None);
        assert!(machine.proposal().is_some());
        let outputs = machine.step(2, Input::RevokeRule(1));
        assert!(matches!(&outputs[..], [Output::Record(Entry::Rule { change: RuleChange::Revoked, .. })]));
    }

    #[test]
    fn a_rule_of_the_turn_ends_with_it() {
        let mut machine = machine();
        machine.step(0, Input::User("hi".into()));
        machine.step(0, Input::TakeRule(rule(&format!("allow edits of {PORT} for this turn"))));
        assert_eq!(machine.policy().in_force(0).count(), 1);
        machine.step(0, Input::Stream { stream: 1, event: StreamEvent::Text { delta: "Done.".into() } });
        let reason = crate::agent::data::FinishReason::Stop;
        machine.step(0, Input::Stream { stream: 1, event: StreamEvent::Finished { reason, usage: None } });
        assert_eq!((machine.state(), machine.policy().in_force(0).count()), (&State::Idle, 0));
    }

    #[test]
    fn a_rebased_edit_is_told_with_what_no_longer_fitted_and_waits_again_after_a_resume() {
        let mut live = machine();
        live.step(0, Input::User("hi".into()));
        let mut entries: Vec<Entry> = Vec::new();
        let mut keep = |outputs: Vec<Output>| {
            entries.extend(outputs.into_iter().filter_map(|output| match output {
                Output::Record(entry) => Some(entry),
                _ => None,
            }));
        };
        keep(called(&mut live, (0, 1), "e"));
        keep(proposed(&mut live, 1, proposal("e", EditScope::Port)));
        let fitted =
            Proposal { before: "0\n1\n".into(), after: "0\n2\n".into(), ..proposal("e", EditScope::Port) };
        let lost = "@@ -9,1 +9,1 @@\n-x\n".to_string();
        keep(live.step(2, Input::Rebased { proposal: fitted.clone(), lost }));
        for mut machine in [live.clone(), Machine::restore(live.setup().clone(), &entries)] {
            assert_eq!(machine.proposal(), Some(&fitted));
            machine.step(3, Input::Decided { call_id: "e".into(), decision: Decision::Accept });
            ended(&mut machine, "e");
            let told = &last(&machine).content;
            assert!(
                told.starts_with("Applied: a.\n")
                    && told.contains("the person's own text stands there")
                    && told.ends_with("-x\n"),
                "{told}"
            );
        }
    }

    #[test]
    fn mode_and_session_rules_come_back_and_others_ended_with_the_run() {
        let mut live = machine();
        let mut entries = Vec::new();
        for input in [
            Input::Mode(EditMode::AutoEdit),
            Input::TakeRule(rule("allow edits of a.py until I quit")),
            Input::TakeRule(rule("allow edits of b.py for 30 minutes")),
            Input::TakeRule(rule("allow edits of c.py for this session")),
            Input::TakeRule(rule("allow edits of d.py for this session")),
            Input::RevokeRule(4),
        ] {
            entries.extend(live.step(0, input).into_iter().filter_map(|output| match output {
                Output::Record(entry) => Some(entry),
                _ => None,
            }));
        }
        let again = Machine::restore(live.setup().clone(), &entries);
        assert_eq!(again.policy().mode, EditMode::AutoEdit);
        let paths: Vec<&str> = again.policy().in_force(0).map(|taken| taken.rule.path.as_str()).collect();
        assert_eq!(paths, ["c.py"]);
    }

    #[test]
    fn the_model_hears_with_the_next_message_that_an_edit_was_taken_back() {
        let mut machine = machine();
        let undone = Input::Undone { call_id: "e".into(), path: PORT.into(), diff: "-2\n+1\n".into() };
        let entries: Vec<Entry> = machine
            .step(0, undone)
            .into_iter()
            .filter_map(|output| match output {
                Output::Record(entry) => Some(entry),
                _ => None,
            })
            .collect();
        let again = Machine::restore(machine.setup().clone(), &entries);
        for mut machine in [machine, again] {
            machine.step(1, Input::User("go on".into()));
            let said = &last(&machine).content;
            assert!(
                said.contains("took back an edit") && said.contains("+1") && said.ends_with("\n\ngo on"),
                "{said}"
            );
        }
    }
}
