//! From the person's decision to what a tool may write, and to what the model is told of it.

use similar::TextDiff;

use super::data::{ApprovedEdit, Decision, EditOrigin, Proposal};

/// Makes the edit that may be written; the error is what the model is told.
pub fn resolve(proposal: &Proposal, decision: Decision) -> Result<ApprovedEdit, String> {
    let (after, by) = match decision {
        Decision::Accept => (proposal.after.clone(), EditOrigin::Model),
        Decision::AcceptEdited { after } if after == proposal.after => (after, EditOrigin::Model),
        Decision::AcceptEdited { after } => (after, EditOrigin::Person),
        Decision::Deny { reason } => return Err(denied(reason.trim())),
    };
    Ok(ApprovedEdit { path: proposal.path.clone(), before: proposal.before.clone(), after, by })
}

fn denied(reason: &str) -> String {
    match reason {
        "" => "The person declined this edit and gave no reason. Ask before you propose it again.".into(),
        reason => format!("The person declined this edit: {reason}"),
    }
}

/// Adds to a tool's result what the person changed in the proposal.
pub fn told(proposal: &Proposal, written: &ApprovedEdit, result: String) -> String {
    match written.by {
        EditOrigin::Model => result,
        EditOrigin::Person => {
            let diff = TextDiff::from_lines(&proposal.after, &written.after);
            let diff = diff.unified_diff().context_radius(2).header("proposed", "written").to_string();
            format!("{result}\nThe person changed your proposal before it was written:\n{diff}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::data::EditScope;

    fn proposal() -> Proposal {
        Proposal {
            call_id: "c".into(),
            title: "edit a.py".into(),
            path: "a.py".into(),
            scope: EditScope::Port,
            before: "x = 1\n".into(),
            after: "x = 2\n".into(),
        }
    }

    #[test]
    fn an_edited_proposal_is_the_persons_and_the_model_hears_how() {
        let edit = resolve(&proposal(), Decision::AcceptEdited { after: "x = 3\n".into() }).expect("agreed");
        assert_eq!(edit.by, EditOrigin::Person);
        assert_eq!(
            told(&proposal(), &edit, "Written.".into()),
            "Written.\nThe person changed your proposal before it was written:\n--- proposed\n+++ written\n@@ -1 +1 @@\n-x = 2\n+x = 3\n"
        );
    }

    #[test]
    fn an_unchanged_edit_stays_the_models() {
        let edit = resolve(&proposal(), Decision::AcceptEdited { after: "x = 2\n".into() }).expect("agreed");
        assert_eq!(edit.by, EditOrigin::Model);
        assert_eq!(told(&proposal(), &edit, "Written.".into()), "Written.");
    }

    #[test]
    fn a_refusal_carries_its_reason() {
        let told = resolve(&proposal(), Decision::Deny { reason: "wrong eps ".into() });
        assert_eq!(told, Err("The person declined this edit: wrong eps".into()));
    }
}
