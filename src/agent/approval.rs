//! From the person's decision to what a tool may write, and to what the model is told of it.

pub mod hunks;
pub mod merge;

use similar::TextDiff;

use super::data::{ApprovedEdit, Decision, EditOrigin, Proposal};

/// Makes the edit that may be written; the error is what the model is told.
pub fn resolve(proposal: &Proposal, decision: &Decision) -> Result<ApprovedEdit, String> {
    let (after, by) = match decision {
        Decision::Accept => (proposal.after.clone(), EditOrigin::Model),
        Decision::Deny { reason } if !proposal.scope.is_file() => return Err(not_run(reason.trim())),
        Decision::AcceptEdited { .. } | Decision::AcceptPart { .. } if !proposal.scope.is_file() => {
            return Err(not_run("it was neither agreed to as it stood nor declined"));
        }
        Decision::AcceptEdited { after } if *after == proposal.after => (after.clone(), EditOrigin::Model),
        Decision::AcceptEdited { after } => (after.clone(), EditOrigin::Person),
        Decision::AcceptPart { after, .. } => (after.clone(), EditOrigin::Model),
        Decision::Deny { reason } => return Err(denied(reason.trim())),
    };
    Ok(ApprovedEdit { path: proposal.path.clone(), before: proposal.before.clone(), after, by })
}

fn not_run(reason: &str) -> String {
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("The person declined this run{why}. Do not ask for it again unless they bring it up.")
}

fn denied(reason: &str) -> String {
    match reason {
        "" => "The person declined this edit and gave no reason. Ask before you propose it again.".into(),
        reason => format!("The person declined this edit: {reason}"),
    }
}

/// Most lines of the person's change that the model is told with a refusal.
const MOST_TOLD: usize = 80;

/// Gives the reason of a refusal with the person's own change of the file since: from it the model sees what to propose.
pub fn with_change(reason: &str, before: &str, present: Option<&str>) -> String {
    let reason = match reason.trim() {
        "" => "the person changed the file meanwhile, and their text stands",
        reason => reason,
    };
    let Some(present) = present else {
        return format!("{reason}\n\nThe file is gone: the person removed it.");
    };
    let diff = TextDiff::from_lines(before, present);
    let diff = diff.unified_diff().context_radius(2).header("as you saw it", "the person's now").to_string();
    let more = diff.lines().count().saturating_sub(MOST_TOLD);
    let shown: String = diff.lines().take(MOST_TOLD).map(|line| format!("{line}\n")).collect();
    let rest = if more > 0 { format!("… {more} more lines; read the file") } else { String::new() };
    format!("{reason}\n\nThe person changed the file after you proposed:\n{shown}{rest}")
        .trim_end()
        .to_string()
}

/// Gives what the model is told of a written edit beside the tool's result: what the person changed or left out. `lost` are
/// the hunks whose place the person keeps.
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
            "The person changed the file after you proposed. Your edit was fitted onto their text; these hunks were not \
             written, the person's own text stands there. Read the file before you propose them again:\n{lost}"
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
    fn a_refusal_over_a_changed_file_shows_the_model_the_change() {
        let said = with_change("keep my name", "a\nb\n", Some("a\nc\n"));
        assert!(
            said.starts_with("keep my name\n\nThe person changed the file after you proposed:\n"),
            "{said}"
        );
        assert!(said.ends_with(" a\n-b\n+c"), "{said}");
        assert!(with_change("", "a\n", Some("b\n")).starts_with("the person changed the file meanwhile"));
        let long: String = (0..200).map(|n| format!("{n}\n")).collect();
        assert!(with_change("", "", Some(&long)).ends_with("more lines; read the file"));
        assert!(with_change("", "a\n", None).ends_with("The file is gone: the person removed it."));
    }

    #[test]
    fn hunks_whose_place_the_person_keeps_are_told() {
        let said = told(&proposal(), &Decision::Accept, Some("@@ -1,1 +1,1 @@\n-x\n"));
        assert!(said.contains("were not written, the person's own text") && said.ends_with("-x\n"), "{said}");
        assert!(told(&proposal(), &Decision::Accept, Some("")).contains("fitted onto their text"));
    }

    #[test]
    fn a_run_is_agreed_to_as_it_stands_or_not_at_all() {
        let run = Proposal { scope: crate::agent::data::EditScope::Run { seconds: 240 }, ..proposal() };
        assert!(resolve(&run, &Decision::Accept).is_ok());
        let said = |decision: &Decision| resolve(&run, decision).expect_err("not run");
        assert!(
            said(&Decision::Deny { reason: "tonight".into() })
                .starts_with("The person declined this run: tonight.")
        );
        assert!(said(&Decision::AcceptEdited { after: "x".into() }).contains("neither agreed"));
    }

    #[test]
    fn a_refusal_carries_its_reason() {
        let told = resolve(&proposal(), &Decision::Deny { reason: "wrong eps ".into() });
        assert_eq!(told, Err("The person declined this edit: wrong eps".into()));
    }
}
