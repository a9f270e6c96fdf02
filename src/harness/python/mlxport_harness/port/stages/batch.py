"""Logits of three ragged sequences, alone and through mlx-lm's own batching.

`PromptProcessingBatch` and `GenerationBatch` are mlx-lm's: they merge, pad, prepare, finalize, extend, filter
and extract. The model they are given notes the logits of each call; the sampler they are given answers with
the sequence's known next token. Arrays are named `row@position of its first token#number`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.generate import GenerationBatch, PromptProcessingBatch
from mlx_lm.models.cache import (
    ArraysCache,
    BatchKVCache,
    BatchRotatingKVCache,
    CacheList,
    KVCache,
    RotatingKVCache,
    make_prompt_cache,
)

from mlxport_harness.port.record import numbers

if TYPE_CHECKING:
    import numpy as np

    from mlxport_harness.port.record import Recorder

Rows = list[list[int]]


def record(recorder: Recorder, request: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    model = recorder.model(request["twin"], request["spelling"])
    rows, decoded = request["rows"], request["decoded"]
    if request["scenario"] == "alone":
        refused = sorted({name for c in make_prompt_cache(model) for name in unmerged(c)})
        found = {str(i): numbers(alone(model, row, decoded)) for i, row in enumerate(rows)}
        return found, {"refused": ", ".join(refused)}
    batch = Batch(model, rows, decoded)
    reason = SCENARIOS[request["scenario"]](batch)
    if reason:
        return {}, {"not_applicable": reason}
    mx.eval(list(batch.found.values()))
    return {k: numbers(v) for k, v in batch.found.items()}, {}


def unmerged(cache: Any) -> list[str]:
    """Classes that mlx-lm's batching refuses, inside lists of caches too."""
    if isinstance(cache, CacheList):
        return [name for inner in cache.caches for name in unmerged(inner)]
    return [] if hasattr(cache, "merge") else [type(cache).__name__]


def alone(model: Any, row: list[int], decoded: int) -> mx.array:
    cache, ids = make_prompt_cache(model), mx.array([row])
    parts = [model(ids[:, : len(row) - decoded], cache=cache)]
    for at in range(len(row) - decoded, len(row)):
        parts.append(model(ids[:, at : at + 1], cache=cache))
    return mx.concatenate(parts, axis=1)


class Batch:
    """Drives mlx-lm's batches along known tokens; `done` counts the tokens of each row in its cache."""

    def __init__(self, model: Any, rows: Rows, decoded: int) -> None:
        self.model, self.rows, self.decoded = model, rows, decoded
        self.prompts = [row[:-decoded] for row in rows]
        self.done = [0] * len(rows)
        self.found: dict[str, mx.array] = {}
        self.order: list[int] = []  # rows of the batch that is being run
        self.real: list[int] | None = None  # tokens of each that are no padding, in this prompt

    def __call__(self, tokens: mx.array, cache: Any = None) -> mx.array:
        """What mlx-lm calls as the model."""
        logits = self.model(tokens, cache=cache)
        width = tokens.shape[1]
        for at, row in enumerate(self.order):
            count = width if self.real is None else min(width, self.real[at])
            if self.real is not None:
                self.real[at] -= count
            if count > 0 and self.done[row] < len(self.rows[row]):
                key = f"{row}@{self.done[row]}#{len(self.found)}"
                self.found[key] = logits[at : at + 1, :count]
                self.done[row] += count
        return logits

    def sampler(self, logprobs: mx.array) -> mx.array:
        return mx.array([self.rows[r][min(self.done[r], len(self.rows[r]) - 1)] for r in self.order])

    def prompt_batch(
        self, order: list[int], caches: list[Any] | None = None, step: int = 2048
    ) -> PromptProcessingBatch:
        caches = caches or [make_prompt_cache(self.model) for _ in order]
        return PromptProcessingBatch(
            model=self,
            uids=list(order),
            caches=caches,
            tokens=[[] for _ in order],
            prefill_step_size=step,
            samplers=[None] * len(order),
            fallback_sampler=self.sampler,
            logits_processors=[[] for _ in order],
        )

    def prompt(self, batch: PromptProcessingBatch, tokens: Rows) -> None:
        self.order, self.real = list(batch.uids), [len(t) for t in tokens]
        batch.prompt([list(t) for t in tokens])
        self.real = None

    def generate(self, batch: PromptProcessingBatch) -> GenerationBatch:
        """One token of each row is decoded by this."""
        self.order = list(batch.uids)
        return batch.generate([[self.rows[r][self.done[r]]] for r in self.order])

    def decode(self, batch: GenerationBatch, count: int) -> None:
        self.order = list(batch.uids)
        for _ in range(count):
            batch.next()


def equal(batch: Batch) -> None:
    short = min(len(p) for p in batch.prompts)
    order = list(range(len(batch.rows)))
    work = batch.prompt_batch(order)
    batch.prompt(work, [p[:short] for p in batch.prompts])
    batch.decode(batch.generate(work), batch.decoded - 1)


def right(batch: Batch, step: int = 2048) -> None:
    work = batch.prompt_batch(list(range(len(batch.rows))), step=step)
    batch.prompt(work, batch.prompts)
    batch.decode(batch.generate(work), batch.decoded - 1)


def steps(batch: Batch) -> None:
    """`prompt` itself cuts a padded batch into steps: later ones hold only padding for the short rows."""
    right(batch, 7)


def rounds(batch: Batch, size: int = 6) -> None:
    """As `BatchGenerator` schedules: a few tokens of each row a round; what is done decodes meanwhile."""
    left = [list(p) for p in batch.prompts]
    work = batch.prompt_batch(list(range(len(batch.rows))))
    running = None
    while any(left):
        if running is not None:
            batch.decode(running, 1)
        taken = {row: left[row][:size] for row in work.uids}
        batch.prompt(work, [taken[row] for row in work.uids])
        for row in taken:
            left[row] = left[row][size:]
        ready = [at for at, row in enumerate(work.uids) if not left[row]]
        if ready:
            started = batch.generate(work.split(ready))
            if running is None:
                running = started
            else:
                running.extend(started)
    batch.decode(running, batch.decoded)


def history(batch: Batch) -> None:
    """Each row's first part alone, 3, 8 and 5 tokens short of its prompt; the rest together, ragged."""
    caches, rest = [], []
    for row, short in zip(range(len(batch.rows)), (3, 8, 5), strict=True):
        cut = max(len(batch.prompts[row]) - short, 1)
        caches.append(make_prompt_cache(batch.model))
        batch.order = [row]
        batch(mx.array([batch.prompts[row][:cut]]), cache=caches[-1])
        rest.append(batch.prompts[row][cut:])
    work = batch.prompt_batch(list(range(len(batch.rows))), caches)
    batch.prompt(work, rest)
    batch.decode(batch.generate(work), batch.decoded - 1)


def extend(batch: Batch) -> None:
    """Rows 0 and 1 decode; row 2 joins; row 1 leaves; row 2 goes on alone from what was extracted."""
    first = batch.prompt_batch([0, 1])
    batch.prompt(first, batch.prompts[:2])
    running = batch.generate(first)
    second = batch.prompt_batch([2])
    batch.prompt(second, batch.prompts[2:])
    running.extend(batch.generate(second))
    batch.decode(running, 1)
    running.filter([i for i, uid in enumerate(running.uids) if uid != 1])
    batch.decode(running, 1)
    single = running.extract_cache(list(running.uids).index(2))
    batch.order = [2]
    batch(mx.array([[batch.rows[2][batch.done[2]]]]), cache=single)


def left(batch: Batch) -> str | None:
    width = max(len(p) for p in batch.prompts)
    padding = [width - len(p) for p in batch.prompts]
    cache = [left_padded(c, padding) for c in make_prompt_cache(batch.model)]
    refused = sorted(
        {
            type(c).__name__
            for c, made in zip(make_prompt_cache(batch.model), cache, strict=True)
            if made is None
        }
    )
    if refused:
        return f"mlx-lm has no left-padded {', '.join(refused)}"
    tokens = mx.array([[0] * pad + prompt for pad, prompt in zip(padding, batch.prompts, strict=True)])
    logits = batch.model(tokens, cache=cache)
    mx.eval(logits, [c.state for c in cache])
    for row, pad in enumerate(padding):
        batch.found[f"{row}@0#{row}"] = logits[row : row + 1, pad:]
        batch.done[row] = width - pad
    for inner in cache:
        close(inner)
    batch.order = list(range(len(batch.rows)))
    for _ in range(batch.decoded):
        batch(batch.sampler(logits)[:, None], cache=cache)
    return None


def left_padded(cache: Any, padding: list[int]) -> Any:
    if type(cache) is KVCache:
        return BatchKVCache(padding)
    if type(cache) is RotatingKVCache and cache.keep == 0:
        return BatchRotatingKVCache(cache.max_size, padding)
    if type(cache) is ArraysCache:
        return ArraysCache(len(cache.cache), left_padding=padding)
    if type(cache) is CacheList:
        inner = [left_padded(c, padding) for c in cache.caches]
        return None if None in inner else CacheList(*inner)
    return None


def close(cache: Any) -> None:
    """As mlx-lm does after a padded prompt."""
    for one in cache.caches if isinstance(cache, CacheList) else [cache]:
        one.finalize()


SCENARIOS = {
    "equal": equal,
    "right": right,
    "steps": steps,
    "rounds": rounds,
    "history": history,
    "extend": extend,
    "left": left,
}
