//! Lines that a reader should not pass over. A help for reading, not a guard: the guard is the sandbox.

/// What to look for, and why.
const SIGNS: [(&str, &str); 18] = [
    ("subprocess", "starts processes"),
    ("os.system", "starts processes"),
    ("os.popen", "starts processes"),
    ("pty.", "starts processes"),
    ("socket", "opens sockets"),
    ("urllib", "reaches the network"),
    ("requests.", "reaches the network"),
    ("http.client", "reaches the network"),
    ("os.environ", "reads the environment"),
    ("os.getenv", "reads the environment"),
    ("eval(", "runs text as code"),
    ("exec(", "runs text as code"),
    ("__import__", "imports by name"),
    ("importlib", "imports by name"),
    ("ctypes", "calls native code"),
    ("pickle", "unpickles"),
    ("base64", "decodes hidden text"),
    ("open(", "opens files"),
];

/// Gives the lines (from 1) that bear a sign, with the reason.
pub(super) fn at(text: &str) -> Vec<(u32, String)> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim_start().starts_with('#'))
        .filter_map(|(index, line)| {
            let (sign, why) = SIGNS.iter().find(|(sign, _)| bears(line, sign))?;
            Some((index as u32 + 1, format!("{why} ({})", sign.trim_end_matches(['(', '.']))))
        })
        .collect()
}

/// `model.eval()` is no `eval(`: a sign begins a word, and no method of something else is it.
fn bears(line: &str, sign: &str) -> bool {
    line.match_indices(sign).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_out_is_pointed_at_and_ordinary_code_is_not() {
        let text = "import torch\nimport subprocess\nmodel.eval()\n# os.system\nx = eval(y)\nos.system('ls')\nreopen(f)\n";
        let lines: Vec<_> = at(text).into_iter().map(|(line, why)| format!("{line} {why}")).collect();
        assert_eq!(
            lines,
            [
                "2 starts processes (subprocess)",
                "5 runs text as code (eval)",
                "6 starts processes (os.system)"
            ]
        );
    }
}
