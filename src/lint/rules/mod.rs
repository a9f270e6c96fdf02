//! The rules, one file each. A rule's `breaks` is a measurement, not a wish: how many model files of the pinned mlx-lm
//! break it; `tests/it/lint.rs` counts again.

use super::data::{Kind, Severity};
use super::found::Found;
use super::subject::Subject;

mod argument;
mod attention;
mod cast;
mod comment_block;
mod comments;
mod constant_branch;
mod copyright;
mod default_value;
mod definition;
mod docstrings;
mod dropped_cause;
mod experts;
mod field;
mod file_name;
mod format;
mod formatted_string;
mod import;
mod lm_head;
mod loop_variable;
mod make_cache;
mod mask;
mod mutable_default;
mod option;
mod parse;
mod peers;
mod print;
mod redefined;
mod repeat;
mod rms_norm;
mod rope;
mod rope_by_hand;
mod scalar;
mod self_assignment;
mod shared_files;
mod shared_name;
mod size_default;
mod softmax;
mod surface;
mod swiglu;
mod sync;
mod test_entry;
mod todo;
mod token_loop;
mod undefined;
mod unused_import;
mod unused_local;

pub(super) use default_value::literal;
pub(super) use parse::RULE as PARSE;
pub(super) use peers::OFFERS;
pub use shared_name::HELPERS;

/// How many model files the counts were made over, and of which release.
pub const MERGED: (u32, &str) = (126, "mlx-lm 0.32.2");

/// One convention.
#[derive(Debug)]
pub struct Rule {
    /// The feature's number and a name: `L3-copyright`.
    pub id: &'static str,
    /// The convention in one sentence.
    pub says: &'static str,
    pub severity: Severity,
    /// What to do, when a finding has no fix of its own.
    pub fix: &'static str,
    /// Where upstream's convention is seen.
    pub source: &'static str,
    /// How many of the merged model files break it; none when that could not be measured.
    pub breaks: Option<u32>,
    pub kinds: &'static [Kind],
    /// Judges files that do not parse too.
    pub on_broken: bool,
    pub judge: fn(&Subject, &mut Found),
}

impl Rule {
    /// Says where the convention is seen, with what was measured.
    pub fn seen(&self) -> String {
        let (all, release) = MERGED;
        match self.breaks {
            Some(breaks) => {
                format!("{}; {} of {all} merged model files keep it ({release})", self.source, all - breaks)
            }
            None => self.source.into(),
        }
    }
}

/// Where most rules apply.
const MODEL: &[Kind] = &[Kind::Model];
const ANY: &[Kind] = &[Kind::Model, Kind::Shared, Kind::Tests];

/// Every rule, in the order of their numbers.
pub static RULES: &[&Rule] = &[
    &parse::RULE,
    &format::RULE,
    &comments::RULE,
    &comment_block::RULE,
    &docstrings::RULE,
    &file_name::RULE,
    &copyright::RULE,
    &import::RULE,
    &default_value::RULE,
    &size_default::RULE,
    &shared_files::RULE,
    &shared_name::RULE,
    &swiglu::RULE,
    &softmax::RULE,
    &rms_norm::RULE,
    &rope_by_hand::RULE,
    &experts::RULE,
    &attention::RULE,
    &mask::RULE,
    &rope::RULE,
    &repeat::RULE,
    &token_loop::RULE,
    &sync::RULE,
    &scalar::RULE,
    &cast::RULE,
    &unused_import::RULE,
    &unused_local::RULE,
    &undefined::RULE,
    &redefined::RULE,
    &loop_variable::RULE,
    &mutable_default::RULE,
    &dropped_cause::RULE,
    &formatted_string::RULE,
    &self_assignment::RULE,
    &argument::RULE,
    &field::RULE,
    &definition::RULE,
    &constant_branch::RULE,
    &print::RULE,
    &todo::RULE,
    &option::RULE,
    &surface::RULE,
    &make_cache::RULE,
    &lm_head::RULE,
    &peers::RULE,
    &test_entry::RULE,
];
