//! Search-and-replace edits of a text: each search text must stand exactly once, and what misses is told why.

use serde::Deserialize;

use super::error::ToolError;
use super::propose::MOST_BYTES;

const MOST_EDITS: usize = 100;

/// One replacement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    search: String,
    replace: String,
}

/// Applies replacements in order. `tool` is who is told of wrong arguments.
pub fn replaced(tool: &'static str, path: &str, before: &str, edits: &[Edit]) -> Result<String, ToolError> {
    if edits.is_empty() || edits.len() > MOST_EDITS {
        let text = format!("{} edits; give 1 to {MOST_EDITS}", edits.len());
        return Err(ToolError::Arguments { tool, text });
    }
    let mut after = before.to_string();
    for (index, edit) in edits.iter().enumerate() {
        after = applied(&after, edit)
            .map_err(|text| ToolError::Edit { text: format!("{path}: edit {}: {text}", index + 1) })?;
        // Each replacement may hold the text that the next one looks for: growth is bounded as it happens.
        if after.len() > MOST_BYTES {
            let text = format!("{path}: edit {}: the text grows past {MOST_BYTES} bytes", index + 1);
            return Err(ToolError::Edit { text });
        }
    }
    Ok(after)
}

fn applied(text: &str, edit: &Edit) -> Result<String, String> {
    let search = edit.search.replace("\r\n", "\n");
    if search.trim().is_empty() {
        return Err("the search text is blank".into());
    }
    let lines: Vec<usize> = text.match_indices(&search).map(|(at, _)| line_of(text, at)).take(6).collect();
    match lines.as_slice() {
        [_] => Ok(text.replacen(&search, &edit.replace, 1)),
        [] => Err(missing(text, &search)),
        many => {
            let list = many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            Err(format!("the search text stands at lines {list}: add lines around it until it stands once"))
        }
    }
}

/// Says why a search text may have missed: the model's usual slips are spaces and line numbers.
fn missing(text: &str, search: &str) -> String {
    let first = search.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let near = text.lines().position(|line| line.trim() == first);
    match near {
        Some(index) => format!(
            "the search text is not in the file; line {} is like its first line but spaces or following lines differ; read lines {}-{} again",
            index + 1,
            (index + 1).saturating_sub(3).max(1),
            index + 1 + search.lines().count() + 3
        ),
        None => {
            "the search text is not in the file; read it again and copy the text without line numbers".into()
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(search: &str, replace: &str) -> Edit {
        Edit { search: search.into(), replace: replace.into() }
    }

    #[test]
    fn a_search_text_must_stand_exactly_once() {
        let text = "a = 1\nb = 2\na = 1\n  c = 3\n";
        assert_eq!(applied(text, &edit("b = 2", "b = $1")), Ok("a = 1\nb = $1\na = 1\n  c = 3\n".into()));
        assert_eq!(
            applied(text, &edit("a = 1", "")),
            Err("the search text stands at lines 1, 3: add lines around it until it stands once".into())
        );
        assert_eq!(
            applied(text, &edit("c = 3\nd = 4", "")),
            Err("the search text is not in the file; line 4 is like its first line but spaces or following lines differ; read lines 1-9 again".into())
        );
        assert_eq!(
            applied(text, &edit("zzz", "")),
            Err("the search text is not in the file; read it again and copy the text without line numbers"
                .into())
        );
        assert_eq!(applied(text, &edit(" \n", "")), Err("the search text is blank".into()));
    }
}
