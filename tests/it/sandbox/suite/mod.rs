//! The list of escapes: each tried for real, in both profiles and without any, as each user. `docs/SANDBOX.md` holds the
//! same list, made from it. Outside the sandbox an attempt must be able to succeed, or it would prove nothing.

mod files;
mod kernel;
mod network;
mod processes;
mod resources;
mod run;
mod secrets;

use std::fmt::Write;

use super::world::users;
use mlxport::util::sandbox::Profile;
use run::{Place, Tried};

/// One way out.
#[derive(Clone, Copy, Debug)]
pub struct Escape {
    pub name: &'static str,
    pub what: &'static str,
    /// Python; returning is success, an `OSError` or `Stopped` says who refused.
    body: &'static str,
    /// What it is answered; alternatives are parted by `|`, since kernels differ.
    none: &'static str,
    loopback: &'static str,
    outside: Outside,
    binds_root: bool,
}

/// What the same attempt meets without the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    Works,
    /// Works for root; another user is refused by the system already.
    WorksForRoot,
    /// Nothing forbids it; it ends with this, since the attempt was made a harmless one. The second is another user's.
    Reaches(&'static str, &'static str),
    /// The machine decides: a module, a setting or a route.
    Varies,
}

const fn escape(name: &'static str, what: &'static str, body: &'static str, answer: &'static str) -> Escape {
    Escape { name, what, body, none: answer, loopback: answer, outside: Outside::Works, binds_root: true }
}

impl Escape {
    const fn outside(mut self, outside: Outside) -> Self {
        self.outside = outside;
        self
    }

    const fn loopback(mut self, answer: &'static str) -> Self {
        self.loopback = answer;
        self
    }

    const fn not_for_root(mut self) -> Self {
        self.binds_root = false;
        self
    }

    fn answer(&self, profile: Profile) -> &'static str {
        match profile {
            Profile::None => self.none,
            Profile::Loopback => self.loopback,
        }
    }

    /// Whether an attempt was answered as the list says.
    fn answered(&self, profile: Profile, said: &str) -> bool {
        self.answer(profile).split('|').any(|answer| answer == said)
    }

    /// Whether the attempt showed, without the sandbox, that it is one.
    fn shown(&self, root: bool, said: &str) -> bool {
        match self.outside {
            Outside::Works => said == DONE,
            Outside::WorksForRoot => !root || said == DONE,
            Outside::Reaches(as_root, as_other) => said == if root { as_root } else { as_other },
            Outside::Varies => true,
        }
    }
}

/// What an attempt that succeeded says.
const DONE: &str = "done";

/// The whole list, by what is attacked.
fn groups() -> [(&'static str, &'static [Escape]); 6] {
    [
        ("The person's files", files::ESCAPES),
        ("Keys", secrets::ESCAPES),
        ("Sockets", network::ESCAPES),
        ("Other processes", processes::ESCAPES),
        ("The kernel", kernel::ESCAPES),
        ("The machine's resources", resources::ESCAPES),
    ]
}

fn all() -> impl Iterator<Item = &'static Escape> {
    groups().into_iter().flat_map(|(_, escapes)| escapes)
}

fn problems(tried: &Tried, wrong: impl Fn(&Escape, &str) -> bool) -> Vec<String> {
    let said = |escape: &Escape| tried.said.get(escape.name).map_or("not tried", String::as_str).to_string();
    let binding = all().filter(|escape| escape.binds_root || !tried.root);
    let of = binding.filter_map(|escape| {
        let said = said(escape);
        wrong(escape, &said).then(|| format!("{}: {said}", escape.name))
    });
    of.collect()
}

#[test]
fn every_escape_is_stopped_and_the_answer_names_why_in_both_profiles() {
    for user in users() {
        for profile in [Profile::None, Profile::Loopback] {
            let tried = run::run(user, Place::Inside(profile));
            let Some(tried) = tried else {
                assert_eq!(profile, Profile::Loopback, "only a machine without namespaces has no loopback");
                continue;
            };
            let wrong = problems(&tried, |escape, said| !escape.answered(profile, said));
            assert!(wrong.is_empty(), "{user:?} {profile:?}: {wrong:#?}");
            assert_eq!(
                tried.home_after, tried.home_before,
                "{user:?} {profile:?}: the person's home changed"
            );
        }
    }
}

#[test]
fn without_the_sandbox_they_succeed() {
    for user in users() {
        let tried = run::run(user, Place::Outside).expect("a plain child starts");
        let wrong = problems(&tried, |escape, said| !escape.shown(tried.root, said));
        assert!(wrong.is_empty(), "{user:?}: {wrong:#?}");
        assert_ne!(tried.home_after, tried.home_before, "{user:?}: nothing was written");
        let works = tried.said.values().filter(|said| *said == DONE).count();
        assert!(works >= 40, "{user:?}: only {works} succeed");
    }
}

#[test]
fn the_list_is_long_its_names_are_distinct_and_the_profiles_differ_by_their_own_sockets_alone() {
    let names: std::collections::BTreeSet<_> = all().map(|escape| escape.name).collect();
    assert_eq!(names.len(), all().count());
    assert!(names.len() >= 60, "{}", names.len());
    let differ: Vec<_> =
        all().filter(|escape| escape.none != escape.loopback).map(|escape| escape.name).collect();
    let sockets: Vec<_> = network::ESCAPES
        .iter()
        .filter(|escape| escape.none != escape.loopback)
        .map(|escape| escape.name)
        .collect();
    assert_eq!(differ, sockets);
    let open: Vec<_> = all().filter(|escape| escape.loopback == DONE).map(|escape| escape.name).collect();
    assert_eq!(open, ["socket-tcp-to-itself", "socket-udp-to-itself"]);
    assert!(all().all(|escape| escape.none != DONE));
}

const BEGIN: &str =
    "<!-- The list: made from tests/it/sandbox/suite by UPDATE_DOCS=1 cargo test --test it sandbox. -->\n";
const END: &str = "<!-- End of the list. -->\n";

#[test]
fn sandbox_md_holds_the_list() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SANDBOX.md");
    let text = std::fs::read_to_string(&path).expect("docs/SANDBOX.md");
    let (before, rest) = text.split_once(BEGIN).expect("the list's beginning");
    let (_, after) = rest.split_once(END).expect("the list's end");
    let made = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("the document is written");
        return;
    }
    assert!(made == text, "docs/SANDBOX.md is out of date; run UPDATE_DOCS=1 cargo test --test it sandbox");
}

fn table() -> String {
    let mut text = format!("\n{} attempts.\n", all().count());
    for (title, escapes) in groups() {
        let _ = write!(
            text,
            "\n### {title}\n\n| attempt | what it tries | `none` | `loopback` |\n|---|---|---|---|\n"
        );
        for escape in escapes {
            let shown = |answer: &str| match answer {
                DONE => "works, within itself".to_string(),
                _ => answer.replace('|', " or "),
            };
            let root = if escape.binds_root { "" } else { " (not as root)" };
            let _ = writeln!(
                text,
                "| `{}` | {}{root} | {} | {} |",
                escape.name,
                escape.what,
                shown(escape.none),
                shown(escape.loopback)
            );
        }
    }
    text.push('\n');
    text
}
