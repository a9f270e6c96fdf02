//! Stored runs as the model names them: by id, or `last`, `last-1`, counted among this model type's own. Runs of other model
//! types are not the conversation's.

use super::bound;
use super::def::Desk;
use super::error::ToolError;
use crate::harness::data::StoredRun;
use crate::harness::store;
use crate::util::blame::Report;
use crate::util::text::one_line;

/// How far back `last-N` counts.
const BACK: usize = 200;

/// Finds a run.
pub fn find(tool: &'static str, name: &str, desk: &Desk) -> Result<StoredRun, ToolError> {
    let wrong = |text: String| ToolError::Arguments { tool, text };
    let back = match name.strip_prefix("last") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('-').and_then(|count| count.parse::<usize>().ok()),
        None => None,
    };
    if let Some(back) = back {
        let runs =
            if back < BACK { store::list(&desk.results, &desk.model_type, back + 1) } else { Vec::new() };
        let count = runs.len();
        return runs
            .into_iter()
            .nth(back)
            .ok_or_else(|| wrong(format!("there is no run `{name}`: {} has {count} runs", desk.model_type)));
    }
    let run = store::load(&desk.results, name).map_err(|error| match error {
        crate::harness::HarnessError::NoRun { .. } => {
            let name = bound::line(&one_line(name));
            wrong(format!("there is no run `{name}`; read_run without arguments lists those there are"))
        }
        error => ToolError::Service(Report::from(&error)),
    })?;
    if run.result.model_type != desk.model_type {
        let of = one_line(&run.result.model_type);
        return Err(wrong(format!("run {name} is of {of}, not of {}", desk.model_type)));
    }
    Ok(run)
}

/// Says in one sentence what no longer holds of a run; nothing where all does.
pub fn stale(run: &StoredRun, desk: &Desk) -> Option<String> {
    let reasons = store::stale(run);
    let shown: Vec<String> = reasons.iter().map(|reason| one_line(&shorter(reason, desk))).collect();
    (!shown.is_empty()).then(|| format!("stale: {}", bound::list(&shown, 6)))
}

/// Names files of the checkout as the model does.
fn shorter(text: &str, desk: &Desk) -> String {
    text.replace(&format!("{}/", desk.roots.checkout().display()), "")
}
