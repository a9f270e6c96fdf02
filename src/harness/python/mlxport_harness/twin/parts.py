"""What holds between a config and the configs inside it, made to hold in the twin. Pure."""

from __future__ import annotations

from typing import Any

from mlxport_harness.twin import ties

Config = dict[str, Any]
# Patches of up to four by four are joined into one token.
MERGED = 16


def join(small: Config, base: Config, table: Config, defaults: bool) -> None:
    """Sizes by which the parts fit together; and with the class's defaults, one word on the head."""
    if not isinstance(base.get("text_config"), dict) or not isinstance(small.get("text_config"), dict):
        return
    inner = [k for k, v in base.items() if k.endswith("_config") and isinstance(v, dict) and k in small]
    inner.sort(key=lambda key: key != "text_config")
    widths = _widths(small, base, inner, table)
    for key in ["", *(k for k in inner if k != "text_config")]:
        part, real = (small[key], base[key]) if key else (small, base)
        _fit(part, real, widths, table)
    text = small["text_config"]
    tied = {text.get("tie_word_embeddings"), small.get("tie_word_embeddings")}
    if defaults and tied == {True, False}:
        # Released files do not contradict themselves; an own head is seen, a tied one is not.
        small["tie_word_embeddings"] = text["tie_word_embeddings"] = False


def _widths(small: Config, base: Config, inner: list[str], table: Config) -> dict[int, int]:
    """Each part's real width and the twin's; the text's where two have the same."""
    found: dict[int, int] = {}
    for key in inner:
        name = next((k for k in table["width_keys"] if ties.size(base[key].get(k))), None)
        if name and ties.size(small[key].get(name)):
            found.setdefault(base[key][name], small[key][name])
    # Equal before a multiple, and the smaller multiple first.
    return dict(sorted(found.items(), reverse=True))


def _fit(part: Config, real: Config, widths: dict[int, int], table: Config) -> None:
    """A size that is another part's width, or that of joined patches, follows it; of a part that has no width
    of its own, all shrink with the text.
    """
    own = any(ties.size(real.get(k)) for k in table["width_keys"])
    wide, narrow = next(iter(widths.items()), (1, 1))
    for key, value in real.items():
        if not own and isinstance(value, list) and part.get(key) == value and _widening(key, value, table):
            part[key] = [max(8, round(one * narrow / wide / 8) * 8) for one in value]
        if key in table["width_keys"] or not ties.size(part.get(key)) or not ties.shrinks(key, value, table):
            continue
        multiple = next((w for w in widths if value % w == 0 and value // w <= MERGED), None)
        if multiple:
            part[key] = value // multiple * widths[multiple]
        elif not own and widths and part[key] == value:
            part[key] = max(8, round(value * narrow / wide / 8) * 8)


def _widening(key: str, value: list[Any], table: Config) -> bool:
    """A list of widths, one for each stage of a tower."""
    one = key.removesuffix("s")
    return len(value) > 1 and all(ties.size(v) for v in value) and ties.shrinks(one, max(value), table)
