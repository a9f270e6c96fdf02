//! Two runs side by side: what changed beyond noise. Pure. A figure that stays within its rounding floor's band on
//! both sides is noise, however much it moved; without a floor a change of less than a factor of two is.

use serde::Serialize;

use super::{CheckRecord, CheckVerdict, Figure, RunResult, SCHEMA, StoredRun};

/// Right ports were measured at up to this many times their rounding floor; see `docs/HARNESS.md`.
const FLOOR_BAND: f64 = 10.0;
/// Without a floor, a figure that moved less than this factor is not news.
const FACTOR: f64 = 2.0;

/// What became of one check from the first run to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Worse,
    Better,
    /// Moved, and stayed inside the noise band.
    Noise,
    Same,
    /// Only the second run has it.
    Added,
    /// Only the first run has it.
    Gone,
}

impl Change {
    /// Gives the change in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Noise => "within noise",
            Self::Same => "same",
            Self::Added => "added",
            Self::Gone => "gone",
        }
    }
}

/// One check of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub id: String,
    pub variant: Option<String>,
    pub twin: Option<String>,
    pub change: Change,
    pub before: Option<Side>,
    pub after: Option<Side>,
}

/// One run's part of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    pub verdict: CheckVerdict,
    pub figure: Option<Figure>,
    pub floor: Option<Figure>,
    pub seconds: f64,
    pub module: Option<String>,
}

/// What two runs have in common and what not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub schema: u32,
    pub before: String,
    pub after: String,
    /// Inputs that differ: `port`, `config AFM-4.5B`, `harness`, `versions.mlx`; where none does, all changes are noise or
    /// chance.
    pub inputs: Vec<String>,
    pub rows: Vec<Row>,
}

impl Comparison {
    /// Says whether any check is worse.
    pub fn is_worse(&self) -> bool {
        self.rows.iter().any(|row| row.change == Change::Worse)
    }
}

/// Compares two runs, row by row in the second run's order.
pub fn compare(before: &StoredRun, after: &StoredRun) -> Comparison {
    Comparison {
        schema: SCHEMA,
        before: before.result.run_id.clone(),
        after: after.result.run_id.clone(),
        inputs: inputs(before, after),
        rows: rows(&before.result, &after.result),
    }
}

/// Compares the checks of two runs, row by row in the second run's order; what only the first has comes last.
pub fn rows(old: &RunResult, new: &RunResult) -> Vec<Row> {
    let mut rows: Vec<Row> = new
        .checks
        .iter()
        .map(|record| row(old.checks.iter().find(|other| other.same_row(record)), Some(record)))
        .collect();
    let gone = old.checks.iter().filter(|record| !new.checks.iter().any(|other| other.same_row(record)));
    rows.extend(gone.map(|record| row(Some(record), None)));
    rows
}

fn row(before: Option<&CheckRecord>, after: Option<&CheckRecord>) -> Row {
    let named = after.or(before);
    let change = match (before, after) {
        (Some(before), Some(after)) => change(before, after),
        (None, _) => Change::Added,
        (_, None) => Change::Gone,
    };
    Row {
        id: named.map(|record| record.id.name().to_string()).unwrap_or_default(),
        variant: named.and_then(|record| record.variant.clone()),
        twin: named.and_then(|record| record.twin.clone()),
        change,
        before: before.map(side),
        after: after.map(side),
    }
}

fn side(record: &CheckRecord) -> Side {
    Side {
        verdict: record.verdict,
        figure: record.figure.clone(),
        floor: record.floor.clone(),
        seconds: record.seconds,
        module: record.first_divergence.as_ref().map(|place| place.module.clone()),
    }
}

fn change(before: &CheckRecord, after: &CheckRecord) -> Change {
    let rank = |record: &CheckRecord| match record.verdict {
        CheckVerdict::Pass | CheckVerdict::NotApplicable | CheckVerdict::NotExercised => 0,
        CheckVerdict::Suspect => 1,
        CheckVerdict::Error => 2,
        CheckVerdict::Fail => 3,
    };
    match rank(after).cmp(&rank(before)) {
        std::cmp::Ordering::Greater => return Change::Worse,
        std::cmp::Ordering::Less => return Change::Better,
        std::cmp::Ordering::Equal => {}
    }
    let number = |figure: &Option<Figure>| figure.as_ref().and_then(Figure::number);
    let (Some(old), Some(new)) = (number(&before.figure), number(&after.figure)) else {
        return if before.figure == after.figure { Change::Same } else { Change::Noise };
    };
    if old == new {
        return Change::Same;
    }
    let band = |record: &CheckRecord, value: f64| {
        number(&record.floor).is_some_and(|floor| value <= FLOOR_BAND * floor)
    };
    let small = |ratio: f64| (1.0 / FACTOR..=FACTOR).contains(&ratio);
    if (band(before, old) && band(after, new)) || (old > 0.0 && small(new / old)) {
        return Change::Noise;
    }
    // A rule that passes both says that both are nothing: below its bar a figure is no gain and no loss.
    let bar = number(&after.bar);
    let under = |value: f64| bar.is_some_and(|bar| value <= bar);
    match after.verdict == CheckVerdict::Pass && under(old) && under(new) {
        true => Change::Noise,
        false if new > old => Change::Worse,
        false => Change::Better,
    }
}

fn inputs(before: &StoredRun, after: &StoredRun) -> Vec<String> {
    let mut found = Vec::new();
    let sha = |run: &StoredRun| run.port.as_ref().map(|port| port.sha256.clone());
    if sha(before) != sha(after) {
        found.push("port".into());
    }
    let shas = |run: &StoredRun| run.configs.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>();
    if shas(before) != shas(after) {
        found.push("configs".into());
    }
    if before.harness != after.harness {
        found.push("harness".into());
    }
    let (old, new) = (&before.result.environment, &after.result.environment);
    for key in ["versions", "device", "tf32", "seed", "mem_mb"] {
        match (old.get(key), new.get(key)) {
            (Some(serde_json::Value::Object(old)), Some(serde_json::Value::Object(new))) => {
                let differ = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
                found.extend(differ.map(|(name, _)| format!("{key}.{name}")));
            }
            (old, new) if old != new => found.push(key.into()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{CheckError, CheckId, Kind};
    use super::*;

    fn record(verdict: CheckVerdict, figure: f64, floor: Option<f64>) -> CheckRecord {
        let error = CheckError { kind: Kind::Bug, text: String::new(), hint: None };
        CheckRecord {
            verdict,
            figure: Some(Figure::Number(figure)),
            floor: floor.map(Figure::Number),
            bar: Some(Figure::Number(1e-5)),
            error: None,
            ..CheckRecord::failed(CheckId::EXACT, error)
        }
    }

    #[test]
    fn a_figure_inside_its_floors_band_is_noise_and_outside_is_not() {
        use CheckVerdict::{Fail, Pass, Suspect};
        let of = |before: (CheckVerdict, f64), after: (CheckVerdict, f64), floor| {
            change(&record(before.0, before.1, floor), &record(after.0, after.1, floor))
        };
        assert_eq!(of((Pass, 1e-7), (Pass, 8e-7), Some(1e-7)), Change::Noise);
        assert_eq!(of((Pass, 1e-7), (Pass, 1e-7), Some(1e-7)), Change::Same);
        assert_eq!(of((Suspect, 2e-5), (Suspect, 9e-4), Some(1e-7)), Change::Worse);
        assert_eq!(of((Fail, 0.3), (Fail, 0.01), None), Change::Better);
        assert_eq!(of((Fail, 0.3), (Fail, 0.31), None), Change::Noise);
        assert_eq!(of((Pass, 1e-7), (Fail, 0.3), Some(1e-7)), Change::Worse);
    }

    #[test]
    fn a_check_of_one_run_alone_is_added_or_gone() {
        let one = record(CheckVerdict::Pass, 1e-7, None);
        assert_eq!(row(None, Some(&one)).change, Change::Added);
        assert_eq!(row(Some(&one), None).change, Change::Gone);
    }
}
