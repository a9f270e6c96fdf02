"""Twins of configs with configs inside, and names that the search gives back to released files."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import torch
from mlxport_harness import representative
from mlxport_harness.checks import judged
from mlxport_harness.reference import names
from mlxport_harness.twin import align, complete, mends, portfacts, proposals, shrink, target
from mlxport_harness.twin.proposals import About, Refusal

TEXT = {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 4, "num_attention_heads": 16}
VISION = {"model_type": "clip", "hidden_size": 1024, "num_hidden_layers": 4, "out_hidden_size": 2048}


def twin(base: dict[str, Any], defaults: bool = True) -> dict[str, Any]:
    return shrink.shrink("made_up", {"model_type": "made_up", **base}, defaults)


def test_a_size_that_is_another_parts_width_follows_it():
    small = twin({"text_config": TEXT, "vision_config": VISION, "merged_size": 4096, "projector_size": 1000})
    assert small["text_config"]["hidden_size"] == small["vision_config"]["out_hidden_size"] == 96
    # Four joined patches; and what is no multiple shrinks as the text does.
    assert small["merged_size"] == 192
    assert small["projector_size"] == 48


def test_a_towers_list_of_widths_shrinks():
    tower = {"model_type": "tower", "hidden_sizes": [256, 512], "depths": [2, 2], "out_hidden_size": 2048}
    small = twin({"text_config": TEXT, "audio_config": tower})
    assert small["audio_config"] == {**tower, "hidden_sizes": [16, 24], "out_hidden_size": 96}


def test_defaults_do_not_contradict_themselves_on_the_head_and_a_given_config_stays():
    contradicting = {"text_config": {**TEXT, "tie_word_embeddings": False}, "tie_word_embeddings": True}
    small = twin(contradicting)
    assert (small["tie_word_embeddings"], small["text_config"]["tie_word_embeddings"]) == (False, False)
    assert twin(contradicting, defaults=False)["tie_word_embeddings"] is True
    both = twin({"text_config": {**TEXT, "tie_word_embeddings": True}, "tie_word_embeddings": True})
    assert both["tie_word_embeddings"] is True


def test_rotary_dim_keeps_its_share_and_the_factor_agrees():
    base = {**TEXT, "head_dim": 128, "rotary_dim": 64, "rope_parameters": {"rope_theta": 5e6}}
    small = twin(base)
    assert small["rotary_dim"] == small["head_dim"] // 2
    assert small["rope_parameters"]["partial_rotary_factor"] == 0.5
    given = twin(base, defaults=False)
    assert given["rotary_dim"] == given["head_dim"] // 2
    assert "partial_rotary_factor" not in given["rope_parameters"]
    whole = twin({**base, "rotary_dim": 128})
    assert "partial_rotary_factor" not in whole["rope_parameters"]


def test_what_a_class_says_must_be_equal_is_made_equal():
    small = {"text_config": {"hidden_size": 96}, "vision_config": {"out_hidden_size": 128}}
    said = "ValueError: `vision_config.out_hidden_size` (128) must equal `text_config.hidden_size` (96)."
    _, config = next(mends.by_words("llava", small, said))
    assert config["vision_config"] == {"out_hidden_size": 96}
    assert list(mends.by_words("llava", small, said.replace("128", "130").replace("96", "98"))) == []


def test_settings_by_layer_have_numbers_for_keys():
    by_layer = {"per_layer_config": {0: {"head_dim": 8}}, "head_dim": None}
    assert mends._inner_nulls(by_layer) == {**by_layer, "head_dim": 32}


def test_a_list_of_layers_is_kept_within_those_that_are_left():
    said = "`adapter_config.vision_feature_layer` [24, 18] must index the 4 layers of `vision_config`."
    small = {"adapter_config": {"vision_feature_layer": [24, 18], "width": 8}}
    _, config = next(mends.by_words("molmo2", small, said))
    assert config == {"adapter_config": {"vision_feature_layer": [0, 2], "width": 8}}
    assert list(mends.by_words("molmo2", small, said.replace("[24, 18]", "[24, 19]"))) == []


def test_a_list_that_the_class_leaves_null_is_tried_empty():
    said = "transformers cannot build the twin: TypeError: object of type 'NoneType' has no len()"
    small = {"deepstack_layer_map": None, "downsample_rate": None}
    note, config = list(mends.by_words("granite4_vision", small, said))[-1]
    assert config == {"deepstack_layer_map": [], "downsample_rate": None}
    assert note.startswith("deepstack_layer_map empty")


def test_a_rope_gets_the_sections_that_the_code_has():
    said = (
        "split_with_sizes expects split_sizes to sum exactly to 12 (input), but got split_sizes=[16, 24, 24]"
    )
    small = {"text_config": {"rope_parameters": {"rope_theta": 1.0}}}
    _, config = next(mends.by_words("llava", small, said))
    assert config["text_config"]["rope_parameters"]["mrope_section"] == [3, 4, 5]
    rope = mends.silent("qwen2_vl", {"text_config": {"rope_parameters": {}}})["text_config"][
        "rope_parameters"
    ]
    assert rope.get("mrope_section") == [16, 24, 24]
    assert mends.silent("llama", {"rope_parameters": {}}) == {"rope_parameters": {}}


def test_names_are_told_by_shape_and_words():
    shapes = {"q": [8, 8], "k": [8, 8], "v": [8, 8], "o": [8, 8]}
    saved = {f"model.layers.{i}.attn.{x}_proj.weight": s for i in (0, 1) for x, s in shapes.items()}
    wanted = {f"h.{i}.attn.c_{x}.weight": [8, 8] for i in (0, 1) for x in ("q", "k", "v", "proj")}
    steps = align.steps(wanted, saved)
    found = {new: old for old in saved for new in names._one(old, torch.zeros(1), steps, {})}
    assert found.keys() == wanted.keys()
    assert found["h.1.attn.c_q.weight"] == "model.layers.1.attn.q_proj.weight"
    assert found["h.0.attn.c_proj.weight"] == "model.layers.0.attn.o_proj.weight"
    assert align.steps({**wanted, "h.0.extra.weight": [3]}, saved) == []


def pieces(refusal: Refusal, twin: dict[str, Any], **about: Any) -> list[dict[str, Any]]:
    return [p for p, _ in proposals.propose(refusal, portfacts.Facts(), About(twin, {}, {}, [], **about))]


def test_experts_the_other_way_round_and_a_head_that_only_the_whole_config_ties():
    experts = {"model.layers.0.mlp.switch_mlp.up_proj.weight": [[8, 64, 96], [8, 48, 128]]}
    step = pieces(Refusal(shapes=experts), {})[0]["weights"][0]
    assert step["transpose"] and re.search(step["from"], "model.layers.0.mlp.experts.gate_up_proj")
    assert "weights" not in next(iter(pieces(Refusal(shapes={"q_proj.weight": [[4, 8], [2, 8]]}), {})), {})
    head = Refusal(extra={"language_model.lm_head.weight": [9, 8]})
    tied = {"released": {"tie_word_embeddings": False}}
    assert pieces(head, {"tie_word_embeddings": False}, outside={"tie_word_embeddings"})[0] == tied
    assert tied not in pieces(head, {"tie_word_embeddings": False})


def test_sizes_under_another_name_and_nulls_that_the_port_takes_for_numbers():
    port = portfacts.Facts(kinds={"n_embed": "int", "wide_size": "int"}, defaults={"wide_size": 3072})
    about = About({"hidden_size": 96, "wide_size": None}, {}, {}, [])
    found = [piece for piece, _ in proposals.propose(Refusal("TypeError: no"), port, about)]
    assert found[:2] == [{"released": {"n_embed": "=hidden_size"}}, {"set": {"wide_size": proposals.WIDTH}}]
    own = About({"hidden_size": 96, "n_embed": 96, "wide_size": 40}, {}, {}, [])
    assert list(proposals.propose(Refusal("ValueError: no"), port, own)) == []


def test_a_tower_that_ends_in_the_same_names_is_not_taken_for_the_text():
    text = {f"model.language_model.layers.{i}.up.weight": [2, 2] for i in range(3)}
    tower = {"model.vision.layers.0.up.weight": [2, 2]}
    missing = {f"language_model.model.layers.{i}.up.weight": [2, 2] for i in range(3)}
    steps = next(proposals._moved(missing, {**tower, **text}))[0]["weights"]
    assert [step["from"] for step in steps] == [r"^model\.language_model\."]


def test_a_key_that_one_spelling_has_inside_the_text_part_is_not_lacking(tmp_path):
    said = "ModelArgs.__init__() missing 2 required positional arguments: 'rope_theta' and 'norm_topk_prob'"
    for name, text in (("new", {}), ("legacy", {"rope_theta": 7e4})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"text_config": text}))
    assert representative.absent_keys([{"error": {"text": said}}], tmp_path) == ["norm_topk_prob"]


def test_the_architecture_of_released_files_says_which_port_a_type_has():
    assert target.port_name("bailing_hybrid") == "bailing_moe_v3"
    assert target.port_name("mistral") == "llama"
    try:
        shrink.use(False, None)
        assert target.port_name("bailing_hybrid") == "bailing_hybrid"
    finally:
        shrink.use(True, None)


def test_a_part_that_was_renamed_is_found_beside_names_that_stay_unknown():
    extra = {f"blocks.{i}.attn.q.weight": [2] for i in range(4)} | {"vision.norm.weight": [2]}
    extra |= {f"blocks.{i}.experts.{e}.up.weight": [2] for i in range(4) for e in range(2)}
    missing = {f"layers.{i}.attn.q.weight": [2] for i in range(4)} | {"layers.0.switch.up.weight": [2, 2]}
    step = next(proposals._renamed(missing, extra))[0]["weights"][0]
    assert re.sub(step["from"], step["to"], "blocks.3.attn.q.weight") == "layers.3.attn.q.weight"


def test_a_fact_about_the_text_part_follows_its_sizes():
    try:
        shrink.use(False, {"made_up": {"released": {"text_config": {"block_dim": "=hidden_size"}}}})
        text = SimpleNamespace(model_type="llama", to_dict=dict)
        written = {"text_config": {"hidden_size": 96, "vocab_size": 176}}
        config = SimpleNamespace(to_dict=lambda: written, get_text_config=lambda: text)
        assert complete.missing("made_up", config)["text_config"]["block_dim"] == 96
    finally:
        shrink.use(True, None)


def test_states_that_do_not_apply_or_raise_are_told_and_the_worst_decides():
    states = {
        "one": {"verdict": "pass", "figure": 1e-6, "text": ""},
        "two": {"verdict": "suspect", "figure": 5e-4, "text": "from token 3"},
        "three": judged.lacking("no window"),
    }
    said = judged.summary("batch", states, 0.0, "", lambda name, state: f"{name}: {state['text']}")
    assert (said["verdict"], said["figure"], said["error"]) == ("suspect", 5e-4, None)
    assert [f["text"] for f in said["findings"]] == [
        "two: from token 3",
        "Does not apply: three (no window).",
    ]
    shown = judged.summary("batch", states, 0.0, "", lambda name, state: name, ("two",))
    assert (shown["verdict"], shown["findings"][0]["text"]) == ("pass", "two")
    raised = {name: {"verdict": "fail", "text": "KeyError: 'x'"} for name in ("one", "two")}
    once = judged.summary("batch", raised, 0.0, "", lambda name, state: name)
    assert (once["error"]["text"], once["findings"]) == ("KeyError: 'x'", [])
