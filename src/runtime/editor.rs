//! Runs the person's `$EDITOR` on a file, the terminal given to it meanwhile.

use std::path::Path;

use crate::util::blame::{Blame, Report};

/// Runs the editor and waits. The editor's own words go to the terminal it was given.
#[expect(
    clippy::disallowed_methods,
    reason = "an interactive child in our own process group, on our terminal"
)]
pub fn run(editor: &str, path: &Path, line: usize) -> Result<(), Report> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = std::process::Command::new(program);
    command.args(words);
    let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or(program);
    if ["vi", "vim", "nvim", "nano", "emacs", "emacsclient", "hx", "helix", "kak", "micro", "ed"]
        .contains(&name)
    {
        match name {
            "hx" | "helix" => command.arg(format!("{}:{line}", path.display())),
            _ => command.arg(format!("+{line}")).arg(path),
        };
    } else {
        command.arg(path);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Report::new(
            Blame::User,
            format!("`{editor}` ended with {}", crate::util::process::describe(status)),
        )),
        Err(error) => {
            Err(Report::new(Blame::User, format!("`{editor}` cannot be started: {error}"))
                .hint("check $EDITOR"))
        }
    }
}
