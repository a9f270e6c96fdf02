//! Guards the house: who may import whom, what is pure, what only one place may name, and how long a file may be. Paths
//! are read with syn, inline ones too; reachability is checked over the transitive closure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

const BOTTOM: [&str; 4] = ["config", "git", "theme", "util"];
const ROOMS: [&str; 8] = ["harness", "hub", "learn", "lint", "port", "pr", "session", "source"];

/// Imports between rooms beyond each other's `data`, each with its reason.
const ALLOWED: [(&str, &str, &str); 17] = [
    ("tools", "source", "tools serve the rooms to the model"),
    ("tools", "hub", "tools serve the rooms to the model"),
    ("tools", "port", "tools serve the rooms to the model"),
    ("tools", "harness", "tools serve the rooms to the model"),
    ("tools", "lint", "tools serve the rooms to the model"),
    ("lint", "source", "rules judge the trees that source parses, beside the ports that it ranks"),
    ("agent", "tools", "the agent runs tools through the registry"),
    ("mcp", "tools", "the same registry, for other agents"),
    ("mcp", "agent::recipe", "fragments are served as prompts"),
    ("mcp", "agent::approval", "what the person agreed to at the start, as an approved edit"),
    ("pr", "git::acts", "the one room that may stage, commit and push"),
    ("app", "agent::machine", "the conversation's pure state machine is part of the state"),
    ("app", "agent::manual", "the manual provider's text is made purely"),
    ("app", "agent::transcript", "pure"),
    ("app", "agent::context", "pure"),
    ("app", "agent::approval", "pure"),
    ("app", "source::pure", "pure functions over sources"),
];

const IMPURE: [&str; 11] = [
    "tokio",
    "tokio_util",
    "git2",
    "reqwest",
    "async_openai",
    "std::fs",
    "std::process",
    "std::env",
    "std::net",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Names that one place alone may use: (path prefix, where, why).
const ONLY_IN: [(&str, &[&str], &str); 10] = [
    ("git2", &["git"], "git is the only place naming git2"),
    ("hf_hub", &["hub"], "one client of a Hub"),
    ("async_openai", &["agent::client"], "one client, nowhere else"),
    ("landlock", &["util::sandbox"], "one sandbox"),
    ("seccompiler", &["util::sandbox"], "one sandbox"),
    ("rmcp", &["mcp"], "one server"),
    ("crossterm", &["runtime"], "app and ui know no terminal"),
    ("tokio::spawn", &["runtime::jobs", "session"], "jobs start in one place, with an id and a token"),
    ("tree_sitter", &["source"], "parsing is the source room's"),
    ("axum", &["session::endpoint"], "the recorded endpoint is the only server"),
];

const PRODUCT_LINES: usize = 500;
const CLI_LINES: usize = 120;
const MAIN_LINES: usize = 40;

struct Module {
    /// `agent::machine`.
    name: String,
    file: PathBuf,
    text: String,
    /// Every path that the file names outside its tests, made absolute: `crate::…` without `crate::`, or a crate's name.
    inside: BTreeSet<String>,
    outside: BTreeSet<String>,
}

impl Module {
    fn room(&self) -> &str {
        self.name.split("::").next().unwrap_or("")
    }
}

struct Reader<'a> {
    module: &'a str,
    folder: bool,
    inside: BTreeSet<String>,
    outside: BTreeSet<String>,
    depth: usize,
}

impl Reader<'_> {
    fn name(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        match first.as_str() {
            "crate" => {
                self.inside.insert(segments[1..].join("::"));
            }
            "super" | "self" => {
                if self.depth > 0 {
                    return;
                }
                let mut base = self.module.split("::").map(str::to_string).collect::<Vec<_>>();
                let mut rest = segments;
                if first == "self" {
                    rest = &rest[1..];
                }
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
                let _ = self.folder;
                base.extend(rest.iter().cloned());
                self.inside.insert(base.join("::"));
            }
            _ => {
                self.outside.insert(segments.join("::"));
            }
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, mut base: Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                base.push(path.ident.to_string());
                self.tree(&path.tree, base);
            }
            syn::UseTree::Name(name) => {
                if name.ident != "self" {
                    base.push(name.ident.to_string());
                }
                self.name(&base);
            }
            syn::UseTree::Rename(name) => {
                base.push(name.ident.to_string());
                self.name(&base);
            }
            syn::UseTree::Glob(_) => self.name(&base),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, base.clone())),
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>();
        if segments.len() > 1 {
            self.name(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test(&item.attrs) {
            return;
        }
        self.depth += 1;
        syn::visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        // Arguments of macros are tokens; paths in them are read where they parse as expressions.
        let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        if let Ok(expressions) = mac.parse_body_with(parser) {
            expressions.iter().for_each(|expression| self.visit_expr(expression));
        }
        syn::visit::visit_macro(self, mac);
    }
}

fn read(name: &str, folder: bool, text: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut reader =
        Reader { module: name, folder, inside: BTreeSet::new(), outside: BTreeSet::new(), depth: 0 };
    reader.visit_file(&file);
    (reader.inside, reader.outside)
}

fn source_files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries =
        std::fs::read_dir(folder).expect("src").map(|entry| entry.expect("entry").path()).collect::<Vec<_>>();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            source_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

fn modules() -> Vec<Module> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    files
        .into_iter()
        .filter(|file| !["main.rs", "lib.rs", "tests.rs"].iter().any(|name| file.ends_with(name)))
        .map(|file| {
            let relative = file.strip_prefix(&src).expect("in src").with_extension("");
            let mut parts =
                relative.iter().map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>();
            let folder = parts.last().is_some_and(|part| part == "mod");
            if folder {
                parts.pop();
            }
            let name = parts.join("::");
            let text = std::fs::read_to_string(&file).expect("readable");
            let (inside, outside) = read(&name, folder, &text);
            Module { name, file, text, inside, outside }
        })
        .collect()
}

fn starts(path: &str, prefix: &str) -> bool {
    path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("::"))
}

/// Says whether a module of one room may name a path of another.
fn may_import(from: &Module, path: &str) -> bool {
    let (room, to) = (from.room(), path.split("::").next().unwrap_or(""));
    if room == to || to.is_empty() {
        return true;
    }
    let listed = |room: &str| ALLOWED.iter().any(|(of, what, _)| *of == room && starts(path, what));
    if starts(path, "git::acts") {
        return room == "runtime" || listed(room);
    }
    let data = path.split("::").nth(1) == Some("data");
    match room {
        "runtime" => to != "cli",
        "cli" => to != "ui",
        "config" | "theme" => to == "util",
        "git" => to == "util",
        "util" => false,
        "app" => (data && to != "ui") || to == "util" || listed(room),
        "ui" => data || ["app", "theme", "util"].contains(&to),
        "agent" | "tools" | "mcp" => (data && to != "pr") || BOTTOM.contains(&to) || listed(room),
        _ if ROOMS.contains(&room) => BOTTOM.contains(&to) || data || listed(room),
        _ => false,
    }
}

#[test]
fn rooms_import_only_what_the_house_allows() {
    let mut wrong = Vec::new();
    for module in modules() {
        for path in module.inside.iter().filter(|path| !may_import(&module, path)) {
            wrong.push(format!("{} names crate::{path}", module.file.display()));
        }
    }
    assert!(wrong.is_empty(), "docs/ARCHITECTURE.md says who may import whom:\n{}", wrong.join("\n"));
}

#[test]
fn the_pure_rooms_name_nothing_that_acts() {
    let mut wrong = Vec::new();
    for module in modules() {
        let pure = ["app", "ui"].contains(&module.room()) || starts(&module.name, "agent::machine");
        if !pure {
            continue;
        }
        for path in &module.outside {
            if IMPURE.iter().any(|name| starts(path, name)) {
                wrong.push(format!("{} names {path}", module.file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "app, ui and agent/machine are pure:\n{}", wrong.join("\n"));
}

#[test]
fn some_names_belong_to_one_place() {
    let mut wrong = Vec::new();
    for module in modules() {
        for (prefix, places, why) in ONLY_IN {
            let here = places.iter().any(|place| starts(&module.name, place));
            if !here && module.outside.iter().any(|path| starts(path, prefix)) {
                wrong.push(format!("{} names {prefix}: {why}", module.file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_tool_can_reach_the_persons_acts() {
    let all = modules();
    let names = all.iter().map(|module| module.name.clone()).collect::<BTreeSet<_>>();
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for module in &all {
        let targets = module.inside.iter().filter_map(|path| longest(&names, path)).collect();
        edges.insert(&module.name, targets);
    }
    let mut reached = BTreeMap::new();
    let mut open = all
        .iter()
        .filter(|module| ["agent", "tools", "mcp"].contains(&module.room()))
        .map(|module| (module.name.clone(), String::from("(start)")))
        .collect::<Vec<_>>();
    while let Some((name, from)) = open.pop() {
        if reached.contains_key(&name) {
            continue;
        }
        for next in edges.get(name.as_str()).into_iter().flatten() {
            open.push((next.clone(), name.clone()));
        }
        reached.insert(name, from);
    }
    let wrong = reached
        .iter()
        .filter(|(name, _)| starts(name, "git::acts") || (starts(name, "pr") && *name != "pr::data"))
        .map(|(name, from)| format!("{name}, reached from {from}"))
        .collect::<Vec<_>>();
    assert!(reached.len() > 5, "the closure is empty: the test reads nothing");
    assert!(wrong.is_empty(), "agent, tools and mcp reach:\n{}", wrong.join("\n"));
}

fn longest(names: &BTreeSet<String>, path: &str) -> Option<String> {
    let mut parts = path.split("::").collect::<Vec<_>>();
    while !parts.is_empty() {
        let name = parts.join("::");
        if names.contains(&name) {
            return Some(name);
        }
        parts.pop();
    }
    None
}

#[test]
fn only_the_runtime_makes_a_person_act() {
    for module in modules() {
        let makes =
            module.text.contains("PersonAct::from_key") || module.text.contains("PersonAct::recorded");
        let product = product_text(&module.text);
        let makes =
            makes && (product.contains("PersonAct::from_key") || product.contains("PersonAct::recorded"));
        assert!(
            !makes || module.room() == "runtime",
            "{} makes a PersonAct; only runtime may, from a key",
            module.file.display()
        );
    }
}

/// Gives a file's text up to its test module.
fn product_text(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for module in modules() {
        let lines = product_text(&module.text).lines().count();
        let limit = if module.room() == "cli" { CLI_LINES } else { PRODUCT_LINES };
        // The command line's list of subcommands and its printing are no subcommand.
        let limit =
            if ["cli", "cli::output"].contains(&module.name.as_str()) { PRODUCT_LINES } else { limit };
        if lines > limit {
            wrong.push(format!("{}: {lines} lines, {limit} at most", module.file.display()));
        }
        if !module.text.starts_with("//!") {
            wrong.push(format!("{} does not open with //!", module.file.display()));
        }
    }
    let main = include_str!("../src/main.rs").lines().count();
    assert!(main <= MAIN_LINES, "main.rs has {main} lines");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_sees_uses_inline_paths_and_macros_but_not_tests() {
    let text = r#"
        use crate::a::{b, c::d};
        use super::e;
        fn f() { crate::g::h(); std::fs::read("x"); println!("{}", crate::i::J); }
        #[cfg(test)]
        mod tests { use crate::hidden::k; }
    "#;
    let (inside, outside) = read("room::file", false, text);
    let want = ["a::b", "a::c::d", "g::h", "i::J", "room::e"].map(str::to_string);
    assert_eq!(inside, BTreeSet::from(want));
    assert_eq!(outside, BTreeSet::from(["std::fs::read".to_string()]));
}
