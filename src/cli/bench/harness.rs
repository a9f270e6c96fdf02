//! `mlxport bench harness`: from the port's save to the verdict.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::Harness;
use crate::harness::bench::{Bench, Request, bench};
use crate::util::blame::Report;

/// Flags of `mlxport bench harness`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model types whose ports are in the checkout; the files are written again with the same bytes
    #[arg(default_values = ["qwen3", "falcon_h1"])]
    model_types: Vec<String>,
    /// How many runs are measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// A clone of upstream's harness: its own scripts are run [default: the same work, written anew]
    #[arg(long, value_name = "PATH")]
    upstream_harness: Option<PathBuf>,
    /// A folder of packages that only its scripts need: accelerate, psutil
    #[arg(long, value_name = "DIR", requires = "upstream_harness")]
    upstream_packages: Option<PathBuf>,
    /// Leave upstream's scripts out: they take a minute
    #[arg(long, conflicts_with = "upstream_harness")]
    no_upstream: bool,
}

/// Runs `mlxport bench harness`.
pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let request = Request {
        model_types: args.model_types,
        runs: args.runs,
        upstream: (!args.no_upstream).then_some(args.upstream_harness),
        upstream_packages: args.upstream_packages,
    };
    let bench = task::run(async |cancel| {
        let Some(site) = site::find(common, &cancel).await? else { return Ok(None) };
        bench(&Harness::new(site), &request, &|text| output::progress(text), &cancel).await
    })?;
    let Some(bench) = bench else { return Ok(ExitCode::from(INTERRUPTED)) };
    show(&bench, common);
    Ok(ExitCode::SUCCESS)
}

fn show(bench: &Bench, common: &Common) {
    if common.json {
        return output::json(bench);
    }
    for figures in &bench.types {
        output::line(&format!(
            "{}: port saved → verdict, warm worker, {} runs each",
            figures.model_type, bench.runs
        ));
        for (index, row) in figures.rows.iter().enumerate() {
            let checks = row.checks.iter().map(|check| check.name()).collect::<Vec<_>>().join(" ");
            let ratio = figures.ratios.get(index).map(|ratio| format!("  upstream's scripts {ratio:.0} ×"));
            output::line(&format!(
                "  {checks:<32} p50 {:>5.0} ms  p95 {:>5.0} ms  ({:.0}–{:.0}){}",
                row.p50_ms,
                row.p95_ms,
                row.least_ms,
                row.most_ms,
                ratio.unwrap_or_default()
            ));
        }
        if let Some(upstream) = &figures.upstream {
            let seconds = upstream["seconds"].as_f64().unwrap_or_default();
            let how = upstream["upstream"].as_str().unwrap_or_default();
            output::line(&format!("  upstream's dtype, predictions and layers ({how}): {seconds:.1} s"));
        }
    }
    for (key, value) in &bench.environment {
        output::line(&format!("  {key}: {value}"));
    }
}
