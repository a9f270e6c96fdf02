//! The checks there are, what each proves and what it costs, as the Python package lists them in its `checks.json`.
//! Leaves out how: that is `python/`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::CheckId;

/// One line of `mlxport check --list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub id: CheckId,
    /// Its number in the design: `H3`.
    pub number: String,
    /// `twin`, or another family with a subcommand of its own.
    pub family: String,
    pub cost: Cost,
    /// `rule`, or `figure` where it shows numbers and judges nothing.
    pub decides: String,
    pub title: String,
    pub rule: String,
}

/// What a check costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Below a second with a warm worker: runs at each save.
    Fast,
    /// Seconds.
    Slow,
    /// A checkpoint, several processes, or a GPU.
    Heavy,
}

static LIST: LazyLock<Vec<Planned>> = LazyLock::new(|| {
    let text = include_str!("../python/mlxport_harness/checks.json");
    serde_json::from_str(text).expect("checks.json is part of this program and its tests parse it")
});

/// Lists every check, in the order in which they run.
pub fn list() -> &'static [Planned] {
    &LIST
}

/// Lists the twin checks that run at each save.
pub fn quick() -> Vec<CheckId> {
    twin(|cost| cost == Cost::Fast)
}

/// Lists all twin checks.
pub fn full() -> Vec<CheckId> {
    twin(|cost| cost != Cost::Heavy)
}

/// Lists what a twin check can be asked for by name: `full`, and what is in no plan.
pub fn named() -> Vec<CheckId> {
    twin(|_| true)
}

/// Reads a plan's name, or the name of a twin check.
pub fn parse(text: &str) -> Result<Vec<CheckId>, String> {
    let named = || LIST.iter().find(|check| check.family == "twin" && check.id.name() == text);
    match text {
        "quick" => Ok(quick()),
        "full" => Ok(full()),
        _ => named().map(|check| vec![check.id]).ok_or_else(|| {
            let known = LIST.iter().filter(|check| check.family == "twin");
            let known = known.map(|check| check.id.name()).collect::<Vec<_>>().join(", ");
            format!("no twin check is named `{text}`; there are {known}, and the plans quick and full")
        }),
    }
}

/// Puts checks in the order in which they run, each once.
pub fn order(checks: &[CheckId]) -> Vec<CheckId> {
    let mut ordered = checks.to_vec();
    ordered.sort_unstable();
    ordered.dedup();
    ordered
}

/// Gives a check's place in the order; what is not in the list comes after all.
pub fn position(id: CheckId) -> usize {
    LIST.iter().position(|check| check.id == id).unwrap_or(usize::MAX)
}

fn twin(wanted: impl Fn(Cost) -> bool) -> Vec<CheckId> {
    LIST.iter().filter(|check| check.family == "twin" && wanted(check.cost)).map(|check| check.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_run_in_one_order_and_once() {
        let asked = [CheckId::CACHE, CheckId::EXACT, CheckId::CACHE];
        assert_eq!(order(&asked), [CheckId::EXACT, CheckId::CACHE]);
    }

    #[test]
    fn a_plan_or_a_check_is_read_and_an_unknown_name_lists_those_there_are() {
        assert_eq!(parse("quick"), Ok(quick()));
        assert_eq!(parse("exact"), Ok(vec![CheckId::EXACT]));
        let error = parse("exakt").expect_err("a typing mistake");
        assert!(error.starts_with("no twin check is named `exakt`; there are exact, "), "{error}");
        assert!(quick().len() < full().len() || quick() == full());
    }
}
