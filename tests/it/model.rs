//! `mlxport model` through the built program, against a server that checks every request, and against a real
//! `mlx_lm.server`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use mlxport::config::{Env, Flags, Settings};
use mlxport::runtime::models::Models;
use mlxport::util::sink::discard;

use crate::support::env::runtime;
use crate::support::sse::{Play, Server, chunk};

const KEY: &str = "sk-only-for-this-origin-0123456789";
const TOKEN: &str = "hf_OnlyForTheHub0123456789";

/// What a run left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program in a data folder with an environment of its own.
fn run(home: &Path, args: &[&str], env: &[(&str, &str)], input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlxport"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("MLXPORT_HOME", home);
    command
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("the end");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

fn config(home: &Path, text: &str) {
    mlxport::util::fs::write_private(&home.join("config.toml"), text.as_bytes()).expect("a config");
}

/// Every file below a folder that holds a text, but for those that may.
fn holding(folder: &Path, text: &str, but: &str) -> Vec<String> {
    let files =
        walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let with =
        |path: &Path| std::fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text));
    let named = files.map(|entry| entry.into_path()).filter(|path| !path.ends_with(but) && with(path));
    named.map(|path| path.display().to_string()).collect()
}

fn calls_a_tool() -> Play {
    let call = json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{\"path\": \"README.md\"}"}});
    Play::deltas(&[json!({"tool_calls": [call]})], "tool_calls")
}

fn says_ready() -> Play {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 1}}).to_string();
    let lines = [chunk(&json!({"content": "ready"}), Some("stop")), usage];
    Play::events(&lines.iter().map(String::as_str).chain(["[DONE]"]).collect::<Vec<_>>())
}

#[test]
fn a_kept_key_is_used_for_its_own_server_and_stands_nowhere_but_in_its_file() {
    let io = runtime();
    let server = io.block_on(Server::start(Some(KEY), vec![says_ready(), calls_a_tool()])).forbid(TOKEN);
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    config(home, &format!("[profiles.work]\nbase_url = \"{}\"\nname = \"a\"\n", server.base_url));
    let env = [("HF_TOKEN", TOKEN), ("MLXPORT_LOG", "trace")];
    let set = run(home, &["model", "key", "set", "work"], &env, &format!("{KEY}\n"));
    assert_eq!(set.code, 0, "{}", set.err);
    let tested = run(home, &["model", "test", "work"], &env, "");
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
    for line in [
        "ok    models    2 models, a among them",
        "ok    reply     said \"ready\"",
        "ok    tool call called read_file",
    ] {
        assert!(tested.out.contains(line), "{line}: {}", tested.out);
    }
    assert_eq!(server.problems(), Vec::<String>::new());
    let shown = run(home, &["model", "--json"], &env, "");
    let parsed: Value = serde_json::from_str(&shown.out).expect("JSON");
    let work = parsed["profiles"].as_array().expect("a list").last().expect("work");
    assert_eq!((&work["profile"], &work["key"]), (&json!("work"), &json!("set")));
    let doctor = run(home, &["--profile", "work", "doctor"], &env, "");
    for ran in [&set, &tested, &shown, &doctor] {
        let all = format!("{}{}", ran.out, ran.err);
        assert!(!all.contains(KEY) && !all.contains(TOKEN), "{all}");
    }
    assert_eq!(holding(home, KEY, "keys.toml"), Vec::<String>::new());
    assert_eq!(holding(home, TOKEN, ""), Vec::<String>::new());
    let removed = run(home, &["model", "key", "remove", "work"], &env, "");
    assert_eq!((removed.code, holding(home, KEY, "")), (0, Vec::new()));
}

#[test]
fn a_kept_key_does_not_follow_its_profile_to_another_address() {
    let io = runtime();
    let first = io.block_on(Server::start(Some(KEY), Vec::new()));
    let second = io.block_on(Server::start(None, Vec::new())).forbid(KEY).forbid(TOKEN);
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let at =
        |server: &Server| config(home, &format!("[profiles.work]\nbase_url = \"{}\"\n", server.base_url));
    at(&first);
    run(home, &["model", "key", "set", "work"], &[], KEY);
    assert_eq!(run(home, &["model", "list", "work"], &[], "").out, "a\nb  8192 tokens of context\n");
    at(&second);
    let refused = run(home, &["model", "list", "work"], &[("HF_TOKEN", TOKEN)], "");
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("and is not sent elsewhere"), "{}", refused.err);
    // Asked without the profile, the server gets no key at all.
    let plain = run(home, &["--base-url", &second.base_url, "model", "list"], &[("HF_TOKEN", TOKEN)], "");
    assert_eq!((plain.code, plain.out.as_str()), (0, "a\nb  8192 tokens of context\n"), "{}", plain.err);
    assert_eq!((first.problems(), second.problems()), (Vec::new(), Vec::new()));
}

#[test]
fn a_test_says_what_failed_and_whose_fault_it_is() {
    let io = runtime();
    let no_tools = json!({"error": {"message": "tool use is not supported by this model"}}).to_string();
    let plays = vec![
        says_ready(),
        Play::body(400, "application/json", &no_tools),
        says_ready(),
        Play::deltas(&[json!({"content": "I will read it."})], "stop"),
        Play::body(200, "text/html", "<title>Sign in</title>"),
    ];
    let server = io.block_on(Server::start(Some(KEY), plays));
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let url = server.base_url.clone();
    let test = |key: &str| {
        let env = [("MLXPORT_BASE_URL", url.as_str()), ("MLXPORT_MODEL", "a"), ("MLXPORT_API_KEY", key)];
        run(home, &["model", "test"], &env, "")
    };
    let refused = test(KEY);
    assert_eq!(refused.code, 1, "it talks, and takes no tools: {}", refused.out);
    assert!(
        refused.out.contains("BAD   tool call") && refused.out.contains("→ the endpoint refuses tools"),
        "{}",
        refused.out
    );
    let words = test(KEY);
    assert_eq!(words.code, 1);
    assert!(words.out.contains("note  tool call answered in words"), "{}", words.out);
    let page = test(KEY);
    assert_eq!(page.code, 2);
    assert!(page.out.contains("BAD   reply") && page.out.contains("Sign in"), "{}", page.out);
    let wrong = test("sk-wrong-key-0123456789");
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.out.contains("BAD   models") && wrong.out.contains("fault: what you gave"),
        "{}",
        wrong.out
    );
    assert!(!wrong.out.contains("sk-wrong-key"), "{}", wrong.out);
}

#[test]
fn a_missing_keychain_is_named_and_the_file_is_offered() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    // Without a session bus, whatever the machine of the test has.
    let set = run(home, &["model", "key", "set", "openai", "--keyring"], &[], KEY);
    assert_eq!(set.code, 2);
    let reason = if cfg!(target_os = "linux") {
        "there is no desktop session here"
    } else {
        "the keychain cannot be used"
    };
    assert!(set.err.contains(reason) && set.err.contains("without --keyring"), "{}", set.err);
    assert_eq!(holding(home, KEY, ""), Vec::<String>::new());
    config(home, "[profiles.openai]\nkeyring = true\n");
    let asked = run(home, &["model", "list", "openai"], &[], "");
    assert!(asked.err.contains(reason), "{}", asked.err);
}

/// A stand-in for the desktop's tool shows that keys go through its input and output, and never on a command line.
#[test]
#[cfg(target_os = "linux")]
fn a_key_in_the_keychain_goes_through_the_tools_input_alone() {
    let io = runtime();
    let server = io.block_on(Server::start(Some(KEY), Vec::new()));
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let bin = home.join("bin");
    let tool = "#!/bin/sh\nD=$(dirname \"$0\")\necho \"$*\" >> \"$D/asked\"\nenv >> \"$D/asked\"\ncase $1 in\nstore) cat > \"$D/kept\" ;;\nlookup) [ -f \"$D/kept\" ] && cat \"$D/kept\" ;;\nclear) rm -f \"$D/kept\" ;;\nesac\n";
    mlxport::util::fs::write_atomic(&bin.join("secret-tool"), tool.as_bytes()).expect("the tool");
    std::fs::set_permissions(bin.join("secret-tool"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("mode");
    config(home, &format!("[profiles.work]\nbase_url = \"{}\"\n", server.base_url));
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let env = [
        ("PATH", path.as_str()),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/none"),
        ("MLXPORT_API_KEY", "sk-other-0123456789"),
    ];
    let set = run(home, &["model", "key", "set", "work", "--keyring"], &env, KEY);
    assert_eq!(set.code, 0, "{}", set.err);
    assert_eq!(holding(home, KEY, "kept"), Vec::<String>::new(), "the file of keys only says where it is");
    assert_eq!(run(home, &["model", "list", "work"], &env, "").out, "a\nb  8192 tokens of context\n");
    let asked = std::fs::read_to_string(bin.join("asked")).expect("what the tool was asked");
    assert!(asked.contains("store --label=mlxport: key of profile work"), "{asked}");
    assert!(!asked.contains("sk-other"), "another key is in its environment: {asked}");
    assert_eq!(run(home, &["model", "key", "remove", "work"], &env, "").code, 0);
    assert!(!bin.join("kept").exists());
    assert_eq!(server.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn the_size_of_the_context_is_the_profiles_or_what_the_endpoint_lists_asked_once() {
    let server = Server::start(None, Vec::new()).await;
    let home = tempfile::tempdir().expect("a temporary folder");
    let url = &server.base_url;
    let text = format!(
        "[profiles.listed]\nbase_url = \"{url}\"\n[profiles.own]\nbase_url = \"{url}\"\ncontext = 100\n"
    );
    config(home.path(), &text);
    let flags = Flags { home: Some(home.path().into()), ..Flags::default() };
    let settings = Settings::load(flags, &Env::of([("HOME", "/nowhere")])).expect("settings");
    let models = Models::new(settings.clone());
    let say = discard();
    for (title, context) in
        [("listed/b", Some(8192)), ("listed/a", None), ("listed/b", Some(8192)), ("own/b", Some(100))]
    {
        let profile = settings.profile(title).expect("a profile");
        let who = models.open(profile, &say).await.expect("an endpoint");
        assert_eq!(models.context(&who).await, context, "{title}");
    }
    assert_eq!(server.lists(), 2, "once for each model that a profile leaves open");
    assert_eq!(server.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn an_endpoint_that_lists_nothing_is_asked_once_for_the_size_of_the_context() {
    let server = Server::start(Some(KEY), Vec::new()).await;
    let home = tempfile::tempdir().expect("a temporary folder");
    config(home.path(), &format!("[profiles.shut]\nbase_url = \"{}\"\n", server.base_url));
    let flags = Flags { home: Some(home.path().into()), ..Flags::default() };
    let settings = Settings::load(flags, &Env::of([("HOME", "/nowhere")])).expect("settings");
    let models = Models::new(settings.clone());
    let who = models.open(settings.profile("shut/b").expect("a profile"), &discard()).await;
    let who = who.expect("an endpoint");
    for _ in 0..2 {
        assert_eq!(models.context(&who).await, None);
    }
    assert_eq!(server.lists(), 1);
}
