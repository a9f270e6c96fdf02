//! Figures and how they are written, everywhere alike.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A figure: a number, or what JSON numbers cannot hold (`nan`, `inf`) or a name (`bfloat16`) as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    Number(f64),
    Text(String),
}

impl Figure {
    /// Gives the number; `nan` and `inf` count as infinite, names as none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Text(text) => {
                let value: f64 = text.parse().ok()?;
                Some(if value.is_nan() { f64::INFINITY } else { value })
            }
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.pad(&scientific(*value)),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// Writes a figure in the field's short form: `2.9e-01`; zero as `0`.
pub fn scientific(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let text = format!("{value:.1e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => match exponent.strip_prefix('-') {
            Some(digits) => format!("{mantissa}e-{digits:0>2}"),
            None => format!("{mantissa}e+{exponent:0>2}"),
        },
        None => text,
    }
}

/// Writes a bar as people write it: `1e-5`.
pub fn bar(value: f64) -> String {
    let plain = format!("{value:e}");
    match value {
        0.0 => "0".into(),
        // A computed bar has more digits than anyone compares.
        _ if plain.len() > 7 => format!("{value:.1e}"),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_the_field_writes_them() {
        let shown: Vec<String> = [0.29, 4.4e-7, 0.0, 12345.0].into_iter().map(scientific).collect();
        assert_eq!(shown, ["2.9e-01", "4.4e-07", "0", "1.2e+04"]);
        assert_eq!([bar(1e-5), bar(9.083300032767464e-4), bar(0.0)], ["1e-5", "9.1e-4", "0"]);
    }

    #[test]
    fn a_non_finite_figure_counts_as_infinite() {
        let figure: Figure = serde_json::from_str("\"nan\"").expect("text");
        assert_eq!(figure.number(), Some(f64::INFINITY));
        assert_eq!(Figure::Text("bfloat16".into()).number(), None);
    }
}
