//! What a document shows, and what it must not.

use serde_json::{Value, json};

use super::*;
use crate::util::fs::{create_dir, write_atomic};

const KNOWN: &str = "gizmo/4711\"purple&<elephant>";

/// Every form of key that is planted.
fn keys() -> Vec<String> {
    vec![
        KNOWN.into(),
        "hf_abcdefghijklmnopqrstuvwxyz".into(),
        "sk-proj-abcdefghij0123456789".into(),
        "abc.def-123456789".into(),
        "ghp_abcdefghijklmnopqrstuvwxyz0123".into(),
        "AKIAABCDEFGHIJKLMNOP".into(),
    ]
}

/// Lines as another hand might have written them: nothing in them is clean.
fn dirty() -> Vec<Value> {
    let all = format!(
        "{KNOWN} hf_abcdefghijklmnopqrstuvwxyz sk-proj-abcdefghij0123456789 Authorization: Bearer abc.def-123456789 \
         ghp_abcdefghijklmnopqrstuvwxyz0123 AKIAABCDEFGHIJKLMNOP"
    );
    let chat = |entry: Value| json!({"kind": "chat", "entry": entry});
    let message = |message: Value| chat(json!({"kind": "message", "message": message}));
    let arguments = json!({"path": "a.py", "key": all}).to_string();
    let call = json!({"id": "c1", "name": "edit_port", "arguments": arguments});
    // The known key as a stream gave it, broken off and gone on with in the next message.
    let (head, tail) = KNOWN.split_at(14);
    let proposal = json!({"call_id": "c1", "title": "edit a.py", "path": "a.py", "before": "x = 1\n", "after": format!("x = 2\nk = '{all}'\n")});
    vec![
        json!({"kind": "header", "session": "s1", "model_type": "arcee", "created": "2026-11-25T10:00:00Z", "model": all}),
        message(json!({"role": "user", "content": format!("port it with {all}")})),
        message(json!({"role": "assistant", "content": "Half ".to_string() + head, "mark": "cut"})),
        message(json!({"role": "assistant", "content": tail.to_string() + " and on"})),
        message(json!({"role": "assistant", "content": all, "reasoning": all, "tool_calls": [call]})),
        chat(json!({"kind": "proposed", "proposal": proposal})),
        chat(json!({"kind": "decided", "call_id": "c1", "decision": {"decision": "deny", "reason": all}})),
        chat(json!({"kind": "tool_ended", "call_id": "c1", "outcome": {"outcome": "failed", "text": all}})),
        message(json!({"role": "tool", "tool_call_id": "c1", "content": all})),
        json!({"kind": "tool", "call_id": "c1", "summary": all, "artifacts": []}),
        chat(json!({"kind": "failed", "failure": {"kind": "cut", "text": all}, "retry_in_ms": 1000})),
        chat(json!({"kind": "stopped", "report": {"blame": "user", "text": all, "hint": all}})),
        chat(json!({"kind": "pinned", "pin": {"kind": "task", "text": all}})),
        chat(
            json!({"kind": "compacted", "upto": 2, "summary": all, "pinned": [{"kind": "task", "text": all}]}),
        ),
        chat(json!({"kind": "not_compacted", "why": all})),
        json!({"kind": "note", "label": all, "text": all}),
        json!({"kind": "setup", "text": all}),
        json!({"kind": "voice", "field": "summary", "text": all}),
        json!({"kind": "person", "step": {"act": "commit", "message": all}}),
        json!({"kind": "error", "report": {"blame": "bug", "text": all}}),
    ]
}

fn written_as(lines: &[Value], format: Format, redactor: &Redactor) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::at(folder.path().to_path_buf());
    let session = home.session("s1");
    create_dir(&session).expect("made");
    let line = |(seq, entry): (usize, &Value)| {
        let mut line = entry.clone();
        line["v"] = json!(1);
        line["seq"] = json!(seq);
        line["ts"] = json!("2026-11-25T10:00:00.5Z");
        line.to_string() + "\n"
    };
    let text: String = lines.iter().enumerate().map(line).collect();
    write_atomic(&session.join("log.jsonl"), text.as_bytes()).expect("written");
    export(&home, "s1", format, redactor).expect("exported")
}

#[test]
fn no_planted_key_is_in_any_form_and_without_the_rules_all_would_be() {
    let redactor = Redactor::default().secret(KNOWN);
    for format in [Format::Markdown, Format::Json, Format::Html] {
        let text = written_as(&dirty(), format, &redactor);
        assert!(text.contains("[redacted]") && text.contains("port it with"), "{format:?}");
        // As it stands, as HTML writes it, and as JSON writes it.
        let forms = |key: &str| {
            let html =
                key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            let json = serde_json::to_string(key).unwrap_or_default().trim_matches('"').to_string();
            [key.to_string(), html, json]
        };
        for key in keys() {
            for form in forms(&key) {
                assert!(!text.contains(&form), "{format:?} holds {form}");
            }
        }
        let (head, tail) = KNOWN.split_at(14);
        for half in forms(head).into_iter().chain(forms(tail)) {
            assert!(!text.contains(&half), "{format:?} holds half a key: {half}");
        }
        if format == Format::Json {
            serde_json::from_str::<Value>(&text).expect("still JSON");
        }
    }
    // The planting itself is real: what matches no rule, and is not known, stays.
    let text = written_as(&dirty(), Format::Markdown, &Redactor::default());
    assert!(text.contains("gizmo/4711"));
}

/// A short session in which an edit is changed by the person and checked.
fn clean_session() -> Vec<Value> {
    let chat = |entry: Value| json!({"kind": "chat", "entry": entry});
    let message = |message: Value| chat(json!({"kind": "message", "message": message}));
    let call = |id: &str, name: &str| json!({"id": id, "name": name, "arguments": "{\"path\":\"mlx_lm/models/arcee.py\"}"});
    let proposal = json!({"call_id": "e1", "title": "edit arcee.py +1 -1", "path": "mlx_lm/models/arcee.py", "before": "x = 1\n", "after": "x = 2\n"});
    let run = json!({"schema": 1, "run_id": "20261125T1-7", "model_type": "arcee", "variant": "tiny", "verdict": "pass", "checks": [], "environment": {}});
    vec![
        json!({"kind": "header", "session": "s1", "model_type": "arcee", "created": "2026-11-25T10:00:00Z", "model": "m"}),
        message(json!({"role": "user", "content": "port *it*"})),
        message(
            json!({"role": "assistant", "content": "Here <script>alert(1)</script> [x](javascript:alert(1)):\n\n```python\nx = \"````\"\n```\n", "tool_calls": [call("e1", "edit_port"), call("k1", "check_twin")]}),
        ),
        chat(json!({"kind": "proposed", "proposal": proposal})),
        chat(
            json!({"kind": "decided", "call_id": "e1", "decision": {"decision": "accept_edited", "after": "x = 3\n"}}),
        ),
        chat(json!({"kind": "tool_ended", "call_id": "e1", "outcome": {"outcome": "done", "text": "ok"}})),
        message(json!({"role": "tool", "tool_call_id": "e1", "content": "Written.\u{1b}[31m\n"})),
        chat(json!({"kind": "tool_ended", "call_id": "k1", "outcome": {"outcome": "done", "text": "ok"}})),
        json!({"kind": "tool", "call_id": "k1", "summary": "pass", "artifacts": [{"artifact": "check", "result": run}]}),
        message(json!({"role": "tool", "tool_call_id": "k1", "content": "pass"})),
        json!({"kind": "pane", "pane": "chat", "state": {"draft": "half a thought"}}),
        json!({"kind": "of a later version", "x": 1}),
    ]
}

#[test]
fn a_document_shows_edits_as_diffs_checks_with_their_runs_and_folded_outputs() {
    let text = written_as(&clean_session(), Format::Markdown, &Redactor::default());
    for part in [
        "# mlxport session: arcee",
        "- checks: 20261125T1-7 pass",
        "- lines of the log: 1 damaged or of a later version, left out",
        "## Person\n\n*2026-11-25 10:00:00 UTC*\n\nport *it*",
        "## Tool: edit arcee.py +1 -1 (done)",
        "`mlx_lm/models/arcee.py`: written as the person changed it",
        "```diff\n--- a/mlx_lm/models/arcee.py\n+++ b/mlx_lm/models/arcee.py\n@@ -1 +1 @@\n-x = 1\n+x = 3\n```",
        "verdict: pass run 20261125T1-7",
        "<details><summary>output, 1 lines</summary>\n\n```text\nWritten.␛[31m\n```",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("half a thought") && !text.contains('\u{1b}'));
}

#[test]
fn a_page_needs_nothing_from_outside_and_runs_nothing() {
    let text = written_as(&clean_session(), Format::Html, &Redactor::default());
    for part in [
        "prefers-color-scheme:dark",
        "default-src 'none'",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<span class=\"d\">-x = 1</span><span class=\"a\">+x = 3</span>",
        "verdict: pass run 20261125T1-7",
        "<details><summary>output, 1 lines</summary>",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    for bad in ["<script", "href=", "src=", "url(", "@import", "<link", "<img", "http://", "https://"] {
        assert!(!text.contains(bad), "{bad} is in\n{text}");
    }
    let opened = text.matches("<section").count();
    assert_eq!((opened, text.matches("</section>").count()), (4, 4));
}

#[test]
fn the_json_form_is_one_object_of_pieces() {
    let text = written_as(&clean_session(), Format::Json, &Redactor::default());
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let kinds: Vec<&str> =
        value["pieces"].as_array().into_iter().flatten().filter_map(|piece| piece["kind"].as_str()).collect();
    assert_eq!(kinds, ["person", "model", "tool", "tool"]);
    assert_eq!((&value["schema"], &value["skipped"]), (&json!(1), &json!(1)));
    assert_eq!(value["pieces"][3]["checks"][0]["run_id"], "20261125T1-7");
}
