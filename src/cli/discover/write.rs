//! The manifest of the variants that a person picked, or of the makers' own.

use std::collections::BTreeSet;

use crate::config::Settings;
use crate::hub::data::RepoRef;
use crate::hub::data::discover::{Candidate, Found};
use crate::hub::discover::{Pr, look, manifest};
use crate::hub::remote::Hub;
use crate::port::Workspace;
use crate::util::blame::{Blame, Report};

/// Reads the config of each picked variant and writes the manifest.
pub async fn text(
    picks: &[String],
    number: u64,
    settings: &Settings,
    hub: &Hub,
    found: &Found,
) -> Result<String, Report> {
    let model_type = found.model_type.clone().unwrap_or_default();
    let mut variants = Vec::new();
    for candidate in chosen(picks, found)? {
        let repo =
            RepoRef::parse(&candidate.id).map_err(|error| Report::new(Blame::User, error.to_string()))?;
        let looked = look(hub, &repo).await.map_err(|error| Report::from(&error))?;
        variants.push((candidate, Some(looked)));
    }
    let workspace = Workspace::open(&settings.home.value);
    let fork = workspace.as_ref().filter(|workspace| !workspace.remotes.fork.local);
    let repo = fork.and_then(|workspace| owner_and_name(&workspace.remotes.fork.url));
    let branch = workspace.map(|workspace| workspace.branch).filter(|branch| branch.starts_with("add-"));
    let pr = Pr {
        number,
        // Upstream's runner clones it; without a fork there is nothing else to name.
        repo: repo.unwrap_or_else(|| "ml-explore/mlx-lm".into()),
        branch: branch.unwrap_or_else(|| format!("add-{model_type}")),
    };
    manifest(&model_type, &pr, &variants).map_err(|error| Report::from(&error))
}

fn chosen(picks: &[String], found: &Found) -> Result<Vec<Candidate>, Report> {
    if !picks.is_empty() {
        return picks
            .iter()
            .map(|pick| {
                found.candidates().find(|one| one.id == *pick).cloned().ok_or_else(|| {
                    Report::new(Blame::User, format!("--pick: {pick} is not among the checkpoints found"))
                        .hint("give the name as it is listed, or raise --limit")
                })
            })
            .collect();
    }
    // One of each size and kind shows what differs; five of one kind cost five downloads.
    let mut seen = BTreeSet::new();
    let first = |one: &&Candidate| {
        let size = one.size.as_ref().map(|size| size.label.clone());
        one.canonical && seen.insert((size, one.kind.clone()))
    };
    let chosen: Vec<Candidate> = found.candidates().filter(first).cloned().collect();
    if chosen.is_empty() {
        let text = "no checkpoint by the makers of the architecture was found";
        return Err(Report::new(Blame::User, text).hint("name the variants with --pick OWNER/NAME"));
    }
    Ok(chosen)
}

/// `https://github.com/me/mlx-lm.git`, `git@github.com:me/mlx-lm`.
fn owner_and_name(url: &str) -> Option<String> {
    let path = url.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    (!owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_is_named_by_its_url() {
        let urls =
            ["https://github.com/me/mlx-lm.git", "git@github.com:me/mlx-lm", "ssh://git@host/me/mlx-lm/"];
        assert_eq!(urls.map(owner_and_name), [(); 3].map(|()| Some("me/mlx-lm".to_string())));
    }
}
