//! The last screen: what the person takes to the browser. The program opens no pull request.

use std::collections::BTreeMap;

use super::{FieldId, Gate, Template, Voice};

/// What the hand-over screen shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    pub branch: String,
    pub commit: String,
    /// The address pushed to.
    pub fork: String,
    /// Commands to run by hand, when pushing is handed over.
    pub commands: Vec<String>,
    /// Where to open the pull request, or why there is no such page.
    pub compare: Result<String, String>,
    pub files: Vec<String>,
    pub gates: Vec<Gate>,
}

/// Assembles the pull request's text from the template and the person's fields.
pub fn body(template: &Template, voices: &BTreeMap<FieldId, Voice>) -> String {
    template.render(voices)
}
