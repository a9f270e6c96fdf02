"""What a repository of tests/fixtures/hub is made of, and short forms for the lists of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Config = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    id: str
    model: str
    trap: str
    config: Config = field(default_factory=dict)
    card: Config = field(default_factory=dict)
    kind: str = "causal"
    dtype: str = "bfloat16"
    era: str = ""
    """A version of transformers 4 whose spelling config.json has."""
    edit: Callable[[Config], None] | None = None
    quant: str = ""
    keep_head: bool = False
    predicts: bool = False
    """The file has a layer for multi-token prediction, which transformers does not load."""
    shards: int = 0
    shard_bytes: int = 0
    index: bool = True
    bin: bool = False
    chat: bool = False
    generation: Config = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


FIVE_GB = 5_000_000_000
SAMPLED = {"do_sample": True, "temperature": 0.6, "top_p": 0.9}


def card(downloads: int, likes: int = 0, day: str = "2026-03-01", **more: Any) -> Config:
    base, relation = more.pop("base", None), more.pop("relation", "finetune")
    data = {"license": more.pop("license", "apache-2.0")}
    if base:
        data |= {"base_model": base, "base_model_relation": relation}
    dates = {"created": f"{day}T08:00:00.000Z", "modified": f"{day}T20:30:00.000Z"}
    return {
        "downloads": downloads,
        "likes": likes,
        "trending": likes // 9,
        **dates,
        "card_data": data,
        **more,
    }


def chat_tags(*more: str) -> list[str]:
    return ["conversational", "text-generation-inference", "endpoints_compatible", *more]


def drop(*keys: str) -> Callable[[Config], None]:
    def edit(config: Config) -> None:
        for key in keys:
            config.pop(key, None)

    return edit


def put(**values: Any) -> Callable[[Config], None]:
    return lambda config: config.update(values)
