use super::*;
use crate::app::facts::WorkspaceFacts;
use crate::app::job::JobId;
use crate::app::key::Key;
use crate::app::update::update;
use crate::app::{Effect, Msg as AppMsg, State as App};
use crate::harness::data::{
    CheckError, CheckRecord, CheckVerdict, Divergence, Figure, Kind, RunResult, SCHEMA, Verdict,
};

/// A workbench on `arcee` with its workspace ready, the harness pane in focus.
fn bench() -> App {
    let mut app = App { focus: PaneId::Harness, ..App::default() };
    app.facts.model_type = Some("arcee".into());
    app.facts.workspace =
        Some(WorkspaceFacts { port: Some("/w/arcee.py".into()), ..WorkspaceFacts::default() });
    update(&mut app, 0, AppMsg::Resize(80, 24));
    let effects = post(&mut app, 0, Msg::WorkspaceReady);
    assert!(matches!(&effects[..], [Effect::Start(JobId(1), effect::Job::Harness(Job::Open { .. }))]));
    update(&mut app, 0, AppMsg::Ended(JobId(1), Ok(())));
    app
}

fn post(app: &mut App, now: Millis, msg: Msg) -> Vec<Effect> {
    update(app, now, AppMsg::Post(PaneMsg::Harness(msg)))
}

fn press(app: &mut App, now: Millis, key: char) -> Vec<Effect> {
    update(app, now, AppMsg::Key(Key::char(key)))
}

fn asked(effects: &[Effect]) -> Option<Vec<CheckId>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start(_, effect::Job::Harness(Job::Check { request })) => Some(request.checks.clone()),
        _ => None,
    })
}

fn say(app: &mut App, now: Millis, job: u64, event: Event) -> Vec<Effect> {
    update(app, now, AppMsg::Job(JobId(job), PaneMsg::Harness(Msg::Event(Box::new(event)))))
}

fn record(id: CheckId, twin: &str, verdict: CheckVerdict) -> CheckRecord {
    let error = CheckError { kind: Kind::Bug, text: String::new(), hint: None };
    let place =
        Divergence { module: "layers.0.mlp".into(), reference: None, port: Some("arcee.py:47".into()) };
    CheckRecord {
        verdict,
        error: None,
        figure: Some(Figure::Number(0.29)),
        twin: Some(twin.into()),
        first_divergence: (verdict == CheckVerdict::Fail).then_some(place),
        ..CheckRecord::failed(id, error)
    }
}

fn result(run_id: &str, verdict: Verdict, checks: Vec<CheckRecord>) -> RunResult {
    let (model_type, variant) = ("arcee".into(), "defaults".into());
    let environment = Environment::new();
    RunResult {
        schema: SCHEMA,
        run_id: run_id.into(),
        family: "twin".into(),
        model_type,
        variant,
        verdict,
        checks,
        environment,
    }
}

/// Plays a run as a job: started, its checks, finished at `end`.
fn play(
    app: &mut App,
    (job, start, end): (u64, Millis, Millis),
    sha: &str,
    result: RunResult,
) -> Vec<Effect> {
    let mut checks: Vec<CheckId> = result.checks.iter().map(|check| check.id).collect();
    checks.dedup();
    let (run_id, model_type) = (result.run_id.clone(), "arcee".into());
    say(app, start, job, Event::Started { run_id, model_type, checks, port_sha256: Some(sha.into()) });
    for check in &result.checks {
        say(app, end, job, Event::Check { check: Box::new(check.clone()) });
    }
    let effects = say(app, end, job, Event::Finished { result: Box::new(result), seconds: 0.1 });
    update(app, end, AppMsg::Ended(JobId(job), Ok(())));
    effects
}

fn shown(app: &App) -> Vec<String> {
    let row = |row: &Row| {
        let twin = row.record.twin.as_deref().unwrap_or_default();
        format!("{} {} {twin} {:?}", row.record.verdict.sign(), row.record.id, row.mark)
    };
    app.panes.harness.rows.iter().map(row).collect()
}

fn failed_run() -> RunResult {
    let exact = record(CheckId::EXACT, "std 1.0", CheckVerdict::Fail);
    let checks = vec![record(CheckId::DTYPE, "bf16", CheckVerdict::Pass), exact];
    result("r1", Verdict::Fail, checks)
}

#[test]
fn a_save_starts_a_run_and_its_verdict_carries_the_measured_latency() {
    let mut app = bench();
    let effects = post(&mut app, 1_000, Msg::PortSaved { at: 1_000 });
    assert_eq!(asked(&effects), Some(plan::quick()));
    let effects = play(&mut app, (2, 1_010, 1_120), "a", failed_run());
    let pane = &app.panes.harness;
    assert_eq!(pane.last.as_ref().and_then(|last| last.latency), Some(120));
    assert_eq!(shown(&app), ["✗ exact std 1.0 Fresh", "✓ dtype bf16 Fresh"]);
    let verdict = app.facts.verdict.clone().expect("the status line's words");
    assert_eq!((verdict.glyph, verdict.text.as_str()), ('✗', "exact 2.9e-01 at layers.0.mlp"));
    let recorded = |effect: &Effect| matches!(effect, Effect::Record(entry) if matches!(**entry, crate::session::data::Entry::Check { .. }));
    assert_eq!(effects.iter().filter(|effect| recorded(effect)).count(), 1);
}

#[test]
fn a_family_that_passes_does_not_hide_another_that_fails() {
    let mut app = bench();
    post(&mut app, 0, Msg::PortSaved { at: 0 });
    play(&mut app, (2, 0, 100), "a", failed_run());
    let said = |app: &App| app.facts.verdict.clone().expect("a verdict").run_id;
    let load = |app: &mut App, id: &str, verdict| {
        let result = RunResult { family: "load".into(), ..result(id, verdict, Vec::new()) };
        let (run_id, model_type, port_sha256) = (id.to_string(), "arcee".to_string(), Some("a".to_string()));
        for event in [
            Event::Started { run_id, model_type, checks: Vec::new(), port_sha256 },
            Event::Finished { result: Box::new(result), seconds: 0.1 },
        ] {
            post(app, 200, Msg::ToolEvent(Box::new(event)));
        }
    };
    load(&mut app, "r2", Verdict::Pass);
    assert_eq!(said(&app), "r1", "the twin fails still");
    load(&mut app, "r3", Verdict::Fail);
    assert_eq!(said(&app), "r3", "of two that fail the newer one");
    load(&mut app, "r4", Verdict::Pass);
    press(&mut app, 700, 'r');
    let passed = result("r5", Verdict::Pass, vec![record(CheckId::EXACT, "std 1.0", CheckVerdict::Pass)]);
    play(&mut app, (3, 800, 900), "a", passed);
    assert_eq!(said(&app), "r5");
}

#[test]
fn rerunning_what_failed_leaves_the_others_and_says_that_they_are_older() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    assert_eq!(asked(&press(&mut app, 200, 'R')), Some(vec![CheckId::EXACT]));
    let exact = record(CheckId::EXACT, "std 1.0", CheckVerdict::Pass);
    play(&mut app, (3, 200, 300), "b", result("r2", Verdict::Pass, vec![exact]));
    assert_eq!(shown(&app), ["✓ exact std 1.0 Fresh", "✓ dtype bf16 Older"]);
    assert_eq!(asked(&press(&mut app, 400, 'R')), None);
}

#[test]
fn a_run_marks_its_rows_and_drops_those_it_did_not_give_again() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    press(&mut app, 200, 'r');
    let checks = vec![CheckId::EXACT];
    let (run_id, model_type) = ("r2".into(), "arcee".into());
    say(&mut app, 200, 3, Event::Started { run_id, model_type, checks, port_sha256: Some("a".into()) });
    assert_eq!(shown(&app), ["✗ exact std 1.0 Pending", "✓ dtype bf16 Fresh"]);
    let exact = record(CheckId::EXACT, "std 0.05", CheckVerdict::Pass);
    let result = Box::new(result("r2", Verdict::Pass, vec![exact]));
    say(&mut app, 300, 3, Event::Finished { result, seconds: 0.1 });
    assert_eq!(shown(&app), ["✓ exact std 0.05 Fresh", "✓ dtype bf16 Fresh"]);
}

fn of_variant(name: &str, record: CheckRecord) -> CheckRecord {
    CheckRecord { variant: Some(name.into()), ..record }
}

#[test]
fn a_run_without_the_variants_keeps_what_is_known_of_them_and_says_from_when() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    let exact = |variant, verdict| of_variant(variant, record(CheckId::EXACT, "std 1.0", verdict));
    let both = vec![exact("defaults", CheckVerdict::Fail), exact("8B", CheckVerdict::Fail)];
    let both = RunResult { variant: "defaults, 8B".into(), ..result("r1", Verdict::Fail, both) };
    play(&mut app, (2, 0, 100), "a", both);
    press(&mut app, 200, 'r');
    let pass = record(CheckId::EXACT, "std 1.0", CheckVerdict::Pass);
    play(&mut app, (3, 200, 300), "a", result("r2", Verdict::Pass, vec![pass.clone()]));
    // The row of the variant that was run goes with its new word; the other one stays, of its own run.
    let known = |app: &App| {
        let row = |row: &Row| (row.record.variant.clone(), row.run_id.clone(), row.mark);
        app.panes.harness.rows.iter().map(row).collect::<Vec<_>>()
    };
    let other = |mark| (Some("8B".to_string()), "r1".to_string(), mark);
    assert_eq!(known(&app), [other(Mark::Aside), (None, "r2".into(), Mark::Fresh)]);
    // Of another port it is older.
    press(&mut app, 400, 'r');
    play(&mut app, (4, 400, 500), "b", result("r3", Verdict::Pass, vec![pass]));
    assert_eq!(known(&app), [other(Mark::Older), (None, "r3".into(), Mark::Fresh)]);
    // A run of that variant alone replaces it.
    press(&mut app, 600, 'r');
    let eight = record(CheckId::EXACT, "std 1.0", CheckVerdict::Pass);
    play(
        &mut app,
        (5, 600, 700),
        "b",
        RunResult { variant: "8B".into(), ..result("r4", Verdict::Pass, vec![eight]) },
    );
    assert_eq!(known(&app), [(None, "r4".into(), Mark::Fresh)]);
}

#[test]
fn going_to_the_divergence_moves_the_sources_and_the_focus() {
    let mut app = bench();
    press(&mut app, 0, 'g');
    assert_eq!(app.focus, PaneId::Harness);
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    press(&mut app, 200, 'g');
    assert_eq!(app.focus, PaneId::Source);
}

#[test]
fn evidence_and_log_open_over_the_rows_and_escape_closes_them() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    let enter = Key::plain(crate::app::key::Code::Enter);
    let escape = Key::plain(crate::app::key::Code::Esc);
    let mut faces = Vec::new();
    for key in [enter, escape, Key::char('l'), Key::char('l')] {
        update(&mut app, 200, AppMsg::Key(key));
        faces.push(app.panes.harness.face);
    }
    assert_eq!(faces, [Face::Evidence, Face::Rows, Face::Log, Face::Rows]);
}

#[test]
fn an_interrupt_cancels_the_run_and_keeps_the_last_words() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    press(&mut app, 200, 'r');
    let effects = update(&mut app, 300, AppMsg::Key(Key::ctrl('c')));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Cancel(JobId(3)))));
    assert_eq!(app.panes.harness.running, None);
    assert_eq!(shown(&app), ["✗ exact std 1.0 Fresh", "✓ dtype bf16 Fresh"]);
}

#[test]
fn a_run_of_the_model_is_shown_but_not_recorded_twice() {
    let mut app = bench();
    let event = Event::Finished { result: Box::new(failed_run()), seconds: 0.1 };
    let effects = post(&mut app, 0, Msg::ToolEvent(Box::new(event)));
    let run = |effect: &Effect| matches!(effect, Effect::Record(entry) if matches!(**entry, crate::session::data::Entry::Check { .. }));
    assert!(!effects.iter().any(run));
    assert_eq!(shown(&app).len(), 2);
}

#[test]
fn a_run_without_a_verdict_says_why() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    let report =
        Report::new(crate::util::blame::Blame::Environment, "no worker").hint("run `mlxport doctor`");
    update(&mut app, 10, AppMsg::Ended(JobId(2), Err(report.clone())));
    assert_eq!((&app.panes.harness.failed, &app.panes.harness.running), (&Some(report), &None));
}

fn typed(app: &mut App, text: &str) {
    for c in text.chars() {
        update(app, 300, AppMsg::Key(Key::char(c)));
    }
}

#[test]
fn a_pinned_run_is_compared_with_later_ones_and_its_id_survives() {
    let mut app = bench();
    press(&mut app, 0, 'c');
    assert_eq!(app.panes.harness.face, Face::Rows, "nothing is pinned yet");
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    typed(&mut app, "pc");
    let pane = &app.panes.harness;
    assert_eq!(
        (pane.face, pane.pinned.as_ref().map(|run| run.result.run_id.as_str())),
        (Face::Compare, Some("r1"))
    );
    let saved = pane.save();
    let mut again = State::default();
    let mut other = bench();
    let (mut effects, mut posts) = (Vec::new(), Vec::new());
    let (facts, jobs) = (&mut other.facts, &mut other.jobs);
    let (effects, posts) = (&mut effects, &mut posts);
    again.restore(&saved, &mut Ctx { now: 0, size: (80, 24), facts, jobs, effects, posts });
    assert_eq!(again.save(), saved, "before the run itself is loaded again");
    typed(&mut app, "p");
    assert_eq!(app.panes.harness.pinned, None, "p on the pinned run takes it away");
}

#[test]
fn every_check_is_run_on_request() {
    let mut app = bench();
    assert_eq!(asked(&press(&mut app, 0, 'F')), Some(plan::full()));
}

#[test]
fn the_log_is_filtered_by_what_is_typed_and_escape_takes_the_filter_away_first() {
    let mut app = bench();
    press(&mut app, 0, 'r');
    play(&mut app, (2, 0, 100), "a", failed_run());
    typed(&mut app, "l/fail");
    let log = &app.panes.harness.log;
    assert!(log.typing() && log.len() < log.total(), "{} of {}", log.len(), log.total());
    update(&mut app, 300, AppMsg::Key(Key::plain(crate::app::key::Code::Enter)));
    assert!(!app.panes.harness.log.typing());
    let escape = || AppMsg::Key(Key::plain(crate::app::key::Code::Esc));
    update(&mut app, 300, escape());
    assert_eq!((app.panes.harness.face, app.panes.harness.log.filter()), (Face::Log, ""));
    update(&mut app, 300, escape());
    assert_eq!(app.panes.harness.face, Face::Rows);
}
