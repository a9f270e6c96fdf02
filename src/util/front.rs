//! Texts with a head: TOML between lines of `+++`, then what they say.

use serde::de::DeserializeOwned;

/// Gives the head and the text below it, or what is wrong.
///
/// # Errors
/// No head, or one that is no such TOML.
pub fn read<H: DeserializeOwned>(text: &str) -> Result<(H, String), String> {
    let rest = text.trim_start().strip_prefix("+++").ok_or("it does not begin with +++")?;
    let (head, body) = rest.split_once("\n+++").ok_or("its head has no closing +++")?;
    let head = toml::from_str(head).map_err(|error| error.message().to_string())?;
    Ok((head, body.trim().to_string()))
}

/// Refuses a text that says nothing or too much for a prompt.
///
/// # Errors
/// Not 1 to `longest` characters.
pub fn within(text: &str, longest: usize) -> Result<(), String> {
    match text.chars().count() {
        length if (1..=longest).contains(&length) => Ok(()),
        length => Err(format!("its text has {length} characters; 1 to {longest} are allowed")),
    }
}
