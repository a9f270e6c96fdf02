"""The states that upstream's scripts look at: transformers' hidden states in bfloat16, then the logits."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.reference.stages import Reference


def record(reference: Reference, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = copy.deepcopy(reference.model(request["twin"])).to(torch.bfloat16)
    with torch.no_grad():
        out = model(input_ids=reference.ids, use_cache=False, output_hidden_states=True)
    states = [*(out.hidden_states or ())[1:], out.logits]
    return {f"state:{n}": state[0].float().numpy() for n, state in enumerate(states)}, {}
