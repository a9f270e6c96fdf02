//! Everything that is known of one key, as lines; those that name a place in a source can be gone to.

use crate::hub::data::{Entry, Ledger, Place};

/// What a line of the evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Title,
    Alarm,
    Rejected,
    Heading,
    Plain,
    /// A line of a source: Enter goes there.
    Place,
}

/// A line of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: Kind,
    /// Untrusted: neutralise before drawing.
    pub text: String,
    pub place: Option<Place>,
}

fn line(kind: Kind, text: impl Into<String>) -> Line {
    Line { kind, text: text.into(), place: None }
}

/// Gives the evidence of one key.
pub fn evidence(entry: &Entry, ledger: &Ledger) -> Vec<Line> {
    let mut lines = vec![line(Kind::Title, entry.path.clone())];
    if let Some(alarm) = entry.alarm {
        lines.push(line(Kind::Alarm, alarm.text()));
    }
    if let Some(rejected) = &entry.rejected {
        lines.push(line(Kind::Rejected, format!("rejected {}: {}", rejected.at, rejected.reason)));
    }
    lines.extend(
        entry.flag.map(|flag| line(Kind::Plain, format!("look here in every port: {}", flag.text()))),
    );
    lines.push(line(Kind::Heading, "What happens when it is changed"));
    for one in &entry.moves {
        let how = match one.mutation.as_str() {
            "value" => format!("set to {}", one.value),
            "null" => "null".into(),
            "absent" => "removed".into(),
            other => other.to_string(),
        };
        let said = if one.text.is_empty() { String::new() } else { format!(": {}", one.text) };
        lines.push(line(Kind::Plain, format!("{:<3} {how}: {}{said}", one.sign(), one.words())));
    }
    lines.extend(entry.findings.iter().map(|text| line(Kind::Plain, text.clone())));
    match (&entry.untried, entry.moves.is_empty()) {
        (Some(why), _) => lines.push(line(Kind::Plain, format!("not tried: {why}"))),
        (None, true) if entry.findings.is_empty() => {
            lines.push(line(Kind::Plain, "not tried yet. c runs the check that changes every key"));
        }
        _ => {}
    }
    let default =
        entry.reference_default.as_ref().map_or_else(|| "none known".into(), |value| value.written());
    let own =
        entry.port_default.clone().unwrap_or_else(|| "none: the port requires it or does not know it".into());
    lines.push(line(Kind::Heading, "Where a config is silent"));
    lines.push(line(Kind::Plain, format!("the config class: {default}")));
    lines.push(line(Kind::Plain, format!("the port: {own}")));
    lines.extend(entry.differs.map(|differs| {
        line(Kind::Plain, if differs { "the variants differ in it" } else { "the same in every variant" })
    }));
    for (title, places) in [("Read by the reference", &entry.reference), ("Read by the port", &entry.port)] {
        lines.push(line(Kind::Heading, title));
        if places.is_empty() {
            lines.push(line(Kind::Plain, "nowhere that its source shows"));
        }
        lines.extend(places.iter().map(|place| {
            let name =
                place.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = format!("{name}:{} {}", place.line, place.text);
            Line { kind: Kind::Place, text, place: Some(place.clone()) }
        }));
    }
    lines.push(line(Kind::Heading, "Known"));
    lines.extend(ledger.known.iter().map(|text| line(Kind::Plain, text.clone())));
    lines
}
