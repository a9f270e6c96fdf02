//! The PR room on real repositories: what it stages is compared with what git itself says, what it refuses is refused,
//! what it pushes arrives on a bare fork.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mlxport::git::GitError;
use mlxport::git::acts::{PersonAct, Push, PushMode};
use mlxport::pr::data::template::TemplateSource;
use mlxport::pr::data::{Aim, LineId, Part, PrSnapshot, Selection, Where};
use mlxport::pr::{self, PrError};
use mlxport::util::blame::{Blame, Explain};
use mlxport::util::process::Command;

/// A checkout on `add-arcee` with bare `upstream` and `fork` beside it.
struct World {
    folder: tempfile::TempDir,
    work: PathBuf,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let work = folder.path().join("work");
        std::fs::create_dir(&work).expect("work");
        let world = Self { folder, work };
        for bare in ["upstream.git", "fork.git"] {
            world.git(&["init", "-q", "--bare", "-b", "main", &world.beside(bare)]);
        }
        world.git(&["init", "-q", "-b", "main"]);
        world.git(&["config", "user.name", "Person"]);
        world.git(&["config", "user.email", "person@example.com"]);
        files.iter().for_each(|(path, text)| world.write(path, text.as_bytes()));
        world.git(&["add", "-A"]);
        world.git(&["commit", "-q", "--allow-empty", "-m", "baseline"]);
        for name in ["upstream", "fork"] {
            world.git(&["remote", "add", name, &format!("file://{}", world.beside(&format!("{name}.git")))]);
            world.git(&["push", "-q", name, "main"]);
        }
        world.git(&["fetch", "-q", "upstream"]);
        world.git(&["switch", "-q", "-c", "add-arcee"]);
        world
    }

    fn beside(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        self.git_with(args, "")
    }

    fn git_with(&self, args: &[&str], stdin: &str) -> String {
        let command = Command::new("git").args(args).cwd(&self.work).stdin(stdin);
        command.run_blocking().unwrap_or_else(|error| panic!("{error}: {:?}", error.detail())).text()
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        mlxport::util::fs::write_atomic(&self.work.join(path), bytes).expect("write");
    }

    fn mode(&self, path: &str, mode: u32) {
        let path = self.work.join(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    }

    fn snapshot(&self) -> PrSnapshot {
        block_on(pr::snapshot(&self.work)).expect("snapshot")
    }

    fn lines(&self, path: &str, wanted: impl Fn(&str, char) -> bool) -> Vec<LineId> {
        let snapshot = self.snapshot();
        let file = snapshot.file(path).expect("a changed file");
        let rows = file.hunks.iter().flat_map(|hunk| &hunk.rows);
        rows.filter(|row| wanted(&row.text, row.sign)).filter_map(|row| row.id).collect()
    }

    fn unstaged(&self, path: &str) -> Vec<LineId> {
        let snapshot = self.snapshot();
        let rows = snapshot.file(path).into_iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.rows);
        rows.filter(|row| row.place == Where::Unstaged).filter_map(|row| row.id).collect()
    }

    fn stage(&self, path: &str, selection: Selection, aim: Aim) -> Result<pr::data::Undo, PrError> {
        block_on(pr::stage(&self.work, key(), path, &selection, aim))
    }

    fn commit(&self, message: &str) -> Result<String, PrError> {
        block_on(pr::commit(&self.work, key(), message))
    }

    fn push(&self, typed: &str) -> Result<Push, PrError> {
        block_on(pr::push(&self.work, key(), typed, PushMode::Run))
    }

    fn staged(&self, path: &str) -> String {
        self.git(&["ls-files", "--stage", "--", path])
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

fn key() -> PersonAct {
    PersonAct::from_key("Space")
}

fn refused<T: std::fmt::Debug>(result: Result<T, PrError>) -> GitError {
    match result.expect_err("refused") {
        PrError::Git(error) => error,
        other => panic!("{other}"),
    }
}

const MODEL: &str = "import mlx\n\n\nclass MLP:\n    def __init__(self):\n        self.up = 1\n\n    def __call__(self, x):\n        return silu(self.up * x)\n\n\nclass Model:\n    pass\n";

#[test]
fn the_snapshot_shows_committed_staged_and_unstaged_lines_with_word_marks() {
    let world = World::new(&[("models/arcee.py", MODEL)]);
    world.write("models/arcee.py", MODEL.replace("pass", "layers = 1").as_bytes());
    world.git(&["commit", "-qam", "one"]);
    world.write(
        "models/arcee.py",
        MODEL.replace("pass", "layers = 1").replace("import mlx", "import mlx.nn").as_bytes(),
    );
    world.git(&["add", "-A"]);
    let now =
        MODEL.replace("pass", "layers = 1").replace("import mlx", "import mlx.nn").replace("silu", "relu2");
    world.write("models/arcee.py", now.as_bytes());
    let snapshot = world.snapshot();
    assert_eq!(snapshot.branch, Ok("add-arcee".to_string()));
    assert!(snapshot.base.starts_with("upstream/main at "), "{}", snapshot.base);
    assert_eq!((snapshot.commits, snapshot.files.len()), (1, 1));
    assert_eq!(snapshot.identity, Ok("Person <person@example.com>".to_string()));
    assert_eq!(snapshot.staged_tree, Some(world.git(&["write-tree"])));
    let rows: Vec<(char, Where, String, Vec<String>)> = snapshot.files[0]
        .hunks
        .iter()
        .flat_map(|hunk| &hunk.rows)
        .filter(|row| row.id.is_some())
        .map(|row| {
            let marks = row.marks.iter().map(|span| row.text[span.clone()].to_string()).collect();
            (row.sign, row.place, row.text.trim().to_string(), marks)
        })
        .collect();
    let row = |sign, place, text: &str, marks: &[&str]| {
        (sign, place, text.to_string(), marks.iter().map(|mark| mark.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(
        rows,
        vec![
            row('-', Where::Staged, "import mlx", &["mlx"]),
            row('+', Where::Staged, "import mlx.nn", &["mlx.nn"]),
            row('-', Where::Unstaged, "return silu(self.up * x)", &["silu"]),
            row('+', Where::Unstaged, "return relu2(self.up * x)", &["relu2"]),
            row('-', Where::Committed, "pass", &[]),
            row('+', Where::Committed, "layers = 1", &[]),
        ]
    );
}

#[test]
fn one_line_of_many_is_staged_exactly_and_undone() {
    let world = World::new(&[("a.py", "1\n2\n3\n")]);
    world.write("a.py", b"1\nA\nB\n3\n");
    let before = world.staged("a.py");
    let chosen = world.lines("a.py", |text, _| text == "B");
    let undo = world.stage("a.py", Selection::Lines(chosen), Aim::Stage).expect("staged");
    assert_eq!(world.git(&["show", ":a.py"]), "1\n2\nB\n3");
    let redo = block_on(pr::undo(&world.work, key(), &undo)).expect("undone");
    assert_eq!(world.staged("a.py"), before);
    block_on(pr::undo(&world.work, key(), &redo)).expect("redone");
    assert_eq!(world.git(&["show", ":a.py"]), "1\n2\nB\n3");
    let stale = block_on(pr::undo(&world.work, key(), &redo));
    assert!(matches!(refused(stale), GitError::Stale { .. }));
}

/// What `git apply --cached` makes of git's own diff must be what staging everything by lines makes.
#[test]
fn hunks_end_up_as_git_apply_would_have_them() {
    let long: String = (0..60).map(|n| format!("line {n}\n")).collect();
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("edit", "a\nb\nc\n", Some("a\nB\nc\nd\n")),
        ("no newline at the end", "a\nb", Some("a\nb\nc")),
        ("newline gained", "a\nb", Some("a\nb\n")),
        ("newline lost", "a\nb\n", Some("a\nb")),
        ("crlf", "a\r\nb\r\n", Some("a\r\nB\r\nc\r\n")),
        ("deleted", "a\nb\n", None),
        ("emptied", "a\n", Some("")),
        ("two far hunks", &long, Some(&long.replace("line 3\n", "x\n").replace("line 50\n", "y\nz\n"))),
    ];
    for (name, old, new) in cases {
        let expected = {
            let world = World::new(&[("f", old)]);
            change(&world, *new);
            let patch = Command::new("git").args(["diff", "--binary"]).cwd(&world.work).run_blocking();
            let patch = String::from_utf8(patch.expect("a diff").stdout).expect("text");
            world.git_with(&["apply", "--cached", "-"], &patch);
            (world.staged("f"), world.git(&["write-tree"]))
        };
        let world = World::new(&[("f", old)]);
        change(&world, *new);
        let hunks: Vec<Vec<LineId>> = world
            .snapshot()
            .file("f")
            .expect("changed")
            .hunks
            .iter()
            .map(|hunk| hunk.lines().collect())
            .collect();
        for lines in hunks {
            world.stage("f", Selection::Lines(lines), Aim::Stage).expect("staged");
        }
        assert_eq!((world.staged("f"), world.git(&["write-tree"])), expected, "{name}");
        assert_eq!(world.git(&["diff", "--name-only"]), "", "{name}: nothing is left to stage");
        let all = world.lines("f", |_, sign| sign != ' ');
        world.stage("f", Selection::Lines(all), Aim::Unstage).expect("unstaged");
        assert_eq!(world.git(&["diff", "--cached", "--name-only"]), "", "{name}: unstaged again");
    }
}

fn change(world: &World, new: Option<&str>) {
    match new {
        Some(text) => world.write("f", text.as_bytes()),
        None => std::fs::remove_file(world.work.join("f")).expect("remove"),
    }
}

#[test]
fn random_edits_staged_in_random_order_end_as_git_add_would_have_them() {
    let mut random = Random(0x2026_1123);
    for round in 0..12 {
        let old = text(&mut random, 30);
        let world = World::new(&[("f", &old)]);
        let staged = edit(&mut random, &old);
        world.write("f", staged.as_bytes());
        world.git(&["add", "f"]);
        let new = edit(&mut random, &staged);
        world.write("f", new.as_bytes());
        // Read again after each act: where a line without newline stops being the last, the index gets another line.
        for _ in 0..40 {
            let mut lines = world.unstaged("f");
            if lines.is_empty() {
                break;
            }
            let take = 1 + random.below(lines.len());
            let chosen: Vec<LineId> =
                (0..take).map(|_| lines.swap_remove(random.below(lines.len()))).collect();
            world.stage("f", Selection::Lines(chosen), Aim::Stage).expect("staged");
        }
        let by_lines = world.git(&["write-tree"]);
        assert_eq!(
            world.git(&["diff", "--stat"]),
            "",
            "round {round}\n--old\n{old}\n--staged\n{staged}\n--new\n{new}"
        );
        world.git(&["add", "-A"]);
        assert_eq!(by_lines, world.git(&["write-tree"]), "round {round}");
        let all = world.lines("f", |_, sign| sign != ' ');
        world.stage("f", Selection::Lines(all), Aim::Unstage).expect("unstaged");
        assert_eq!(world.git(&["diff", "--cached", "--stat"]), "", "round {round}: unstaged again");
    }
}

#[test]
fn every_single_line_can_be_staged_and_taken_back_alone() {
    let mut random = Random(7);
    let old = text(&mut random, 12);
    let world = World::new(&[("f", &old)]);
    world.write("f", edit(&mut random, &old).as_bytes());
    let before = world.staged("f");
    let lines = world.lines("f", |_, sign| sign != ' ');
    assert!(lines.len() > 2, "the edit changes something");
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len());
    for line in lines {
        world.stage("f", Selection::Lines(vec![line]), Aim::Stage).expect("staged");
        assert_ne!(world.staged("f"), before);
        world.stage("f", Selection::Lines(vec![line]), Aim::Unstage).expect("unstaged");
        assert_eq!(world.staged("f"), before);
    }
}

#[test]
fn new_deleted_renamed_binary_link_and_mode_changes_are_staged_whole_as_git_add_does() {
    let files = [("gone", "x\n"), ("old name", "1\n2\n3\n4\n5\n"), ("tool", "#!\n"), ("kept", "k\n")];
    let world = World::new(&files);
    std::fs::remove_file(world.work.join("gone")).expect("remove");
    std::fs::rename(world.work.join("old name"), world.work.join("new name")).expect("rename");
    world.mode("tool", 0o755);
    world.write("folder/new.py", b"print()\n");
    world.write("binary", &[0, 159, 146, 150, 0]);
    world.write("empty", b"");
    std::os::unix::fs::symlink("kept", world.work.join("link")).expect("link");
    let paths: Vec<String> = world.snapshot().files.into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["binary", "empty", "folder/new.py", "gone", "link", "new name", "old name", "tool"]);
    for path in &paths {
        world.stage(path, Selection::File, Aim::Stage).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let (ours, tree) = (world.git(&["ls-files", "--stage"]), world.git(&["write-tree"]));
    let snapshot = world.snapshot();
    assert_eq!(snapshot.file("new name").expect("shown").renamed_from.as_deref(), Some("old name"));
    assert_eq!(snapshot.file("tool").expect("shown").notes, ["mode 100644 → 100755"]);
    assert!(snapshot.files.iter().all(|file| file.unstaged == Part::None));
    world.git(&["add", "-A"]);
    assert_eq!((world.git(&["ls-files", "--stage"]), world.git(&["write-tree"])), (ours, tree));
    for path in &paths {
        world.stage(path, Selection::File, Aim::Unstage).expect("unstaged");
    }
    assert_eq!(world.git(&["diff", "--cached", "--name-only"]), "");
}

#[test]
fn part_of_a_new_file_is_staged_as_a_new_file_and_leaves_when_unstaged() {
    let world = World::new(&[("kept", "k\n")]);
    world.write("new.py", b"one\ntwo\nthree\n");
    world.mode("new.py", 0o755);
    let two = world.lines("new.py", |text, _| text == "two");
    world.stage("new.py", Selection::Lines(two.clone()), Aim::Stage).expect("staged");
    assert_eq!(world.git(&["show", ":new.py"]), "two");
    assert!(world.staged("new.py").starts_with("100755 "));
    world.stage("new.py", Selection::Lines(two), Aim::Unstage).expect("unstaged");
    assert_eq!(world.staged("new.py"), "");
}

#[test]
fn line_endings_are_converted_as_git_add_converts_them() {
    let world = World::new(&[(".gitattributes", "*.txt text\n"), ("a.txt", "a\nb\n")]);
    world.write("a.txt", b"a\r\nB\r\nc\r\n");
    let all = world.lines("a.txt", |_, sign| sign != ' ');
    assert_eq!(all.len(), 3, "only the changed lines: the conversion is no change");
    world.stage("a.txt", Selection::Lines(all), Aim::Stage).expect("staged");
    let ours = world.staged("a.txt");
    world.git(&["add", "a.txt"]);
    assert_eq!(world.staged("a.txt"), ours);
}

#[test]
fn a_file_that_changed_meanwhile_is_not_staged_blindly() {
    let world = World::new(&[("a", "1\n")]);
    world.write("a", b"1\n2\n");
    let lines = world.lines("a", |text, _| text == "2");
    world.write("a", b"1\n3\n");
    let before = world.staged("a");
    let error = world.stage("a", Selection::Lines(lines), Aim::Stage).expect_err("stale");
    assert!(matches!(error, PrError::Stale { .. }), "{error}");
    assert_eq!(world.staged("a"), before);
}

#[test]
fn a_locked_index_and_a_conflict_are_named_with_the_way_out() {
    let world = World::new(&[("a", "1\n")]);
    world.write("a", b"2\n");
    world.write(".git/index.lock", b"");
    let error = refused(world.stage("a", Selection::File, Aim::Stage));
    assert!(matches!(error, GitError::IndexLocked { .. }), "{error}");
    assert!(error.hint().expect("a hint").contains("index.lock"));
    assert!(matches!(refused(world.commit("m")), GitError::IndexLocked { .. }));
    std::fs::remove_file(world.work.join(".git/index.lock")).expect("unlock");
    world.git(&["commit", "-qam", "two"]);
    world.git(&["switch", "-q", "-c", "add-other", "main"]);
    world.write("a", b"3\n");
    world.git(&["commit", "-qam", "three"]);
    let merge = Command::new("git").args(["merge", "-q", "add-arcee"]).cwd(&world.work).any_exit();
    merge.run_blocking().expect("runs");
    let snapshot = world.snapshot();
    assert_eq!(snapshot.staged_tree, None);
    assert_eq!(snapshot.file("a").expect("shown").obstacle.as_deref(), Some("it has an unresolved conflict"));
    assert!(matches!(world.stage("a", Selection::File, Aim::Stage), Err(PrError::Obstacle { .. })));
    assert!(matches!(refused(world.commit("m")), GitError::Conflicts { .. }));
}

#[test]
fn a_commit_has_the_persons_message_to_the_byte_and_runs_their_hooks() {
    let world = World::new(&[("a", "1\n")]);
    world.write("a", b"2\n");
    world.git(&["add", "a"]);
    world.write(".git/hooks/pre-commit", b"#!/bin/sh\necho ran > hook-ran\n");
    world.mode(".git/hooks/pre-commit", 0o755);
    let message = "  Add arcee  \n\n\n# not a comment\n\ttab é\n\n";
    let commit = world.commit(message).expect("committed");
    assert_eq!(world.git(&["rev-parse", "HEAD"]), commit);
    let raw = Command::new("git")
        .args(["cat-file", "commit", "HEAD"])
        .cwd(&world.work)
        .run_blocking()
        .expect("reads");
    let text = String::from_utf8(raw.stdout).expect("text");
    assert_eq!(text.split_once("\n\n").expect("a message").1, message);
    assert!(world.work.join("hook-ran").is_file());
    assert_eq!(world.git(&["log", "-1", "--format=%an %ae"]), "Person person@example.com");
}

#[test]
fn a_failing_hook_stops_the_commit_and_its_words_are_kept() {
    let world = World::new(&[("a", "1\n")]);
    world.write("a", b"2\n");
    world.git(&["add", "a"]);
    world.write(".git/hooks/pre-commit", b"#!/bin/sh\necho 'black: would reformat a' >&2\nexit 1\n");
    world.mode(".git/hooks/pre-commit", 0o755);
    let head = world.git(&["rev-parse", "HEAD"]);
    let error = world.commit("m").expect_err("the hook");
    assert_eq!(error.detail().as_deref(), Some("black: would reformat a"));
    assert_eq!(world.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn commits_that_cannot_be_are_refused_in_words() {
    let world = World::new(&[("a", "1\n")]);
    assert!(matches!(refused(world.commit("m")), GitError::NothingStaged));
    world.write("a", b"2\n");
    assert!(matches!(refused(world.commit("m")), GitError::NothingStaged), "unstaged work is not committed");
    world.git(&["add", "a"]);
    assert!(matches!(refused(world.commit(" \n\t\n")), GitError::EmptyMessage));
    world.git(&["config", "user.name", ""]);
    let error = refused(world.commit("m"));
    assert_eq!(
        (error.blame(), error.to_string()),
        (Blame::User, "git does not know who you are: user.name is not set".into())
    );
    assert!(error.hint().expect("a hint").contains("git config --global user.name"));
    assert!(world.snapshot().identity.expect_err("missing").text.contains("user.name"));
    world.git(&["config", "user.name", "Person"]);
    world.git(&["checkout", "-q", "--detach"]);
    assert!(matches!(refused(world.commit("m")), GitError::Detached { .. }));
    assert!(world.snapshot().branch.expect_err("detached").text.starts_with("HEAD is detached at "));
}

fn with_commit() -> World {
    let world = World::new(&[("a", "1\n")]);
    world.write("a", b"2\n");
    world.stage("a", Selection::File, Aim::Stage).expect("staged");
    world.commit("Add arcee").expect("committed");
    world
}

#[test]
fn a_push_goes_to_the_fork_only_and_needs_the_branch_typed() {
    let world = with_commit();
    assert!(matches!(refused(world.push("add-arce")), GitError::NotConfirmed { .. }));
    let pushed = world.push("add-arcee").expect("pushed");
    let Push::Done(pushed) = pushed else { panic!("{pushed:?}") };
    let head = world.git(&["rev-parse", "HEAD"]);
    assert_eq!((pushed.plan.branch.as_str(), &pushed.plan.commit, pushed.moved), ("add-arcee", &head, true));
    let fork = world.beside("fork.git");
    assert_eq!(world.git(&["--git-dir", &fork, "rev-parse", "refs/heads/add-arcee"]), head);
    let upstream = world.beside("upstream.git");
    assert_eq!(
        world.git(&["--git-dir", &upstream, "for-each-ref", "--format=%(refname)"]),
        "refs/heads/main"
    );
    let Push::Done(again) = world.push("add-arcee").expect("pushed again") else { panic!("not done") };
    assert!(!again.moved);
    assert_eq!(
        world.snapshot().compare,
        Err("the fork is not on GitHub: there is no compare page; the branch is add-arcee".to_string())
    );
}

#[test]
fn a_push_is_never_forced_and_gits_reason_is_shown() {
    let world = with_commit();
    world.push("add-arcee").expect("pushed");
    world.git(&["commit", "-q", "--amend", "-m", "another"]);
    let error = refused(world.push("add-arcee"));
    let GitError::Rejected { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.contains("non-fast-forward"), "{reason}");
    assert!(error.hint().expect("a hint").contains("never forces"));
}

#[test]
fn a_fork_that_is_upstream_in_any_disguise_is_refused() {
    let world = with_commit();
    let upstream = world.beside("upstream.git");
    let disguises: [&[&str]; 6] = [
        &["remote", "set-url", "fork", &upstream],
        &["remote", "set-url", "fork", "../upstream.git"],
        &["remote", "set-url", "--push", "fork", &upstream],
        &[
            "config",
            &format!("url.file://{upstream}.insteadOf"),
            &format!("file://{}", world.beside("fork.git")),
        ],
        &["remote", "set-url", "fork", "git@github.com:ml-explore/mlx-lm.git"],
        &["remote", "set-url", "fork", "https://me@GitHub.com/ML-explore/mlx-lm/"],
    ];
    for disguise in disguises {
        let config = std::fs::read(world.work.join(".git/config")).expect("config");
        world.git(disguise);
        let error = refused(world.push("add-arcee"));
        assert!(matches!(error, GitError::ForkIsUpstream { .. }), "{disguise:?}: {error}");
        world.write(".git/config", &config);
    }
    world.push("add-arcee").expect("the true fork still works");
}

#[test]
fn other_branches_and_a_missing_fork_are_refused() {
    let world = with_commit();
    world.git(&["remote", "set-url", "--add", "--push", "fork", &world.beside("fork.git")]);
    world.git(&["remote", "set-url", "--add", "--push", "fork", &world.beside("upstream.git")]);
    assert!(matches!(refused(world.push("add-arcee")), GitError::SeveralAddresses { count: 2 }));
    world.git(&["remote", "remove", "fork"]);
    assert!(matches!(refused(world.push("add-arcee")), GitError::NoFork));
    for branch in ["main", "fix-arcee", "add-"] {
        world.git(&["switch", "-q", "-C", branch]);
        assert!(matches!(refused(world.push(branch)), GitError::NotFeatureBranch { .. }), "{branch}");
    }
}

#[test]
fn hand_over_shows_the_command_and_pushes_nothing() {
    let world = with_commit();
    let push = block_on(pr::push(&world.work, key(), "add-arcee", PushMode::HandOver)).expect("handed over");
    let Push::HandOver(plan) = push else { panic!("{push:?}") };
    assert_eq!(plan.commands, ["git push fork add-arcee"]);
    let fork = world.beside("fork.git");
    assert_eq!(world.git(&["--git-dir", &fork, "for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}

#[test]
fn recorded_acts_reach_only_a_bare_fork_inside_the_demos_workspace() {
    let world = with_commit();
    let push = |workspace: &Path| {
        let act = PersonAct::recorded(workspace);
        block_on(pr::push(&world.work, act, "add-arcee", PushMode::Run))
    };
    assert!(matches!(refused(push(&world.work)), GitError::RecordedRefused { .. }), "the fork lies outside");
    world.git(&["remote", "set-url", "fork", "https://example.com/me/mlx-lm"]);
    assert!(
        matches!(refused(push(world.folder.path())), GitError::RecordedRefused { .. }),
        "not on this machine"
    );
    let clone = world.beside("clone");
    world.git(&["clone", "-q", &world.beside("fork.git"), &clone]);
    world.git(&["remote", "set-url", "fork", &clone]);
    assert!(matches!(refused(push(world.folder.path())), GitError::RecordedRefused { .. }), "not bare");
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let outside = elsewhere.path().join("bare.git");
    world.git(&["init", "-q", "--bare", &outside.to_string_lossy()]);
    std::os::unix::fs::symlink(&outside, world.folder.path().join("link.git")).expect("link");
    world.git(&["remote", "set-url", "fork", &world.beside("link.git")]);
    assert!(matches!(refused(push(world.folder.path())), GitError::RecordedRefused { .. }), "a link out");
    world.git(&["remote", "set-url", "fork", &format!("file://{}", world.beside("fork.git"))]);
    push(world.folder.path()).expect("the bare fork inside");
    world.write("a", b"3\n");
    let staged = block_on(pr::stage(
        &world.work,
        PersonAct::recorded(elsewhere.path()),
        "a",
        &Selection::File,
        Aim::Stage,
    ));
    assert!(matches!(refused(staged), GitError::RecordedRefused { .. }), "another checkout");
}

#[test]
fn the_template_of_the_checkout_is_kept_to_the_byte_and_its_absence_is_said() {
    let world = World::new(&[]);
    let none = block_on(pr::template(&world.work)).expect("profile");
    assert_eq!(none.source, TemplateSource::Profile);
    let text = "## Rules\n\n- ☑️ I wrote this\n- AI usage disclosure: \n\n## Model information\n\n- Name: \n- Reference implementation: https://example.com/models/____\n\n## Checkpoints\n\n- https://huggingface.co/___/___\n\n## Verification\n\nOutput:\n\n```\nPaste it\n```\n";
    world.write(pr::TEMPLATE, text.as_bytes());
    let template = block_on(pr::template(&world.work)).expect("template");
    assert!(matches!(&template.source, TemplateSource::Checkout { path, .. } if path == pr::TEMPLATE));
    assert_eq!(template.own_text(), text);
    let ids: Vec<&str> = template.fields().map(|field| field.id.0.as_str()).collect();
    assert_eq!(
        ids,
        [
            "rules/i-wrote-this",
            "rules/ai-usage-disclosure",
            "model-information/name",
            "model-information/reference-implementation",
            "checkpoints/checkpoints",
            "verification/output",
        ]
    );
}

/// A small generator of numbers: the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

// Few different lines, so that equal lines and ambiguous alignments are common.
fn text(random: &mut Random, lines: usize) -> String {
    let mut out: String =
        (0..lines).map(|_| format!("{}\n", ["a", "b", "", "  c", "d\r"][random.below(5)])).collect();
    if random.below(2) == 0 {
        out.pop();
    }
    out
}

fn edit(random: &mut Random, old: &str) -> String {
    let mut lines: Vec<String> = old.split_inclusive('\n').map(str::to_string).collect();
    for _ in 0..1 + random.below(6) {
        let at = random.below(lines.len());
        match random.below(3) {
            0 if lines.len() > 1 => {
                lines.remove(at);
            }
            1 => lines.insert(at, format!("new {}\n", random.below(4))),
            _ => lines[at] = format!("changed {}\n", random.below(4)),
        }
    }
    let mut out = lines.concat();
    if random.below(3) == 0 {
        out.pop();
    }
    out
}
