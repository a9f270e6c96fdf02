//! Paths and patterns as a hostile model spells them.

use super::*;

#[test]
fn patterns_that_would_hang_or_eat_memory_are_refused_or_run_in_linear_time() {
    let place = place();
    write(&place.folder.path().join("mlx-lm/mlx_lm/as.py"), &format!("{}!\n", "a".repeat(100_000)));
    place.done("search_sources", json!({"pattern": "(a+)+$", "syntax": "regex"}));
    for pattern in ["(", "a{1000}{1000}{1000}", "(?=x)", "[[:alpha:]", "\\"] {
        let said = place.failed("search_sources", json!({"pattern": pattern, "syntax": "regex"}));
        assert!(said.contains("the pattern is no regular expression"), "{said}");
    }
    for pattern in ["".to_string(), "x".repeat(501)] {
        let said = place.failed("search_sources", json!({"pattern": pattern}));
        assert!(said.contains("the pattern must have 1 to 500 bytes"), "{said}");
    }
}

#[test]
fn no_spelling_of_a_path_leads_outside() {
    let place = place();
    let checkout = place.folder.path().join("mlx-lm");
    let outside = place.folder.path().join("secret.py");
    std::os::unix::fs::symlink(&outside, checkout.join("mlx_lm/models/link.py")).unwrap();
    std::os::unix::fs::symlink(place.folder.path(), checkout.join("mlx_lm/up")).unwrap();
    std::os::unix::fs::symlink(checkout.join(".git"), checkout.join("tests/git")).unwrap();
    let spellings = [
        "secret.py",
        "../secret.py",
        "mlx_lm/../../secret.py",
        "mlx_lm/models/../../../secret.py",
        "transformers/../../secret.py",
        "mlx_lm/./models/base.py",
        "./mlx_lm/models/base.py",
        "mlx_lm/models/link.py",
        "mlx_lm/up/secret.py",
        "tests/git/config",
        ".git/config",
        "mlx_lm/../.git/config",
        "setup.py",
        "/etc/passwd",
        "/proc/self/environ",
        "~/.netrc",
        "mlx_lm/~/x.py",
        "file:///etc/passwd",
        "mlx_lm\\..\\..\\secret.py",
        "mlx_lm/%2e%2e/%2e%2e/secret.py",
        "mlx_lm/\u{ff0e}\u{ff0e}/\u{ff0e}\u{ff0e}/secret.py",
        "mlx_lm\u{2044}models\u{2044}base.py",
        "mlx_lm/models/\u{202e}yp.esab",
        "mlx_lm/models/base.py\0.txt",
        "mlx_lm/models/base.py\n",
        "",
        " ",
        "transformers",
        "mlx_lm",
        "mlx_lm/models",
        "mlx_lm/models/*.py",
        "TRANSFORMERS/models/arcee/modeling_arcee.py",
    ];
    for path in spellings {
        let said = place.failed("read_source", json!({"path": path}));
        assert!(!said.contains("hunter2") && !said.contains("[remote]"), "{path:?}: {said}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{path:?}: {said:?}");
    }
    let long = "mlx_lm/".to_string() + &"a/".repeat(300) + "b.py";
    assert!(place.failed("read_source", json!({"path": long})).contains("is too long"));
    for path in [outside.to_str().unwrap(), "mlx_lm/up", "mlx_lm/models/link.py"] {
        let (_, said) = place.call("search_sources", json!({"pattern": "KEY", "path": path}));
        assert!(!said.contains("hunter2"), "{path}: {said}");
    }
    assert!(place.done("search_sources", json!({"pattern": "hunter2"})).starts_with("no line matches"));
}

#[test]
fn what_is_no_plain_python_file_is_not_read() {
    let place = place();
    let models = place.folder.path().join("mlx-lm/mlx_lm/models");
    write(&models.join("notes.txt"), "x");
    nix::unistd::mkfifo(&models.join("pipe.py"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::File::create(models.join("huge.py")).unwrap().set_len(5 << 20).unwrap();
    for (name, why) in [
        ("notes.txt", "only Python source"),
        ("pipe.py", "only Python source"),
        ("huge.py", "larger than 4 MB"),
    ] {
        let said = place.failed("read_source", json!({"path": format!("mlx_lm/models/{name}")}));
        assert!(said.contains(why), "{said}");
    }
    place.done("search_sources", json!({"pattern": "class"}));
}

#[test]
fn a_model_type_that_is_no_file_name_has_no_tools() {
    let place = place();
    for model_type in ["", "../x", "a/b", "a.b", "a\0", "arcee.py", "é", &"x".repeat(65)] {
        let context = ToolContext {
            checkout: place.folder.path().join("mlx-lm"),
            transformers: place.folder.path().join("site/transformers"),
            model_type: model_type.into(),
            results: place.folder.path().join("results"),
            lessons: place.folder.path().join("lessons.md"),
            prompts: place.folder.path().join("prompts"),
            services: place.fake.clone(),
        };
        assert!(Registry::new(context).is_err(), "{model_type:?}");
    }
}
