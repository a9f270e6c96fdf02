"""H6 `cache-deep`: every state that mlx-lm brings a cache into, each against what it must equal.

Decoded whole; split at each boundary of the config; past mlx-lm's allocation step; a rotating cache; trimmed;
saved and loaded; copied; quantized. A rotating cache is compared with an oracle that drops the same tokens, a
quantized one with an oracle that holds the dequantized keys and values: what quantizing itself costs is shown
beside it and judges nothing. A state that does not apply is named with the reason. Batches are in `batch.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check, judged
from mlxport_harness.checks.boundary import fresh_ids, longest, points
from mlxport_harness.checks.cache import error

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "cache-deep",
    "cache_deep",
    "slow",
    "rule",
    "each state ≤ 1e-4, suspect to 1e-3",
    "a cache trimmed, saved, copied, rotated, quantized, split at every boundary",
)
STEP = 256  # mlx-lm's caches grow by this many positions
TITLES = {
    "decode": "token by token to the end",
    "split": "prefill to a boundary, then the rest at once",
    "step": f"past {STEP} positions, where the cache grows",
    "rotating": "a rotating cache (max_kv_size 16, keep 4)",
    "trimmed": "trimmed after wrong tokens, then decoded",
    "trimmed short": "trimmed below the window, then decoded",
    "saved": "saved, loaded, then decoded",
    "copied": "copied, the original used up, the copy decoded",
    "quantized 8": "quantized to 8 bit, against its oracle",
    "quantized 4": "quantized to 4 bit, against its oracle",
}
METRIC = "largest relative error of logits over the states of the cache"


def run(view: View) -> list[dict[str, Any]]:
    full = view.port("exact")[0]["logits"]
    length = min(STEP + 8, longest(view.config))
    splits = sorted({p.length for p in points(view.config) if 1 <= p.length < full.shape[1]})
    seconds, states = 0.0, {}
    for name in TITLES:
        params: dict[str, Any] = {"state": name}
        if name == "split":
            params["splits"] = splits
        if name == "step":
            if length <= STEP:
                states[name] = judged.lacking(f"the twin has no more than {length} positions")
                continue
            params["ids"] = fresh_ids(view.meta["seed"], view.ids, 1, length).tolist()
        states[name], took = judged.ask(view, "cache_deep", params, lambda arrays: _judge(arrays, full))
        seconds += took
    return [judged.summary("cache-deep", states, seconds, METRIC, _said)]


def _judge(arrays: dict[str, np.ndarray], full: np.ndarray) -> judged.State:
    parts = [k for k in arrays if not k.startswith(("oracle:", "plain:"))]
    if not parts:
        return judged.lacking("nothing to do")
    pieces, natures = [], []
    for part in parts:
        start = int(part.rpartition("@")[2])
        wanted = arrays.get(f"oracle:{part}", full[:, start : start + arrays[part].shape[1]])
        pieces.append((arrays[part], wanted, start, {"part": part}))
        plain = arrays.get(f"plain:{part}")
        natures += [] if plain is None else [error(wanted, plain)]
    return judged.worst(pieces) | ({"nature": max(natures)} if natures else {})


def _said(name: str, state: judged.State) -> str:
    if "figure" not in state:
        return f"{TITLES[name]}: {state['text']}"
    return (
        f"{TITLES[name]}: {state['figure']:.2g} from what it must equal, {state['text']} ({state['part']})."
    )
