//! Commit and push, as the person's acts. Thin on purpose: what is refused is decided where git is called.

use std::path::Path;

use super::PrError;
use crate::git::acts::{self, PersonAct, Push, PushMode, PushPlan};

/// Commits what is staged with the person's message, to the byte; gives the commit.
pub async fn commit(checkout: &Path, act: PersonAct, message: &str) -> Result<String, PrError> {
    Ok(acts::commit(checkout, act, message).await?)
}

/// Says what a push would do and whether it is allowed; pushes nothing.
pub async fn plan_push(checkout: &Path) -> Result<PushPlan, PrError> {
    Ok(acts::plan(checkout).await?)
}

/// Pushes the feature branch to `fork` if `typed` is its name; with [`PushMode::HandOver`] gives the commands instead.
pub async fn push(checkout: &Path, act: PersonAct, typed: &str, mode: PushMode) -> Result<Push, PrError> {
    Ok(acts::push(checkout, act, typed, mode).await?)
}
