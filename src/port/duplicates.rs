//! Who has a port of this model type already, on this machine: upstream itself, or a branch of the checkout or of the
//! person's clone behind it.

use std::path::Path;

use super::PortError;
use super::data::Duplicate;
use crate::git::Repo;

/// Finds the port's file at the baseline and on every other branch. `baseline` is the commit that the work started from,
/// `own` the branch of the work itself.
pub fn duplicates(
    checkout: &Path,
    baseline: &str,
    own: &str,
    model_type: &str,
) -> Result<Vec<Duplicate>, PortError> {
    let path = format!("mlx_lm/models/{model_type}.py");
    let git = |source| PortError::Git { checkout: checkout.to_path_buf(), source };
    let repo = Repo::open(checkout).map_err(git)?;
    // A checkout of the release has a baseline of its own; any other may have been rebased away.
    let upstream = repo.blob_at(baseline, &path).unwrap_or(None);
    let mut found = Vec::new();
    if upstream.is_some() {
        found.push(Duplicate::Upstream { path: path.clone(), commit: baseline.to_string() });
    }
    for branch in repo.branches_with(&path).map_err(git)? {
        let is_own = !branch.is_remote && branch.branch == own
            || branch.is_remote && branch.branch.ends_with(&format!("/{own}"));
        if is_own && !own.is_empty() || Some(&branch.blob) == upstream.as_ref() {
            continue;
        }
        found.push(Duplicate::Branch {
            name: branch.branch,
            commit: branch.commit,
            subject: branch.subject,
            time: branch.time,
        });
    }
    Ok(found)
}
