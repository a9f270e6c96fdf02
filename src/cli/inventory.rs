//! `mlxport inventory`.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use super::{Common, INTERRUPTED, output, source, task};
use crate::hub::data::headers::HeaderEvent;
use crate::hub::data::inventory::{Inventory, Machine};
use crate::hub::inventory::{self, Terms};
use crate::port::data::Machine as Here;
use crate::util::blame::Report;
use crate::util::sink::Sink;
use crate::util::text;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Checkpoint folders, Hub repositories (owner/name, owner/name@revision) or links; several are compared
    // Its own id: `model` is the global flag.
    #[arg(id = "checkpoints", required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// Tokens in the cache, for the memory it takes
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub context: u64,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let taken = task::run(async |cancel| {
        let here = Here::here().await;
        let machine = (here.ram > 0).then_some(Machine { ram: here.ram, wired: here.wired().await });
        let terms = Terms { context: args.context, machine };
        let mut taken = Vec::new();
        let sink = shown();
        for model in &args.models {
            let checkpoint = tokio::select! {
                checkpoint = source::headers(model, common, &sink) => checkpoint?,
                () = cancel.cancelled() => return Ok(None),
            };
            taken.push(inventory::take(&checkpoint, terms));
        }
        Ok(Some(taken))
    })?;
    let Some(taken) = taken else { return Ok(ExitCode::from(INTERRUPTED)) };
    if common.json {
        output::json(&to_json(&taken));
        return Ok(ExitCode::SUCCESS);
    }
    for one in &taken {
        inventory::lines(one).iter().for_each(|line| output::line(line));
        output::line("");
    }
    if taken.len() > 1 {
        inventory::compared(&inventory::compare(&taken)).iter().for_each(|line| output::line(line));
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(taken: &[Inventory]) -> serde_json::Value {
    let comparison = (taken.len() > 1).then(|| inventory::compare(taken));
    serde_json::json!({"schema": 1, "inventories": taken, "comparison": comparison})
}

/// Tells of the files at the start, and of every tenth part of them.
fn shown() -> Sink<HeaderEvent> {
    let last = Arc::new(Mutex::new(0));
    Arc::new(move |event| match event {
        HeaderEvent::Listed { name, shards, bytes } => {
            output::progress(&format!("{name}: {shards} safetensors, {}", text::bytes(bytes)));
        }
        // A folder is read at once.
        HeaderEvent::Read { done, total, moved } if total > 20 && moved > 0 => {
            let tenth = done * 10 / total;
            let Ok(mut last) = last.lock() else { return };
            if std::mem::replace(&mut *last, tenth) != tenth {
                output::progress(&format!("  {done} of {total} headers, {} moved", text::bytes(moved)));
            }
        }
        HeaderEvent::Read { .. } => {}
    })
}
