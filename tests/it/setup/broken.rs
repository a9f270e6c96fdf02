//! What setup and doctor say when the machine lacks something.

use super::world::{World, real_git};

/// What a Debian Python without its venv package says.
const BARE_PYTHON: &str = "#!/bin/sh\ncase \"$2\" in pip) echo 'No module named pip' >&2;; venv) echo 'ensurepip is not available' >&2;; esac\nexit 1\n";

/// A Python without pip whose venv brings one; that pip installs a uv that runs.
const VENV_PYTHON: &str = r#"#!/bin/sh
case "$2" in
venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; : > "$3/has-pip" ;;
pip) [ -e "$(dirname "$0")/../has-pip" ] || { echo 'No module named pip' >&2; exit 1; }
  while [ "$1" != --target ]; do shift; done
  mkdir -p "$2/bin"; cp "$WORLD/bin/uv" "$2/bin/uv" ;;
esac
"#;

#[test]
fn a_broken_step_names_the_command_its_exit_code_and_its_last_words() {
    let world = World::new();
    world.fail("packages", "error: failed to fetch torch\n  caused by: connection reset\n");
    let ran = world.setup();
    assert_eq!(ran.code, Some(2));
    let said =
        ran.err.lines().skip_while(|line| !line.starts_with("mlxport:")).collect::<Vec<_>>().join("\n");
    assert!(said.starts_with("mlxport: Install the locked packages failed: `"), "{said}");
    for part in
        ["/uv pip sync --require-hashes", "failed with exit code 7", "  | error: failed to fetch torch"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("fault: this machine") && said.contains("run `mlxport setup` again"), "{said}");
    world.mend("packages");
    assert_eq!(world.setup().code, Some(0));
}

#[test]
fn without_python_and_uv_it_says_so() {
    let git = format!("link:{}", real_git());
    let world = World::new().only(&[("git", &git)]);
    let ran = world.setup();
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("mlxport: no Python ≥ 3.11 was found"), "{}", ran.err);
    assert!(ran.err.contains("next:  install Python 3.11 or newer"), "{}", ran.err);
}

#[test]
fn a_uv_that_finds_and_gets_no_python_says_so() {
    let world = World::new();
    mlxport::util::fs::write_atomic(&world.root().join("no-python"), b"").expect("a mark");
    let ran = world.setup();
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("mlxport: no Python ≥ 3.11 was found"), "{}", ran.err);
    assert!(ran.err.contains("  | error: no download for this platform"), "{}", ran.err);
}

#[test]
fn a_python_without_pip_and_venv_is_named() {
    let git = format!("link:{}", real_git());
    let world = World::new().only(&[("git", &git), ("python3", BARE_PYTHON)]);
    let ran = world.setup();
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("mlxport: uv is missing and could not be installed"), "{}", ran.err);
    assert!(ran.err.contains("No module named pip") && ran.err.contains("ensurepip"), "{}", ran.err);
}

#[test]
fn uv_is_installed_into_our_own_folder_through_a_venv() {
    let tools = ["mkdir", "cp", "dirname", "env", "sleep", "cat"];
    let links: Vec<(&str, String)> =
        tools.iter().chain(&["git"]).map(|name| (*name, format!("link:{}", real(name)))).collect();
    let mut programs: Vec<(&str, &str)> = links.iter().map(|(name, link)| (*name, link.as_str())).collect();
    programs.push(("python3", VENV_PYTHON));
    let world = World::new().only(&programs);
    let ran = world.setup();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("[done] Find or install uv: installed uv 9.9.9"), "{}", ran.err);
    assert!(world.home.join("env/uv/bin/uv").is_file());
    assert!(!world.home.join("env/.uv.venv").exists() && !world.home.join("env/.uv.partial").exists());
}

fn real(name: &str) -> String {
    let folders = ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"];
    let found = folders
        .iter()
        .map(|folder| format!("{folder}/{name}"))
        .find(|path| std::path::Path::new(path).exists());
    found.unwrap_or_else(|| panic!("no {name} in the usual places"))
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let world = World::new();
    // Permissions do not bind root, so that a file stands where a folder is wanted.
    mlxport::util::fs::write_atomic(&world.home.join("results"), b"").expect("a file in the way");
    let ran = world.setup();
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains(&format!("cannot write {}/results", world.home.display())), "{}", ran.err);
    assert!(ran.err.contains("fault: this machine"), "{}", ran.err);
}

#[test]
fn a_folder_without_write_permission_is_named_with_the_way_out() {
    use mlxport::util::blame::Explain;
    let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error =
        mlxport::port::PortError::from(mlxport::util::fs::FsError::Write { path: "/data".into(), source });
    assert_eq!(error.to_string(), "cannot write /data: permission denied");
    assert_eq!(error.hint().as_deref(), Some("make the folder writable, or choose another with --home DIR"));
}

#[test]
fn a_missing_git_identity_is_a_note_and_stops_nothing() {
    let world = World::new();
    assert_eq!(world.setup().code, Some(0));
    let doctor = world.run(&["doctor", "--json"]);
    assert_eq!(doctor.code, Some(0), "{}{}", doctor.out, doctor.err);
    let value: serde_json::Value = serde_json::from_str(&doctor.out).expect("one JSON object");
    let findings = value["findings"].as_array().expect("findings");
    let identity = findings.iter().find(|finding| finding["name"] == "git identity").expect("the identity");
    assert_eq!(
        (identity["standing"].as_str(), identity["text"].as_str()),
        (Some("note"), Some("user.name and user.email is not set"))
    );
}

#[test]
fn doctor_before_setup_says_what_is_missing() {
    let world = World::new();
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, Some(2));
    for part in
        ["BAD   workspace     there is none yet", "→ run `mlxport setup`", "base_url      not set  [default]"]
    {
        assert!(doctor.out.contains(part), "{part}: {}", doctor.out);
    }
    assert_eq!(std::fs::read_dir(&world.home).expect("the data folder").count(), 0, "doctor writes nothing");
}

#[test]
fn keys_reach_no_tool_no_file_and_no_output() {
    let world = World::new().var("MLXPORT_API_KEY", "sk-very-secret").var("HF_TOKEN", "hf-very-secret");
    let setup = world.setup();
    assert_eq!(setup.code, Some(0), "{}", setup.err);
    let doctor = world.run(&["doctor", "-vv"]);
    let json = world.run(&["doctor", "--json"]);
    for text in [setup.out, setup.err, doctor.out.clone(), doctor.err, json.out, json.err] {
        assert!(!text.contains("very-secret"), "{text}");
    }
    assert!(doctor.out.contains("api_key       set (not shown)  [MLXPORT_API_KEY]"), "{}", doctor.out);
    let seen = std::fs::read_to_string(world.root().join("seen-by-uv")).expect("uv's environment");
    assert!(seen.contains("PATH=") && !seen.contains("very-secret"), "{seen}");
    for entry in
        walkdir::WalkDir::new(&world.home).into_iter().flatten().filter(|entry| entry.file_type().is_file())
    {
        let bytes = std::fs::read(entry.path()).expect("a file of the data folder");
        assert!(!String::from_utf8_lossy(&bytes).contains("very-secret"), "{}", entry.path().display());
    }
}

#[test]
fn an_unusable_model_type_is_refused_before_anything_is_made() {
    let world = World::new();
    let ran = world.run(&["setup", "../../etc", "--mlx-lm", &world.url()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("`../../etc` is not a model type"), "{}", ran.err);
    assert!(!world.home.join("env").exists());
}
