//! Where the checkout comes from: a URL, the person's clone, the release.

use std::path::Path;

use mlxport::config::Home;
use mlxport::port::data::Baseline;
use mlxport::port::{PortError, Workspace, open_branch};
use mlxport::util::fs::{create_dir, write_atomic};

use super::world::{World, repository};
use crate::support::env::{git, runtime, settings};

fn open(world: &World) -> Workspace {
    Workspace::open(&Home::at(&world.home)).expect("a workspace")
}

/// Puts an archive where a download would have put it.
fn released(world: &World) {
    let name = "mlx_lm-0.32.2";
    let seed = world.root().join("sdist").join(name);
    for (file, text) in [
        ("mlx_lm/models/llama.py", "A = 1\n"),
        ("mlx_lm/_version.py", "__version__ = '0.32.2'\n"),
        ("tests/test_models.py", "B = 1\n"),
        ("PKG-INFO", "Version: 0.32.2\n"),
        ("setup.cfg", "[egg_info]\n"),
        ("mlx_lm.egg-info/PKG-INFO", "x\n"),
    ] {
        write_atomic(&seed.join(file), text.as_bytes()).expect("a file");
    }
    let folder = world.home.join("cache/mlx-lm-release");
    create_dir(&folder).expect("a folder");
    let archive = folder.join(format!("{name}.tar.gz"));
    let done = std::process::Command::new("tar")
        .arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(seed.parent().expect("a parent"))
        .arg(name)
        .status();
    assert!(done.expect("tar").success());
}

#[test]
fn a_git_url_is_cloned_with_two_remotes_and_a_branch() {
    let world = World::new();
    let ran = world.setup();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let workspace = open(&world);
    let commit = git(&world.origin, &["rev-parse", "main"]);
    assert_eq!(workspace.baseline, Baseline::Git { url: world.url(), commit: commit.clone() });
    assert_eq!(workspace.branch, "add-arcee");
    assert_eq!(workspace.model_type(), Some("arcee"));
    assert_eq!(git(&workspace.checkout, &["remote", "get-url", "upstream"]), world.url());
    let fork = format!("file://{}/checkouts/fork.git", world.home.display());
    assert_eq!(git(&workspace.checkout, &["remote", "get-url", "fork"]), fork);
    assert!(workspace.remotes.fork.local && !workspace.remotes.upstream.local);
    assert_eq!(git(&workspace.checkout, &["rev-parse", "HEAD"]), commit);
    assert_eq!(git(&world.home.join("checkouts/fork.git"), &["rev-parse", "main"]), commit);
    assert_eq!(workspace.port_file("arcee"), workspace.checkout.join("mlx_lm/models/arcee.py"));
    let pth = workspace.env_dir.join("lib/python3.12/site-packages/mlxport_checkout.pth");
    assert!(
        std::fs::read_to_string(pth).expect("the link").contains(&workspace.checkout.display().to_string())
    );
    assert_eq!(workspace.versions.torch, "2");
}

#[test]
fn the_persons_fork_is_used_as_it_is() {
    let world = World::new();
    world.config("[workspace]\nfork = \"git@example.org:me/mlx-lm.git\"\n");
    assert_eq!(world.setup().code, Some(0));
    let workspace = open(&world);
    assert_eq!(git(&workspace.checkout, &["remote", "get-url", "fork"]), "git@example.org:me/mlx-lm.git");
    assert!(!workspace.remotes.fork.local && !world.home.join("checkouts/fork.git").exists());
}

#[test]
fn an_unreachable_url_falls_back_to_the_release_and_says_so() {
    let world = World::new();
    released(&world);
    let ran = world.run(&["setup", "arcee", "--mlx-lm", "file:///nowhere/mlx-lm.git"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let workspace = open(&world);
    let Baseline::Release { version, commit, why: Some(why) } = &workspace.baseline else {
        panic!("{:?}", workspace.baseline)
    };
    assert_eq!(version, "0.32.2");
    assert!(why.starts_with("file:///nowhere/mlx-lm.git could not be cloned ("), "{why}");
    assert!(ran.out.contains("baseline: release 0.32.2 of mlx-lm: file:///nowhere"), "{}", ran.out);
    assert!(world.run(&["doctor"]).out.contains("release 0.32.2 of mlx-lm: file:///nowhere"));
    let files = git(&workspace.checkout, &["ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(
        files, "mlx_lm/models/llama.py\ntests/test_models.py",
        "what the build made is not in the baseline"
    );
    let author = git(&workspace.checkout, &["log", "-1", "--format=%an|%cn|%s"]);
    assert_eq!(author, "mlxport baseline|mlxport baseline|mlx-lm 0.32.2, as released");
    assert_eq!(git(&workspace.checkout, &["status", "--porcelain"]), "");
    assert_eq!(git(&workspace.checkout, &["rev-parse", "upstream/main"]), *commit);
    assert_eq!(workspace.versions.mlx_lm, "0.32.2");
}

#[test]
fn pypi_is_used_without_excuse_when_asked_for() {
    let world = World::new();
    released(&world);
    let ran = world.run(&["setup", "--mlx-lm", "pypi"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let workspace = open(&world);
    assert!(matches!(&workspace.baseline, Baseline::Release { why: None, .. }), "{:?}", workspace.baseline);
    assert_eq!(workspace.branch, "main");
}

#[test]
fn a_local_clone_gets_a_worktree_and_stays_as_it_is() {
    let world = World::new();
    let clone = world.root().join("clone");
    git(&world.root(), &["clone", "--quiet", &world.url(), &clone.to_string_lossy()]);
    git(&clone, &["switch", "--quiet", "-c", "my-work"]);
    write_atomic(&clone.join("README.md"), b"staged\n").expect("a change");
    git(&clone, &["add", "README.md"]);
    write_atomic(&clone.join("README.md"), b"not staged\n").expect("a change");
    write_atomic(&clone.join("new.txt"), b"untracked\n").expect("a file");
    let before = portrait(&clone);
    let ran = world.run(&["setup", "arcee", "--mlx-lm", &clone.to_string_lossy()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(portrait(&clone), before);
    let workspace = open(&world);
    let commit = git(&world.origin, &["rev-parse", "main"]);
    assert_eq!(workspace.baseline, Baseline::Local { path: clone.clone(), commit });
    assert_eq!(workspace.branch, "add-arcee");
    assert!(workspace.checkout.join(".git").is_file(), "a worktree");
    assert_eq!(workspace.remotes.upstream.url, world.url());
    assert_eq!(git(&clone, &["remote", "get-url", "origin"]), world.url());
}

/// Everything of a clone that is the person's: HEAD, index, files, other branches.
fn portrait(clone: &Path) -> Vec<String> {
    vec![
        std::fs::read_to_string(clone.join(".git/HEAD")).expect("HEAD"),
        git(clone, &["ls-files", "--stage"]),
        git(clone, &["status", "--porcelain"]),
        std::fs::read_to_string(clone.join("README.md")).expect("a file"),
        git(
            clone,
            &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/main", "refs/heads/my-work"],
        ),
        git(clone, &["stash", "list"]),
    ]
}

#[test]
fn a_folder_that_is_no_clone_is_refused() {
    let world = World::new();
    let ran = world.run(&["setup", "--mlx-lm", "/usr"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("/usr is not a git clone of mlx-lm: it has no mlx_lm/models folder"),
        "{}",
        ran.err
    );
}

#[test]
fn branches_are_switched_only_when_nothing_would_be_lost() {
    let world = World::new();
    assert_eq!(world.setup().code, Some(0));
    let workspace = open(&world);
    let settings = settings(&world.home);
    let switch = |workspace: &Workspace, model_type: &str| {
        runtime().block_on(open_branch(&settings, workspace, model_type))
    };
    write_atomic(&workspace.port_file("arcee"), b"draft\n").expect("a draft");
    let refused = switch(&workspace, "smollm4").expect_err("a draft would travel");
    assert_eq!(refused.to_string(), "the branch add-arcee has uncommitted changes: mlx_lm/models/arcee.py");
    assert!(matches!(refused, PortError::Uncommitted { .. }));
    switch(&workspace, "arcee").expect("the same branch is no switch");
    git(&workspace.checkout, &["add", "--all"]);
    git(&workspace.checkout, &["commit", "--quiet", "-m", "draft"]);
    let other = switch(&workspace, "gemma_x-2").expect("a clean switch");
    assert_eq!(other.branch, "add-gemma_x-2");
    assert!(!workspace.port_file("arcee").exists(), "the new branch starts from the baseline");
    assert_eq!(open(&world).branch, "add-gemma_x-2");
    switch(&other, "arcee").expect("back");
    assert!(workspace.port_file("arcee").exists());
}

#[test]
fn a_workspace_whose_checkout_is_gone_is_not_opened() {
    let world = World::new();
    assert_eq!(world.setup().code, Some(0));
    let home = Home::at(&world.home);
    assert!(Workspace::open(&home).is_some());
    std::fs::remove_dir_all(world.home.join("checkouts/mlx-lm")).expect("a folder removed");
    assert!(Workspace::open(&home).is_none());
    repository(&world.root().join("unrelated"));
}
