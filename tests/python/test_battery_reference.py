"""The reference's two widths out of one read are what transformers gives when it loads each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from mlxport_harness.battery import facts
from mlxport_harness.battery.reference import Reference

import tiny


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("llama") / "tiny")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory):
    """Its embedding scale is a constant in the model's dtype: √96 is another number in bfloat16."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    folder = tmp_path_factory.mktemp("gemma") / "tiny"
    torch.manual_seed(0)
    config = Gemma3TextConfig(**tiny.CONFIG | {"hidden_size": 96, "head_dim": 32, "sliding_window": 16})
    Gemma3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tiny.tokenizer(folder)
    return folder


@pytest.mark.parametrize("name", ["llama", "gemma"])
@pytest.mark.parametrize("fits", [True, False])
def test_both_widths_are_those_of_a_load_of_their_own(request, name, fits):
    import torch
    from transformers import AutoModelForCausalLM

    folder = request.getfixturevalue(name)
    torch.set_grad_enabled(False)
    reference = Reference(folder, "bfloat16", fits, False)
    for width, kind in (("float32", torch.float32), ("native", torch.bfloat16)):
        given, _ = reference.forward(facts.NUMERICAL, width, True)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=kind, attn_implementation="eager")
        out = model(torch.from_numpy(given["ids"])[None], output_hidden_states=True)
        wanted = out.logits[0].float().numpy()
        exact = name == "llama" or fits or width == "native"
        assert np.array_equal(given["logits"], wanted) == exact, (
            width,
            np.abs(given["logits"] - wanted).max(),
        )
        assert given["layers"].shape[0] == 3
    assert reference.whole == (name == "gemma" and fits)
