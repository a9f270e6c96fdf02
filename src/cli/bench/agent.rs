//! `mlxport bench agent`: a model ports again what is accepted already, unseen.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use crate::cli::{Common, FAILED, INTERRUPTED, output, site, task};
use crate::runtime::bench_agent::{AgentReport, Budget, Ground, Wanted, bench};
use crate::util::blame::Report;
use crate::util::text::one_line;

/// Flags of `mlxport bench agent`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model types whose accepted ports are hidden and ported anew, one after the other
    #[arg(required = true, value_name = "TYPE")]
    model_types: Vec<String>,
    /// Rounds of tool calls that one port may take
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Tokens that one port may take, as the endpoint counts them [default: no limit]
    #[arg(long, value_name = "N")]
    tokens: Option<u64>,
    /// Go on with an earlier bench: finished types are not run again
    #[arg(long, value_name = "ID")]
    run: Option<String>,
}

/// Runs `mlxport bench agent`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let mut model_types = args.model_types;
    let mut seen = std::collections::BTreeSet::new();
    model_types.retain(|name| seen.insert(name.clone()));
    let wanted =
        Wanted { model_types, budget: Budget { rounds: args.rounds, tokens: args.tokens }, id: args.run };
    let settings = common.settings()?;
    let done = task::run(async |cancel| {
        let Some(workspace) = site::workspace(common, &cancel).await? else { return Ok(None) };
        let say = Arc::new(|text: String| output::progress(&one_line(&text)));
        let ground = Ground { settings: &settings, workspace: &workspace, say };
        bench(&ground, &wanted, &cancel).await.map(Some)
    })?;
    let Some((report, whole)) = done else { return Ok(ExitCode::from(INTERRUPTED)) };
    show(&report, common);
    if !whole {
        output::progress(&format!("interrupted; go on with: mlxport bench agent --run {} …", report.id));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let asked = report.rows.iter().filter(|row| wanted.model_types.contains(&row.model_type));
    let failed = asked.filter(|row| !row.passed).count();
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn show(report: &AgentReport, common: &Common) {
    if common.json {
        return output::json(
            &json!({"schema": report.schema, "pass_rate": report.pass_rate(), "report": report}),
        );
    }
    let tokens =
        report.budget.tokens.map_or("no limit of tokens".into(), |tokens| format!("{tokens} tokens"));
    output::line(&one_line(&format!(
        "bench {} · {} · {} by profile {} at {} · {} rounds, {tokens} · mlx-lm {}",
        report.id,
        report.date,
        report.model,
        report.profile,
        report.endpoint,
        report.budget.rounds,
        report.mlx_lm
    )));
    report.rows.iter().for_each(|row| output::line(&one_line(&row.line())));
    let passed = report.rows.iter().filter(|row| row.passed).count();
    output::line(&format!("{passed} of {} passed; no edit by a person", report.rows.len()));
}
