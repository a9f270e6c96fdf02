//! The Agent Skill: what an agent that has this program must know, as files. Made of the recipe, the checklists and the
//! tools' own texts, so that there is one source for what the chat, MCP and the skill say.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::offer::{self, Edits};
use crate::agent::recipe::Recipe;
use crate::tools::{ToolError, checklists};

/// The skill's name, and its folder's: the format wants both to be the same.
pub const NAME: &str = "mlxport";
const DESCRIPTION: &str = "Ports a language-model architecture from Hugging Face transformers to Apple's mlx-lm and proves the \
    port with a numeric harness (mlxport, by MCP tools or on the command line). Use it when the task is to add, check, debug or review an MLX \
    port of a model type: config differences, RoPE, caches, dtype promotion, sanitize, weights that do not load, \
    logits that differ from transformers.";
const SKILL: &str = include_str!("../../prompts/skill/skill.md");
const COMMANDS: &str = include_str!("../../prompts/skill/commands.md");
const POLICY: &str = include_str!("../../prompts/skill/policy.md");

/// Gives the skill's files, by path below its folder.
pub fn files(recipe: &Recipe) -> Result<BTreeMap<String, String>, ToolError> {
    let mut files = BTreeMap::from([
        ("references/commands.md".to_string(), COMMANDS.to_string()),
        ("references/policy.md".to_string(), POLICY.to_string()),
        ("references/tools.md".to_string(), tools()?),
    ]);
    let mut known = String::from("\n## What is known\n\nRead a file when its subject comes up.\n\n");
    for one in recipe.all() {
        let text = format!("# {}\n\n{}\n\nSource: {}\n", one.title, one.text, one.source);
        let _ = writeln!(known, "- [{}](references/{}.md)", one.title, one.name);
        files.insert(format!("references/{}.md", one.name), text);
    }
    let mut lists = String::from("# Checklists by what fails\n");
    for (title, text) in checklists() {
        let _ = write!(lists, "\n## {title}\n\n{text}\n");
    }
    known.push_str("- [Checklists by what fails](references/debug.md)\n");
    files.insert("references/debug.md".into(), lists);
    files.insert("SKILL.md".into(), format!("{}{}{known}", head(), SKILL.trim_start()));
    Ok(files)
}

fn head() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "---\nname: {NAME}\ndescription: {}\nlicense: Apache-2.0\ncompatibility: Needs the program mlxport; macOS or Linux.\nmetadata:\n  version: \"{version}\"\n---\n\n",
        Value::from(DESCRIPTION)
    )
}

fn tools() -> Result<String, ToolError> {
    let mut text = String::from(
        "# The MCP tools\n\nOffered by `mlxport mcp MODEL_TYPE`; a server started without a model type takes `model_type` in every call. \
         Tools marked with edits are offered only where the person started the server with `--allow-edits`. Answers are \
         bounded and say how much more there is. A check's answer carries the same JSON object as the command line's.\n",
    );
    let plain: Vec<_> = offer::tools(Some("MODEL_TYPE"), Edits::No)?;
    for tool in offer::tools(Some("MODEL_TYPE"), Edits::Own)? {
        let edits = if plain.iter().any(|one| one.name == tool.name) { "" } else { " (edits)" };
        let about = tool.description.as_deref().unwrap_or_default();
        let _ = write!(text, "\n## {}{edits}\n\n{about}\n", tool.name);
        let fields = tool.input_schema.get("properties").and_then(Value::as_object);
        let required = tool.input_schema.get("required").and_then(Value::as_array);
        for (at, (name, field)) in fields.into_iter().flatten().enumerate() {
            let must = required.is_some_and(|names| names.iter().any(|one| one == name));
            let said = field.get("description").and_then(Value::as_str).map(|said| format!(": {said}"));
            let need = if must { ", required" } else { "" };
            let gap = if at == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}- `{name}`{need}{}", said.unwrap_or_default());
        }
    }
    Ok(text)
}
