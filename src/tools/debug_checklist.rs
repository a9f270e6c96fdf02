//! `debug_checklist`: what to look at, in order, chosen by the module that diverges and the checks that failed. The texts are
//! prompts/debug; which apply is decided here, from a stored run.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::def::{Class, Desk, Told, ToolDef, Work};
use super::error::ToolError;
use super::{args, bound, runs, told};
use crate::harness::data::{RunResult, Verdict};

pub const NAME: &str = "debug_checklist";

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
    #[serde(rename = "source")]
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

static LISTS: LazyLock<Vec<(Head, &'static str)>> = LazyLock::new(|| {
    let mut files: Vec<_> = TEXTS.files().collect();
    files.sort_by_key(|file| file.path());
    let parsed = files.into_iter().filter_map(|file| {
        let text = file.contents_utf8()?.strip_prefix("+++")?;
        let (head, body) = text.split_once("\n+++")?;
        Some((toml::from_str::<Head>(head).ok()?, body.trim()))
    });
    parsed.collect()
});

/// Gives all lists: title and text.
pub fn all() -> Vec<(&'static str, &'static str)> {
    LISTS.iter().map(|(head, text)| (head.title.as_str(), *text)).collect()
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
    let mut chosen: Vec<(usize, &Head, &str)> =
        LISTS.iter().filter_map(|(head, text)| Some((case.rank(head)?, head, *text))).collect();
    chosen.sort_by_key(|(rank, ..)| *rank);
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
    for (_, head, list) in &chosen {
        let _ = write!(text, "\n## {}\n\n{list}\n", head.title);
    }
    let summary = format!(
        "checklist: {}",
        chosen.iter().map(|(_, head, _)| head.title.as_str()).collect::<Vec<_>>().join("; ")
    );
    Ok((text, summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(failed: &[&'static str], module: &str, raised: bool) -> Vec<&'static str> {
        let modules = module.split('.').map(str::to_string).collect();
        let case = Case { failed: failed.iter().copied().collect(), modules, raised };
        let mut chosen: Vec<_> =
            LISTS.iter().filter_map(|(head, _)| Some((case.rank(head)?, head.title.as_str()))).collect();
        chosen.sort_by_key(|(rank, _)| *rank);
        chosen.into_iter().map(|(_, title)| title).collect()
    }

    #[test]
    fn every_list_parses_and_something_calls_for_it() {
        assert_eq!(LISTS.len(), TEXTS.files().count());
        let called = |head: &Head| {
            head.always || head.errors || head.passes || !head.modules.is_empty() || !head.checks.is_empty()
        };
        assert!(LISTS.iter().all(|(head, text)| called(head) && !text.is_empty() && text.len() < 2000));
        let known: Vec<&str> =
            crate::harness::data::plan::list().iter().map(|check| check.id.name()).collect();
        let named = LISTS.iter().flat_map(|(head, _)| &head.checks);
        assert!(
            named.clone().all(|check| known.contains(&check.as_str())),
            "{:?}",
            named.collect::<Vec<_>>()
        );
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
