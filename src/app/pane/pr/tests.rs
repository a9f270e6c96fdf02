use super::fixture::{bare, loaded, press, say, state};
use super::{Ask, Job, Layer, Mode, Msg, PersonRequest, Section};
use crate::agent::data::provenance::Applied;
use crate::app::effect::Job as AppJob;
use crate::app::msg::{Msg as AppMsg, PaneMsg};
use crate::app::update::update;
use crate::app::{Effect, State};
use crate::pr::data::staging::Held;
use crate::pr::data::{FieldId, GateId, GateState, HandOver, LineId, Outcome, Plan, Selection, Undo, Where};
use crate::session::data::{Entry, Live, PersonStep};

/// The acts of the person among effects, in words.
fn acts(effects: &[Effect]) -> Vec<String> {
    let act = |effect: &Effect| match effect {
        Effect::Person(_, PersonRequest::Stage { path, selection, aim, .. }) => {
            Some(format!("{aim:?} {path} {}", selected(selection)))
        }
        Effect::Person(_, PersonRequest::Undo { undo, .. }) => Some(format!("undo {}", undo.path)),
        Effect::Person(_, PersonRequest::Commit { message, .. }) => Some(format!("commit {message:?}")),
        Effect::Person(_, PersonRequest::Push { typed, .. }) => Some(format!("push {typed}")),
        _ => None,
    };
    effects.iter().filter_map(act).collect()
}

fn selected(selection: &Selection) -> String {
    match selection {
        Selection::File => "whole".into(),
        Selection::Lines(lines) => format!("{:?}", lines.iter().map(|line| line.0).collect::<Vec<_>>()),
    }
}

fn plan() -> Plan {
    Plan {
        branch: "add-arcee".into(),
        commit: "1a2b3c4d5e6f".into(),
        url: "https://github.com/person/mlx-lm".into(),
        commands: vec!["git push fork add-arcee".into()],
    }
}

fn voice(state: &State, id: &str) -> String {
    state.panes.pr.fields.voice(&FieldId(id.into())).expect("a field").text()
}

#[test]
fn the_workspace_brings_the_branch() {
    let mut state = bare(80, 24);
    let effects = say(&mut state, Msg::WorkspaceReady);
    let load = |effect: &Effect| matches!(effect, Effect::Start(_, AppJob::Pr(Job::Load { model_type: Some(name), .. })) if name == "arcee");
    assert!(effects.iter().any(load), "{effects:?}");
    let mut none = State::default();
    assert!(say(&mut none, Msg::WorkspaceReady).is_empty());
}

#[test]
fn space_stages_the_file_in_the_list_and_the_unit_in_the_diff() {
    let mut state = state(80, 24);
    assert_eq!(acts(&press(&mut state, "<space>")), ["Stage mlx_lm/models/arcee.py whole"]);
    // The first hunk is staged already: Space takes it out; the second goes in.
    assert_eq!(acts(&press(&mut state, "\n<space>")), ["Unstage mlx_lm/models/arcee.py [3, 5]"]);
    assert_eq!(acts(&press(&mut state, "j<space>")), ["Stage mlx_lm/models/arcee.py [84, 85]"]);
    assert_eq!(acts(&press(&mut state, "a<space>")), ["Stage mlx_lm/models/arcee.py [84]"]);
    assert_eq!(acts(&press(&mut state, "h<down>\n<space>")), ["Stage tests/test_models.py [1405]"]);
}

#[test]
fn a_key_asks_for_a_second_reader_whose_doubts_stay_in_the_chat() {
    let mut state = state(80, 24);
    let ready = crate::app::pane::chat::Msg::Ready(Box::default());
    update(&mut state, 0, AppMsg::Post(PaneMsg::Chat(ready)));
    let before = format!("{:?}", state.panes.pr.fields);
    let effects = press(&mut state, "R");
    let asked = |effect: &Effect| {
        matches!(effect, Effect::Start(_, AppJob::Chat(crate::app::pane::chat::Job::Reader(_))))
    };
    assert_eq!(effects.iter().filter(|effect| asked(effect)).count(), 1, "{effects:?}");
    assert!(state.panes.chat.reader.loading);
    let toast = state.facts.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default();
    assert!(toast.contains("in the chat"), "{toast}");
    assert!(acts(&effects).is_empty());
    assert_eq!(format!("{:?}", state.panes.pr.fields), before);
    // In a field R is a letter.
    press(&mut state, "iR");
    assert_ne!(format!("{:?}", state.panes.pr.fields), before);
}

#[test]
fn a_range_takes_the_lines_between_and_stages_what_is_not_staged() {
    let mut state = state(80, 24);
    press(&mut state, "\nG");
    assert_eq!(state.panes.pr.cursor.line, Some(LineId(85)));
    press(&mut state, "v<up><up>");
    assert_eq!(state.panes.pr.taken(), [5, 84, 85].map(LineId));
    assert_eq!(acts(&press(&mut state, "<space>")), ["Stage mlx_lm/models/arcee.py [84, 85]"]);
    assert_eq!(state.panes.pr.cursor.anchor, None);
    press(&mut state, "v<esc>");
    assert_eq!(state.panes.pr.cursor.anchor, None, "Esc drops the range");
}

#[test]
fn the_cursor_stays_on_its_line_when_the_diff_is_read_again() {
    let mut state = state(80, 24);
    press(&mut state, "\naj");
    let line = state.panes.pr.cursor.line;
    let mut now = loaded();
    now.snapshot.files[0].hunks.remove(0);
    say(&mut state, Msg::Loaded(Box::new(loaded())));
    assert_eq!(state.panes.pr.cursor.line, line);
    say(&mut state, Msg::Loaded(Box::new(now)));
    assert_eq!(state.panes.pr.cursor.line, Some(LineId(85)), "the line is gone: the one in its place");
}

#[test]
fn z_takes_the_last_staging_back_and_zooms_nothing() {
    let mut state = state(80, 24);
    assert_eq!(acts(&press(&mut state, "z")), Vec::<String>::new());
    let held = Held { mode: 0o100644, blob: "1".into() };
    for path in ["a", "b"] {
        say(&mut state, Msg::Staged(Undo { path: path.into(), before: None, after: Some(held.clone()) }));
    }
    assert_eq!(acts(&press(&mut state, "zz")), ["undo b", "undo a"]);
    assert_eq!(state.choice.zoom, crate::app::layout::Zoom::Off);
}

#[test]
fn typing_goes_into_the_field_and_its_letters_are_no_keys() {
    let mut state = state(80, 24);
    press(&mut state, "iPush jack z<space>?<esc>");
    assert_eq!(voice(&state, "title"), "Push jack z ?");
    assert_eq!((state.panes.pr.section, state.panes.pr.fields.mode), (Section::Voice, Mode::Moving));
    press(&mut state, "<down><down>\nWith help.\nTwo lines.<esc>");
    assert_eq!(voice(&state, "requirements/ai-usage-disclosure"), "With help.\nTwo lines.");
    press(&mut state, "\n<tab>Arcee<esc>");
    assert_eq!(voice(&state, "model-information/name"), "Arcee");
}

#[test]
fn a_field_is_logged_when_its_text_changed_and_not_when_it_was_passed() {
    let logged = |effects: &[Effect]| {
        let entry = |effect: &Effect| match effect {
            Effect::Record(entry) => match &**entry {
                Entry::Person { step: PersonStep::Voice { field, text } } => Some(format!("{field}={text}")),
                _ => None,
            },
            _ => None,
        };
        effects.iter().filter_map(entry).collect::<Vec<_>>()
    };
    let mut state = state(80, 24);
    let written = press(&mut state, "iAdd arcee<tab><tab>With help.<esc>");
    assert_eq!(logged(&written), ["title=Add arcee", "requirements/ai-usage-disclosure=With help."]);
    assert_eq!(logged(&press(&mut state, "\n<esc>")), Vec::<String>::new(), "nothing new");
    let emptied = press(&mut state, &format!("\n{}<esc>", "<backspace>".repeat(10)));
    assert_eq!(logged(&emptied), ["requirements/ai-usage-disclosure="], "emptied is a change");
}

#[test]
fn drafts_survive_a_kill_and_a_template_that_changed() {
    let mut state = state(80, 24);
    press(&mut state, "iAdd arcee<esc>cwip");
    let saved = crate::app::pane::Pane::save(&state.panes.pr);
    let mut again = bare(80, 24);
    let live = crate::session::data::Live {
        panes: [("pr".to_string(), saved)].into(),
        ..crate::session::data::Live::default()
    };
    update(&mut again, 0, AppMsg::Restore(Box::new(live)));
    say(&mut again, Msg::Loaded(Box::new(loaded())));
    assert_eq!((voice(&again, "title"), voice(&again, "commit")), ("Add arcee".into(), "wip".into()));
    assert_eq!(again.panes.pr.section, Section::Voice);
}

#[test]
fn a_commit_has_exactly_what_was_typed_and_leaves_the_draft_until_it_is_made() {
    let mut state = state(80, 24);
    assert_eq!(acts(&press(&mut state, "c<alt-enter>")), Vec::<String>::new(), "nothing written");
    let made = press(&mut state, "Add arcee\n\nNo gate.<alt-enter>");
    assert_eq!(acts(&made), ["commit \"Add arcee\\n\\nNo gate.\""]);
    assert_eq!(voice(&state, "commit"), "Add arcee\n\nNo gate.");
    say(&mut state, Msg::Committed("1a2b3c4d5e6f".into()));
    assert_eq!(voice(&state, "commit"), "");
}

#[test]
fn a_push_needs_the_branch_typed_and_a_paste_does_not_count() {
    let mut state = state(80, 24);
    assert!(
        press(&mut state, "P")
            .iter()
            .any(|effect| matches!(effect, Effect::Start(_, AppJob::Pr(Job::Plan { .. }))))
    );
    say(&mut state, Msg::Planned(plan()));
    update(&mut state, 0, AppMsg::Paste("add-arcee".into()));
    assert_eq!(acts(&press(&mut state, "\n")), Vec::<String>::new());
    assert_eq!(acts(&press(&mut state, "add-arce\n")), Vec::<String>::new());
    assert!(
        matches!(&state.panes.pr.layer, Some(Layer::Prompt(prompt)) if matches!(prompt.ask, Ask::Push(_)))
    );
    assert_eq!(acts(&press(&mut state, "add-arcee\n")), ["push add-arcee"]);
    assert!(state.panes.pr.layer.is_none());
    say(&mut state, Msg::Planned(plan()));
    assert_eq!(acts(&press(&mut state, "<esc>\n")), Vec::<String>::new(), "Esc goes back");
}

#[test]
fn the_link_waits_for_gates_that_fail_and_a_written_reason_lets_it_through() {
    let mut state = state(80, 24);
    say(&mut state, Msg::Pushed(HandOver { plan: plan(), outcome: Outcome::Pushed }));
    assert!(state.panes.pr.link().expect_err("the template is empty").starts_with("a gate fails"));
    press(&mut state, "<esc>lll");
    let at =
        state.panes.pr.gates.iter().position(|gate| gate.id == GateId::TemplateComplete).expect("listed");
    press(&mut state, &"j".repeat(at));
    press(&mut state, "\n\nfilled on the web page\n");
    assert_eq!(state.panes.pr.gates[at].state, GateState::Overridden("filled on the web page".into()));
    assert!(
        state.panes.pr.link().expect("a link").starts_with("https://github.com/ml-explore/mlx-lm/compare/")
    );
}

#[test]
fn a_paste_that_repeats_the_model_is_stopped_until_a_reason_is_written() {
    let said = "The MLP has no gate, so it uses a squared ReLU between two linear projections.";
    let mut state = state(80, 24);
    state.facts.assistant_said = vec![said.into()];
    press(&mut state, "i");
    update(&mut state, 0, AppMsg::Paste(said.into()));
    assert_eq!(voice(&state, "title"), "");
    press(&mut state, "<esc>");
    assert_eq!(
        (voice(&state, "title"), state.panes.pr.fields.mode),
        (String::new(), Mode::Typing),
        "left out"
    );
    update(&mut state, 0, AppMsg::Paste(said.into()));
    press(&mut state, "\nI wrote it first\n");
    assert_eq!(voice(&state, "title"), said);
    let own = state.panes.pr.gates.iter().find(|gate| gate.id == GateId::ProseOwn).expect("listed");
    assert_eq!(own.state, GateState::Fail, "the whole field is still compared");
}

#[test]
fn output_enters_from_a_stored_run_only_and_never_into_the_commit_message() {
    let mut state = state(80, 24);
    press(&mut state, "o\n");
    let text = voice(&state, "verification/output");
    assert!(text.starts_with("```text run 20261123T000000-3f2a11\n$ mlxport check twin arcee\n"), "{text}");
    press(&mut state, "<home>jji<alt-o>\n");
    assert_eq!(voice(&state, "requirements/ai-usage-disclosure"), "", "never filled by the program");
    press(&mut state, "<esc>c<alt-o>\n");
    assert_eq!(voice(&state, "commit"), "");
}

#[test]
fn the_fact_sheet_counts_who_wrote_each_added_line() {
    let mut state = state(80, 24);
    state.facts.counts.turns = 3;
    state.facts.counts.edits_accepted = 1;
    say(&mut state, Msg::Loaded(Box::new(loaded())));
    let unknown = "0 of 4 added lines (not blank) accepted from the model, 4 not known: there before this session, 0 yours";
    assert!(state.panes.pr.facts.ends_with(unknown), "{}", state.panes.pr.facts);
    // The person began the file, the model wrote one line of it.
    let path = state.panes.pr.snapshot.as_ref().expect("a snapshot").files[0].path.clone();
    let mut lines = crate::agent::data::provenance::Ledger::default();
    lines.saved(&path, "");
    let after = "class ModelArgs(BaseModelArgs):\n";
    lines.edited(&Applied { path: &path, before: "", proposed: after, written: after });
    state.facts.provenance = lines;
    say(&mut state, Msg::Loaded(Box::new(loaded())));
    let expected = "1 of 4 added lines (not blank) accepted from the model, 1 not known: there before this session, 2 yours";
    assert!(state.panes.pr.facts.ends_with(expected), "{}", state.panes.pr.facts);
}

#[test]
fn recorded_steps_are_the_same_requests_and_play_only_in_a_demo() {
    let steps = [
        PersonStep::Stage { path: "a.py".into() },
        PersonStep::Voice { field: "model-information/name".into(), text: "Arcee".into() },
        PersonStep::Commit { message: "Add arcee".into() },
        PersonStep::Push { branch: "add-arcee".into() },
    ];
    let play = |state: &mut State| {
        let effects =
            steps.iter().flat_map(|step| update(state, 0, AppMsg::Recorded(Box::new(step.clone()))));
        acts(&effects.collect::<Vec<_>>())
    };
    let mut plain = state(80, 24);
    assert_eq!(play(&mut plain), Vec::<String>::new());
    let posted = say(&mut plain, Msg::Recorded(Box::new(steps[0].clone())));
    assert_eq!(acts(&posted), Vec::<String>::new());
    let mut demo = state(80, 24);
    demo.facts.demo = Some(crate::app::facts::DemoFacts::default());
    assert_eq!(play(&mut demo), ["Stage a.py whole", "commit \"Add arcee\"", "push add-arcee"]);
    assert_eq!(voice(&demo, "model-information/name"), "Arcee");
}

#[test]
fn a_failed_act_is_shown_and_the_branch_is_read_again() {
    let mut state = state(80, 24);
    let effects = press(&mut state, "<space>");
    let id = effects.iter().find_map(|effect| match effect {
        Effect::Person(id, _) => Some(*id),
        _ => None,
    });
    let report = crate::util::blame::Report::new(crate::util::blame::Blame::User, "the index is locked");
    let effects = update(&mut state, 0, AppMsg::Ended(id.expect("an act"), Err(report.clone())));
    assert_eq!(state.panes.pr.trouble, Some(report));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Start(_, AppJob::Pr(Job::Load { .. })))));
}

#[test]
fn fixtures_have_every_place() {
    let places: Vec<Where> =
        loaded().snapshot.files[0].hunks.iter().flat_map(|hunk| &hunk.rows).map(|row| row.place).collect();
    assert!(places.contains(&Where::Staged) && places.contains(&Where::Unstaged));
}

/// The program as it comes back after kill -9, before anything is read again.
fn resumed(state: &State) -> State {
    let mut again = bare(80, 24);
    again.facts.workspace = None;
    let panes = state.save().into_iter().collect();
    update(&mut again, 0, AppMsg::Restore(Box::new(Live { panes, ..Live::default() })));
    again
}

/// Brings a program back and says what its pane keeps then: at once, and when the branch is read.
fn comes_back(state: &State) -> State {
    let kept = state.save()["pr"].clone();
    let mut again = resumed(state);
    assert_eq!(again.save()["pr"], kept, "before the branch is read");
    again.facts.workspace = bare(80, 24).facts.workspace;
    say(&mut again, Msg::Loaded(Box::new(loaded())));
    assert_eq!(again.save()["pr"], kept, "when the branch is read");
    again
}

#[test]
fn place_and_fields_come_back_and_a_field_is_written_on() {
    let mut state = state(80, 24);
    press(&mut state, "\n");
    press(&mut state, "j");
    comes_back(&state);
    press(&mut state, "cAdd Arcee");
    press(&mut state, "<left>");
    let mut again = comes_back(&state);
    press(&mut again, "!");
    assert_eq!(voice(&again, "commit"), "Add Arce!e");
}

#[test]
fn the_open_layer_comes_back_with_what_was_typed_but_a_push_is_confirmed_anew() {
    let mut state = state(80, 24);
    press(&mut state, "<right><right><right>");
    let open = |state: &State| state.panes.pr.gates[state.panes.pr.gate].state != GateState::Pass;
    while !open(&state) {
        press(&mut state, "j");
    }
    press(&mut state, "\nbecause it is s");
    let Some(Layer::Prompt(prompt)) = &state.panes.pr.layer else { panic!("{:?}", state.panes.pr.layer) };
    let asked = format!("{:?}", prompt.ask);
    let again = comes_back(&state);
    let Some(Layer::Prompt(prompt)) = &again.panes.pr.layer else { panic!("{:?}", again.panes.pr.layer) };
    assert_eq!((format!("{:?}", prompt.ask), prompt.editor.text()), (asked, "because it is s".into()));

    let done = HandOver { plan: plan(), outcome: Outcome::Pushed };
    say(&mut state, Msg::Pushed(done.clone()));
    let mut again = comes_back(&state);
    assert!(matches!(again.panes.pr.layer, Some(Layer::HandOver)));
    assert_eq!(again.panes.pr.hand_over, Some(done));

    say(&mut again, Msg::Planned(plan()));
    press(&mut again, "add-ar");
    assert!(comes_back(&again).panes.pr.layer.is_none());
}

#[test]
fn a_stopped_paste_is_still_stopped() {
    let mut state = state(80, 24);
    let said = "the layer norm comes before the attention and has no bias at all";
    state.facts.assistant_said.push(said.into());
    press(&mut state, "c");
    update(&mut state, 0, AppMsg::Paste(said.into()));
    let mut again = comes_back(&state);
    assert_eq!(voice(&again, "commit"), "");
    let Some(Layer::Prompt(prompt)) = &again.panes.pr.layer else { panic!("{:?}", again.panes.pr.layer) };
    assert!(matches!(&prompt.ask, Ask::Overlap(stopped) if !stopped.overlaps.is_empty()));
    press(&mut again, "I wrote it\n");
    assert_eq!(voice(&again, "commit"), said);
}
