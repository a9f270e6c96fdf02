//! `mlxport model list`.

use std::process::ExitCode;

use serde_json::json;

use super::Which;
use crate::cli::{Common, output, task};
use crate::runtime::models::Models;
use crate::util::blame::Report;
use crate::util::text::one_line;

pub(super) fn run(which: &Which, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let profile = which.profile(&settings)?;
    let models = Models::new(settings);
    let listed =
        task::run(async |cancel| task::until(cancel, models.list(&profile, &super::test::said())).await)?;
    if common.json {
        output::json(&json!({"schema": 1, "profile": profile.name, "models": listed}));
        return Ok(ExitCode::SUCCESS);
    }
    if listed.is_empty() {
        output::line("the endpoint lists no model");
    }
    let width = listed.iter().map(|model| model.id.chars().count()).max().unwrap_or(0).min(60);
    for model in &listed {
        let context = model.context.map_or(String::new(), |tokens| format!("{tokens} tokens of context"));
        let tools = match model.tools {
            Some(true) => "tools",
            Some(false) => "no tools",
            None => "",
        };
        let said: Vec<&str> = [context.as_str(), tools].into_iter().filter(|text| !text.is_empty()).collect();
        output::line(format!("{:<width$}  {}", one_line(&model.id), said.join(", ")).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
