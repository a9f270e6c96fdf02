//! `mlxport config-diff`.

use std::path::PathBuf;
use std::process::ExitCode;

use unicode_width::UnicodeWidthStr;

use super::{Common, known, output, source};
use crate::hub;
use crate::hub::data::{Cell, Matrix, Row};
use crate::util::blame::Report;
use crate::util::text;

/// Columns wider than this are cut; `--json` has the whole values.
const WIDEST: usize = 44;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Checkpoint folders, config.json files, or repositories of the Hub
    #[arg(required = true, value_name = "CONFIG")]
    pub configs: Vec<PathBuf>,
    /// Print only the keys that differ
    #[arg(short, long)]
    pub differing: bool,
    /// Leave out the normalised RoPE rows: only keys as they are written
    #[arg(short, long)]
    pub raw: bool,
    /// Do not ask the config class: what is absent stays absent
    #[arg(long)]
    pub no_defaults: bool,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let configs = source::configs(&args.configs, common)?;
    let defaults = match args.no_defaults {
        true => hub::data::Defaults::default(),
        false => known::defaults(None, &configs, common)?,
    };
    let mut matrix = hub::matrix(&configs, &defaults);
    matrix.rows.retain(|row| (row.differs || !args.differing) && (row.from.is_empty() || !args.raw));
    if common.json {
        output::json(&to_json(&matrix));
    } else {
        output::line(&table(&matrix));
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(matrix: &Matrix) -> serde_json::Value {
    let cell = |cell: &Cell| {
        let value = match cell {
            Cell::Value(value) | Cell::Default(value) => value.to_serde(),
            Cell::Null | Cell::Absent => serde_json::Value::Null,
        };
        serde_json::json!({"state": cell.state(), "value": value})
    };
    let row = |row: &Row| {
        let cells: Vec<_> = row.cells.iter().map(cell).collect();
        let mut shown = serde_json::json!({"path": row.path, "flagged": row.flag.is_some(), "cells": cells});
        if !row.from.is_empty() {
            shown["from"] = serde_json::json!(row.from);
        }
        shown
    };
    let variants: Vec<_> = matrix.variants.iter().map(|variant| &variant.name).collect();
    let rows: Vec<_> = matrix.rows.iter().map(row).collect();
    serde_json::json!({"variants": variants, "rows": rows, "defaults": matrix.origin.to_string()})
}

fn table(matrix: &Matrix) -> String {
    let mut lines = vec![header(matrix)];
    for row in &matrix.rows {
        let marks =
            format!("{}{}", if row.differs { "≠" } else { " " }, if row.flag.is_some() { "⚑" } else { " " });
        let mut cells = vec![marks, text::one_line(&row.path)];
        cells.extend(row.cells.iter().map(|cell| text::truncate(&text::one_line(&cell.to_string()), WIDEST)));
        cells.push(row.note.clone().unwrap_or_default());
        lines.push(cells);
    }
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let differing = matrix.rows.iter().filter(|row| row.differs).count();
    let mut shown: Vec<String> = lines.iter().map(|line| aligned(line, &widths)).collect();
    shown.push(String::new());
    shown.push(format!("{} keys, {differing} differ · {}", matrix.rows.len(), matrix.origin));
    shown.push("≠ differs · ⚑ look here in every port · null written as null · – absent · (x) default of the config class".into());
    shown.join("\n")
}

fn header(matrix: &Matrix) -> Vec<String> {
    let names = matrix.variants.iter().map(|variant| text::truncate(&text::one_line(&variant.name), WIDEST));
    ["".to_string(), "key".to_string()].into_iter().chain(names).collect()
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width - cell.width() + 2));
    }
    line.trim_end().to_string()
}
