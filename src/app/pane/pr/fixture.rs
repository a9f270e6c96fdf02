//! A branch and a template for tests of the pane.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Loaded, Msg};
use crate::app::facts::WorkspaceFacts;
use crate::app::key::{Code, Key};
use crate::app::msg::{Msg as AppMsg, PaneMsg};
use crate::app::update::update;
use crate::app::{Effect, PaneId, State};
use crate::pr::data::gates::{CheckRun, Passed};
use crate::pr::data::{
    Counts, Ending, FileDiff, FileKind, Hunk, HunkId, LineId, Part, PrSnapshot, ProgramOutput, Row,
    TemplateSource, Where, template,
};

const TEMPLATE: &str = "## Requirements\n\n- ☑️ I wrote this myself\n- AI usage disclosure: \n\n## Model information\n\n\
                        - Name: \n- Reference implementation: https://example.com/models/____\n\n## Verification\n\n\
                        Output:\n\n```\nPaste the output\n```\n";

/// The branch of the tests: a model file with one staged and one unstaged hunk, a test with an unstaged line.
pub(crate) fn loaded() -> Loaded {
    let model = file(
        "mlx_lm/models/arcee.py",
        vec![
            hunk(1, None, "+▪class ModelArgs(BaseModelArgs):|+▪    model_type: str| |"),
            hunk(
                40,
                Some("class MLP(nn.Module):"),
                " |    def __call__(self, x):|-▫        return self.down_proj(nn.silu(self.up_proj(x)))|+▫        return self.down_proj(nn.relu2(self.up_proj(x)))| |",
            ),
        ],
    );
    let test = file(
        "tests/test_models.py",
        vec![hunk(700, None, " |    def test_arcee(self):|+▫        self.run_arcee()|")],
    );
    let snapshot = PrSnapshot {
        branch: Ok("add-arcee".into()),
        base: "upstream/main at d78bf58e".into(),
        head: "1a2b3c4d5e6f".into(),
        commits: 1,
        staged_tree: Some("9f9f9f9f".into()),
        files: vec![model, test],
        identity: Ok("Person <person@example.com>".into()),
        fork: Some("https://github.com/person/mlx-lm".into()),
        upstream: Some("https://github.com/ml-explore/mlx-lm".into()),
        compare: Ok("https://github.com/ml-explore/mlx-lm/compare/main...person:add-arcee?expand=1&template=new_model.md".into()),
        staged_sha: BTreeMap::from([("mlx_lm/models/arcee.py".into(), "abc".into())]),
    };
    let source = TemplateSource::Checkout { path: "new_model.md".into(), sha256: "0".into() };
    let check =
        CheckRun { run: "20261123T000000-3f2a11".into(), port_sha: "abc".into(), passed: Passed::Yes };
    let output = ProgramOutput {
        run: check.run.clone(),
        title: "check twin arcee: pass".into(),
        text: "$ mlxport check twin arcee\n✓ exact   std 1.0   4.4e-07  bar 1e-5\nverdict: pass".into(),
        check: Some(check),
    };
    Loaded { snapshot, template: template::parse(TEMPLATE, source), outputs: vec![output] }
}

/// Rows as `sign, place, text`, parted by `|`; an empty one is a blank context line.
fn hunk(first: u32, symbol: Option<&str>, rows: &str) -> Hunk {
    let mut number = first;
    let rows: Vec<Row> = rows
        .split('|')
        .map(|text| {
            let mut chars = text.chars();
            let sign = chars.next().filter(|c| "+-".contains(*c)).unwrap_or(' ');
            let rest: String =
                if sign == ' ' { text.trim_start_matches(' ').to_string() } else { chars.collect() };
            let (place, text) = match (sign, rest.strip_prefix('▪')) {
                (' ', _) => {
                    (Where::Context, if text.trim().is_empty() { String::new() } else { text.to_string() })
                }
                (_, Some(text)) => (Where::Staged, text.to_string()),
                (_, None) => (Where::Unstaged, rest.trim_start_matches('▫').to_string()),
            };
            let id = (sign != ' ').then_some(LineId(u64::from(number) * 2 + u64::from(sign == '+')));
            let (old, new) = ((sign != '+').then_some(number), (sign != '-').then_some(number));
            number += u32::from(sign != '-');
            let marks =
                ["silu", "relu2"].iter().filter_map(|word| text.find(word).map(|at| at..at + word.len()));
            Row {
                id,
                place,
                sign,
                passing: false,
                old,
                new,
                marks: marks.collect(),
                ending: Ending::Lf,
                text,
            }
        })
        .collect();
    Hunk { id: HunkId(u64::from(first)), symbol: symbol.map(str::to_string), rows }
}

fn file(path: &str, hunks: Vec<Hunk>) -> FileDiff {
    let rows = || hunks.iter().flat_map(|hunk| &hunk.rows);
    let of = |place: Where| rows().filter(|row| row.place == place).count();
    let sign = |sign: char| rows().filter(|row| row.sign == sign).count();
    let part = |count: usize| if count > 0 { Part::Some } else { Part::None };
    let counts = Counts {
        added: sign('+'),
        deleted: sign('-'),
        committed: 0,
        staged: of(Where::Staged),
        unstaged: of(Where::Unstaged),
    };
    FileDiff {
        path: path.into(),
        renamed_from: None,
        kind: FileKind::Text,
        notes: Vec::new(),
        staged: part(counts.staged),
        unstaged: part(counts.unstaged),
        counts,
        hunks,
        obstacle: None,
    }
}

/// The program with the PR pane in front, the branch not read yet.
pub(crate) fn bare(width: u16, height: u16) -> State {
    let mut state = State { size: (width, height), focus: PaneId::Pr, ..State::default() };
    state.facts.model_type = Some("arcee".into());
    state.facts.workspace = Some(WorkspaceFacts {
        checkout: PathBuf::from("/work"),
        branch: "add-arcee".into(),
        references: vec![PathBuf::from("modeling_arcee.py")],
        ..WorkspaceFacts::default()
    });
    state.relayout();
    state
}

/// The program with the branch read.
pub(crate) fn state(width: u16, height: u16) -> State {
    let mut state = bare(width, height);
    say(&mut state, Msg::Loaded(Box::new(loaded())));
    state
}

/// Delivers a message to the pane.
pub(crate) fn say(state: &mut State, msg: Msg) -> Vec<Effect> {
    update(state, 0, AppMsg::Post(PaneMsg::Pr(msg)))
}

/// Presses keys: names in angle brackets, anything else a character each; gives the effects of all.
pub(crate) fn press(state: &mut State, script: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let (key, length) = match rest.strip_prefix('<').and_then(|tail| tail.split_once('>')) {
            Some((name, _)) => (name.parse().expect("a key"), name.len() + 2),
            None if c == '\n' => (Key::plain(Code::Enter), 1),
            None => (Key::char(c), c.len_utf8()),
        };
        effects.extend(update(state, 0, AppMsg::Key(key)));
        rest = &rest[length..];
    }
    effects
}
