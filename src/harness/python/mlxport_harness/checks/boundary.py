"""H9 `boundary`: prompts whose lengths make each length-dependent branch fire, against the reference.

The lengths are computed from the config: one below, at and one above each window, chunk, convolution kernel
and original length; one token; mlx-lm's allocation step and its prefill step. A length that the twin cannot
reach in reasonable time (the original length of a longrope) is made short on both sides, by the config.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlxport_harness.checks import Check
from mlxport_harness.checks.exact import BARS, relative
from mlxport_harness.checks.verdict import WIDE, by_floor, record
from mlxport_harness.errors import PortFault
from mlxport_harness.view import STD_1

if TYPE_CHECKING:
    from mlxport_harness.view import View

CHECK = Check(
    "boundary",
    "boundary",
    "slow",
    "rule",
    "at each length as `exact`: ≤ 10 × floor and ≤ 1e-5; to 3e-5 within 4 × floor",
    "logits at the lengths at which windows, chunks and kernels begin and end",
)
STEP, PREFILL, SHORT, REACH = 256, 16, 24, 64
KEYS = {
    "window": (
        "sliding_window",
        "sliding_window_size",
        "attention_window_size",
        "window_size",
        "loop_window_size",
    ),
    "chunk": ("attention_chunk_size", "chunk_size", "mamba_chunk_size", "ssm_chunk_size", "block_size"),
    "convolution": (
        "conv_kernel",
        "conv_kernel_size",
        "d_conv",
        "mamba_d_conv",
        "conv_L_cache",
        "conv1d_width",
        "linear_conv_kernel_dim",
        "short_conv_kernel_size",
    ),
    "original length": ("original_max_position_embeddings", "floor_scale", "log_scaling_floor_n"),
}
WHAT = {key: what for what, keys in KEYS.items() for key in keys}
LIMITS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "max_seq_len")
Record = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A prompt length, the config key that it comes from, and the value to give that key on both sides."""

    length: int
    key: str
    value: int
    override: bool = False


def values(config: Record, prefix: str = "") -> dict[str, int]:
    """Every key that a length depends on, dotted into nested settings, with its whole number."""
    found = {}
    for key, value in config.items():
        if isinstance(value, dict):
            found |= values(value, f"{prefix}{key}.")
        elif key in WHAT and isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1:
            found[f"{prefix}{key}"] = int(value)
    rope = config.get("rope_parameters") or config.get("rope_scaling")
    for part in [rope, *(rope.values() if isinstance(rope, dict) else ())]:
        if isinstance(part, dict) and "dynamic" in (part.get("rope_type"), part.get("type")):
            found["max_position_embeddings"] = int(config.get("max_position_embeddings") or 0)
    return {k: v for k, v in found.items() if v}


def points(config: Record) -> list[Point]:
    """Lengths around each boundary of the config. Out of reach: the same around a value put in its place."""
    found = [Point(1, "", 1), Point(2, "", 2)]
    for key, value in values(config).items():
        far = value > REACH
        at = SHORT if far else value
        found += [Point(at + d, key, at, far) for d in (-1, 0, 1) if at + d >= 1]
    return found


def longest(config: Record) -> int:
    """Positions that the twin has: a table of learned positions, or what the config says."""
    limits = [config[k] for k in LIMITS if isinstance(config.get(k), int) and config[k] > 0]
    return min(limits, default=1 << 20)


def fresh_ids(seed: int, ids: np.ndarray, rows: int, length: int) -> np.ndarray:
    """Token ids for prompts longer than the twin's, by its seed; at least as varied as the twin's own."""
    high = int(ids.max()) + 1
    return np.random.default_rng(seed + 7).integers(3, high, size=(rows, length), dtype=np.int64)


def overrides(found: list[Point]) -> dict[str, int]:
    return {p.key: p.value for p in found if p.override}


def override(config: Record, changes: dict[str, int]) -> Record:
    """The config with each dotted key set; the copy shares nothing."""
    new = copy.deepcopy(config)
    for dotted, value in changes.items():
        *path, key = dotted.split(".")
        at = new
        for part in path:
            at = at[part]
        at[key] = value
    return new


def run(view: View) -> list[Record]:
    limit = longest(view.config)
    found = [p for p in points(view.config) if p.length <= limit]
    changes = overrides(found)
    lengths = sorted({p.length for p in found})
    grown = STEP + 3 if limit >= STEP + 3 else 0
    ids = fresh_ids(view.meta["seed"], view.ids, 2, max(grown, lengths[-1], PREFILL + 2))
    params = {"ids": ids.tolist(), "lengths": lengths, "grown": grown, "changes": changes, "prefill": PREFILL}
    reference, about = view.reference("boundary", **params)
    floor = max(view.exact_reference()[1]["floor"], about["floor"])
    try:
        port, _, seconds = view.port("boundary", **params)
    except PortFault as fault:
        return [record("boundary", STD_1, "fail", error=fault.record(), lengths=sorted({*lengths, grown}))]
    rows = [judge(name, port.get(name), reference, found, floor) for name in expected(lengths, grown)]
    known = relative(view.port("exact")[0]["logits"], view.exact_reference()[0]["logits"])
    return [summary(rows, changes, floor, seconds, limit, float(known))]


def expected(lengths: list[int], grown: int) -> list[str]:
    names = [f"{n} {rows}" for n in lengths for rows in (1, 2)]
    names += [f"{PREFILL + d} prefill" for d in (0, 1, 2)]
    return names + ([f"{grown} grown"] if grown else [])


def judge(
    name: str, mine: np.ndarray | None, reference: dict[str, np.ndarray], found: list[Point], floor: float
) -> Record:
    length, how = int(name.split()[0]), name.split()[1]
    keys = sorted({f"{p.key} = {p.value}" for p in found if p.length == length and p.key})
    if how == "prefill":
        keys, wanted = [f"mlx-lm's prefill step = {PREFILL}"], reference[name]
    elif how == "grown":
        keys, wanted = [f"mlx-lm's cache step = {STEP}"], reference[name]
    else:
        wanted = reference[f"{length} 2"][: int(how)]
    one = {"length": length, "how": HOW[how], "keys": keys or ["the shortest prompts"]}
    if mine is None or mine.shape != wanted.shape:
        shape = "nothing" if mine is None else f"shape {list(mine.shape)}"
        return one | {"verdict": "fail", "text": f"gave {shape}, the reference {list(wanted.shape)}"}
    figure = float(relative(mine, wanted))
    figure = figure if np.isfinite(figure) else float("inf")
    return one | {"figure": figure, "verdict": by_floor(figure, floor, BARS[STD_1], WIDE)}


HOW = {
    "1": "batch of 1",
    "2": "batch of 2",
    "prefill": "last token, through mlx-lm's generate_step",
    "grown": f"prefill of {STEP - 1} tokens, then decode, through the cache",
}


def summary(
    rows: list[Record], changes: dict[str, int], floor: float, seconds: float, limit: int, known: float
) -> Record:
    """`known`: the error that `exact` has already seen, at 40 tokens."""
    verdicts = [r["verdict"] for r in rows]
    worst = next(v for v in ("fail", "suspect", "pass") if v in verdicts)
    figures = [r["figure"] for r in rows if "figure" in r]
    bad = [r for r in rows if r["verdict"] != "pass"]
    findings = []
    if len(bad) == len(rows) and all("figure" in r and r["figure"] <= 3 * known for r in bad):
        text = f"Wrong at every length, no more than at 40 tokens ({known:.2g}): see exact."
        findings, bad = [{"id": "everywhere", "text": text}], []
    for key in dict.fromkeys(k for r in bad for k in r["keys"]):
        mine = [r for r in bad if key in r["keys"]]
        what = ", ".join(f"length {r['length']} ({r['how']}): {_figure(r)}" for r in mine)
        wrong = {r["length"] for r in mine}
        right = sorted({r["length"] for r in rows if key in r["keys"]} - wrong)
        what += f"; right at {', '.join(map(str, right))}" if right else ""
        findings.append({"id": "boundary", "key": key.split(" = ")[0], "text": f"Around {key}: {what}."})
    if limit < STEP + 3:
        text = f"The twin has {limit} positions: the cache's step of {STEP} was not reached."
        findings.append({"id": "not_applicable", "text": text})
    figure = max(figures, default=None)
    return record(
        "boundary",
        STD_1,
        worst,
        figure=figure,
        unit="relative",
        bar=BARS[STD_1][0],
        metric="largest relative error of logits over the lengths",
        floor=floor,
        multiple=figure / floor if figure is not None and floor > 0 else None,
        seconds=seconds,
        findings=findings,
        lengths=rows,
        changed=changes,
    )


def _figure(row: Record) -> str:
    return row["text"] if "text" in row else f"{row['figure']:.2g}"
