//! JSON values in few columns, and as serde_json values.

use super::data::{Json, Member};

/// Lists and texts longer than this are summarised.
const LONG: usize = 40;

impl Json {
    /// Writes the value in few columns: repeated elements are counted, `[30: sliding ×5, full, …]`.
    pub fn short(&self) -> String {
        let full = self.written();
        if full.chars().count() <= LONG {
            return full;
        }
        match self {
            Self::List(items) => format!("[{}: {}]", items.len(), runs(items)),
            Self::Object(members) => format!("{{{} keys}}", members.len()),
            _ => format!("{}…", full.chars().take(LONG - 1).collect::<String>()),
        }
    }

    /// Writes the whole value on one line, numbers as they were spelt.
    pub fn written(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) | Self::Text(text) => text.clone(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::written).collect::<Vec<_>>().join(", "))
            }
            Self::Object(members) => {
                let one = |member: &Member| format!("{}: {}", member.key, member.value.written());
                format!("{{{}}}", members.iter().map(one).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Tells whether Python would find them equal: 1e6 is 1000000.0; true is not 1 here.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a == b || same_number(a, b),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Object(a), Self::Object(b)) => {
                let has = |member: &Member| {
                    b.iter().any(|other| other.key == member.key && other.value.same(&member.value))
                };
                a.len() == b.len() && a.iter().all(has)
            }
            (a, b) => a == b,
        }
    }

    /// Gives the value for `--json`. NaN and Infinity, which JSON does not have, become texts.
    pub fn to_serde(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_serde).collect()),
            Self::Object(members) => {
                Value::Object(members.iter().map(|one| (one.key.clone(), one.value.to_serde())).collect())
            }
        }
    }
}

fn same_number(a: &str, b: &str) -> bool {
    let whole = |text: &str| !text.contains(['.', 'e', 'E']);
    // Whole numbers past 2^53 would be rounded to the same double.
    !(whole(a) && whole(b)) && a.parse::<f64>().is_ok_and(|a| b.parse::<f64>().is_ok_and(|b| a == b))
}

fn runs(items: &[Json]) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for item in items {
        let text = item.written();
        match runs.last_mut() {
            Some((last, count)) if *last == text => *count += 1,
            _ => runs.push((text, 1)),
        }
    }
    if let Some((period, times)) = period(items) {
        let one = items[..period].iter().map(Json::written).collect::<Vec<_>>();
        return format!("({}) ×{times}", counted(&one));
    }
    let shown: Vec<String> = runs.iter().take(4).map(|(text, count)| times(text, *count)).collect();
    let more = if runs.len() > 4 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A list that is a short pattern again and again, as layer types are.
fn period(items: &[Json]) -> Option<(usize, usize)> {
    (2..=8.min(items.len() / 2))
        .find(|period| {
            items.len().is_multiple_of(*period) && items.iter().skip(*period).zip(items).all(|(a, b)| a == b)
        })
        .map(|period| (period, items.len() / period))
        .filter(|_| items.iter().any(|item| *item != items[0]))
}

fn counted(texts: &[String]) -> String {
    let mut runs: Vec<(&String, usize)> = Vec::new();
    for text in texts {
        match runs.last_mut() {
            Some((last, count)) if *last == text => *count += 1,
            _ => runs.push((text, 1)),
        }
    }
    runs.into_iter().map(|(text, count)| times(text, count)).collect::<Vec<_>>().join(", ")
}

fn times(text: &str, count: usize) -> String {
    let shown: String = text.chars().take(24).collect();
    if count == 1 { shown } else { format!("{shown} ×{count}") }
}
