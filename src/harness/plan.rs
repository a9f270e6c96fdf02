//! The checks there are, what each proves and what it costs. Leaves out how: that is `python/`.

use serde::Serialize;

use super::data::CheckId;

/// One line of `mlxport check --list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    pub id: CheckId,
    pub title: &'static str,
    pub rule: &'static str,
    /// Cost with a warm worker on a four-layer dense twin.
    pub cost: &'static str,
}

/// Describes a check.
pub fn describe(id: CheckId) -> Planned {
    let (title, rule, cost) = match id {
        CheckId::Exact => (
            "float32 logits against transformers on two random twins (embedding std 1.0 and 0.05)",
            "relative error ≤ 1e-5 (std 1.0) and ≤ 1e-4 (std 0.05) pass, to 100 × suspect; rounding floor shown",
            "≈ 0.1 s",
        ),
        CheckId::Dtype => (
            "output dtype of a bf16 model stays bf16",
            "any promotion to float32 fails, with its place",
            "< 0.1 s",
        ),
        CheckId::Cache => (
            "full pass against prefill and token-by-token decode with a cache",
            "relative error ≤ 1e-4 pass",
            "≈ 0.2 s",
        ),
        CheckId::Locate => (
            "the first module whose output differs, in both sources",
            "a place, not a verdict",
            "≈ 0.1 s, only when exact fails",
        ),
    };
    Planned { id, title, rule, cost }
}

/// Lists every check.
pub fn list() -> Vec<Planned> {
    CheckId::ALL.into_iter().map(describe).collect()
}

/// Puts checks in the order in which they run, each once.
pub fn order(checks: &[CheckId]) -> Vec<CheckId> {
    CheckId::ALL.into_iter().filter(|check| checks.contains(check)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_run_in_one_order_and_once() {
        let asked = [CheckId::Cache, CheckId::Exact, CheckId::Cache];
        assert_eq!(order(&asked), [CheckId::Exact, CheckId::Cache]);
    }
}
