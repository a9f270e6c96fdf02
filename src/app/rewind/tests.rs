//! Key scripts: what the layer asks for, and what it refuses.

use super::*;
use crate::app::Msg as AnyMsg;
use crate::app::effect::{Effect, Job as AnyJob};
use crate::app::facts::WorkspaceFacts;
use crate::app::job::JobId;
use crate::app::pane::chat::Provider;
use crate::app::pane::chat::tests::Script;
use crate::port::data::checkpoint::{FileBack, Missing, Over};
use crate::util::blame::Blame;

/// The program with a workspace, and the layer's jobs.
pub(crate) fn script(size: (u16, u16)) -> Script {
    let mut script = Script::ready(size, Provider::Endpoint);
    script.app.facts.workspace = Some(WorkspaceFacts::default());
    script
}

pub(crate) fn say(script: &mut Script, msg: Msg) {
    script.give(AnyMsg::Post(PaneMsg::Rewind(msg)));
}

fn jobs(script: &mut Script) -> Vec<(JobId, Job)> {
    let job = |effect| match effect {
        Effect::Start(id, AnyJob::Rewind(job)) => Some((id, job)),
        _ => None,
    };
    std::mem::take(&mut script.effects).into_iter().filter_map(job).collect()
}

fn row(number: u32, over: Over, words: &str) -> Row {
    let (turn, time, at) = (number, 0, "2026-11-25 14:02".to_string());
    Row { number, over, turn, words: words.into(), time, at, files: 1, added: 12, removed: 3 }
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        row(5, Over::Rewind, ""),
        row(3, Over::Turn, "Scale the embeddings as the reference does\u{1b}[31m"),
        row(2, Over::Own, ""),
        row(1, Over::Turn, "Make a first draft"),
    ]
}

pub(crate) fn preview() -> Preview {
    let text = |lines: &str| Some(lines.to_string());
    let file = |path: &str, kind, before, after| FileBack { path: path.into(), kind, before, after };
    let port = "import mlx.core as mx\n\n\nclass Attention:\n    scale = 1.0\n    rope = True\n";
    Preview {
        number: 3,
        now: "aaaa".into(),
        files: vec![
            file(
                "mlx_lm/models/arcee.py",
                Back::Changed,
                text(port),
                text(&port.replace("1.0", "head_dim**-0.5")),
            ),
            file("tests/notes.txt", Back::Removed, text("mine\n"), text("")),
            file("data.bin", Back::Changed, None, None),
        ],
        left_out: vec![Missing {
            path: "weights.bin".into(),
            why: "30 MB; a snapshot takes files up to 8 MB".into(),
        }],
        outside: vec!["tests/notes.txt".into()],
    }
}

#[test]
fn going_back_asks_for_the_list_a_look_and_then_the_files_as_they_were_shown() {
    let mut script = script((80, 24));
    script.keys("f6");
    assert!(matches!(jobs(&mut script)[..], [(_, Job::List)]));
    say(&mut script, Msg::Rows(rows()));
    script.keys("down enter");
    assert!(matches!(jobs(&mut script)[..], [(_, Job::Look { number: 3 })]));
    say(&mut script, Msg::Preview(Box::new(preview())));
    script.keys("enter");
    let asked = jobs(&mut script);
    assert!(matches!(&asked[..], [(_, Job::Rewind { number: 3, now })] if now == "aaaa"), "{asked:?}");
    script.keys("esc");
    assert!(matches!(script.app.rewind.layer, Layer::Working), "what is under way is not left");
    let done = Rewound { number: 3, undo: 6, written: vec!["a".into()], removed: vec![], left_out: vec![] };
    say(&mut script, Msg::Done(Box::new(done)));
    assert!(!script.app.rewind.is_open());
    let told = script.effects.iter().any(|effect| match effect {
        Effect::Record(entry) => matches!(&**entry, Entry::Note { label, text } if label == "rewind" && text.contains("mlxport rewind 6")),
        _ => false,
    });
    assert!(told, "{:?}", script.effects);
}

#[test]
fn esc_goes_back_a_layer_and_asks_for_nothing() {
    let mut script = script((80, 24));
    script.keys("f6");
    say(&mut script, Msg::Rows(rows()));
    script.keys("enter");
    say(&mut script, Msg::Preview(Box::new(preview())));
    jobs(&mut script);
    script.keys("esc");
    assert!(matches!(script.app.rewind.layer, Layer::List));
    script.keys("esc");
    assert!(!script.app.rewind.is_open() && jobs(&mut script).is_empty());
}

#[test]
fn while_the_model_works_nothing_is_put_back() {
    let mut script = script((80, 24));
    script.type_text("port it");
    script.keys("enter");
    script.keys("f6");
    say(&mut script, Msg::Rows(rows()));
    script.keys("enter");
    say(&mut script, Msg::Preview(Box::new(preview())));
    jobs(&mut script);
    script.keys("enter");
    assert!(jobs(&mut script).is_empty());
    assert!(script.app.facts.toast.as_ref().is_some_and(|toast| toast.text.contains("interrupt it first")));
}

#[test]
fn a_stale_look_is_told_and_the_list_read_again() {
    let mut script = script((80, 24));
    script.keys("f6");
    say(&mut script, Msg::Rows(rows()));
    script.keys("enter");
    say(&mut script, Msg::Preview(Box::new(preview())));
    script.keys("enter");
    let id = jobs(&mut script).last().map(|(id, _)| *id).expect("a job");
    let report = Report::new(Blame::User, "files changed since this was shown");
    script.give(AnyMsg::Ended(id, Err(report.clone())));
    assert!(matches!(jobs(&mut script)[..], [(_, Job::List)]));
    assert_eq!(script.app.rewind.failed, Some(report));
}

#[test]
fn a_turn_begins_and_ends_with_a_snapshot() {
    let mut script = script((80, 24));
    script.type_text("port it");
    script.keys("enter");
    let asked = jobs(&mut script);
    assert!(matches!(&asked[..], [(_, Job::Begin { turn: 1, words })] if words == "port it"), "{asked:?}");
    script.says(1, "Done.");
    script.finishes(1);
    assert!(matches!(jobs(&mut script)[..], [(_, Job::End)]));
    script.type_text("more");
    script.keys("enter");
    assert!(matches!(jobs(&mut script)[..], [(_, Job::Begin { turn: 2, .. })]));
    script.keys("ctrl-c");
    assert!(matches!(jobs(&mut script)[..], [(_, Job::End)]), "an interrupted turn ends too");
}

#[test]
fn a_snapshot_that_fails_is_told_once() {
    let mut script = script((80, 24));
    let notes = |script: &Script| {
        script
            .app
            .panes
            .chat
            .items
            .iter()
            .filter(|item| format!("{item:?}").contains("no snapshot could be taken"))
            .count()
    };
    for _ in 0..2 {
        say(&mut script, Msg::End);
        let id = jobs(&mut script).last().map(|(id, _)| *id).expect("a job");
        script.give(AnyMsg::Ended(id, Err(Report::new(Blame::Environment, "no space left"))));
    }
    assert_eq!(notes(&script), 1);
}
