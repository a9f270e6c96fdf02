//! Checkpoints in real repositories: what they leave alone, what they hold, and the way back.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use mlxport::git::{Caps, Repo};
use mlxport::port::checkpoint::{CheckpointError, Checkpoints, prune, rows};
use mlxport::port::data::checkpoint::{Back, Moment, Over};
use mlxport::util::fs::write_atomic;
use mlxport::util::process::Command;

use crate::support::env::test_workspace;

const PORT: &str = "mlx_lm/models/arcee.py";

struct World {
    _folder: tempfile::TempDir,
    root: PathBuf,
    checkout: PathBuf,
}

impl World {
    /// A clone with a commit, something staged, something changed, something untracked, something ignored.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("a real path");
        let checkout = root.join("clone");
        std::fs::create_dir(&checkout).expect("a folder");
        let world = Self { _folder: folder, root, checkout };
        world.git(&["init", "--quiet", "-b", "main"]);
        world.write(".gitignore", "*.log\n");
        world.write("mlx_lm/models/llama.py", "llama\n");
        world.write("tests/test_models.py", "one\ntwo\n");
        world.git(&["add", "."]);
        world.git(&["commit", "--quiet", "-m", "first"]);
        world.write("mlx_lm/models/llama.py", "llama staged\n");
        world.git(&["add", "mlx_lm/models/llama.py"]);
        world.write("mlx_lm/models/llama.py", "llama staged and changed\n");
        world.write(PORT, "untracked\n");
        world.write("run.log", "ignored\n");
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.checkout.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        write_atomic(&self.at(name), text.as_bytes()).expect("a file");
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.at(name)).ok()
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.checkout, args)
    }

    fn session(&self, name: &str) -> Checkpoints {
        Checkpoints::new(&self.checkout, name)
    }

    fn repo(&self) -> Repo {
        Repo::open(&self.checkout).expect("a checkout")
    }

    /// Everything of the person's that a checkpoint must leave as it is.
    fn untouched(&self) -> Vec<String> {
        let git = |args: &[&str]| self.git(args);
        let mut said = vec![
            git(&["rev-parse", "HEAD"]),
            git(&["symbolic-ref", "--quiet", "HEAD"]),
            git(&["ls-files", "--stage"]),
            git(&["write-tree"]),
            git(&["for-each-ref", "refs/heads", "refs/tags", "refs/stash", "refs/remotes"]),
            git(&["branch", "--all"]),
            git(&["stash", "list"]),
            git(&["reflog"]),
            git(&["--no-optional-locks", "status", "--porcelain", "--ignored"]),
        ];
        // Last: `git write-tree` above keeps what it worked out in the index.
        let folder = PathBuf::from(git(&["rev-parse", "--absolute-git-dir"]).trim());
        let index = std::fs::read(folder.join("index")).expect("the index");
        said.push(mlxport::util::id::sha256_hex(&index));
        said.extend(
            files(&self.checkout)
                .into_iter()
                .map(|(path, (mtime, inode))| format!("{} {mtime} {inode}", path.display())),
        );
        said
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let command =
        Command::new("git").arg("-C").arg(folder).args(["-c", "user.name=T", "-c", "user.email=t@t"]);
    let output = command.args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").any_exit().run_blocking();
    let output = output.unwrap_or_else(|error| panic!("git {args:?}: {error}"));
    // `git stash list` and `symbolic-ref` may find nothing; what must not fail is checked by what it leaves.
    assert!(output.status.success() || output.tail.is_empty(), "git {args:?}: {}", output.tail);
    output.text()
}

/// Every file outside `.git`, with its time and inode.
fn files(root: &Path) -> BTreeMap<PathBuf, (i64, u64)> {
    let entries = walkdir::WalkDir::new(root).into_iter().filter_entry(|entry| entry.file_name() != ".git");
    let entries = entries.map(|entry| entry.expect("an entry"));
    let one = |entry: walkdir::DirEntry| {
        let meta = entry.path().symlink_metadata().expect("metadata");
        (entry.into_path(), (meta.mtime_nsec() + meta.mtime() * 1_000_000_000, meta.ino()))
    };
    entries.map(one).collect()
}

#[test]
fn a_snapshot_leaves_head_index_branches_stash_and_files_as_they_are() {
    let world = World::new();
    let before = world.untouched();
    let session = world.session("s1");
    let taken = session.begin(1, "Port it").expect("a snapshot").expect("the first is always new");
    assert_eq!(world.untouched(), before);
    assert_eq!((taken.number, taken.note.moment, taken.note.words.as_str()), (1, Moment::Before, "Port it"));
    let held = world.git(&["ls-tree", "-r", "--name-only", "refs/mlxport/checkpoints/s1/1"]);
    assert_eq!(
        held.lines().collect::<Vec<_>>(),
        [".gitignore", PORT, "mlx_lm/models/llama.py", "tests/test_models.py"],
        "untracked files are in, ignored ones not"
    );
    let text = world.git(&["show", "refs/mlxport/checkpoints/s1/1:mlx_lm/models/llama.py"]);
    assert_eq!(text.trim(), "llama staged and changed", "as in the folder, not as in the index");
}

#[test]
fn nothing_is_taken_where_nothing_changed_and_one_before_the_first_change_of_a_turn() {
    let world = World::new();
    let session = world.session("s1");
    session.begin(1, "one").expect("begins");
    assert_eq!(session.before_change("an edit").expect("works"), None);
    assert_eq!(session.end().expect("works"), None);
    assert_eq!(session.begin(2, "two").expect("works"), None);
    world.write(PORT, "by hand\n");
    let during = session.before_change("an edit").expect("works").expect("changed by the person");
    assert_eq!((during.note.moment, during.note.turn), (Moment::During, 2));
    world.write(PORT, "by the model\n");
    assert_eq!(session.before_change("an edit").expect("works"), None, "the second change of the turn");
    world.write(PORT, "by the model, again\n");
    assert_eq!(session.end().expect("works").expect("changed").note.moment, Moment::After);
    assert_eq!(session.list().expect("a list").len(), 3);
    // A session that is resumed goes on counting.
    let again = world.session("s1");
    assert_eq!(again.begin(3, "three").expect("works"), None);
    world.write(PORT, "more\n");
    assert_eq!(again.end().expect("works").expect("changed").number, 4);
}

/// Two turns: one makes the port and changes the test, one removes a file and changes the port.
#[test]
fn a_turn_under_way_and_the_persons_own_changes_are_listed_when_one_looks() {
    let world = World::new();
    let session = world.session("s1");
    let listed = || rows(&world.repo(), &session.with_now().expect("a list")).expect("rows");
    assert!(listed().is_empty(), "no turn has begun");
    session.begin(1, "port it").expect("begun");
    assert!(listed().is_empty(), "nothing has changed");
    session.before_change("an edit").expect("kept");
    world.write(PORT, "by the model\n");
    let one = listed();
    assert_eq!((one.len(), one[0].over, one[0].turn), (1, Over::Turn, 1));
    session.end().expect("ended");
    assert_eq!(listed().len(), 1, "it is the same turn");
    world.write(PORT, "by the person\n");
    assert_eq!(listed()[0].over, Over::Own);
}

fn two_turns(world: &World) -> Checkpoints {
    let session = world.session("s1");
    std::fs::remove_file(world.at(PORT)).expect("a fresh start");
    session.begin(1, "Make a first draft").expect("begins");
    world.write(PORT, "draft\n");
    world.write("tests/test_models.py", "one\ntwo\nthree\n");
    session.end().expect("ends");
    session.begin(2, "Scale the embeddings").expect("begins");
    world.write(PORT, "draft\nscaled\n");
    std::fs::remove_file(world.at("mlx_lm/models/llama.py")).expect("removed");
    session.end().expect("ends");
    session
}

#[test]
fn going_back_restores_the_files_and_can_be_gone_back_from() {
    let world = World::new();
    let session = two_turns(&world);
    let list = rows(&world.repo(), &session.list().expect("a list")).expect("rows");
    let shown: Vec<_> = list
        .iter()
        .map(|row| (row.number, row.over, row.words.as_str(), row.files, row.added, row.removed))
        .collect();
    assert_eq!(
        shown,
        [(2, Over::Turn, "Scale the embeddings", 2, 1, 1), (1, Over::Turn, "Make a first draft", 2, 2, 0)]
    );
    let preview = session.preview(1).expect("a preview");
    let seen: Vec<_> = preview.files.iter().map(|file| (file.path.as_str(), file.kind)).collect();
    assert_eq!(
        seen,
        [
            (PORT, Back::Removed),
            ("mlx_lm/models/llama.py", Back::Made),
            ("tests/test_models.py", Back::Changed)
        ]
    );
    assert_eq!(preview.files[2].after.as_deref(), Some("one\ntwo\n"));
    assert_eq!(preview.outside, Vec::<String>::new());
    let staged = world.git(&["ls-files", "--stage"]);
    let rewound = session.rewind(1, Some(&preview.now)).expect("goes back");
    assert_eq!(world.read(PORT), None);
    assert_eq!(world.read("mlx_lm/models/llama.py").as_deref(), Some("llama staged and changed\n"));
    assert_eq!(world.read("tests/test_models.py").as_deref(), Some("one\ntwo\n"));
    assert_eq!(world.read("run.log").as_deref(), Some("ignored\n"));
    assert_eq!(world.git(&["ls-files", "--stage"]), staged, "the index stays");
    let list = rows(&world.repo(), &session.list().expect("a list")).expect("rows");
    assert_eq!((list[0].number, list[0].over, list[0].files), (rewound.undo, Over::Rewind, 3));
    session.rewind(rewound.undo, None).expect("and back again");
    assert_eq!(world.read(PORT).as_deref(), Some("draft\nscaled\n"));
    assert_eq!(world.read("mlx_lm/models/llama.py"), None);
    assert_eq!(world.read("tests/test_models.py").as_deref(), Some("one\ntwo\nthree\n"));
}

#[test]
fn what_the_person_changed_meanwhile_is_shown_and_a_stale_look_is_refused() {
    let world = World::new();
    let session = two_turns(&world);
    world.write("notes.md", "mine\n");
    let preview = session.preview(1).expect("a preview");
    assert_eq!(preview.outside, ["notes.md"]);
    assert!(preview.files.iter().any(|file| file.path == "notes.md" && file.kind == Back::Removed));
    world.write("notes.md", "mine, longer\n");
    assert!(matches!(session.rewind(1, Some(&preview.now)), Err(CheckpointError::Stale)));
    assert_eq!(world.read("notes.md").as_deref(), Some("mine, longer\n"));
    let rewound = session.rewind(1, Some(&session.preview(1).expect("again").now)).expect("goes back");
    assert_eq!(world.read("notes.md"), None);
    session.rewind(rewound.undo, None).expect("undone");
    assert_eq!(
        world.read("notes.md").as_deref(),
        Some("mine, longer\n"),
        "what was never in a turn is kept too"
    );
}

#[test]
fn modes_links_and_line_endings_come_back() {
    let world = World::new();
    world.write(".gitattributes", "*.bat text eol=crlf\n");
    world.write("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(world.at("run.sh"), PermissionsExt::from_mode(0o755)).expect("a mode");
    world.write("start.bat", "a\r\nb\r\n");
    symlink("run.sh", world.at("link")).expect("a link");
    let session = world.session("s1");
    session.begin(1, "x").expect("begins");
    std::fs::remove_file(world.at("link")).expect("removed");
    world.write("link", "a file now\n");
    world.write("run.sh", "#!/bin/bash\n");
    world.write("start.bat", "c\r\n");
    session.end().expect("ends");
    session.rewind(1, None).expect("goes back");
    assert_eq!(std::fs::read_link(world.at("link")).expect("a link again"), Path::new("run.sh"));
    assert_eq!(std::fs::metadata(world.at("run.sh")).expect("there").mode() & 0o777, 0o755);
    assert_eq!(world.read("start.bat").as_deref(), Some("a\r\nb\r\n"));
}

#[test]
fn large_and_strange_files_are_left_as_they_are_and_said() {
    let world = World::new();
    world.write("weights.bin", &"w".repeat(3 << 20));
    world.write("tests/test_models.py", &"large now\n".repeat(200_000));
    nix::unistd::mkfifo(&world.at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let session = world.session("s1").with_caps(Caps { file: 1 << 20, all: 4 << 20 });
    let taken = session.begin(1, "x").expect("begins").expect("new");
    let said: Vec<_> =
        taken.note.left_out.iter().map(|file| format!("{}: {}", file.path, file.why)).collect();
    assert_eq!(
        said,
        [
            "tests/test_models.py: 1 MB; a snapshot takes files up to 1 MB",
            "weights.bin: 3 MB; a snapshot takes files up to 1 MB"
        ]
    );
    world.write(PORT, "changed\n");
    world.write("weights.bin", &"v".repeat(3 << 20));
    session.end().expect("ends");
    let rewound = session.rewind(1, None).expect("goes back");
    assert_eq!(rewound.written, [PORT]);
    assert_eq!(
        rewound.left_out.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["tests/test_models.py", "weights.bin"]
    );
    assert!(
        world.read("weights.bin").is_some_and(|text| text.starts_with('v')),
        "never written, never removed"
    );
    assert!(world.at("pipe").exists());
}

#[test]
fn a_link_that_leads_out_of_the_checkout_is_refused_before_anything_changes() {
    let world = World::new();
    let session = two_turns(&world);
    let outside = world.root.join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::remove_dir_all(world.at("tests")).expect("removed");
    symlink(&outside, world.at("tests")).expect("a link");
    let said = session.rewind(1, None).expect_err("refused").to_string();
    assert!(said.contains("tests/test_models.py leads out of the checkout"), "{said}");
    assert_eq!(world.read(PORT).as_deref(), Some("draft\nscaled\n"));
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
}

#[test]
fn a_failure_half_way_is_undone_and_told() {
    let world = World::new();
    world.write("zz.py", "must come back\n");
    let session = world.session("s1");
    session.begin(1, "x").expect("begins");
    world.write(PORT, "changed\n");
    std::fs::remove_file(world.at("zz.py")).expect("removed");
    session.end().expect("ends");
    // A folder with something ignored in it stands where a file must come back: no snapshot can know of it.
    world.write("zz.py/kept.log", "mine\n");
    let before = files(&world.checkout);
    let said = session.rewind(1, None).expect_err("fails").to_string();
    assert!(said.starts_with("zz.py could not be put back"), "{said}");
    assert!(said.ends_with("Nothing was changed: what had been put back was undone"), "{said}");
    let names = |found: &BTreeMap<PathBuf, (i64, u64)>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&files(&world.checkout)), names(&before));
    assert_eq!(world.read(PORT).as_deref(), Some("changed\n"));
    assert!(!world.at(".git/mlxport-rewind").exists());
    std::fs::remove_dir_all(world.at("zz.py")).expect("out of the way");
    session.rewind(1, None).expect("and now it works");
    assert_eq!(world.read("zz.py").as_deref(), Some("must come back\n"));
}

#[test]
fn collection_keeps_what_a_session_needs_and_pushing_all_sends_none_of_it() {
    let world = World::new();
    let session = two_turns(&world);
    world.git(&["gc", "--quiet", "--prune=now"]);
    session.rewind(1, None).expect("still there");
    let bare = world.root.join("fork.git");
    world.git(&["init", "--quiet", "--bare", &bare.to_string_lossy()]);
    world.git(&["push", "--quiet", "--all", &bare.to_string_lossy()]);
    world.git(&["push", "--quiet", "--tags", &bare.to_string_lossy()]);
    assert_eq!(git(&bare, &["for-each-ref", "--format=%(refname)"]).trim(), "refs/heads/main");
    assert!(world.git(&["for-each-ref", "--format=%(refname)"]).contains("refs/mlxport/checkpoints/s1/1"));
}

#[test]
fn a_worktree_of_the_persons_clone_keeps_its_checkpoints_apart() {
    let world = World::new();
    let tree = world.root.join("worktree");
    world.git(&["worktree", "add", "--quiet", "--detach", &tree.to_string_lossy()]);
    let before = world.untouched();
    let session = Checkpoints::new(&tree, "s1");
    session.begin(1, "x").expect("begins");
    write_atomic(&tree.join(PORT), b"draft\n").expect("a file");
    session.end().expect("ends");
    session.rewind(1, None).expect("goes back");
    assert!(!tree.join(PORT).exists());
    assert_eq!(world.untouched(), before, "the clone beside it is as it was");
    assert_eq!(world.read(PORT).as_deref(), Some("untracked\n"));
}

#[test]
fn old_sessions_go_and_this_one_and_young_ones_stay() {
    let world = World::new();
    let repo = world.repo();
    let tree = repo.photograph(Caps { file: 1 << 20, all: 1 << 20 }).expect("a photo").tree;
    for session in 0..35 {
        repo.keep(&format!("s{session:02}"), &tree, "{}").expect("kept");
    }
    assert_eq!(prune(&repo, "s00").expect("works"), 0, "young ones stay, however many");
    for session in 0..10 {
        let name = format!("refs/mlxport/checkpoints/s{session:02}/1");
        let commit = git_dated(&world.checkout, &tree);
        world.git(&["update-ref", &name, commit.trim()]);
    }
    assert_eq!(prune(&repo, "s00").expect("works"), 4);
    let left: Vec<String> =
        repo.kept_sessions().expect("sessions").into_iter().map(|(_, name)| name).collect();
    assert!(
        left.contains(&"s00".into()) && !left.contains(&"s01".into()) && left.contains(&"s05".into()),
        "{left:?}"
    );
}

/// A commit of two years ago.
fn git_dated(folder: &Path, tree: &str) -> String {
    let command = Command::new("git").arg("-C").arg(folder).args(["commit-tree", "-m", "{}", tree]);
    let names = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
    let command = names.iter().fold(command, |command, name| command.env(name, "t"));
    command.env("GIT_COMMITTER_DATE", "2024-01-01T00:00:00Z").run_blocking().expect("a commit").text()
}

/// A lock that a killed program left on a number must not stop the next snapshot.
#[test]
fn a_lock_left_by_a_killed_program_is_walked_around() {
    let world = World::new();
    let session = world.session("s1");
    session.begin(1, "x").expect("begins");
    world.write(".git/refs/mlxport/checkpoints/s1/2.lock", "");
    world.write(PORT, "changed\n");
    assert_eq!(session.end().expect("works").expect("taken").number, 3);
    session.rewind(1, None).expect("goes back");
    assert_eq!(world.read(PORT).as_deref(), Some("untracked\n"));
}

const MANY: usize = 150;

/// `mlxport rewind` is killed at many moments: each file is whole, old or new, git is sound, and going back works after.
#[test]
fn a_kill_in_the_middle_leaves_whole_files_and_going_back_still_works() {
    let world = test_workspace("arcee");
    let (home, checkout) = (world.home(), &world.workspace.checkout);
    write_atomic(&home.session("s1").join("log.jsonl"), b"").expect("a session");
    let path = |number: usize| checkout.join(format!("mlx_lm/models/many_{number}.py"));
    let fill = |word: &str| {
        (0..MANY).for_each(|number| {
            write_atomic(&path(number), word.repeat(4000).as_bytes()).expect("a file");
        });
    };
    let session = Checkpoints::new(checkout, "s1");
    fill("old\n");
    session.begin(1, "x").expect("begins");
    fill("new\n");
    session.end().expect("ends");
    let command = || {
        let command = Command::new(env!("CARGO_BIN_EXE_mlxport")).args(["rewind", "1", "--session", "s1"]);
        command.arg("--home").arg(home.root())
    };
    let mut midway = 0;
    for pause in (10..=150).step_by(20) {
        let late = command().timeout(std::time::Duration::from_millis(pause)).any_exit().run_blocking();
        let texts = (0..MANY).map(|number| std::fs::read_to_string(path(number)).expect("there"));
        let whole = |text: &String| *text == "old\n".repeat(4000) || *text == "new\n".repeat(4000);
        let texts: Vec<String> = texts.collect();
        assert!(texts.iter().all(whole), "a file in pieces after {pause} ms");
        let old = texts.iter().filter(|text| text.starts_with("old")).count();
        midway += usize::from(late.is_err());
        if old == MANY {
            fill("new\n");
        }
    }
    assert!(midway > 0, "no run was cut: the pauses are too long");
    git(checkout, &["fsck", "--no-progress", "--no-dangling"]);
    git(checkout, &["status", "--porcelain"]);
    fill("new\n");
    let done = command().run_blocking().expect("going back works");
    assert!(done.text().contains("To undo: mlxport rewind"), "{}", done.text());
    assert!((0..MANY).all(|number| std::fs::read_to_string(path(number)).expect("there").starts_with("old")));
    assert!(!Path::new(&git(checkout, &["rev-parse", "--absolute-git-dir"])).join("mlxport-rewind").exists());
    let listed =
        Command::new(env!("CARGO_BIN_EXE_mlxport")).args(["checkpoints", "s1", "--home"]).arg(home.root());
    assert!(listed.run_blocking().expect("a list").text().contains("undo going back"));
}
