//! The PR room's pure data, which `app` and `ui` hold: the diff, the Voice fields, the template, gates, facts, the
//! hand-over. No git, no files, no clock. How they are filled is in the rest of `pr`; what the person types goes in by
//! [`Voice`] alone.

pub mod diff;
pub mod facts;
pub mod gates;
pub mod guard;
pub mod handover;
pub mod outputs;
pub mod staging;
pub mod template;
pub mod voice;

pub use diff::{
    Counts, Ending, FileDiff, FileKind, Hunk, HunkId, LineId, Part, PrSnapshot, Row, Span, Where,
};
pub use facts::Facts;
pub use gates::{Gate, GateId, GateState, Known};
pub use guard::{Cleared, Overlap};
pub use handover::{HandOver, Outcome, Plan, body};
pub use outputs::ProgramOutput;
pub use staging::{Aim, Selection, Undo};
pub use template::{Field, FieldId, FieldKind, Template, TemplateSource};
pub use voice::{Block, Cursor, Voice, VoiceKey};
