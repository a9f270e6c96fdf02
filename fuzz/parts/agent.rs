//! What refusals and proposals are made of. The conversation's own file brings its whole folder along: these three are as
//! they are there.

pub mod data {
    use crate::util::blame::Report;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum EditScope {
        Port,
        Test,
        Shared,
        Lessons,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Proposal {
        pub call_id: String,
        pub title: String,
        pub path: String,
        pub scope: EditScope,
        pub before: String,
        pub after: String,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum ToolOutcome {
        Done { text: String },
        Failed { text: String },
        Stop { report: Report },
        Interrupted { text: String },
    }
}
