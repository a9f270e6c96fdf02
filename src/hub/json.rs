//! JSON with positions. Our own reader because serde_json loses the spelling of numbers, takes the last of two equal keys
//! without a word, and refuses the NaN and Infinity that Python writes.

use std::collections::HashMap;

use super::data::{Json, Member};
use super::syntax::{At, JsonError};

const DEEPEST: usize = 64;

/// Parses a text.
pub fn parse(text: &str) -> Result<Json, JsonError> {
    let mut reader = Reader { text, at: 0, line: 1, line_start: 0 };
    if text.starts_with('\u{feff}') {
        return Err(reader.wrong("a byte order mark before the JSON", Some(BOM)));
    }
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("something follows the end of the JSON", None)),
    }
}

const BOM: &str = "save the file as UTF-8 without a byte order mark; Python's json refuses it too";
const COMMA: &str = "remove the comma before it; JSON allows none there";

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        if depth > DEEPEST {
            return Err(JsonError::TooDeep { at: self.here(), limit: DEEPEST });
        }
        self.space();
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.list(depth),
            Some('"') => Ok(Json::Text(self.string()?)),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.word(),
            Some('\'') => Err(self.wrong("a single quote", Some("JSON texts stand in double quotes"))),
            Some('/' | '#') => Err(self.wrong("a comment", Some("JSON has no comments: remove it"))),
            Some(c) => Err(self.wrong(&format!("a value was expected, not {c:?}"), None)),
            None => Err(self.wrong(
                "the file ends where a value was expected",
                Some("it may be cut off: fetch it again"),
            )),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        self.space();
        if self.take('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() == Some('}') {
                return Err(self.wrong("a comma before the closing brace", Some(COMMA)));
            }
            if self.peek() != Some('"') {
                return Err(self.expected("a key in double quotes"));
            }
            let at = self.here();
            let key = self.string()?;
            if let Some(first) = seen.insert(key.clone(), at.line) {
                return Err(JsonError::Duplicate { at, key, first });
            }
            self.space();
            if !self.take(':') {
                return Err(self.expected(&format!("a colon after `{key}`")));
            }
            let value = self.value(depth + 1)?;
            members.push(Member { key, value, line: at.line });
            self.space();
            if self.take('}') {
                return Ok(Json::Object(members));
            }
            if !self.take(',') {
                return Err(self.expected("a comma or the closing brace"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(']') {
            return Ok(Json::List(items));
        }
        loop {
            self.space();
            if self.peek() == Some(']') {
                return Err(self.wrong("a comma before the closing bracket", Some(COMMA)));
            }
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(']') {
                return Ok(Json::List(items));
            }
            if !self.take(',') {
                return Err(self.expected("a comma or the closing bracket"));
            }
        }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        if self.text[self.at..].starts_with("-Infinity") {
            self.at += "-Infinity".len();
            return Ok(Json::Number("-Infinity".into()));
        }
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let text = &rest[..end];
        // serde_json knows what a number is; only its rounding is not wanted.
        if serde_json::from_str::<serde_json::Number>(text).is_err() && !huge(text) {
            return Err(self.wrong(&format!("`{}` is not a number", clip(text)), None));
        }
        self.at += end;
        Ok(Json::Number(text.to_string()))
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let value = match &rest[..end] {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            "NaN" => Json::Number("NaN".into()),
            "Infinity" => Json::Number("Infinity".into()),
            word @ ("None" | "True" | "False") => {
                let hint = "that is Python: JSON writes null, true, false";
                return Err(self.wrong(&format!("`{word}` is not JSON"), Some(hint)));
            }
            word => return Err(self.wrong(&format!("`{}` is not JSON", clip(word)), None)),
        };
        self.at += end;
        Ok(value)
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(byte) if *byte < 0x20 => {
                    self.at = end;
                    return Err(self.wrong("a text is not closed on its line", None));
                }
                Some(_) => end += 1,
                None => {
                    return Err(
                        self.wrong("a text is not closed", Some("the file may be cut off: fetch it again"))
                    );
                }
            }
        }
        let text = serde_json::from_str(&self.text[start..=end]);
        let text = text.map_err(|_| self.wrong("an escape that JSON does not have", None))?;
        self.at = end + 1;
        Ok(text)
    }

    fn space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.line_start = self.at + 1;
                }
                b' ' | b'\t' | b'\r' => {}
                _ => break,
            }
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn here(&self) -> At {
        At { line: self.line, column: self.text[self.line_start..self.at].chars().count() as u32 + 1 }
    }

    fn wrong(&self, what: &str, hint: Option<&'static str>) -> JsonError {
        JsonError::Syntax { at: self.here(), what: what.into(), hint }
    }

    fn expected(&self, wanted: &str) -> JsonError {
        match self.peek() {
            None => self.wrong(
                &format!("the file ends where {wanted} was expected"),
                Some("it may be cut off: fetch it again"),
            ),
            Some(c) => self.wrong(&format!("{wanted} was expected, not {c:?}"), None),
        }
    }
}

/// A number past the range of a double is one still: Python makes it an endless integer, or infinity.
fn huge(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() < 400
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && !(digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit()))
        && text.parse::<f64>().is_ok()
        && !text.ends_with('.')
        && !text.contains(".e")
        && !text.contains(".E")
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn values_keep_their_spelling() {
        let root =
            parse(r#"{"a": 1e6, "b": [NaN, -Infinity, null], "c": {"d": "é\n"}, "e": 1e999}"#).expect("JSON");
        assert_eq!(root.written(), "{a: 1e6, b: [NaN, -Infinity, null], c: {d: é\n}, e: 1e999}");
        assert!(Json::Number("1e6".into()).same(&Json::Number("1000000".into())));
        assert!(!Json::Number("9007199254740993".into()).same(&Json::Number("9007199254740992".into())));
    }

    #[test]
    fn errors_say_where() {
        let cases = [
            ("", "line 1, column 1: the file ends where a value was expected"),
            ("{\n  \"a\": 1,\n}", "line 3, column 1: a comma before the closing brace"),
            ("{\"a\": 1 \"b\": 2}", "line 1, column 9: a comma or the closing brace was expected, not '\"'"),
            ("{\"é\": tru}", "line 1, column 7: `tru` is not JSON"),
            ("{\"a\": None}", "line 1, column 7: `None` is not JSON"),
            ("{\"a\": 01}", "line 1, column 7: `01` is not a number"),
            ("{\"a\": 1.}", "line 1, column 7: `1.` is not a number"),
            ("{\"a\": 1} x", "line 1, column 10: something follows the end of the JSON"),
            (
                "{\n\"a\": 1,\n\"a\": 2}",
                "line 3, column 1: the key `a` stands here a second time (first on line 2)",
            ),
            ("\u{feff}{}", "line 1, column 1: a byte order mark before the JSON"),
            ("{\"a\": \"b", "line 1, column 7: a text is not closed"),
            ("{\"a\": \"\\q\"}", "line 1, column 7: an escape that JSON does not have"),
            ("{'a': 1}", "line 1, column 2: a key in double quotes was expected, not '\\''"),
        ];
        for (text, wanted) in cases {
            assert_eq!(error(text), wanted, "{text}");
        }
        assert_eq!(error(&"[".repeat(100_000)), "line 1, column 66: nested deeper than 64");
    }
}
