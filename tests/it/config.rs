//! Settings: what wins, and where each value says it came from.

use std::path::Path;

use mlxport::config::{ConfigError, Env, Flags, MlxLmSource, Settings};
use mlxport::util::fs::write_atomic;
use secrecy::ExposeSecret;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_atomic(&folder.path().join("config.toml"), config.as_bytes()).expect("a config file");
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
    assert_eq!(settings.api_key.value.as_ref().map(|key| key.expose_secret()), Some("sk-secret"));
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
            "config.toml:3: `model.provider` must be \"openai-compatible\" or \"manual\", not anthropic",
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
