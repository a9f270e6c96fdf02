//! From new text to a proposal: what may not be proposed, and the one line the person reads first.

use super::error::ToolError;
use super::paths::Target;
use crate::agent::data::Proposal;
use crate::util::text::line_changes;

/// Most bytes of a file that may be proposed.
pub const MOST_BYTES: usize = 2 << 20;

/// Builds the proposal for a file's new text.
pub fn proposal(
    call_id: &str,
    target: &Target,
    before: Option<String>,
    after: String,
) -> Result<Proposal, ToolError> {
    let path = &target.path;
    let refuse = |text: String| Err(ToolError::Edit { text: format!("{path}: {text}") });
    if after.len() > MOST_BYTES {
        return refuse(format!("the new text has {} bytes; at most {MOST_BYTES} are taken", after.len()));
    }
    if let Some(at) = after.chars().position(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return refuse(format!("the new text holds a control character at character {at}"));
    }
    let mut after = after.replace("\r\n", "\n");
    if !after.is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    let verb = if before.is_some() { "edit" } else { "create" };
    let before = before.unwrap_or_default();
    if before == after {
        return refuse("the file already has this text".into());
    }
    let (added, removed) = line_changes(&before, &after);
    let title = format!("{verb} {path} +{added} -{removed}");
    Ok(Proposal { call_id: call_id.into(), title, path: path.clone(), scope: target.scope, before, after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::data::EditScope;

    fn target() -> Target {
        Target { path: "a.py".into(), scope: EditScope::Test }
    }

    #[test]
    fn a_proposal_says_in_its_title_what_it_does() {
        let made =
            proposal("c1", &target(), Some("a\nb\n".into()), "a\r\nc\r\nd".into()).expect("a proposal");
        assert_eq!(
            made,
            Proposal {
                call_id: "c1".into(),
                title: "edit a.py +2 -1".into(),
                path: "a.py".into(),
                scope: EditScope::Test,
                before: "a\nb\n".into(),
                after: "a\nc\nd\n".into()
            }
        );
        assert_eq!(proposal("c", &target(), None, "x\n".into()).expect("new").title, "create a.py +1 -0");
    }

    #[test]
    fn text_that_is_no_source_is_refused() {
        let said = |text: &str| {
            proposal("c", &target(), Some("a\n".into()), text.into()).expect_err("no").to_string()
        };
        assert_eq!(said("a\0"), "a.py: the new text holds a control character at character 1");
        assert_eq!(said("a"), "a.py: the file already has this text");
        let huge = "x".repeat(MOST_BYTES + 1);
        assert_eq!(said(&huge), "a.py: the new text has 2097153 bytes; at most 2097152 are taken");
    }
}
