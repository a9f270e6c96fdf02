//! Documents that are made from the program: they are compared here, and written with `UPDATE_DOCS=1 cargo test docs`.

use std::fmt::Write;
use std::path::Path;

use mlxport::app::PaneId;
use mlxport::app::action::registry;
use mlxport::app::key::Key;

#[test]
fn keys_md_lists_the_registry() {
    let mut text = String::from(
        "# Keys\n\nMade from the one registry of actions; the program's `?` shows the same with your changes. Change keys in\n\
         `config.toml`:\n\n```toml\n[keys]\n\"app.palette\" = \"ctrl-k\"\n\"harness.rerun\" = [\"r\", \"f5\"]\n```\n",
    );
    let mut last = None;
    for (pane, row) in registry() {
        let title = pane.map_or("Everywhere", PaneId::title);
        if last != Some(title) {
            let _ = write!(text, "\n## {title}\n\n| key | does | while | name |\n|---|---|---|---|\n");
            last = Some(title);
        }
        let shown = |key: &&str| {
            let key: Key = key.parse().unwrap_or_else(|error| panic!("{}: {error}", row.id));
            format!("`{key}`")
        };
        let keys = row.keys.iter().map(shown).collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let keys = if keys.is_empty() { "palette".to_string() } else { keys };
        let _ =
            writeln!(text, "| {keys} | {} | {} | `{}` |", row.text.replace('|', "\\|"), row.context, row.id);
    }
    check("docs/KEYS.md", &text);
}

/// Compares a document with what the program says; writes it where that is asked for.
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).expect("the document is written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{name} is out of date; run UPDATE_DOCS=1 cargo test docs");
}
