//! Output that a model can afford: cut at a line, with what was left out said in words.

/// Most characters that one tool result may hold.
pub const MOST_CHARS: usize = 40_000;
/// Most characters shown of one line.
pub const LONGEST_LINE: usize = 400;

/// Cuts one line to [`LONGEST_LINE`] characters, saying how many are left out.
pub fn line(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST_LINE {
        return text.to_string();
    }
    let kept: String = text.chars().take(LONGEST_LINE).collect();
    format!("{kept}… ({} more characters)", length - LONGEST_LINE)
}

/// Joins names, at most so many, and says how many are left out.
pub fn list(names: &[String], most: usize) -> String {
    match names.len() > most {
        true => format!("{} and {} more", names[..most].join(", "), names.len() - most),
        false => names.join(", "),
    }
}

/// Joins lines up to [`MOST_CHARS`], and says how many are left out.
pub fn lines(all: &[String]) -> String {
    let mut text = String::new();
    for (at, one) in all.iter().enumerate() {
        let one = line(one);
        if text.len() + one.len() > MOST_CHARS {
            text.push_str(&format!("{} more lines\n", all.len() - at));
            break;
        }
        text.push_str(&one);
        text.push('\n');
    }
    text
}
