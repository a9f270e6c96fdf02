//! How large a checkpoint is: by its name as its makers write it, by the Hub's own count, or by what it was made from.

use crate::hub::data::RepoInfo;
use crate::hub::data::discover::{Size, SizeFrom};

/// A name and a count that differ by more are not of the same thing: `1M` in a name is a context length.
const APART: f64 = 2.5;

/// Reads a size from a repository's name: `Qwen3-30B-A3B`, `Mixtral-8x7B-v0.1`, `SmolLM2-135M`. The first one counts;
/// later ones are contexts and what it was distilled from.
pub fn of_name(name: &str) -> Option<Size> {
    let tokens: Vec<&str> = name.split(['-', '_', ' ', '/', ':']).collect();
    let (at, (mut label, parameters)) =
        tokens.iter().enumerate().find_map(|(at, token)| Some((at, whole(token)?)))?;
    // Active parameters of a mixture: `30B-A3B`.
    if let Some(active) = tokens.get(at + 1).filter(|token| is_active(token)) {
        label = format!("{label}-{}", active.to_uppercase());
    }
    Some(Size { label, parameters, from: SizeFrom::Name })
}

/// Takes the Hub's count where the weights are not packed, under the name's label where they agree.
pub fn of(info: &RepoInfo, name: &str, packed: bool) -> Option<Size> {
    let counted = info.parameters.iter().map(|(_, count)| count).sum::<u64>();
    let named = of_name(name);
    if packed || counted == 0 {
        return named;
    }
    match named {
        Some(named) if ratio(named.parameters, counted) <= APART => {
            Some(Size { parameters: counted, from: SizeFrom::Headers, ..named })
        }
        _ => Some(Size { label: label(counted), parameters: counted, from: SizeFrom::Headers }),
    }
}

/// Gives the larger of two counts over the smaller.
pub fn ratio(a: u64, b: u64) -> f64 {
    let (a, b) = (a.max(1) as f64, b.max(1) as f64);
    (a / b).max(b / a)
}

/// Writes a count as makers do: `4.6B`, `135M`, `1T`.
pub fn label(parameters: u64) -> String {
    let (value, unit) = match parameters {
        1_000_000_000_000.. => (parameters as f64 / 1e12, "T"),
        1_000_000_000.. => (parameters as f64 / 1e9, "B"),
        _ => (parameters as f64 / 1e6, "M"),
    };
    let text = if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Reads `8B`, `1.7b`, `135M`, `8x7B`, `E4B`; gives its label and about how many parameters.
fn whole(token: &str) -> Option<(String, u64)> {
    let text = token.to_uppercase();
    let (times, rest) = match text.split_once('X') {
        Some((times, rest)) => (times.parse::<u64>().ok().filter(|times| (2..=512).contains(times))?, rest),
        None => (1, text.strip_prefix('E').unwrap_or(&text)),
    };
    let unit = match rest.chars().last()? {
        'M' => 1e6,
        'B' => 1e9,
        'T' => 1e12,
        _ => return None,
    };
    let number = &rest[..rest.len() - 1];
    if !number.starts_with(|c: char| c.is_ascii_digit()) || number.len() > 6 {
        return None;
    }
    let value: f64 = number.parse().ok().filter(|value| *value > 0.0)?;
    Some((text.replace('X', "x"), (value * unit) as u64 * times))
}

fn is_active(token: &str) -> bool {
    token.strip_prefix(['A', 'a']).is_some_and(|rest| whole(rest).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_sizes_as_their_makers_write_them() {
        let read = |name: &str| of_name(name).map(|size| (size.label, size.parameters));
        let own = |label: &str, count| Some((label.to_string(), count));
        assert_eq!(read("Qwen3-8B-Base"), own("8B", 8_000_000_000));
        assert_eq!(read("Qwen3-30B-A3B-Thinking-2507"), own("30B-A3B", 30_000_000_000));
        assert_eq!(read("Mixtral-8x7B-v0.1"), own("8x7B", 56_000_000_000));
        assert_eq!(read("gemma-3n-E4B-it"), own("E4B", 4_000_000_000));
        assert_eq!(read("SmolLM2-135M-Instruct"), own("135M", 135_000_000));
        assert_eq!(read("OLMo-2-0425-1B"), own("1B", 1_000_000_000));
        assert_eq!(read("Qwen2.5-7B-Instruct-1M"), own("7B", 7_000_000_000));
        assert_eq!(read("pythia-6.9b-deduped"), own("6.9B", 6_900_000_000));
        assert_eq!(read("Kimi-K2-1T"), own("1T", 1_000_000_000_000));
        for none in
            ["DeepSeek-V3", "Phi-3.5-mini-instruct", "model-4bit-Q4_K_M", "bf16", "x-600bt", "B", "-M"]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_count_wins_over_a_name_that_means_something_else() {
        let info = |count| RepoInfo { parameters: vec![("BF16".into(), count)], ..RepoInfo::default() };
        let read = |count, name: &str, packed| of(&info(count), name, packed).map(|size| size.label);
        assert_eq!(read(4_620_000_000, "AFM-4.5B", false).as_deref(), Some("4.5B"));
        assert_eq!(read(7_000_000_000, "Model-1M", false).as_deref(), Some("7B"));
        assert_eq!(read(671_026_419_200, "DeepSeek-V3", false).as_deref(), Some("671B"));
        // Four bits are packed eight to a word: the Hub counts words.
        assert_eq!(read(1_100_000_000, "Qwen3-8B-AWQ", true).as_deref(), Some("8B"));
        assert_eq!(read(0, "DeepSeek-V3", false), None);
    }
}
