//! `mlxport doctor`.

use std::process::ExitCode;

use super::{COULD_NOT_RUN, Common, output, task};
use crate::port::doctor::{Diagnosis, Finding, Standing, diagnose};
use crate::util::blame::Report;
use crate::util::sandbox::{Profile, Sandbox};
use crate::util::text::{bytes, one_line};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let diagnosis = task::run(async |_| {
        let mut diagnosis = diagnose(&settings).await;
        diagnosis.findings.push(sandbox(&settings.exe).await);
        Ok(diagnosis)
    })?;
    if common.json {
        output::json(&diagnosis);
    } else {
        human(&diagnosis);
    }
    Ok(if diagnosis.healthy() { ExitCode::SUCCESS } else { ExitCode::from(COULD_NOT_RUN) })
}

fn human(diagnosis: &Diagnosis) {
    let machine = &diagnosis.machine;
    output::line(&format!(
        "mlxport {} on {}, {} of memory, {}",
        diagnosis.mlxport,
        machine.chip,
        bytes(machine.ram),
        machine.os
    ));
    output::line("");
    for finding in &diagnosis.findings {
        let sign = match finding.standing {
            Standing::Ok => "ok  ",
            Standing::Note => "note",
            Standing::Bad => "BAD ",
        };
        output::line(&format!("{sign}  {:<13} {}", finding.name, one_line(&finding.text)));
        if let Some(hint) = &finding.hint {
            output::line(&format!("      {:<13} → {hint}", ""));
        }
    }
    output::line("\nSettings");
    for row in &diagnosis.settings {
        output::line(&format!("      {:<13} {}  [{}]", row.name, one_line(&row.value), row.source));
    }
}

/// Starts one harmless program inside the sandbox: what counts is whether this machine can do it.
async fn sandbox(exe: &std::path::Path) -> Finding {
    let command = Sandbox::new(Profile::None).command(exe, "/bin/sh".as_ref()).args(["-c", "true"]);
    match command.timeout(std::time::Duration::from_secs(20)).run().await {
        Ok(_) => Finding::new("sandbox", Standing::Ok, "checks run without network, keys or your files"),
        Err(error) => Finding::new("sandbox", Standing::Bad, error.to_string())
            .hint("a Linux kernel with Landlock (6.12 or newer is best), or macOS, is needed to run checks"),
    }
}
