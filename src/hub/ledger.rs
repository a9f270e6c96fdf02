//! Makes the ledger: for every key, who reads it, what moved when it was changed, and whether that is an alarm.
//!
//! What a check saw counts for more than what a source seems to read: a key that was changed and moved both sides alike
//! is no alarm however the port spells it, and one that moves nothing in the reference is none either.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Alarm, Entry, Keys, Ledger, Matrix, Move, Place, Rejections};
use super::flag;
use crate::harness::data::{StoredRun, skipped};
use crate::source::data::{KeyRead, SourceDoc, Symbol};

/// The sources of both sides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sides<'a> {
    /// The modeling file; the config class's own file is not a reader of its keys.
    pub reference: &'a [&'a SourceDoc],
    pub port: &'a [&'a SourceDoc],
}

/// What is known beside the sources.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    pub model_type: &'a str,
    pub matrix: &'a Matrix,
    /// What the config class gives with no file at all.
    pub class: &'a Keys,
    /// The newest run that changed the keys.
    pub run: Option<&'a StoredRun>,
    pub rejected: &'a Rejections,
}

/// Keys that name the config itself, and no model reads.
const NAMES: [&str; 4] = ["model_type", "transformers_version", "architectures", "_name_or_path"];

/// Makes the ledger.
pub fn ledger(sides: Sides<'_>, account: Account<'_>) -> Ledger {
    let reads = [reads(sides.reference), reads(sides.port)];
    let tried = Tried::of(account.run);
    let written: BTreeMap<&str, bool> = account
        .matrix
        .rows
        .iter()
        .filter(|row| row.from.is_empty())
        .map(|row| (row.path.as_str(), row.differs))
        .collect();
    let mut paths: BTreeSet<&str> = written.keys().copied().collect();
    paths.extend(account.class.keys().map(String::as_str));
    paths.extend(tried.moves.keys().map(String::as_str));
    paths.extend(tried.spelling.keys().map(String::as_str));
    // A read of `hidden_size` is one of `text_config.hidden_size` where that is how the files nest it.
    let known = paths.clone();
    let names = reads.iter().flat_map(|side| side.keys().map(String::as_str));
    paths.extend(names.filter(|name| !known.iter().any(|path| is_about(path, name))));
    paths.retain(|path| !NAMES.contains(path));
    let many = account.matrix.variants.len() > 1;
    let mut entries: Vec<Entry> = paths
        .into_iter()
        .map(|path| {
            let places = |side: &Reads<'_>, docs| places_of(side, path, docs);
            let mut entry = Entry {
                path: path.to_string(),
                flag: flag(path),
                reference: places(&reads[0], Reading::Somehow),
                port: places(&reads[1], Reading::Itself),
                reference_default: account.class.get(path).cloned(),
                port_default: port_default(sides.port, path),
                differs: many.then(|| written.get(path).copied().unwrap_or(false)),
                moves: tried.moves.get(path).cloned().unwrap_or_default(),
                untried: tried.untried.get(path).cloned().or_else(|| skipped(path).map(str::to_string)),
                findings: tried.findings.get(path).cloned().unwrap_or_default(),
                alarm: None,
                rejected: account.rejected.get(path).cloned(),
            };
            entry.alarm = alarm(&entry, &tried, !sides.port.is_empty());
            entry
        })
        .collect();
    entries.sort_by_key(|entry| {
        (!entry.rings(), entry.alarm.is_none(), entry.flag.is_none(), entry.untried.is_some())
    });
    Ledger { model_type: account.model_type.into(), entries, known: known_of(sides, account) }
}

fn known_of(sides: Sides<'_>, account: Account<'_>) -> Vec<String> {
    let side = |name: &str, docs: &[&SourceDoc]| match docs.is_empty() {
        true => format!("{name}: no file is read"),
        false => {
            let names: Vec<String> = docs.iter().map(|doc| doc.name()).collect();
            format!("{name}: {}", names.join(", "))
        }
    };
    let run = match account.run {
        Some(run) => format!("the check config: run {}", run.result.run_id),
        None => "the check config has not run: what moves is not known".into(),
    };
    vec![side("reference", sides.reference), side("port", sides.port), run, account.matrix.origin.to_string()]
}

/// Where each key is read on one side.
type Reads<'a> = BTreeMap<String, Vec<(&'a SourceDoc, &'a KeyRead)>>;

fn reads<'a>(docs: &[&'a SourceDoc]) -> Reads<'a> {
    let mut found: Reads<'a> = BTreeMap::new();
    for doc in docs {
        // A class that declares keys has them; only who asks for them reads them. A port's own fields are what it takes.
        let config: Vec<&Symbol> = doc.classes().filter(|class| class.name.ends_with("Config")).collect();
        let declares = |line: u32| config.iter().any(|class| class.first <= line && line <= class.last);
        for read in doc.reads.iter().filter(|read| !declares(read.line)) {
            found.entry(read.key.clone()).or_default().push((doc, read));
        }
    }
    found
}

/// How near a read must come to a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// By its own path, or with the block that it is in.
    Itself,
    /// By its last name too: transformers brings old spellings to new ones before its model reads them.
    Somehow,
}

fn places_of(reads: &Reads<'_>, path: &str, how: Reading) -> Vec<Place> {
    let itself = || reads.iter().filter(|(key, _)| is_about(path, key) || is_inside(path, key));
    let mut found: Vec<_> = itself().collect();
    if found.is_empty() && how == Reading::Somehow {
        let last = path.rsplit('.').next();
        let old = path.split('.').any(|block| block == "rope_scaling");
        let same =
            |key: &String| key.rsplit('.').next() == last || (old && key.starts_with("rope_parameters"));
        found = reads.iter().filter(|(key, _)| same(key)).collect();
    }
    let mut places: Vec<Place> = found
        .into_iter()
        .flat_map(|(_, places)| places)
        .map(|(doc, read)| Place {
            file: doc.path.clone(),
            line: read.line,
            text: doc.line(read.line).trim().to_string(),
        })
        .collect();
    places.sort();
    places.dedup();
    places
}

/// Whether a key that a source names is this one: the whole path, or its end below a nested config.
fn is_about(path: &str, key: &str) -> bool {
    path == key
        || path.strip_suffix(key).is_some_and(|above| above.ends_with("_config.") && !above.contains("rope"))
}

/// Whether a source reads a block that the key is in.
fn is_inside(path: &str, key: &str) -> bool {
    let mut above = std::iter::successors(path.rsplit_once('.'), |(block, _)| block.rsplit_once('.'));
    above.any(|(block, _)| is_about(block, key) && !block.ends_with("_config"))
}

/// The default of the port's fields, as written.
fn port_default(port: &[&SourceDoc], path: &str) -> Option<String> {
    let args = port.iter().flat_map(|doc| doc.classes()).filter(|class| class.name.ends_with("Args"));
    let mut fields = args.flat_map(|class| &class.fields);
    fields.find(|field| is_about(path, &field.name)).and_then(|field| field.default.clone())
}

/// What the newest run says of keys.
#[derive(Default)]
struct Tried {
    moves: BTreeMap<String, Vec<Move>>,
    untried: BTreeMap<String, String>,
    findings: BTreeMap<String, Vec<String>>,
    /// Keys whose new spelling makes the port wrong.
    spelling: BTreeMap<String, String>,
}

impl Tried {
    fn of(run: Option<&StoredRun>) -> Self {
        let mut tried = Self::default();
        for check in run.iter().flat_map(|run| &run.result.checks) {
            let keys = check.extra.get("keys").cloned().unwrap_or_default();
            for one in serde_json::from_value::<Vec<Move>>(keys).unwrap_or_default() {
                tried.moves.entry(one.path.clone()).or_default().push(one);
            }
            let left = check.extra.get("not_tried").cloned().unwrap_or_default();
            for (why, keys) in
                serde_json::from_value::<BTreeMap<String, Vec<String>>>(left).unwrap_or_default()
            {
                tried.untried.extend(keys.into_iter().map(|key| (key, why.clone())));
            }
            for finding in &check.findings {
                let Some(key) = &finding.key else { continue };
                if finding.id == "rope_spelling" {
                    tried.spelling.entry(key.clone()).or_insert_with(|| finding.text.clone());
                }
                let texts = tried.findings.entry(key.clone()).or_default();
                if !texts.contains(&finding.text) {
                    texts.push(finding.text.clone());
                }
            }
        }
        tried
    }
}

fn alarm(entry: &Entry, tried: &Tried, has_port: bool) -> Option<Alarm> {
    let led_to = |outcome: &str| entry.moves.iter().any(|one| one.outcome == outcome);
    if led_to("ignored") {
        return Some(Alarm::Ignored);
    }
    if led_to("different") {
        return Some(Alarm::Unequal);
    }
    // Its own key, or the block that holds it: `rope_parameters` where `rope_parameters.rope_theta` was found.
    if tried.spelling.keys().any(|key| key == &entry.path || is_inside(key, &entry.path)) {
        return Some(Alarm::Spelling);
    }
    let settled = entry.moves.iter().any(|one| matches!(one.outcome.as_str(), "same" | "close" | "inert"));
    let unread = has_port && !entry.reference.is_empty() && entry.port.is_empty();
    (unread && !settled && entry.untried.is_none()).then_some(Alarm::Unread)
}
