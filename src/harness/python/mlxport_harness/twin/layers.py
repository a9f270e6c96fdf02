"""Which layers of the real model the twin keeps: one of every kind at least, in order. Pure."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def total(base: Config, table: Config) -> int:
    return next((base[k] for k in table["layer_keys"] if isinstance(base.get(k), int)), 0)


def pick(base: Config, table: Config, own: Config) -> list[int]:
    """Positions of the kept layers. A kind is what every per-layer setting says of a layer together."""
    count = total(base, table)
    period = next((base[k] for k in table["pattern"] if isinstance(base.get(k), int) and base[k] > 1), None)
    if period and 2 * period <= count:
        return [0, period - 1, period, 2 * period - 1]
    kinds = [_kind(base, i, count, table) for i in range(count)]
    first = {kind: i for i, kind in reversed(list(enumerate(kinds)))}
    picks = sorted(first.values())
    # In order from the first: a port may know the layers by arithmetic, which a gap would shift.
    wanted = own.get("layers", table["layers"])
    picks += [i for i in range(count) if i not in picks][: max(0, wanted - len(picks))]
    return sorted(picks)


def apply(small: Config, base: Config, picks: list[int], table: Config) -> None:
    """Rewrites counts, per-layer lists, lists of positions and periods for the kept layers."""
    count = total(base, table)
    for key in table["layer_keys"]:
        if isinstance(small.get(key), int):
            small[key] = len(picks)
    for key, value in list(small.items()):
        if key in table["positions"] and isinstance(value, list):
            small[key] = [at for at, i in enumerate(picks) if i in base[key]]
        elif _per_layer(key, value, count, table):
            chosen = [value[i] for i in picks]
            small[key] = "".join(chosen) if isinstance(value, str) else chosen
    for key in table["pattern"]:
        if isinstance(small.get(key), int) and small[key] > 1 and 2 * small[key] <= count:
            small[key] = 2
    shared = base.get("num_kv_shared_layers")
    if isinstance(shared, int):
        small["num_kv_shared_layers"] = sum(i >= count - shared for i in picks)
    kinds = small.get("mlp_layer_types")
    if isinstance(kinds, list) and "first_k_dense_replace" in small:
        dense = [kind == "dense" for kind in kinds]
        small["first_k_dense_replace"] = dense.index(False) if False in dense else len(dense)
    if isinstance(base.get("per_layer_config"), dict):
        own = {int(k): v for k, v in base["per_layer_config"].items()}
        small["per_layer_config"] = {
            at: {k: _scaled(v, base.get(k), small.get(k)) for k, v in own[i].items()}
            for at, i in enumerate(picks)
            if i in own
        }


def _scaled(value: Any, base: Any, small: Any) -> Any:
    """A layer's own size keeps its ratio to the size of the others."""
    if isinstance(value, int) and isinstance(base, int) and isinstance(small, int) and base:
        return max(1, round(value * small / base))
    return value


def _kind(base: Config, i: int, count: int, table: Config) -> tuple[str, ...]:
    said = [str(v[i]) for k, v in base.items() if _per_layer(k, v, count, table)]
    said += [str(i in base[k]) for k in table["positions"] if isinstance(base.get(k), list)]
    own = base.get("per_layer_config")
    if isinstance(own, dict):
        said.append(str({int(k): v for k, v in own.items()}.get(i)))
    shared = base.get("num_kv_shared_layers")
    if isinstance(shared, int):
        said.append(str(i >= count - shared))
    return tuple(said)


def _per_layer(key: str, value: Any, count: int, table: Config) -> bool:
    return (
        isinstance(value, (list, str))
        and len(value) == count
        and count > 1
        and key not in table["positions"]
        and key != "model_type"
    )
