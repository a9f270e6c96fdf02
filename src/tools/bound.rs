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
