"""What a config class makes of keys that a config.json does not have: alone, and for given configs.

The class is instantiated, not read: defaults that it computes (head_dim, layer_types, rope_parameters) are
right for the config at hand. Asked on stdin, one JSON object; answered in JSON lines, one per ask. No model
is built, and code that a repository brings itself is not run.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from functools import cache
from typing import Any

from mlxport_harness.errors import Failure

MOST_ASKS = 200


def main(out: int) -> int:
    """Answers each ask of `{"asks": [{"model_type", "config": text or null}]}`; 2 where there is none."""
    try:
        asks = json.loads(sys.stdin.buffer.read())["asks"][:MOST_ASKS]
    except (ValueError, KeyError, TypeError) as error:
        print(f"stdin is not an object with asks: {error}", file=sys.stderr)
        return 2
    for index, ask in enumerate(asks):
        try:
            found = {"values": made(ask.get("model_type"), ask.get("config"))}
        except Failure as failure:
            found = {"error": failure.record()}
        # Not `write_line`: it would cut long lists, and infinity must stay a number.
        _write(out, json.dumps({"index": index, **found, "transformers": _version()}) + "\n")
    return 0


def made(model_type: Any, config: str | None) -> dict[str, Any]:
    """The class's values, nested configs inside; what every class has and no model reads is left out."""
    kind = _class(model_type)
    try:
        made = kind() if config is None else kind.from_dict(_parsed(config))
    except Failure:
        raise
    except Exception as error:  # a config class checks its values with whatever it likes
        what = "its own defaults" if config is None else "this config"
        text = f"transformers' {kind.__name__} refuses {what}: {type(error).__name__}: {_line(error)}"
        raise Failure(
            "reference" if config is None else "user", text, "Check the keys that it names."
        ) from None
    return _values(made)


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Failure("user", f"The config is not JSON: {error}.", "") from None
    if not isinstance(found, dict):
        raise Failure("user", "The config is not an object of keys.", "")
    # What is quantized, and how a repository's own code is found, changes no default and may need packages.
    return {k: v for k, v in found.items() if k not in ("quantization_config", "auto_map")}


def _class(model_type: Any) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        return CONFIG_MAPPING[model_type]
    except (KeyError, TypeError):
        text = f"transformers {_version()} has no config class for model_type {model_type!r}."
        hint = "Absent keys have no default until its transformers is installed."
        raise Failure("user", text, hint) from None


def _values(config: Any) -> dict[str, Any]:
    from transformers import PretrainedConfig

    own = _own(type(config))
    found = {}
    for key, value in config.to_dict().items():
        inner = getattr(config, key, None)
        if isinstance(inner, PretrainedConfig):
            found[key] = {"model_type": inner.model_type, **_values(inner)}
        elif key not in _generic() or key in own:
            found[key] = value
    return json.loads(json.dumps(found, default=str))


@cache
def _generic() -> frozenset[str]:
    """Keys of every config class; `dtype` and the token ids among them are a checkpoint's own."""
    from transformers import PretrainedConfig

    return frozenset({*PretrainedConfig().to_dict(), "model_type", "transformers_version", "_name_or_path"})


@cache
def _own(kind: type) -> frozenset[str]:
    from transformers import PretrainedConfig

    ours = [c for c in kind.__mro__ if issubclass(c, PretrainedConfig) and c is not PretrainedConfig]
    return frozenset(key for c in ours for key in inspect.get_annotations(c))


def _version() -> str:
    import transformers

    return transformers.__version__


def _line(error: BaseException) -> str:
    lines = [part.strip() for part in str(error).splitlines() if part.strip()]
    return " ".join(lines)[:300]


def _write(fd: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(fd, data) :]
