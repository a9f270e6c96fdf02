"""What is measured within a time: how many layers, how wide, how many tokens. Pure: numbers in, numbers out.

Given up in this order, as far as the budget asks for it: repetitions and tokens, layers of a kind that is
there already, and then widths, all by one factor, so that their ratios and the head size stay.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Any

from mlxport_harness.errors import Failure
from mlxport_harness.twin import layers
from mlxport_harness.twin.shrink import rules

Config = dict[str, Any]
Sizes = dict[str, int]

DEFAULT_S, LEAST_S = 60.0, 10.0
DEFAULTS = {"prompt": 64, "decode": 16, "repeat": 3}
WARM = {"prompt": 9, "decode": 2, "repeat": 0}
# From the most to the least; fewer steps than eight say nothing of how memory grows.
LADDER = ((64, 16, 3), (64, 16, 2), (32, 16, 2), (32, 8, 2), (16, 8, 2))
SHARE = 0.7  # of the budget for turns; the rest is for building, and for what the estimate misses
FACTORS = (2, 4, 8, 16)
NARROWED = (
    "*hidden_size",
    "n_embd",
    "d_model",
    "*intermediate_size*",
    "*ffn_dim",
    "*ffn_hidden_size",
    "n_inner",
)
NARROWED += ("lru_width", "mamba_d_ssm", "ssm_size", "*num_attention_heads", "n_head", "n_heads", "num_heads")
NARROWED += ("num_key_value_heads", "*linear_num_*_heads", "mamba_n*_heads", "*lora_rank", "vocab_size")
EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts")
NARROWED += EXPERTS


@dataclass(frozen=True)
class Option:
    """A config to measure, and what was given up for it."""

    config: Config
    layers: int
    of: int
    factor: int

    def words(self) -> str:
        width = "full width" if self.factor == 1 else f"1/{self.factor} of the width"
        return f"{self.layers} of {self.of} layers at {width}"


def options(model_type: str, config: Config) -> list[Option]:
    """From the twin's choice of layers at full width down to one of each kind, ever narrower."""
    found, seen = [], set()
    of = layers.total(config.get("text_config") or config, rules())
    for most in (rules()["layers"], 1):
        small = shallow(model_type, config, most)
        count = layers.total(small.get("text_config") or small, rules())
        if count not in seen:
            seen.add(count)
            found.append(Option(small, count, of, 1))
    last = found[-1]
    for factor in FACTORS:
        thin = narrowed(last.config, factor)
        if thin is not None:
            found.append(Option(thin, last.layers, of, factor))
    return found


def shallow(model_type: str, config: Config, most: int | None = None) -> Config:
    """The config with the twin's choice of layers, one of every kind, and all widths as they are."""
    table = rules()
    own = dict(table["types"].get(model_type, {}))
    if most is not None and most < table["layers"]:
        own["layers"] = most
    inner = config.get("text_config")
    small = dict(config)
    layers.apply(small, config, layers.pick(config, table, own), table)
    if isinstance(inner, dict):
        small["text_config"] = shallow(str(inner.get("model_type")), inner, most)
    return small


def narrowed(config: Config, factor: int) -> Config | None:
    """Every width divided; none where one cannot be. One head, or one group, stays one."""
    small = dict(config)
    for key, value in config.items():
        if not any(fnmatch.fnmatch(key, p) for p in NARROWED):
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value <= 1:
            continue
        few = "head" in key or "expert" in key
        if few and value < factor:
            small[key] = 1
        elif value % factor == 0:
            small[key] = value // factor
        elif "vocab" in key:
            small[key] = value // factor // 64 * 64
        else:
            return None
    # A token still goes through as many experts, and each group of them can give as many.
    least = next((v for k, v in config.items() if k in rules()["ones"] and isinstance(v, int)), 1)
    least *= config.get("n_group") or 1
    small |= {k: min(config[k], max(small[k], least)) for k in EXPERTS if isinstance(small.get(k), int)}
    inner = config.get("text_config")
    if isinstance(inner, dict):
        inside = narrowed(inner, factor)
        if inside is None:
            return None
        small["text_config"] = inside
    return small


def seconds(costs: list[tuple[float, float]], sizes: Sizes) -> float:
    """Of all turns. `costs`: of each side, seconds a prompt's token and a decoded one."""
    turn = sum(sizes["prompt"] * prefill + (sizes["decode"] + 1) * decode for prefill, decode in costs)
    return turn * sizes["repeat"]


def affordable(costs: list[tuple[float, float]], left: float, given: Sizes) -> Sizes:
    """The most of the ladder that fits in `left` seconds, else the least; what a person gave stays."""
    for step in LADDER:
        sizes = dict(zip(DEFAULTS, step, strict=True)) | given
        if seconds(costs, sizes) <= left:
            break
    return sizes


def read(params: Config) -> tuple[float, Sizes]:
    """The budget, and the sizes that a person gave."""
    value = params.get("budget_s")
    value = DEFAULT_S if value is None else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not LEAST_S <= value <= 86400:
        text = f"budget_s must be seconds, {LEAST_S:g} or more, not {value!r}."
        raise Failure("user", text, f"Give --budget-s {DEFAULT_S:g}.")
    given = {k: _number(params, k, v) for k, v in DEFAULTS.items() if params.get(k) is not None}
    return float(value), given


def _number(params: Config, key: str, default: int) -> int:
    value = params[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise Failure("user", f"{key} must be a positive number, not {value!r}.", f"Give --{key} {default}.")
    return value
