//! Settings: what wins, and where each value says it came from.

use std::path::Path;

use mlxport::config::{ConfigError, Env, Flags, MlxLmSource, Profile, Settings};
use mlxport::util::blame::Report;
use mlxport::util::fs::write_private;
use secrecy::ExposeSecret;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_private(&folder.path().join("config.toml"), config.as_bytes()).expect("a config file");
        Self { folder }
    }

    fn home(&self) -> &Path {
        self.folder.path()
    }

    fn load(&self, flags: Flags, vars: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let env = Env::of(vars.iter().copied()).with("MLXPORT_HOME", self.home().to_string_lossy());
        Settings::load(flags, &env)
    }
}

fn row(settings: &Settings, name: &str) -> (String, String) {
    let row = settings.rows().into_iter().find(|row| row.name == name).expect("a row");
    (row.value, row.source)
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "log = \"trace\"\ntheme = \"mono\"\n[model]\nbase_url = \"http://file/v1/\"\nname = \"file\"\nprovider = \"manual\"\n[hub]\noffline = true\nendpoint = \"https://file\"\n";
    let vars = [("MLXPORT_BASE_URL", "http://env/v1"), ("MLXPORT_MODEL", "env"), ("MLXPORT_LOG", "debug")];
    let hub = [("HF_ENDPOINT", "https://env/"), ("HF_HUB_OFFLINE", "0")];
    let flags = Flags { base_url: Some("http://flag/v1".into()), verbose: 1, ..Flags::default() };
    let empty = Place::with("");
    let full = Place::with(file);
    let all: Vec<(&str, &str)> = vars.iter().chain(&hub).copied().collect();
    let cases = [
        empty.load(Flags::default(), &[]).expect("defaults"),
        full.load(Flags::default(), &[]).expect("file"),
        full.load(Flags::default(), &all).expect("environment"),
        full.load(flags, &all).expect("flags"),
    ];
    let table = |name: &str| -> Vec<String> {
        let shown = |settings| {
            let (value, source) = row(settings, name);
            format!("{value} [{source}]")
        };
        cases.iter().map(shown).collect()
    };
    assert_eq!(
        table("base_url"),
        [
            "not set [default]",
            "http://file/v1 [config.toml:4 model.base_url]",
            "http://env/v1 [MLXPORT_BASE_URL]",
            "http://flag/v1 [--base-url]"
        ]
    );
    assert_eq!(
        table("model"),
        [
            "not set [default]",
            "file [config.toml:5 model.name]",
            "env [MLXPORT_MODEL]",
            "env [MLXPORT_MODEL]"
        ]
    );
    assert_eq!(
        table("log"),
        ["warn [default]", "trace [config.toml:1 log]", "debug [MLXPORT_LOG]", "info [-v]"]
    );
    assert_eq!(
        table("hf_offline"),
        [
            "false [default]",
            "true [config.toml:8 hub.offline]",
            "false [HF_HUB_OFFLINE]",
            "false [HF_HUB_OFFLINE]"
        ]
    );
    assert_eq!(
        table("hf_endpoint")[1..3],
        ["https://file [config.toml:9 hub.endpoint]", "https://env [HF_ENDPOINT]"]
    );
    let manual = "manual [config.toml:6 model.provider]";
    assert_eq!(table("provider"), ["openai-compatible [default]", manual, manual, manual]);
    assert_eq!(table("home")[0], format!("{} [MLXPORT_HOME]", empty.home().display()));
}

#[test]
fn the_home_flag_beats_its_variable_and_the_platform_comes_last() {
    let place = Place::with("");
    let flag = Flags { home: Some(place.home().join("other")), ..Flags::default() };
    let settings = place.load(flag, &[]).expect("settings");
    assert_eq!(row(&settings, "home"), (place.home().join("other").display().to_string(), "--home".into()));
    let env = Env::of::<&str, &str>([]).at(place.home(), "/bin/mlxport");
    let settings = Settings::load(Flags::default(), &env).expect("settings");
    assert_eq!(settings.home.value.root(), place.home().join("mlxport"));
    assert!(matches!(Settings::load(Flags::default(), &Env::of::<&str, &str>([])), Err(ConfigError::NoHome)));
}

#[test]
fn keys_are_readable_by_the_client_alone() {
    let place = Place::with("[hub]\ntoken = \"hf_filetoken\"\n");
    let settings = place.load(Flags::default(), &[("MLXPORT_API_KEY", " sk-secret\n")]).expect("settings");
    assert_eq!(
        settings.port.secret().expect("a key").map(|key| key.expose_secret().to_string()),
        Some("sk-secret".into())
    );
    let shown = format!("{settings:?} {:?}", settings.rows());
    assert!(!shown.contains("sk-secret") && !shown.contains("hf_filetoken"), "{shown}");
    assert_eq!(row(&settings, "api_key"), ("set (not shown)".into(), "MLXPORT_API_KEY".into()));
    assert_eq!(row(&settings, "hf_token"), ("set (not shown)".into(), "config.toml:2 hub.token".into()));
}

#[test]
fn a_bad_value_names_its_place_and_what_is_wanted() {
    let cases = [
        (
            "[model]\nbase_url = \"example.org\"\n",
            "config.toml:2: `model.base_url` must be a URL that starts with http:// or https://, not example.org",
        ),
        (
            "[model]\n\nprovider = \"anthropic\"\n",
            "config.toml:3: `model.provider` must be \"openai-compatible\", \"manual\" or \"mlx-lm\", not anthropic",
        ),
        (
            "[workspace]\npush = \"force\"\n",
            "config.toml:2: `workspace.push` must be \"push\" or \"hand-over\", not force",
        ),
        ("[hub]\noffline = \"maybe\"\n", "config.toml:2: `hub.offline` must be true or false, not string"),
        ("[model]\napi_key = 12345\n", "config.toml:2: `model.api_key` must be text in quotes, not integer"),
        (
            "[workspace]\nfork = \"https://me:ghp_x@example.org/f\"\n",
            "config.toml:2: `workspace.fork` holds a user name or password",
        ),
    ];
    for (config, wanted) in cases {
        let place = Place::with(config);
        let error = place.load(Flags::default(), &[]).expect_err(config);
        assert_eq!(error.to_string(), format!("{}/{wanted}", place.home().display()));
    }
    let error = Place::with("").load(Flags::default(), &[("HF_HUB_OFFLINE", "perhaps")]).expect_err("a word");
    assert_eq!(
        error.to_string(),
        "HF_HUB_OFFLINE: `hub.offline` must be 1, true, yes, on, 0, false, no or off, not perhaps"
    );
}

#[test]
fn the_source_of_mlx_lm_is_a_url_a_path_or_the_release() {
    let place = Place::with("[workspace]\nmlx_lm = \"~/src/mlx-lm\"\n[env]\npython = \"venv/bin/python\"\n");
    let settings = place.load(Flags::default(), &[("HOME", "/home/me")]).expect("settings");
    assert_eq!(settings.mlx_lm.value, MlxLmSource::Local("/home/me/src/mlx-lm".into()));
    assert_eq!(settings.env_python.value, Some(place.home().join("venv/bin/python")));
    let of = |text: &str| {
        let flags = Flags { mlx_lm: Some(text.into()), ..Flags::default() };
        place.load(flags, &[]).expect("settings").mlx_lm.value
    };
    assert_eq!(of("pypi"), MlxLmSource::Pypi);
    assert_eq!(of("file:///srv/mlx-lm.git"), MlxLmSource::Git("file:///srv/mlx-lm.git".into()));
    assert_eq!(of("git@example.org:me/mlx-lm"), MlxLmSource::Git("git@example.org:me/mlx-lm".into()));
    assert_eq!(of("/srv/clone"), MlxLmSource::Local("/srv/clone".into()));
}

#[test]
fn the_terminal_is_read_from_the_environment() {
    let place = Place::with("");
    let vars = [("NO_COLOR", "1"), ("TERM", "xterm"), ("TMUX", "/tmp/tmux"), ("SSH_TTY", "/dev/pts/1")];
    let terminal = place.load(Flags::default(), &vars).expect("settings").terminal;
    assert_eq!((terminal.no_color, terminal.tmux, terminal.ssh), (true, true, true));
    assert_eq!((terminal.term.as_deref(), terminal.colorterm), (Some("xterm"), None));
    let quiet = place.load(Flags::default(), &[("NO_COLOR", "")]).expect("settings").terminal;
    assert!(!quiet.no_color, "an empty NO_COLOR counts as unset");
}

fn values(profile: &Profile) -> Vec<String> {
    let rows = profile.rows().into_iter().filter(|row| row.value != "not set");
    rows.map(|row| format!("{} {} [{}]", row.name, row.value, row.source)).collect()
}

#[test]
fn profiles_need_no_config_and_one_word_chooses_them() {
    let place = Place::with("");
    let vars = [("HF_TOKEN", "hf_testtoken"), ("MLXPORT_PROFILE", "huggingface/Qwen/Qwen3:fast")];
    let settings = place.load(Flags::default(), &vars).expect("settings");
    assert_eq!(
        values(&settings.port),
        [
            "provider openai-compatible [built-in profile huggingface]",
            "base_url https://router.huggingface.co/v1 [built-in profile huggingface]",
            "model Qwen/Qwen3:fast [MLXPORT_PROFILE]",
            "key set (not shown) [HF_TOKEN]",
        ]
    );
    assert_eq!(settings.review.title(), settings.port.title(), "who reads is who ports, unless named");
    let names: Vec<&str> = settings.profiles.iter().filter_map(|profile| profile.name.as_deref()).collect();
    assert_eq!(names, ["huggingface", "openai", "ollama", "vllm", "llama.cpp", "mlx-lm", "manual"]);
    let openai = settings.profile("openai").expect("built in");
    let error = openai.secret().expect_err("no key");
    assert_eq!(error.to_string(), "no key for profile `openai`: OPENAI_API_KEY is not set");
    assert!(settings.profile("ollama").expect("built in").secret().expect("none needed").is_none());
}

#[test]
fn a_profile_of_the_file_is_read_whole_and_a_role_takes_its_own() {
    let file = r#"
[model]
profile = "work"
review = "openai/gpt-5-mini"

[profiles.work]
base_url = "https://llm.example/v1/"
name = "coder"
api_key_env = "WORK_KEY"
context = 131072
output = 8192
headers = { "X-Team" = "ports-team" }

[profiles.ollama]
base_url = "http://10.0.0.5:11434/v1"
"#;
    let place = Place::with(file);
    let settings =
        place.load(Flags::default(), &[("WORK_KEY", "sk-work-secret"), ("OPENAI_API_KEY", "sk-openai")]);
    let settings = settings.expect("settings");
    let at = |line: u32, key: &str| format!("[config.toml:{line} profiles.work.{key}]");
    assert_eq!(
        values(&settings.port),
        [
            "provider openai-compatible [default]".to_string(),
            format!("base_url https://llm.example/v1 {}", at(7, "base_url")),
            format!("model coder {}", at(8, "name")),
            "key set (not shown) [WORK_KEY]".to_string(),
            format!("context 131072 {}", at(10, "context")),
            format!("output 8192 {}", at(11, "output")),
            "headers X-Team [config.toml]".to_string(),
        ]
    );
    assert_eq!(settings.port.chosen.to_string(), "config.toml:3 model.profile");
    assert_eq!(settings.review.title(), "openai/gpt-5-mini");
    assert_eq!(settings.review.key.source.to_string(), "OPENAI_API_KEY");
    let ollama = settings.profile("ollama").expect("built in, changed");
    assert_eq!(ollama.base_url.value.as_deref(), Some("http://10.0.0.5:11434/v1"));
    let shown = format!("{settings:?}{:?}", settings.rows());
    for secret in ["sk-work-secret", "sk-openai", "ports-team"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let unset = place.load(Flags::default(), &[]).expect("a missing key is no error until it is needed");
    let error = unset.port.secret().expect_err("no key").to_string();
    assert_eq!(
        error,
        "no key for profile `work`: WORK_KEY is not set, and config.toml:9 profiles.work.api_key_env names it"
    );
}

#[test]
fn plain_keys_win_where_they_stand_as_high_as_what_chose_the_profile() {
    let file = "[model]\nprofile = \"openai\"\nbase_url = \"http://old/v1\"\nname = \"old\"\napi_key = \"sk-old-key\"\n";
    let place = Place::with(file);
    let title = |flags: Flags, vars: &[(&str, &str)]| {
        let port = place.load(flags, vars).expect("settings").port;
        let key = port.secret().ok().flatten().map(|key| key.expose_secret().to_string());
        (
            port.base_url.value.unwrap_or_default(),
            port.model.value.unwrap_or_default(),
            key.unwrap_or_default(),
        )
    };
    let case = |url: &str, model: &str, key: &str| (url.to_string(), model.to_string(), key.to_string());
    assert_eq!(title(Flags::default(), &[]), case("http://old/v1", "old", "sk-old-key"));
    // A profile named on the command line is above config.toml: nothing of the old endpoint, and not its key.
    let flag = |profile: &str| Flags { profile: Some(profile.into()), ..Flags::default() };
    assert_eq!(title(flag("ollama/qwen3"), &[]), case("http://localhost:11434/v1", "qwen3", ""));
    let env = [("MLXPORT_API_KEY", "sk-env"), ("MLXPORT_MODEL", "env")];
    assert_eq!(title(flag("ollama/qwen3"), &env), case("http://localhost:11434/v1", "qwen3", ""));
    let both = Flags { model: Some("flag".into()), ..flag("ollama/qwen3") };
    assert_eq!(title(both, &[]), case("http://localhost:11434/v1", "flag", ""));
}

#[test]
fn a_key_does_not_follow_a_profile_to_another_address() {
    let place = Place::with("[model]\nprofile = \"openai/gpt\"\n");
    let vars = [("OPENAI_API_KEY", "sk-openai-key"), ("HF_TOKEN", "hf_testtoken")];
    let key = |url: Option<&str>| {
        let flags = Flags { base_url: url.map(str::to_string), ..Flags::default() };
        let port = place.load(flags, &vars).expect("settings").port;
        port.secret().expect("no error").map(|key| key.expose_secret().to_string())
    };
    assert_eq!(key(None).as_deref(), Some("sk-openai-key"));
    assert_eq!(key(Some("https://api.openai.com/v1/other")).as_deref(), Some("sk-openai-key"));
    assert_eq!(key(Some("https://api.openai.com.evil.example/v1")), None);
    assert_eq!(key(Some("http://api.openai.com/v1")), None, "not over an open line");
    assert_eq!(key(Some("https://router.huggingface.co/v1")).as_deref(), Some("hf_testtoken"));
}

#[test]
fn a_bad_profile_names_its_place_and_what_is_wanted() {
    let cases = [
        (
            "[model]\nprofile = \"olama\"\n",
            "config.toml:2: there is no profile `olama`; did you mean `ollama`?",
        ),
        (
            "[profiles.a]\nbase_ulr = \"http://h/v1\"\n",
            "config.toml:2: unknown key `profiles.a.base_ulr`; did you mean `base_url`?",
        ),
        (
            "[profiles.a]\n\ncontext = \"big\"\n",
            "config.toml:3: `profiles.a.context` must be a number of tokens, not string",
        ),
        (
            "[profiles.a]\nbase_url = \"http://h/v1?api_key=sk-secret\"\n",
            "config.toml:2: `profiles.a.base_url` holds a key in its query (`api_key`)",
        ),
        (
            "[profiles.a]\nbase_url = \"http://me:sk-secret@h/v1\"\n",
            "config.toml:2: `profiles.a.base_url` holds a user name or password",
        ),
        (
            "[profiles.a]\napi_key = \"sk-secret\"\nkeyring = true\n",
            "config.toml:1: profile `a` names its key twice: api_key, keyring",
        ),
        (
            "[profiles.a]\nprovider = \"anthropic\"\n",
            "config.toml:2: `profiles.a.provider` must be \"openai-compatible\", \"manual\" or \"mlx-lm\", not anthropic",
        ),
        (
            "profiles = 3\n",
            "config.toml:1: `profiles` must be a table of keys, such as [profiles.work], not integer",
        ),
        (
            "[profiles.\"a/b\"]\n",
            "config.toml:1: `profiles` must be names of letters, digits, dots, dashes and underscores, not `a/b`",
        ),
    ];
    for (config, wanted) in cases {
        let place = Place::with(config);
        let error = place.load(Flags::default(), &[]).expect_err(config);
        assert_eq!(error.to_string(), format!("{}/{wanted}", place.home().display()));
        let told = format!("{error} {error:?} {:?}", Report::from(&error));
        assert!(!told.contains("sk-secret"), "{told}");
    }
}

#[test]
fn a_config_with_a_key_that_others_may_read_is_refused_with_the_way_out() {
    use std::os::unix::fs::PermissionsExt;
    for (config, line, key) in [
        ("theme = \"dark\"\n[model]\napi_key = \"sk-secret\"\n", 3, "model.api_key"),
        ("[hub]\ntoken = \"hf_secret\"\n", 2, "hub.token"),
        ("[profiles.a]\nbase_url = \"http://h\"\napi_key = \"sk-secret\"\n", 3, "profiles.a.api_key"),
    ] {
        let place = Place::with(config);
        let path = place.home().join("config.toml");
        place.load(Flags::default(), &[]).expect("mode 600 is fine");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
        let error = place.load(Flags::default(), &[]).expect_err("mode 640");
        let wanted = format!(
            "{}:{line}: `{key}` is a key, and others on this machine may read the file (mode 640)",
            path.display()
        );
        assert_eq!(error.to_string(), wanted);
        assert_eq!(Report::from(&error).hint, Some(format!("chmod 600 {}", path.display())));
    }
    let open = Place::with("[model]\nname = \"m\"\n");
    let path = open.home().join("config.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode");
    open.load(Flags::default(), &[]).expect("without a key anybody may read it");
}
