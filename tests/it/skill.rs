//! The exported skill: the format's rules, links, and that every command and tool that it names exists.

use std::path::{Path, PathBuf};
use std::process::Command;

fn mlxport(args: &[&str]) -> (Option<i32>, String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args(args)
        .arg("--home")
        .arg(home.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn exported() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = mlxport(&["skill", "export", folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let skill = folder.path().join("mlxport");
    (folder, skill)
}

fn files(skill: &Path) -> Vec<(PathBuf, String)> {
    let found = walkdir::WalkDir::new(skill).sort_by_file_name().into_iter().map(Result::unwrap);
    let found = found.filter(|entry| entry.path().extension().is_some_and(|end| end == "md"));
    found.map(|entry| (entry.path().to_path_buf(), std::fs::read_to_string(entry.path()).unwrap())).collect()
}

#[test]
fn the_front_matter_is_valid_and_every_link_leads_to_a_file() {
    let (_folder, skill) = exported();
    let text = std::fs::read_to_string(skill.join("SKILL.md")).unwrap();
    let (head, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let name = field("name").unwrap();
    assert_eq!(skill.file_name().unwrap(), name, "the folder has the skill's name");
    assert!(
        name.len() <= 64 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    );
    assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"));
    let description: String = serde_json::from_str(field("description").unwrap()).unwrap();
    assert!((50..=1024).contains(&description.chars().count()), "{}", description.len());
    assert!(!description.contains(['<', '>', '\n']) && description.contains("Use it when"), "{description}");
    assert!(body.lines().count() < 500, "details belong into references");
    let mut linked = Vec::new();
    for (path, text) in files(&skill) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let target = path.parent().unwrap().join(link);
            assert!(target.is_file(), "{}: {link}", path.display());
            linked.push(target);
        }
    }
    for (path, _) in files(&skill).iter().filter(|(path, _)| !path.ends_with("SKILL.md")) {
        assert!(linked.contains(path), "nothing leads to {}", path.display());
    }
    assert!(body.contains("you never write, suggest or polish a pull-request title"), "{body}");
}

#[test]
fn every_command_and_flag_that_it_names_exists() {
    let (_folder, skill) = exported();
    let mut seen = Vec::new();
    for (path, text) in files(&skill) {
        for code in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("mlxport ")) {
            let words: Vec<&str> = code.split_whitespace().skip(1).collect();
            let named = |word: &&&str| {
                word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
            };
            // The subcommand and, of those that have some, its own.
            let deep = if ["check", "bench", "golden", "skill"].contains(&words[0]) { 2 } else { 1 };
            let command: Vec<&str> = words.iter().take(deep).filter(named).copied().collect();
            let (code_, help, said) = mlxport(&[command.as_slice(), &["--help"]].concat());
            assert_eq!(code_, Some(0), "{}: `{code}`: {said}", path.display());
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "{}: `{code}`: {flag}", path.display());
            }
            seen.push(command.join(" "));
        }
    }
    assert!(seen.contains(&"check twin".to_string()) && seen.contains(&"mcp".to_string()), "{seen:?}");
    assert!(seen.len() > 12, "{seen:?}");
}

#[test]
fn what_somebody_else_wrote_is_not_overwritten_without_force() {
    let (folder, skill) = exported();
    let again =
        |more: &[&str]| mlxport(&[&["skill", "export", folder.path().to_str().unwrap()], more].concat());
    assert_eq!(again(&[]).0, Some(0), "its own files may be written again");
    let rope = skill.join("references/rope.md");
    std::fs::write(&rope, "mine\n").unwrap();
    let (code, _, said) = again(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("rope.md was not written by this program, or has been changed since"), "{said}");
    assert!(said.contains("--force"), "{said}");
    assert_eq!(std::fs::read_to_string(&rope).unwrap(), "mine\n");
    let stranger = skill.join("references/own.md");
    std::fs::write(&stranger, "also mine\n").unwrap();
    assert_eq!(again(&["--force"]).0, Some(0));
    assert_ne!(std::fs::read_to_string(&rope).unwrap(), "mine\n");
    assert_eq!(std::fs::read_to_string(&stranger).unwrap(), "also mine\n", "what is no part of it stays");
}

fn tools() -> Vec<String> {
    let own = mlxport::tools::paths::Writable::new("arcee").unwrap();
    mlxport::tools::registry::specs(&own).into_iter().map(|spec| spec.name).collect()
}

#[test]
fn the_document_for_agents_names_every_tool_and_prompts_name_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let doc = std::fs::read_to_string(root.join("docs/AGENTS.md")).unwrap();
    let tools = tools();
    for tool in &tools {
        assert!(doc.contains(&format!("`{tool}`")), "docs/AGENTS.md does not name {tool}");
        assert!(root.join(format!("prompts/tools/{tool}.md")).is_file(), "{tool} has no text");
    }
    let verbs: Vec<&str> = tools.iter().filter_map(|tool| tool.split('_').next()).collect();
    let texts = walkdir::WalkDir::new(root.join("prompts")).into_iter().map(Result::unwrap);
    let mut seen = 0;
    for path in
        texts.map(|entry| entry.into_path()).filter(|path| path.extension().is_some_and(|end| end == "md"))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let named = words.filter(|word| word.split_once('_').is_some_and(|(verb, _)| verbs.contains(&verb)));
        for word in named {
            seen += 1;
            assert!(tools.iter().any(|tool| tool == word), "{}: there is no tool {word}", path.display());
        }
    }
    assert!(seen > 20, "the prompts name tools: {seen}");
}
