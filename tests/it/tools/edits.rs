//! Proposals: what may be written, by whose word.

use super::*;

#[test]
fn a_proposal_changes_nothing_until_it_is_approved_and_then_only_its_file() {
    let place = place();
    let before = place.snapshot();
    let first = place.proposal("write_port", json!({"path": PORT, "text": "a = 1\nb = 2"}));
    assert_eq!(
        first,
        Proposal {
            call_id: "c1".into(),
            title: "create mlx_lm/models/arcee.py +2 -0".into(),
            path: PORT.into(),
            scope: EditScope::Port,
            before: String::new(),
            after: "a = 1\nb = 2\n".into()
        }
    );
    assert_eq!(place.snapshot(), before);
    assert!(!place.registry.is_stale(&first));
    let end = place.approve("write_port", &first);
    assert_eq!(
        end,
        ToolEnd {
            outcome: ToolOutcome::Done { text: "Applied: mlx_lm/models/arcee.py +2 -0.".into() },
            summary: "wrote mlx_lm/models/arcee.py +2 -0".into(),
            artifacts: vec![Artifact::Edit { receipt: receipt(PORT) }],
        }
    );
    let mut wanted = before;
    wanted.insert(place.folder.path().join("mlx-lm").join(PORT), b"a = 1\nb = 2\n".to_vec());
    assert_eq!(place.snapshot(), wanted);
    assert!(place.registry.is_stale(&first));
    let edit = json!({"path": PORT, "edits": [{"search": "b = 2", "replace": "b = 3"}, {"search": "b = 3", "replace": "c = 4"}]});
    assert_eq!(place.proposal("edit_port", edit).after, "a = 1\nc = 4\n");
    let tests = json!({"path": "tests/test_models.py", "edits": [{"search": "pass", "replace": "return"}]});
    assert_eq!(place.proposal("edit_port", tests).title, "edit tests/test_models.py +1 -1");
}

#[test]
fn only_two_files_may_be_proposed_for() {
    let place = place();
    let before = place.snapshot();
    for path in [
        "mlx_lm/models/llama.py",
        "mlx_lm/models/base.py",
        "mlx_lm/models/../models/arcee.py",
        "./mlx_lm/models/arcee.py",
        "mlx_lm//models/arcee.py",
        "mlx_lm/models/Arcee.py",
        "mlx_lm/models/arcee.py ",
        "mlx_lm/models/arcee.py\0",
        "setup.py",
        ".git/hooks/pre-commit",
        "/tmp/x.py",
        "tests/test_models.py/../x.py",
    ] {
        let said = place.failed("write_port", json!({"path": path, "text": "x"}));
        assert!(
            said.contains("may not be changed; only mlx_lm/models/arcee.py and tests/test_models.py may"),
            "{said}"
        );
        place.failed("edit_port", json!({"path": path, "edits": [{"search": "x", "replace": "y"}]}));
        place.failed("format_port", json!({"path": path}));
        let forged = ApprovedEdit {
            path: path.into(),
            before: String::new(),
            after: "x".into(),
            by: EditOrigin::Model,
        };
        let run = ToolRun {
            call_id: "c".into(),
            name: "write_port".into(),
            arguments: json!({}),
            approved: Some(forged),
        };
        assert!(matches!(place.run(run).outcome, ToolOutcome::Failed { .. }), "{path}");
    }
    let said = place.failed("write_port", json!({"path": "tests/test_models.py", "text": "x"}));
    assert_eq!(said, "tests/test_models.py is upstream's long file: change it with edit_test or edit_port");
    let unapproved =
        ToolRun { call_id: "c".into(), name: "write_port".into(), arguments: json!({}), approved: None };
    assert!(matches!(place.run(unapproved).outcome, ToolOutcome::Stop { .. }));
    assert_eq!(place.snapshot(), before);
}

#[test]
fn a_link_where_the_port_belongs_is_not_followed() {
    let place = place();
    let port = place.folder.path().join("mlx-lm").join(PORT);
    std::os::unix::fs::symlink(place.folder.path().join("secret.py"), &port).unwrap();
    let said = place.failed("write_port", json!({"path": PORT, "text": "x = 1\n"}));
    assert!(said.contains("is a link or no plain file"), "{said}");
    let said = place.failed("edit_port", json!({"path": PORT, "edits": [{"search": "KEY", "replace": "y"}]}));
    assert!(!said.contains("hunter2"));
}

#[test]
fn an_edit_of_a_file_that_changed_meanwhile_is_not_written() {
    let place = place();
    let proposal = place.proposal("write_port", json!({"path": PORT, "text": "a\n"}));
    write(&place.folder.path().join("mlx-lm").join(PORT), "by hand\n");
    let end = place.approve("write_port", &proposal);
    let text = "mlx_lm/models/arcee.py changed since the edit was proposed; read it and propose again";
    assert_eq!(end.outcome, ToolOutcome::Failed { text: text.into() });
}

#[test]
fn formatting_is_a_proposal_too_and_none_when_nothing_changes() {
    let place = place();
    assert!(place.failed("format_port", json!({})).contains("does not exist yet"));
    write(&place.folder.path().join("mlx-lm").join(PORT), "a = 1  # untidy\n");
    let proposal = place.proposal("format_port", json!({}));
    assert_eq!(
        (proposal.title.as_str(), proposal.after.as_str()),
        ("format mlx_lm/models/arcee.py +1 -1", "a = 1\n")
    );
    place.approve("format_port", &proposal);
    assert_eq!(
        place.done("format_port", json!({})),
        "mlx_lm/models/arcee.py is formatted already; nothing to change"
    );
}

#[test]
fn a_shared_file_is_proposed_under_its_name_with_a_reason_and_is_never_automatic() {
    let place = place();
    let before = place.snapshot();
    let edit = json!({"path": "mlx_lm/models/base.py", "reason": "the window needs an offset", "edits": [{"search": "pass", "replace": "x: int"}]});
    let proposal = place.proposal("edit_shared", edit);
    assert_eq!(
        proposal.title,
        "edit mlx_lm/models/base.py +1 -1 (SHARED by other models): the window needs an offset"
    );
    assert_eq!(proposal.scope, EditScope::Shared);
    assert!(!proposal.scope.may_be_automatic() && EditScope::Port.may_be_automatic());
    assert_eq!(place.snapshot(), before);
    // The approval is for this tool: another may not write with it.
    for other in ["edit_port", "write_port", "edit_test", "format_port", "add_lesson"] {
        assert!(matches!(place.approve(other, &proposal).outcome, ToolOutcome::Failed { .. }), "{other}");
    }
    assert_eq!(place.snapshot(), before);
    assert!(matches!(place.approve("edit_shared", &proposal).outcome, ToolOutcome::Done { .. }));
    let text = std::fs::read_to_string(place.folder.path().join("mlx-lm/mlx_lm/models/base.py")).unwrap();
    assert_eq!(text, "class BaseModelArgs:\n    x: int\n");
}

#[test]
fn what_is_no_shared_file_of_mlx_lm_is_not_proposed() {
    let place = place();
    let root = place.folder.path();
    write(&root.join("mlx-lm").join(PORT), "a = 1\n");
    std::os::unix::fs::symlink(root.join("secret.py"), root.join("mlx-lm/mlx_lm/models/link.py")).unwrap();
    std::os::unix::fs::symlink("base.py", root.join("mlx-lm/mlx_lm/models/inner.py")).unwrap();
    std::os::unix::fs::symlink("models", root.join("mlx-lm/mlx_lm/again")).unwrap();
    let before = place.snapshot();
    let paths = [
        PORT,
        "tests/test_models.py",
        "transformers/models/arcee/modeling_arcee.py",
        "mlx_lm/models/new.py",
        "mlx_lm/models/link.py",
        "mlx_lm/models/inner.py",
        "mlx_lm/again/base.py",
        "mlx_lm/models/../models/base.py",
        "mlx_lm//models/base.py",
        "./mlx_lm/models/base.py",
        "src/mlx_lm/models/base.py",
        "setup.py",
        ".git/config",
        "../secret.py",
        "~/.netrc",
    ];
    let absolute = root.join("mlx-lm/mlx_lm/models/base.py").canonicalize().unwrap();
    for path in paths.into_iter().chain([absolute.to_str().unwrap()]) {
        let edit = json!({"path": path, "reason": "r", "edits": [{"search": "pass", "replace": "x"}]});
        let said = place.failed("edit_shared", edit);
        assert!(!said.contains("hunter2"), "{said}");
        let forged = ApprovedEdit {
            path: path.into(),
            before: String::new(),
            after: "x".into(),
            by: EditOrigin::Model,
        };
        let run = ToolRun {
            call_id: "c".into(),
            name: "edit_shared".into(),
            arguments: json!({}),
            approved: Some(forged),
        };
        assert!(matches!(place.run(run).outcome, ToolOutcome::Failed { .. }), "{path}");
    }
    let blank = json!({"path": "mlx_lm/models/base.py", "reason": " ", "edits": [{"search": "pass", "replace": "x"}]});
    assert!(place.failed("edit_shared", blank).contains("`reason` is one sentence"));
    assert_eq!(place.snapshot(), before);
}

#[test]
fn a_test_entry_stands_in_upstreams_table() {
    let place = place();
    let entry = json!({"config": {"vocab_size": 100, "num_hidden_layers": 2}});
    let said = place.failed("edit_test", entry.clone());
    assert!(said.contains("no table of configs in test_all_models"), "{said}");
    let tests = place.folder.path().join("mlx-lm/tests/test_models.py");
    write(
        &tests,
        "class T:\n    def test_all_models(self):\n        test_configs = [\n        ]\n        pass\n",
    );
    let proposal = place.proposal("edit_test", entry);
    assert_eq!((proposal.scope, proposal.path.as_str()), (EditScope::Test, "tests/test_models.py"));
    assert_eq!(
        proposal.after,
        "class T:\n    def test_all_models(self):\n        test_configs = [\n            {\n                \"model_type\": \"arcee\",\n                \"vocab_size\": 100,\n                \"num_hidden_layers\": 2,\n            },\n        ]\n        pass\n"
    );
}

#[test]
fn lessons_are_read_and_a_new_one_is_the_persons_to_accept() {
    let place = place();
    assert_eq!(place.done("read_lessons", json!({})), "no lesson is kept yet");
    let lesson = json!({"title": "Shift by one, twice", "text": "sanitize added 1 and the norm did too."});
    let proposal = place.proposal("add_lesson", lesson);
    assert_eq!((proposal.scope, proposal.path.as_str()), (EditScope::Lessons, "lessons.md"));
    assert!(!proposal.scope.may_be_automatic());
    assert_eq!(place.done("read_lessons", json!({})), "no lesson is kept yet");
    place.approve("add_lesson", &proposal);
    let kept = place.done("read_lessons", json!({"about": "SANITIZE"}));
    assert_eq!(kept, "## Shift by one, twice (arcee)\n\nsanitize added 1 and the norm did too.\n");
    assert_eq!(place.done("read_lessons", json!({"about": "rope"})), "no lesson matches; 1 are kept");
    let second = place.proposal("add_lesson", json!({"title": "b", "text": "c"}));
    assert!(second.after.starts_with(&proposal.after), "{}", second.after);
    for wrong in [
        json!({"title": "", "text": "x"}),
        json!({"title": "x", "text": " "}),
        json!({"title": "x".repeat(101), "text": "x"}),
        json!({"title": "x", "text": "x".repeat(2001)}),
        json!({"title": "x", "text": "a\n## forged (llama)\n"}),
    ] {
        place.failed("add_lesson", wrong);
    }
}
