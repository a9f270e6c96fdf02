//! From the person's decision to what a tool may write, and to what the model is told of it.

pub mod hunks;

use similar::TextDiff;

use super::data::{ApprovedEdit, Decision, EditOrigin, Proposal};

/// Makes the edit that may be written; the error is what the model is told.
pub fn resolve(proposal: &Proposal, decision: &Decision) -> Result<ApprovedEdit, String> {
    let (after, by) = match decision {
        Decision::Accept => (proposal.after.clone(), EditOrigin::Model),
        Decision::AcceptEdited { after } if *after == proposal.after => (after.clone(), EditOrigin::Model),
        Decision::AcceptEdited { after } => (after.clone(), EditOrigin::Person),
        Decision::AcceptPart { after, .. } => (after.clone(), EditOrigin::Model),
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

/// Gives what the model is told of a written edit beside the tool's result: what the person changed or left out. `lost` are
/// the hunks that no longer fitted the file.
pub fn told(proposal: &Proposal, decision: &Decision, lost: Option<&str>) -> String {
    let mut notes = Vec::new();
    match lost {
        None => {}
        Some("") => notes.push(
            "The person changed the file after you proposed; your edit was fitted onto their text. Read the file before \
             the next edit."
                .to_string(),
        ),
        Some(lost) => notes.push(format!(
            "The person changed the file after you proposed. Your edit was fitted onto their text; these hunks no longer \
             fit and were not written. Read the file before you propose them again:\n{lost}"
        )),
    }
    match decision {
        Decision::AcceptEdited { after } if *after != proposal.after => {
            let diff = TextDiff::from_lines(&proposal.after, after);
            let diff = diff.unified_diff().context_radius(2).header("proposed", "written").to_string();
            notes.push(format!("The person changed your proposal before it was written:\n{diff}"));
        }
        Decision::AcceptPart { written, declined, .. } => {
            let all = written.len() + declined.len();
            let diffs: String = declined.iter().map(String::as_str).collect();
            notes.push(format!(
                "The person took {} of {all} hunks. Written:\n{}\nDeclined, not written; do not propose them again unless \
                 asked:\n{diffs}",
                written.len(),
                written.join("\n"),
            ));
        }
        Decision::Accept | Decision::AcceptEdited { .. } | Decision::Deny { .. } => {}
    }
    notes.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal() -> Proposal {
        Proposal {
            call_id: "c".into(),
            title: "edit a.py".into(),
            path: "a.py".into(),
            scope: crate::agent::data::EditScope::Port,
            before: "x = 1\n".into(),
            after: "x = 2\n".into(),
        }
    }

    #[test]
    fn an_edited_proposal_is_the_persons_and_the_model_hears_how() {
        let decision = Decision::AcceptEdited { after: "x = 3\n".into() };
        assert_eq!(resolve(&proposal(), &decision).expect("agreed").by, EditOrigin::Person);
        assert_eq!(
            told(&proposal(), &decision, None),
            "The person changed your proposal before it was written:\n--- proposed\n+++ written\n@@ -1 +1 @@\n-x = 2\n+x = 3\n"
        );
    }

    #[test]
    fn an_unchanged_edit_stays_the_models() {
        let decision = Decision::AcceptEdited { after: "x = 2\n".into() };
        assert_eq!(resolve(&proposal(), &decision).expect("agreed").by, EditOrigin::Model);
        assert_eq!(told(&proposal(), &decision, None), "");
    }

    #[test]
    fn a_part_stays_the_models_and_it_hears_which_hunks_were_left() {
        let declined = vec!["@@ -1,1 +1,1 @@\n-x = 1\n+x = 2\n".to_string()];
        let written = vec!["@@ -9,0 +10,1 @@ A.f".to_string()];
        let decision = Decision::AcceptPart { after: "x = 1\ny\n".into(), written, declined };
        let edit = resolve(&proposal(), &decision).expect("agreed");
        assert_eq!((edit.by, edit.after.as_str()), (EditOrigin::Model, "x = 1\ny\n"));
        assert_eq!(
            told(&proposal(), &decision, None),
            "The person took 1 of 2 hunks. Written:\n@@ -9,0 +10,1 @@ A.f\nDeclined, not written; do not propose them again \
             unless asked:\n@@ -1,1 +1,1 @@\n-x = 1\n+x = 2\n"
        );
    }

    #[test]
    fn hunks_that_no_longer_fitted_are_told() {
        let said = told(&proposal(), &Decision::Accept, Some("@@ -1,1 +1,1 @@\n-x\n"));
        assert!(said.contains("no longer fit and were not written") && said.ends_with("-x\n"), "{said}");
        assert!(told(&proposal(), &Decision::Accept, Some("")).contains("fitted onto their text"));
    }

    #[test]
    fn a_refusal_carries_its_reason() {
        let told = resolve(&proposal(), &Decision::Deny { reason: "wrong eps ".into() });
        assert_eq!(told, Err("The person declined this edit: wrong eps".into()));
    }
}
