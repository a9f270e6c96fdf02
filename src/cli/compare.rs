//! `mlxport compare RUN RUN`.

use std::process::ExitCode;

use super::{Common, FAILED, output};
use crate::harness::compare::{Comparison, Row, Side, compare};
use crate::harness::store;
use crate::util::blame::Report;
use crate::util::text::one_line;

/// Flags of `mlxport compare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The earlier run's id, or `last` and `last-1` for the newest runs
    before: String,
    /// The later run's id
    after: String,
}

/// Compares two stored runs. Exit 1 when something is worse beyond noise.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let results = common.settings()?.home.value.results();
    let load = |id: &str| {
        let id = store::resolve(&results, id);
        store::load(&results, &id).map_err(|error| Report::from(&error))
    };
    let comparison = compare(&load(&args.before)?, &load(&args.after)?);
    match common.json {
        true => output::json(&comparison),
        false => show(&comparison),
    }
    Ok(ExitCode::from(if comparison.is_worse() { FAILED } else { 0 }))
}

fn show(comparison: &Comparison) {
    output::line(&format!("{} → {}", comparison.before, comparison.after));
    let inputs = match comparison.inputs.is_empty() {
        true => "none: the same port, configs, harness and versions".into(),
        false => comparison.inputs.join(", "),
    };
    output::line(&format!("changed inputs: {inputs}"));
    for row in &comparison.rows {
        output::line(&line(row));
    }
}

fn line(row: &Row) -> String {
    let about = [row.variant.as_deref(), row.twin.as_deref()];
    let about = about.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(" ");
    let change = row.change.name();
    let (before, after) = (side(row.before.as_ref()), side(row.after.as_ref()));
    format!("{change:<12}  {:<13} {about:<10} {before} → {after}", row.id)
}

fn side(side: Option<&Side>) -> String {
    let Some(side) = side else { return "–".into() };
    let figure = side.figure.as_ref().map(|figure| format!(" {figure}")).unwrap_or_default();
    let module = side.module.as_deref().map(|module| format!(" at {}", one_line(module))).unwrap_or_default();
    format!("{}{}{module}", side.verdict.sign(), one_line(&figure))
}
