//! The config reader against texts that nobody meant: real configs with bytes changed, cut and doubled, and made-up JSON.
//! It never panics, reads back what it writes, and agrees with serde_json on what is JSON.

use mlxport::hub::data::{Config, DERIVED, Defaults, Json, Member};
use mlxport::hub::{self, matrix, parse};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// The configs of the local Hub's repositories, which come from real config classes.
fn seeds() -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hub");
    let mut paths: Vec<_> = walk(std::path::Path::new(root));
    paths.retain(|path| path.ends_with("config.json"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("a config")).collect()
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn json(value: &Json) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Bool(value) => value.to_string(),
        Json::Number(text) => text.clone(),
        Json::Text(text) => serde_json::to_string(text).expect("a text"),
        Json::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let one = |member: &Member| {
                format!("{}:{}", serde_json::to_string(&member.key).expect("a key"), json(&member.value))
            };
            format!("{{{}}}", members.iter().map(one).collect::<Vec<_>>().join(","))
        }
    }
}

fn without_lines(value: Json) -> Json {
    match value {
        Json::List(items) => Json::List(items.into_iter().map(without_lines).collect()),
        Json::Object(members) => {
            let one = |member: Member| Member { line: 0, value: without_lines(member.value), ..member };
            Json::Object(members.into_iter().map(one).collect())
        }
        other => other,
    }
}

/// What must hold of any text.
fn holds(text: &str) {
    let ours = parse(text);
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    match (&ours, &theirs) {
        (Ok(value), Err(error)) => {
            // Python's own words for numbers, and numbers past a double, are the whole difference.
            let python = ["NaN", "Infinity"].iter().any(|word| text.contains(word));
            let huge = error.to_string().contains("out of range");
            assert!(python || huge, "we read it, serde_json says {error}: {text:?}\n{value:?}");
        }
        (Err(error), Ok(_)) => {
            let said = error.to_string();
            let ours = said.contains("a second time")
                || said.contains("nested deeper")
                || said.contains("byte order");
            assert!(ours, "serde_json reads it, we say {said}: {text:?}");
        }
        _ => {}
    }
    if let Ok(value) = ours {
        let again = parse(&json(&value)).unwrap_or_else(|error| panic!("{error}: what we wrote of {text:?}"));
        assert_eq!(without_lines(again), without_lines(value.clone()), "{text:?}");
        lays_out(&value);
    }
}

/// Any object lays out as a matrix: each cell written, each row as wide as the variants, RoPE with where it came from.
fn lays_out(value: &Json) {
    let Json::Object(root) = value else { return };
    let config = |name: &str, root: &[Member]| Config {
        name: name.into(),
        path: name.into(),
        model_type: None,
        root: root.to_vec(),
    };
    let made = matrix(&[config("a", root), config("b", &[])], &Defaults::default());
    for row in &made.rows {
        assert_eq!(row.cells.len(), 2, "{}", row.path);
        assert!(
            row.from.is_empty() || (row.path.starts_with(DERIVED) && row.from.len() == 2),
            "{}",
            row.path
        );
        row.cells.iter().for_each(|cell| drop((cell.state(), cell.to_string())));
    }
    let keys = hub::leaves(value);
    let same = matrix(&[config("a", root), config("a", root)], &Defaults::default());
    assert!(same.rows.iter().all(|row| !row.differs), "a config does not differ from itself: {keys:?}");
}

#[test]
fn changed_cut_and_doubled_configs_are_read_or_refused() {
    let seeds = seeds();
    assert!(seeds.len() >= 30);
    seeds.iter().for_each(|seed| holds(seed));
    let mut dice = Dice(0x5eed_cafe);
    let pieces = [
        "null",
        "NaN",
        "-Infinity",
        "1e999",
        "{}",
        "[]",
        ",",
        ":",
        "\"",
        "\\",
        "\\ud800",
        "rope_theta",
        "é",
        "\u{feff}",
        "0x1",
        "-",
        "01",
        "1.",
        "true",
        "{\"a\":",
        "/*",
    ];
    for _ in 0..3_000 {
        let mut text: Vec<char> = dice.pick(&seeds).chars().collect();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(text.len());
            match dice.roll(4) {
                0 => text.truncate(at),
                1 => {
                    let end = (at + dice.roll(40)).min(text.len());
                    text.drain(at..end);
                }
                2 => {
                    let piece: Vec<char> = dice.pick(&pieces).chars().collect();
                    text.splice(at..at, piece);
                }
                _ => {
                    let end = (at + dice.roll(60)).min(text.len());
                    let part = text[at..end].to_vec();
                    text.splice(at..at, part);
                }
            }
            if text.is_empty() {
                break;
            }
        }
        holds(&text.into_iter().collect::<String>());
    }
}

#[test]
fn made_up_configs_are_read_as_they_were_written() {
    let mut dice = Dice(42);
    let keys = [
        "rope_theta",
        "rope_scaling",
        "rope_parameters",
        "full_attention",
        "sliding_attention",
        "type",
        "rope_type",
        "text_config",
        "layer_types",
        "rope_local_base_freq",
        "partial_rotary_factor",
        "a.b",
        "",
        "é",
        "factor",
    ];
    fn value(dice: &mut Dice, keys: &[&str], depth: usize) -> Json {
        match dice.roll(if depth > 4 { 5 } else { 8 }) {
            0 => Json::Null,
            1 => Json::Bool(dice.roll(2) == 0),
            2 => Json::Number(
                dice.pick(&["0", "-1", "1e6", "10000.0", "1E-5", "NaN", "-Infinity", "9007199254740993"])
                    .to_string(),
            ),
            3 | 4 => Json::Text(dice.pick(&["yarn", "", "\n\t\"\\", "😀", "default"]).to_string()),
            5 => Json::List((0..dice.roll(4)).map(|_| value(dice, keys, depth + 1)).collect()),
            _ => object(dice, keys, depth),
        }
    }
    fn object(dice: &mut Dice, keys: &[&str], depth: usize) -> Json {
        let mut members: Vec<Member> = Vec::new();
        for _ in 0..dice.roll(6) {
            let key = dice.pick(keys).to_string();
            if members.iter().all(|member| member.key != key) {
                members.push(Member { key, value: value(dice, keys, depth + 1), line: 0 });
            }
        }
        Json::Object(members)
    }
    for _ in 0..3_000 {
        let made = object(&mut dice, &keys, 0);
        let text = json(&made);
        let read = parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(without_lines(read), made, "{text}");
        lays_out(&made);
    }
}
