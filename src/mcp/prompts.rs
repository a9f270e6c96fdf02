//! The recipe as prompts: each fragment of the porter's knowledge by name, and one that says how to port with the tools.

use rmcp::model::{GetPromptResult, Prompt, PromptMessage, Role};

use crate::agent::recipe::{Fragment, Recipe};

/// The prompt that begins a port.
pub const PORT: &str = "port";
const TEXT: &str = include_str!("../../prompts/mcp.md");

/// What every client is told at the beginning.
pub fn instructions() -> &'static str {
    TEXT.trim()
}

/// Lists the prompts.
pub fn list(recipe: &Recipe) -> Vec<Prompt> {
    let fragment = |one: &Fragment| Prompt::new(one.name.clone(), Some(one.title.clone()), None);
    let port = Prompt::new(PORT, Some("How to port an architecture with these tools"), None);
    std::iter::once(port).chain(recipe.all().map(fragment)).collect()
}

/// Gives one prompt; none under an unknown name.
pub fn get(recipe: &Recipe, name: &str) -> Option<GetPromptResult> {
    let text = match name {
        PORT => {
            let phases = recipe.all().filter(|one| one.name == "phases").map(|one| one.text.as_str());
            [instructions()].into_iter().chain(phases).collect::<Vec<_>>().join("\n\n")
        }
        name => {
            let one = recipe.all().find(|one| one.name == name)?;
            format!("# {}\n\n{}\n\nSource: {}", one.title, one.text, one.source)
        }
    };
    Some(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]))
}
