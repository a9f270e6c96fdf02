//! Reading sources: outline, search, inheritance, nearest ports.

use super::*;

#[test]
fn the_list_names_reference_port_helpers_and_models() {
    assert_eq!(
        place().done("list_sources", json!({})),
        "Reference:\n  transformers/models/arcee/configuration_arcee.py (1 lines)\n  \
         transformers/models/arcee/modeling_arcee.py (4 lines)\n\
         Port:\n  mlx_lm/models/arcee.py (does not exist yet)\n\
         Tests:\n  tests/test_models.py (2 lines)\n\
         Shared helpers in mlx_lm/models:\n  base\nModels in mlx_lm/models:\n  llama\n"
    );
}

#[test]
fn a_model_type_without_a_folder_is_found_by_its_config_class() {
    let listed = place_for("gemma3_text").done("list_sources", json!({}));
    assert!(listed.contains("transformers/models/gemma3/modeling_gemma3.py"), "{listed}");
}

#[test]
fn reading_is_numbered_and_bounded_and_says_what_follows() {
    let place = place();
    assert_eq!(
        place.done(
            "read_source",
            json!({"path": "transformers/models/arcee/modeling_arcee.py", "start": 1, "end": 2})
        ),
        "transformers/models/arcee/modeling_arcee.py, lines 1-2 of 4\n    1  class ArceeMLP:\n    2      act = \"relu2\"\n2 more lines; ask for lines 3-4"
    );
    let long = place.done("read_source", json!({"path": "transformers/models/llama/modeling_llama.py"}));
    assert!(
        long.ends_with("  500  y = 2\n700 more lines; ask for lines 501-1000"),
        "{}",
        &long[long.len() - 80..]
    );
    let absolute = place.folder.path().join("mlx-lm/mlx_lm/models/base.py").canonicalize().unwrap();
    assert!(
        place
            .done("read_source", json!({"path": absolute}))
            .starts_with("mlx_lm/models/base.py, lines 1-2 of 2")
    );
}

#[test]
fn a_line_of_a_million_characters_stays_short() {
    let place = place();
    write(&place.folder.path().join("mlx-lm/mlx_lm/wide.py"), &"é".repeat(1_000_000));
    let text = place.done("read_source", json!({"path": "mlx_lm/wide.py"}));
    assert!(text.len() < 2000 && text.contains("… (999600 more characters)"), "{}", text.len());
}

#[test]
fn an_outline_has_classes_methods_and_attributes_with_their_lines() {
    let place = place();
    let port = place.folder.path().join("mlx-lm").join(PORT);
    let text = "class MLP(nn.Module):\n    def __init__(self):\n        self.up = nn.Linear(1, 2)\n        self.n = 3\n\n\ndef f():\n    return 1\n";
    write(&port, text);
    let own = format!(
        "{PORT}, 8 lines\n    1-4      class MLP(nn.Module)\n               self.up: nn.Linear, self.n\n    2-4        def __init__\n    7-8      def f\n"
    );
    assert_eq!(place.done("outline_source", json!({"path": PORT})), own);
    let one = place.done("outline_source", json!({"path": PORT, "class": "MLP"}));
    assert!(one.contains("def __init__") && !one.contains("def f"), "{one}");
    let said = place.failed("outline_source", json!({"path": PORT, "class": "Mlp"}));
    assert!(said.ends_with("has no class `Mlp`; it has MLP"), "{said}");
    write(&port, &(0..300).map(|at| format!("def f{at}():\n    return {at}\n")).collect::<String>());
    assert!(
        place
            .done("outline_source", json!({"path": PORT}))
            .ends_with("100 more; name a class to see it alone\n")
    );
    write(&port, "def f(:\n");
    assert!(place.done("outline_source", json!({"path": PORT})).contains("line 1 is not Python"));
    place.failed("outline_source", json!({"path": "../secret.py"}));
}

#[test]
fn the_nearest_ports_have_reasons_and_are_counted() {
    let place = place();
    let models = place.folder.path().join("mlx-lm/mlx_lm/models");
    for name in ["a", "b", "c"] {
        write(&models.join(format!("{name}.py")), "class Model(nn.Module):\n    pass\n");
    }
    let text = place.done("nearest_ports", json!({"count": 2}));
    assert!(
        text.starts_with("nearest to transformers/models/arcee/modeling_arcee.py, best first:\n"),
        "{text}"
    );
    assert!(text.contains("mlx_lm/models/a.py: ") && text.ends_with("2 more\n"), "{text}");
    assert!(place.failed("nearest_ports", json!({"count": 0})).contains("`count` is from 1 to 20"));
    let unknown = place_for("nowhere");
    assert!(unknown.failed("nearest_ports", json!({})).contains("no folder for model_type nowhere"));
}

#[test]
fn a_modular_file_is_followed_to_the_bodies_and_not_out_of_the_folders() {
    let place = place();
    assert!(place.failed("read_inheritance", json!({})).contains("has no modular file"));
    let models = place.folder.path().join("site/transformers/models");
    write(
        &models.join("llama/modeling_llama.py"),
        "class LlamaMLP(nn.Module):\n    def __init__(self):\n        self.up_proj = nn.Linear(1, 2)\n",
    );
    let outside = place.folder.path().join("outside");
    write(&outside.join("modeling_evil.py"), "class Evil:\n    hunter2 = 1\n");
    std::os::unix::fs::symlink(&outside, models.join("evil")).unwrap();
    write(
        &models.join("arcee/modular_arcee.py"),
        "from ..llama.modeling_llama import LlamaMLP\nfrom ..evil.modeling_evil import Evil\n\n\nclass ArceeMLP(LlamaMLP):\n    pass\n\n\nclass ArceeEvil(Evil):\n    pass\n",
    );
    assert_eq!(
        place.done("read_inheritance", json!({})),
        "transformers/models/arcee/modular_arcee.py: where its classes come from\nArceeMLP (line 5) is LlamaMLP of \
         transformers/models/llama/modeling_llama.py:1, unchanged; brings up_proj\n"
    );
    let path = "transformers/models/llama/modeling_llama.py";
    assert!(place.done("read_inheritance", json!({"path": path})).contains("no class of"));
}

#[test]
fn searching_is_literal_unless_asked_and_bounded() {
    let place = place();
    assert_eq!(
        place.done("search_sources", json!({"pattern": "relu2"})),
        "transformers/models/arcee/modeling_arcee.py:2:     act = \"relu2\"\n"
    );
    assert_eq!(
        place.done("search_sources", json!({"pattern": "a.b"})),
        "no line matches `a.b` in the reference's folders and mlx_lm"
    );
    assert_eq!(
        place.done("search_sources", json!({"pattern": "^class \\w+:", "syntax": "regex", "path": "mlx_lm"})),
        "mlx_lm/models/base.py:1: class BaseModelArgs:\n"
    );
    let many = place.done("search_sources", json!({"pattern": "y", "path": "transformers/models/llama"}));
    assert!(many.ends_with("1100 more lines match; narrow the pattern or the path"), "{many}");
}
