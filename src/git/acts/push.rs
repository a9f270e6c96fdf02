//! Pushing the feature branch to the remote named `fork`, by the branch name that the person typed.

use std::path::Path;
use std::time::Duration;

use super::{PersonAct, git};
use crate::git::{GitError, Head, RemoteUrl, Repo};

/// The repository that no push may reach, whatever a remote is called.
const UPSTREAM: &str = "https://github.com/ml-explore/mlx-lm";
const FORK: &str = "fork";

/// Whether mlxport runs the push or shows its command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushMode {
    #[default]
    Run,
    HandOver,
}

/// A push that would be allowed: what the person confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPlan {
    pub branch: String,
    pub commit: String,
    /// The address as git resolves it.
    pub url: String,
    /// What a person would type in a shell.
    pub commands: Vec<String>,
}

/// A push that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    pub plan: PushPlan,
    pub moved: bool,
}

/// What became of the push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    Done(Pushed),
    HandOver(PushPlan),
}

/// Checks branch and remote, and says what a push would do. Pushes nothing.
pub async fn plan(root: &Path) -> Result<PushPlan, GitError> {
    let (branch, commit, has_fork, others) = {
        let repo = Repo::open(root)?;
        let (branch, commit) = feature_branch(&repo)?;
        let remotes = repo.remotes()?;
        let names = remotes.into_iter().map(|remote| remote.name);
        let (fork, others): (Vec<_>, Vec<_>) = names.partition(|name| name == FORK);
        (branch, commit, !fork.is_empty(), others)
    };
    if !has_fork {
        return Err(GitError::NoFork);
    }
    let urls = addresses(root, FORK, Direction::Push).await?;
    let [url] = urls.as_slice() else { return Err(GitError::SeveralAddresses { count: urls.len() }) };
    let target = RemoteUrl::parse(url);
    let mut forbidden = vec![UPSTREAM.to_string()];
    if others.iter().any(|name| name == "upstream") {
        forbidden.extend(addresses(root, "upstream", Direction::Push).await?);
        forbidden.extend(addresses(root, "upstream", Direction::Fetch).await?);
    }
    if forbidden.iter().any(|other| same(root, &RemoteUrl::parse(other), &target)) {
        return Err(GitError::ForkIsUpstream { url: url.clone() });
    }
    let commands = vec![format!("git push {FORK} {branch}")];
    Ok(PushPlan { branch, commit, url: url.clone(), commands })
}

/// Pushes the current feature branch to `fork`, never forced, if `typed` is the branch's name.
pub async fn push(root: &Path, act: PersonAct, typed: &str, mode: PushMode) -> Result<Push, GitError> {
    let plan = plan(root).await?;
    if typed != plan.branch {
        return Err(GitError::NotConfirmed { typed: typed.into(), branch: plan.branch });
    }
    if mode == PushMode::HandOver {
        return Ok(Push::HandOver(plan));
    }
    let command = {
        let repo = Repo::open(root)?;
        act.allows(&repo)?;
        act.allows_push(&repo, &plan.url)?;
        // ssh must not ask for a passphrase on our screen; GIT_SSH_COMMAND, if the person set it, wins over this.
        let ssh = repo.setting("core.sshCommand")?.map_or("ssh".to_string(), |setting| setting.value);
        // The commit is named: what the person was shown is what goes, even if the branch moved meanwhile.
        let refspec = format!("{}:refs/heads/{}", plan.commit, plan.branch);
        git(&repo)
            .args(["-c", &format!("core.sshCommand={ssh} -oBatchMode=yes")])
            .args(["-c", "push.followTags=false"])
            .args(["push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", FORK, &refspec])
            .timeout(Duration::from_secs(600))
            .any_exit()
    };
    let shown = command.shown();
    let output = command.run().await?;
    // --porcelain is git's machine-readable form: flag, refs and summary between tabs.
    let line = output.text().lines().find_map(Line::parse);
    match line {
        Some(line) if output.status.success() && line.flag != '!' => {
            Ok(Push::Done(Pushed { plan, moved: line.flag != '=' }))
        }
        Some(line) if line.flag == '!' => Err(GitError::Rejected { reason: line.summary, tail: output.tail }),
        _ => Err(GitError::Process(crate::util::process::ProcessError::Failed {
            command: shown,
            status: crate::util::process::describe(output.status),
            code: output.status.code(),
            tail: output.tail,
        })),
    }
}

fn feature_branch(repo: &Repo) -> Result<(String, String), GitError> {
    match repo.head()? {
        Head::Branch { name, commit } if name.strip_prefix("add-").is_some_and(|rest| !rest.is_empty()) => {
            Ok((name, commit))
        }
        Head::Branch { name, .. } | Head::Unborn { name } => Err(GitError::NotFeatureBranch { branch: name }),
        Head::Detached { commit } => Err(GitError::Detached { at: commit.chars().take(8).collect() }),
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Fetch,
    Push,
}

// git itself applies pushurl, insteadOf and pushInsteadOf; reading the configuration would miss the rewriting.
async fn addresses(root: &Path, remote: &str, direction: Direction) -> Result<Vec<String>, GitError> {
    let command = git(&Repo::open(root)?).args(["remote", "get-url", "--all"]);
    let command = match direction {
        Direction::Fetch => command,
        Direction::Push => command.arg("--push"),
    };
    let output = command.arg(remote).run().await?;
    Ok(output.text().lines().map(str::to_string).collect())
}

fn same(root: &Path, one: &RemoteUrl, two: &RemoteUrl) -> bool {
    match (one, two) {
        (RemoteUrl::Local(one), RemoteUrl::Local(two)) => {
            let real = |path: &str| {
                let path = root.join(path);
                let bare = path.with_extension("git");
                let inner = path.join(".git");
                // parse dropped the `.git`, which folders may or may not have.
                [bare, inner, path.clone()]
                    .into_iter()
                    .find_map(|path| path.canonicalize().ok())
                    .unwrap_or(path)
            };
            one == two || real(one) == real(two)
        }
        _ => one == two,
    }
}

struct Line {
    flag: char,
    summary: String,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let mut flag = parts.next()?.chars();
        let (Some(flag), None) = (flag.next(), flag.next()) else { return None };
        let _refs = parts.next()?;
        Some(Self { flag, summary: parts.next()?.to_string() })
    }
}
