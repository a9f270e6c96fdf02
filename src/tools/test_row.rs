//! A row of upstream's table of test configs as text: written as black would, put where rows stand.

use std::ops::Range;

use serde_json::{Map, Value};

const TABLE: &str = "    def test_all_models(";
const BEGIN: &str = "        test_configs = [";
const END: &str = "        ]";
/// Columns of a line, as black counts them.
const COLUMNS: usize = 88;
const MOST_KEYS: usize = 100;
const DEEPEST: usize = 5;
/// A test's model is tiny: upstream runs them all at each push.
const MOST_VOCAB: u64 = 10_000;
const MOST_LAYERS: u64 = 16;

/// Makes the row's lines. What is no tiny config of this type is refused, in words for the model.
pub fn row(mut config: Map<String, Value>, model_type: &str) -> Result<String, String> {
    match config.shift_remove("model_type") {
        Some(other) if other != model_type => return Err(format!("`model_type` is {model_type} here")),
        _ => {}
    }
    for (key, most) in [("vocab_size", MOST_VOCAB), ("num_hidden_layers", MOST_LAYERS)] {
        match config.get(key).and_then(Value::as_u64) {
            Some(count) if (1..=most).contains(&count) => {}
            Some(_) => return Err(format!("`{key}` is from 1 to {most}: a test's model is tiny")),
            None => return Err(format!("`config` needs `{key}`, a number: the test reads it")),
        }
    }
    if config.len() > MOST_KEYS {
        return Err(format!("{} keys; at most {MOST_KEYS}", config.len()));
    }
    let mut whole = Map::new();
    whole.insert("model_type".into(), model_type.into());
    whole.extend(config);
    let mut out = String::new();
    if !exploded(&Value::Object(whole), "            ", &mut out) {
        return Err(format!("values are nested deeper than {DEEPEST}"));
    }
    Ok(format!("            {out},\n"))
}

/// Writes a value with one item a line. Says whether it is not too deep.
fn exploded(value: &Value, indent: &str, out: &mut String) -> bool {
    let deeper = format!("{indent}    ");
    let mut fine = indent.len() / 4 <= 3 + DEEPEST;
    let mut item = |key: Option<&str>, value: &Value, out: &mut String| {
        let start = format!("{deeper}{}", key.map(|key| format!("{}: ", quoted(key))).unwrap_or_default());
        out.push_str(&start);
        fine &= written(value, start.chars().count(), &deeper, out);
        out.push_str(",\n");
    };
    match value {
        Value::Object(map) => {
            out.push_str("{\n");
            map.iter().for_each(|(key, value)| item(Some(key), value, out));
            out.push_str(&format!("{indent}}}"));
        }
        Value::Array(items) => {
            out.push_str("[\n");
            items.iter().for_each(|value| item(None, value, out));
            out.push_str(&format!("{indent}]"));
        }
        other => out.push_str(&inline(other, 0).unwrap_or_default()),
    }
    fine
}

/// Writes a value in the rest of a line where it fits.
fn written(value: &Value, column: usize, indent: &str, out: &mut String) -> bool {
    let Some(short) = inline(value, 0) else { return false };
    let nested = matches!(value, Value::Object(_) | Value::Array(_));
    if !nested || column + short.chars().count() < COLUMNS {
        out.push_str(&short);
        return true;
    }
    exploded(value, indent, out)
}

/// Writes a value in one line; none where it is too deep.
fn inline(value: &Value, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    Some(match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        // Upstream writes an epsilon as 1e-5.
        Value::Number(number) => match number.as_f64() {
            Some(small) if small != 0.0 && small.abs() < 1e-3 => format!("{small:e}"),
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| inline(item, depth + 1)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(map) => {
            let item = |(key, value): (&String, &Value)| {
                Some(format!("{}: {}", quoted(key), inline(value, depth + 1)?))
            };
            let items: Option<Vec<String>> = map.iter().map(item).collect();
            format!("{{{}}}", items?.join(", "))
        }
    })
}

/// JSON's escapes are Python's too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Puts the row in the place of the type's own, else at the table's end. None where there is no table.
pub fn placed(text: &str, row: &str, model_type: &str) -> Option<String> {
    let table = text.find(TABLE)?;
    let begin = table + text[table..].find(&format!("{BEGIN}\n"))? + BEGIN.len() + 1;
    // From the line break before: the table may be empty.
    let end = begin + text[begin - 1..].find(&format!("\n{END}\n"))?;
    let place = own(text, begin..end, model_type).unwrap_or(end..end);
    Some(format!("{}{row}{}", &text[..place.start], &text[place.end..]))
}

/// The lines of the type's row, if there is one.
fn own(text: &str, table: Range<usize>, model_type: &str) -> Option<Range<usize>> {
    let named = format!("                \"model_type\": {},\n", quoted(model_type));
    let at = table.start + text[table.clone()].find(&named)?;
    let open = "            {\n";
    let first = table.start + text[table.start..at].rfind(open)?;
    let close = "\n            },\n";
    let last = at + text[at..table.end].find(close)? + close.len();
    Some(first..last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "class TestModels:\n    def test_all_models(self):\n        test_configs = [\n            {\n                \"model_type\": \"afm7\",\n                \"vocab_size\": 10,\n            },\n        ]\n        for config in test_configs:\n            pass\n";

    fn made(config: Value) -> Result<String, String> {
        row(config.as_object().cloned().unwrap_or_default(), "arcee")
    }

    #[test]
    fn a_row_is_written_as_black_writes_it_and_stands_at_the_tables_end() {
        let layers = vec!["sliding_attention"; 4];
        let config = json!({"vocab_size": 100, "num_hidden_layers": 2, "eps": 1e-5, "tied": true, "rope": null,
            "short": {"type": "default"}, "layer_types": layers});
        let row = made(config).expect("a row");
        let wanted = "            {\n                \"model_type\": \"arcee\",\n                \"vocab_size\": 100,\n                \"num_hidden_layers\": 2,\n                \"eps\": 1e-5,\n                \"tied\": True,\n                \"rope\": None,\n                \"short\": {\"type\": \"default\"},\n                \"layer_types\": [\n                    \"sliding_attention\",\n                    \"sliding_attention\",\n                    \"sliding_attention\",\n                    \"sliding_attention\",\n                ],\n            },\n";
        assert_eq!(row, wanted);
        let once = placed(FILE, &row, "arcee").expect("a table");
        assert_eq!(once, FILE.replace("        ]\n", &format!("{wanted}        ]\n")));
        let other = row.replace("100", "50");
        assert_eq!(
            placed(&once, &other, "arcee").expect("a table"),
            once.replace("\"vocab_size\": 100", "\"vocab_size\": 50")
        );
        assert_eq!(placed("class TestModels:\n", &row, "arcee"), None);
    }

    #[test]
    fn what_is_no_tiny_config_of_this_type_is_refused() {
        let said = |config: Value| made(config).expect_err("refused");
        assert!(said(json!({"vocab_size": 100})).contains("needs `num_hidden_layers`"));
        assert!(said(json!({"vocab_size": 100_000, "num_hidden_layers": 2})).contains("from 1 to 10000"));
        let other = json!({"model_type": "llama", "vocab_size": 10, "num_hidden_layers": 2});
        assert!(said(other).contains("`model_type` is arcee here"));
        let deep = json!({"vocab_size": 10, "num_hidden_layers": 1, "a": [[[[[[[[1]]]]]]]]});
        assert!(said(deep).contains("nested deeper"));
    }
}
