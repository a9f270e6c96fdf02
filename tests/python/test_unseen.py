"""A type that nobody wrote an entry for: what its released files have is found by trying, and only that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mlxport_harness import representative, sweep
from mlxport_harness.errors import Failure
from mlxport_harness.reference import names
from mlxport_harness.twin import mends, portfacts, proposals, search, shrink
from mlxport_harness.twin.proposals import About, Refusal
from mlxport_harness.twin.target import Target, Variant

from client import records

HOLDOUT = json.loads((Path(shrink.__file__).parent / "holdout.json").read_text())["second"]
PORT = """
from dataclasses import dataclass
from .base import BaseModelArgs

@dataclass
class ModelArgs(BaseModelArgs):
    hidden_size: int
    method: str
    window_dim: int
    far_head_dim: int = 512
    extra_size: int = 16
    rope_scaling: dict = None

def build(args):
    assert args.method == "noaux"
    return args.rope_scaling.get("short_factor")
"""


@pytest.fixture
def facts(tmp_path) -> portfacts.Facts:
    (tmp_path / "port.py").write_text(PORT)
    return portfacts.read(tmp_path / "port.py")


def first(
    refusal: Refusal, facts: portfacts.Facts, twin: dict[str, Any], **about: Any
) -> dict[str, Any] | None:
    known = About(twin, about.get("base", {}), about.get("filled", {}), about.get("kinds", []))
    return next((piece for piece, _ in proposals.propose(refusal, facts, known)), None)


def test_without_entries_no_fact_written_by_hand_is_known():
    by_hand = shrink._read()["types"].keys()
    try:
        shrink.use(False, None)
        alone = shrink.rules()["types"]
        shrink.use(True, None)
        assert by_hand <= shrink.rules()["types"].keys()
    finally:
        shrink.use(True, None)
    found = json.loads(search.FILE.read_text())["types"]
    assert alone == found
    assert "kimi_linear" in by_hand - alone.keys()


def test_a_value_that_the_port_asserts_and_a_width_are_guessed(facts):
    lacks = "ModelArgs.__init__() missing 2 required positional arguments: 'method' and 'window_dim'"
    piece = first(Refusal(lacks), facts, {"hidden_size": 96})
    assert piece == {"released": {"method": "noaux", "window_dim": "=hidden_size"}}
    assert first(Refusal(lacks, known={"method", "window_dim"}), facts, {}) is None


def test_a_size_that_the_port_defaults_follows_from_the_shapes(facts):
    shapes = {"layers.0.q_proj.weight": [[2048, 96], [256, 96]]}
    assert first(Refusal(shapes=shapes), facts, {}) == {"released": {"far_head_dim": 64}}
    odd = {"layers.0.q_proj.weight": [[2048, 96], [250, 96]]}
    assert first(Refusal(shapes=odd), facts, {}) is None


def test_names_biases_and_parts_that_only_one_side_has(facts):
    bias = Refusal(missing={"layers.0.q_proj.bias": [96]})
    assert first(bias, facts, {"attention_bias": False}) == {"set": {"attention_bias": True}}
    assert first(bias, facts, {"attention_bias": True}) is None
    part = Refusal(missing={"layers.0.extra_gate.weight": [16, 96]})
    assert first(part, facts, {"hidden_size": 96}) == {"released": {"extra_size": 0}}
    renamed = list(proposals._renamed({"a.1.mlp.up": [2]}, {"a.1.moe.up": [2]}))
    assert renamed[0][0] == {"weights": [{"from": r"(^|\.)moe\.", "to": r"\1mlp."}]}
    assert list(proposals._renamed({"a.1.mlp.down": [2]}, {"a.1.moe.up": [2]})) == []


def test_a_beginning_that_has_moved_is_put_back():
    extra = {"model.language_model.layers.0.up.weight": [4, 8], "lm_head.weight": [9, 8]}
    missing = {"language_model.model.layers.0.up.weight": [4, 8], "language_model.lm_head.weight": [9, 8]}
    piece, _ = next(proposals._moved(missing, extra))
    found: dict[str, int] = {}
    for name in extra:
        found |= names._one(name, 0, piece["weights"], {})
    assert found.keys() == missing.keys()
    assert list(proposals._moved({**missing, "other.bias": [8]}, extra)) == []


def test_a_rope_scaling_is_the_one_whose_keys_the_port_names(facts):
    said = "AttributeError: 'NoneType' object has no attribute 'get'"
    assert first(Refusal(said), facts, {})["base"]["rope_parameters"]["rope_type"] == "longrope"


class Fake:
    """A worker whose port loads once `released` has a key; `needs` None: never."""

    def __init__(self, needs: str | None, figures: dict[Any, float]) -> None:
        self.needs, self.figures, self.asked = needs, figures, 0

    def one(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        folder = Path(request["cache_dir"], "x", "twin")
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text('{"config": {"hidden_size": 96}, "filled": {}}')
        released = request["params"]["trial"].get("llama", {}).get("released", {})
        if self.needs not in released:
            text = f"ModelArgs.__init__() missing 1 required positional argument: {self.needs or 'other'!r}"
            row = {"id": "exact", "figure": None, "error": {"text": text}}
            return {"result": {"verdict": "fail", "checks": [row, row], "environment": {"fit": {}}}}
        figure = self.figures[released[self.needs]]
        row = {"id": "exact", "figure": figure, "error": None}
        return {"result": {"verdict": "pass" if figure < 1e-5 else "fail", "checks": [row, row]}}


@pytest.fixture
def searched(monkeypatch, facts):
    monkeypatch.setattr(search, "default_config", lambda model_type: {})
    monkeypatch.setattr(portfacts, "read", lambda path: facts)

    def run(fake: Fake) -> tuple[dict[str, Any], list[str], search.Outcome]:
        return search.Search(fake, "llama", Path("llama.py")).run()

    return run


def test_a_search_keeps_the_guess_under_which_the_port_comes_closest(searched, facts):
    facts.kinds["scaled"] = "bool"
    entry, reasons, outcome = searched(Fake("scaled", {True: 0.3, False: 1e-6}))
    assert entry == {"llama": {"released": {"scaled": False}}}
    assert (outcome.verdict, len(reasons)) == ("pass", 1)


def test_a_search_that_finds_nothing_ends_and_a_wrong_port_stays_wrong(searched, facts):
    facts.kinds["scaled"] = "bool"
    fake = Fake(None, {})
    _, reasons, outcome = searched(fake)
    assert (outcome.compared, reasons) == (False, [])
    assert fake.asked <= search.TRIES + 1
    _, _, outcome = searched(Fake("scaled", {True: 0.3, False: 0.4}))
    assert (outcome.verdict, max(outcome.figures)) == ("fail", 0.3)


def test_what_upstreams_own_port_cannot_load_is_no_verdict_and_a_port_of_ones_own_fails(tmp_path):
    rows = [{"error": {"kind": "port", "text": "Missing 3 parameters: a, b, c", "hint": ""}}]
    installed = sweep.port_file("llama")
    target = Target("llama", (Variant("defaults", None),), installed, "", False)
    with pytest.raises(Failure) as failure:
        representative.judge_load(target, rows)
    assert "Missing 3 parameters" in failure.value.text
    own = tmp_path / "llama.py"
    own.write_text(installed.read_text() + "\n# changed\n")
    representative.judge_load(Target("llama", (Variant("defaults", None),), own, "0", True), rows)


def test_what_the_class_asks_for_is_put_in():
    kinds = mends.kinds_of("lfm2_moe")
    assert kinds == ["conv", "full_attention"]
    small = {"num_hidden_layers": 4, "layer_types": None}
    said = "transformers cannot build the twin: TypeError: 'NoneType' object is not subscriptable"
    _, config = next(mends.by_words("lfm2_moe", small, said))
    assert config["layer_types"] == ["conv", "full_attention"] * 2
    assert list(mends.by_words("lfm2_moe", small, "ValueError: something else")) == []
    absent = "AttributeError: 'DbrxAttentionConfig' object has no attribute 'rope_theta'"
    _, config = next(mends.by_words("dbrx", {"attn_config": {"clip_qkv": 8.0}}, absent))
    assert config["attn_config"] == {"clip_qkv": 8.0, "rope_theta": shrink.rules()["theta"]["*"]}


def test_weights_are_dropped_as_unused_only_where_they_are(tmp_path):
    import torch
    from mlxport_harness.twin.build import build, twin_config

    torch.manual_seed(0)
    model = build(twin_config("qwen3", None)[0])
    model.save_pretrained(tmp_path)
    names._judge_unused(model, tmp_path, [{"from": "no such tensor", "to": None}])
    with pytest.raises(Failure):
        names._judge_unused(model, tmp_path, [{"from": "layers.0.mlp.up_proj", "to": None}])


def test_a_type_without_an_entry_is_compared_all_the_same(worker):
    params = {"checks": ["exact"], "without_entries": True}
    found = records(worker.run("gpt2", params=params))
    assert [found[f"exact std {std}"]["verdict"] for std in ("1.0", "0.05")] == ["pass", "pass"]


def test_the_second_set_follows_its_rules():
    assert sweep.composite_types() == HOLDOUT["accepted"]
    ports = sorted(p.stem for p in (Path(__file__).parent / "ports" / "unseen").glob("*.py"))
    assert ports == sorted(HOLDOUT["written"])
    assert not set(ports) & set(sweep.shared_types())


def test_what_was_found_for_a_type_by_itself_does_not_hold_inside_another():
    """llama4_text is the port of the dense releases; inside llama4 the same text model has experts."""
    try:
        shrink.use(False, None)
        assert shrink.rules()["types"]["llama4_text"]["set"]["moe_layers"] == []
        assert shrink.name_inside("llama4", "text_config", "llama4_text") == "llama4.text_config"
        shrink.use(True, None)
        assert shrink.name_inside("qwen3_5", "text_config", "kimi_linear") == "kimi_linear"
    finally:
        shrink.use(True, None)


def test_sections_of_a_rope_in_three_axes_sum_to_the_twins_pairs():
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24]}
    small = {"num_attention_heads": 4, "hidden_size": 96}
    assert shrink._rope_factors(rope, small)["mrope_section"] == [3, 4, 5]
    mixed = {**rope, "mrope_interleaved": True}
    assert shrink._rope_factors(mixed, small)["mrope_section"] == [16, 24, 24]
