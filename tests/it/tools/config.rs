//! Config matrix and ledger through the tools.

use super::*;

#[test]
fn variants_are_laid_side_by_side_with_equal_values_told_once() {
    let place = place();
    let said = place.failed("config_diff", json!({}));
    assert!(said.starts_with("no config is chosen yet"), "{said}");
    place.config("Harbor-8B", r#"{"model_type": "arcee", "rope_theta": 1e6, "hidden_size": 8, "bos": 1}"#);
    place.config(
        "Harbor-8B-Base",
        r#"{"model_type": "arcee", "rope_theta": null, "hidden_size": 8, "bos": 1}"#,
    );
    place.config("Harbor-70B", r#"{"model_type": "arcee", "rope_theta": 1e6, "hidden_size": 16}"#);
    let text = place.done("config_diff", json!({"key": "rope_theta"}));
    assert!(text.starts_with("3 variants: Harbor-8B, Harbor-8B-Base, Harbor-70B\n"), "{text}");
    assert!(
        text.contains(
            "≠⚑ rope_theta [rotary position]: 1e6 in Harbor-8B, Harbor-70B · null in Harbor-8B-Base\n"
        ),
        "{text}"
    );
    let notable = place.done("config_diff", json!({}));
    let at = |key: &str| notable.find(key).unwrap_or_else(|| panic!("{key}: {notable}"));
    assert!(at("⚑ rope_theta") < at("≠  hidden_size"), "flagged first: {notable}");
    assert!(notable.contains("≠  bos: 1 in Harbor-8B, Harbor-8B-Base · – in Harbor-70B"), "{notable}");
    assert!(!notable.contains("model_type:"), "what is the same everywhere waits to be asked for: {notable}");
    assert!(place.done("config_diff", json!({"show": "all"})).contains("model_type: arcee\n"));
    assert!(place.done("config_diff", json!({"key": "nothing"})).contains("no key matches"));
}

#[test]
fn a_thousand_keys_of_forty_variants_stay_short_and_hostile_names_are_shown_safely() {
    let place = place();
    for variant in 0..40 {
        let keys: Vec<String> = (0..1000).map(|key| format!("\"k{key}\": {}", key * variant)).collect();
        let text = format!("{{\"model_type\": \"arcee\", {}}}", keys.join(", "));
        place.config(&format!("v{variant:02}"), &text);
    }
    place.config("evil", "{\"model_type\": \"arcee\", \"a\\u001b[31m\\u202e\\nb\": \"\\u001b]0;x\\u0007\"}");
    let text = place.done("config_diff", json!({}));
    assert!(
        text.len() < 50_000 && text.contains("more keys; give a part of the key's name"),
        "{}",
        text.len()
    );
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
    assert!(text.contains(" more"), "{text}");
}

#[test]
fn the_ledger_rings_for_keys_that_the_port_does_not_read_until_the_person_rejects() {
    let place = place();
    let root = place.folder.path();
    write(
        &root.join("site/transformers/models/arcee/modeling_arcee.py"),
        "class ArceeMLP(nn.Module):\n    def __init__(self, config):\n        self.a = config.scale\n        self.b = config.hidden_size\n",
    );
    let port = "class MLP(nn.Module):\n    def __init__(self, args):\n        self.b = args.hidden_size\n";
    write(&root.join("mlx-lm").join(PORT), port);
    place.config("Harbor", r#"{"model_type": "arcee", "scale": 2, "hidden_size": 8}"#);
    let text = place.done("config_ledger", json!({}));
    assert!(text.contains("! scale: read by the reference, not by the port\n"), "{text}");
    assert!(
        text.contains("    reference: transformers/models/arcee/modeling_arcee.py:3 `self.a = config.scale`\n    port: does not read it\n"),
        "{text}"
    );
    assert!(!text.contains("hidden_size"), "{text}");
    let all = place.done("config_ledger", json!({"show": "all"}));
    assert!(all.contains("  hidden_size\n") && all.contains("mlx_lm/models/arcee.py:3 `self.b"), "{all}");
    hub::decisions::reject(root, "arcee", "scale", "folded into the weights").unwrap();
    let text = place.done("config_ledger", json!({}));
    assert!(
        text.contains(
            "x scale: read by the reference, not by the port; rejected by the person: folded into the weights"
        ),
        "{text}"
    );
    assert!(text.starts_with(&format!("{} keys, 0 alarms\n", all.split(' ').next().unwrap())), "{text}");
}
