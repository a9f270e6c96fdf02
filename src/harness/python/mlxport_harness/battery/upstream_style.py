"""The work of upstream's scripts, done as they do it: a process per test, and each loads the model again.

For the bench alone: it is what the battery is measured against when upstream's own harness is not at hand.
`generate` and `quantize` are mlx-lm's own commands there and here.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from mlxport_harness.battery import facts, measure, stdout


def dtype(model_path: str, expected: str) -> int:
    import mlx.core as mx
    from mlx_lm import load

    model, _ = load(model_path)
    out = model(mx.array([[1]]))
    mx.eval(out)
    kind = str(out.dtype).rpartition(".")[2]
    print(json.dumps({"output_dtype": kind, "expected_dtype": expected, "match": kind == expected}))
    return 0 if kind == expected else 1


def predictions(model_path: str) -> int:
    """float32 in transformers, its own dtype in mlx, the last token's best ten."""
    import mlx.core as mx
    import numpy as np
    import torch
    from mlx_lm import load
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(model_path).encode(facts.NUMERICAL)
    reference = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
    with torch.no_grad():
        left = reference(torch.tensor([ids])).logits[0].numpy()
    del reference
    gc.collect()
    model, tokenizer = load(model_path)
    logits = model(mx.array([tokenizer.encode(facts.NUMERICAL)]))
    mx.eval(logits)
    right = np.array(logits.astype(mx.float32))[0]
    about = {"model": model_path, "prompt": facts.NUMERICAL, "ids": [ids, ids], "shape": (1, *right.shape)}
    print(stdout.predictions(measure.upstream_predictions(left, right), about))
    return 0


def layers(model_path: str) -> int:
    """mlx first, then transformers in the dtype that came out of it."""
    import mlx.core as mx
    import numpy as np
    import torch
    from mlx_lm import load
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from mlxport_harness.battery.capture import Capture

    ids = AutoTokenizer.from_pretrained(model_path).encode(facts.NUMERICAL)
    model, _ = load(model_path)
    capture = Capture(model)
    logits = capture.run(mx.array([ids], dtype=mx.int32))
    hidden = [call.output for call in capture.calls]
    if capture.norm is not None:
        hidden[-1] = capture.norm(hidden[-1])
    mx.eval(logits, hidden)
    right = [np.array(h[0].astype(mx.float32)) for h in [*hidden, logits]]
    kind = str(logits.dtype).rpartition(".")[2]
    reference = AutoModelForCausalLM.from_pretrained(model_path, dtype=getattr(torch, kind), device_map=None)
    with torch.no_grad():
        out = reference(torch.tensor([ids]), output_hidden_states=True)
    left = [h[0].float().numpy() for h in out.hidden_states[1:]] + [out.logits[0].float().numpy()]
    rows = measure.upstream_layers(np.stack(left[:-1]), np.stack(right[:-1]), (left[-1], right[-1]))
    about = {"model": model_path, "prompt": facts.NUMERICAL, "tokens": len(ids), "dtype": kind}
    print(stdout.layers(rows, about))
    return 0


def main(argv: list[str]) -> int:
    work: dict[str, Any] = {"dtype": dtype, "predictions": predictions, "layers": layers}
    return work[argv[0]](*argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
