//! The sessions' folder: finding one by the start of its id, and the list.

use std::path::Path;

use super::data::Summary;
use super::error::SessionError;
use super::state::State;
use crate::config::Home;
use crate::util::fs::FsError;

/// Lists the sessions, the last used first. A folder without a readable log is left out.
pub fn list(home: &Home) -> Result<Vec<Summary>, SessionError> {
    let mut all: Vec<Summary> = ids(home)?
        .iter()
        .filter_map(|id| State::load(&home.session(id)).ok())
        .map(|state| state.summary)
        .filter(|summary| !summary.id.is_empty())
        .collect();
    all.sort_by(|a, b| (&b.updated, &b.id).cmp(&(&a.updated, &a.id)));
    Ok(all)
}

/// Finds a session by a unique start of its id; the last used when none is given.
pub fn find(home: &Home, start: Option<&str>) -> Result<String, SessionError> {
    let Some(start) = start else {
        return list(home)?.into_iter().next().map(|summary| summary.id).ok_or(SessionError::None);
    };
    let mut found = ids(home)?;
    if let Some(exact) = found.iter().find(|id| *id == start) {
        return Ok(exact.clone());
    }
    found.retain(|id| id.starts_with(start));
    match found.as_slice() {
        [] => Err(SessionError::Missing { id: start.into() }),
        [one] => Ok(one.clone()),
        many => Err(SessionError::Ambiguous { id: start.into(), count: many.len(), ids: many.join(", ") }),
    }
}

/// The folders that hold a log. Names come from the folder itself, so that an id can never be a path.
fn ids(home: &Home) -> Result<Vec<String>, SessionError> {
    let folder = home.sessions();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FsError::Read { path: folder, source }.into()),
    };
    let mut ids: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| Path::is_file(&entry.path().join("log.jsonl")))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    ids.sort();
    Ok(ids)
}
