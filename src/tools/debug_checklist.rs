//! `debug_checklist`: what to look at, in order, chosen by the module that diverges and the checks that failed. The texts are
//! prompts/debug, and the person's own of the same place in the data folder; which apply is decided here, from a stored run.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::{args, bound, runs, told};
use crate::harness::data::{RunResult, Verdict};
use crate::util::front;
use crate::util::fs::read_text;
use crate::util::text::one_line;

pub const NAME: &str = "debug_checklist";

/// Characters of one list.
const LONGEST: usize = 2000;

static TEXTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/debug");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    run: Option<String>,
}

pub const DEF: ToolDef = ToolDef {
    name: NAME,
    about: include_str!("../../prompts/tools/debug_checklist.md"),
    class: Class::Read,
    schema: |_| {
        json!({
            "type": "object",
            "properties": {"run": {"type": "string", "description": "A stored run: its id, last, last-1 …; the newest when left out"}},
            "additionalProperties": false,
        })
    },
    check: |arguments, _| args::typed::<Args>(NAME, arguments).map(drop),
    work: Work::Read(read),
};

/// One list and what calls for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    title: String,
    #[serde(rename = "source", default)]
    _source: String,
    #[serde(default)]
    always: bool,
    /// Words of a module's path.
    #[serde(default)]
    modules: Vec<String>,
    /// Checks that failed.
    #[serde(default)]
    checks: Vec<String>,
    /// The port raised.
    #[serde(default)]
    errors: bool,
    /// Nothing failed.
    #[serde(default)]
    passes: bool,
}

/// A list: its file's name, what calls for it, what it says.
struct List {
    name: String,
    head: Head,
    text: String,
}

static LISTS: LazyLock<Vec<List>> = LazyLock::new(|| {
    let mut files: Vec<_> = TEXTS.files().collect();
    files.sort_by_key(|file| file.path());
    let parsed = files.into_iter().filter_map(|file| {
        let name = file.path().file_stem()?.to_string_lossy().into_owned();
        parse(&name, file.contents_utf8()?).ok()
    });
    parsed.collect()
});

fn parse(name: &str, text: &str) -> Result<List, String> {
    let (head, text) = front::read(text)?;
    front::within(&text, LONGEST)?;
    Ok(List { name: name.into(), head, text })
}

/// Reads the person's own lists, by name: one of ours is replaced, another is added. What is no list is told, and ours
/// stands.
fn own(folder: &Path) -> (Vec<List>, Vec<String>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    files.sort();
    let (mut lists, mut wrong) = (Vec::new(), Vec::new());
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = read_text(&path).map_err(|error| error.to_string());
        match text.and_then(|text| parse(&name, &text)) {
            Ok(list) => lists.push(list),
            Err(what) => wrong.push(bound::line(&one_line(&format!("{}: {what}", path.display())))),
        }
    }
    (lists, wrong)
}

/// Gives all lists: title and text.
pub fn all() -> Vec<(&'static str, &'static str)> {
    LISTS.iter().map(|list| (list.head.title.as_str(), list.text.as_str())).collect()
}

/// What a run says that decides.
struct Case {
    failed: BTreeSet<&'static str>,
    modules: Vec<String>,
    raised: bool,
}

impl Case {
    fn of(result: &RunResult) -> Self {
        let bad = || result.checks.iter().filter(|check| check.run_verdict() != Verdict::Pass);
        let words = |module: &str| module.split('.').map(str::to_lowercase).collect::<Vec<_>>();
        Self {
            failed: bad().map(|check| check.id.name()).collect(),
            modules: result.first_divergence().map(|place| words(&place.module)).unwrap_or_default(),
            raised: bad().any(|check| check.error.is_some()),
        }
    }

    fn is_clean(&self) -> bool {
        self.failed.is_empty() && !self.raised
    }

    /// How near a list is: what the module's last words call for comes before its outer ones, then the checks.
    fn rank(&self, head: &Head) -> Option<usize> {
        if self.is_clean() {
            return head.passes.then_some(0);
        }
        let raised = (head.errors && self.raised).then_some(1);
        let inner =
            self.modules.iter().rev().position(|word| head.modules.iter().any(|name| fits(word, name)));
        let failed = self.failed.iter().any(|check| head.checks.iter().any(|name| name == check));
        let begin = head.always.then_some(0);
        begin.or(raised).or(inner.map(|at| 2 + at)).or(failed.then_some(20))
    }
}

/// A word is a name, or has it as a part: `input_layernorm` has `layernorm`.
fn fits(word: &str, name: &str) -> bool {
    word == name || word.split('_').any(|part| part == name) || (name.len() > 4 && word.contains(name))
}

fn read(arguments: Value, desk: &Desk, _: &CancellationToken) -> Result<Told, ToolError> {
    let Args { run } = args::typed(NAME, arguments)?;
    let run = runs::find(NAME, run.as_deref().unwrap_or("last"), desk)?;
    let case = Case::of(&run.result);
    let (own, wrong) = own(&desk.prompts.join("debug"));
    let ours = LISTS.iter().filter(|list| !own.iter().any(|other| other.name == list.name));
    let mut chosen: Vec<(usize, &List)> =
        ours.chain(&own).filter_map(|list| Some((case.rank(&list.head)?, list))).collect();
    chosen.sort_by_key(|(rank, _)| *rank);
    let mut text = format!("verdict: {} (run {})\n", run.result.verdict.name(), run.result.run_id);
    if let Some(stale) = runs::stale(&run, desk) {
        let _ = writeln!(text, "{stale}; run check_twin again before you trust it");
    }
    if !case.failed.is_empty() {
        let failed: Vec<String> = case.failed.iter().map(|name| (*name).to_string()).collect();
        let _ = writeln!(text, "not passed: {}", bound::list(&failed, 30));
    }
    if let Some(place) = run.result.first_divergence() {
        told::divergence(&mut text, place, desk);
    }
    for (_, list) in &chosen {
        let _ = write!(text, "\n## {}\n\n{}\n", list.head.title, list.text);
    }
    for wrong in &wrong {
        let _ = write!(text, "\nA list of the person's own is not used; tell them: {wrong}\n");
    }
    let summary = format!(
        "checklist: {}",
        chosen.iter().map(|(_, list)| list.head.title.as_str()).collect::<Vec<_>>().join("; ")
    );
    Ok((text, summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(failed: &[&'static str], module: &str, raised: bool) -> Vec<&'static str> {
        let modules = module.split('.').map(str::to_string).collect();
        let case = Case { failed: failed.iter().copied().collect(), modules, raised };
        let mut chosen: Vec<_> = LISTS
            .iter()
            .filter_map(|list| Some((case.rank(&list.head)?, list.head.title.as_str())))
            .collect();
        chosen.sort_by_key(|(rank, _)| *rank);
        chosen.into_iter().map(|(_, title)| title).collect()
    }

    #[test]
    fn every_list_parses_and_something_calls_for_it() {
        assert_eq!(LISTS.len(), TEXTS.files().count());
        let called = |head: &Head| {
            head.always || head.errors || head.passes || !head.modules.is_empty() || !head.checks.is_empty()
        };
        assert!(LISTS.iter().all(|list| called(&list.head)));
        let known: Vec<&str> =
            crate::harness::data::plan::list().iter().map(|check| check.id.name()).collect();
        let named = LISTS.iter().flat_map(|list| &list.head.checks);
        assert!(
            named.clone().all(|check| known.contains(&check.as_str())),
            "{:?}",
            named.collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_list_of_the_persons_own_must_be_one() {
        let list = parse("mine", "+++\ntitle = \"Mine\"\nalways = true\n+++\nLook twice.\n").expect("a list");
        assert_eq!((list.head.title.as_str(), list.text.as_str()), ("Mine", "Look twice."));
        for (text, why) in [
            ("Look twice.", "it does not begin with +++"),
            ("+++\ntitle = \"Mine\"", "no closing +++"),
            ("+++\ntitel = \"Mine\"\n+++\nLook.", "unknown field `titel`"),
            ("+++\ntitle = \"Mine\"\n+++\n", "its text has 0 characters"),
        ] {
            let said = parse("mine", text).err().expect("no list");
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn the_innermost_module_comes_first_and_a_clean_run_has_its_own_list() {
        assert_eq!(
            titles(&["exact"], "model.layers.0.self_attn.q_norm", false),
            ["Where to begin", "A norm diverges", "Attention diverges"]
        );
        assert_eq!(
            titles(&["cache"], "", false),
            ["Where to begin", "The full pass is right, the cache is wrong"]
        );
        assert_eq!(
            titles(&["exact"], "model.layers.0.input_layernorm", false),
            ["Where to begin", "A norm diverges"]
        );
        assert_eq!(
            titles(&["exact"], "", true),
            ["Where to begin", "The port raises, hangs or does not parse"]
        );
        assert_eq!(titles(&[], "", false), ["Nothing diverges"]);
    }
}
