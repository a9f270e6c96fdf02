"""Our figures as upstream's scripts would have printed them, so that what parses its results parses ours."""

from __future__ import annotations

import json
from typing import Any

LINE = "=" * 60


def dtype(meta: dict[str, Any], expected: str) -> str:
    result = {
        "output_dtype": f"mlx.core.{meta['dtype']}",
        "expected_dtype": f"mlx.core.{expected}",
        "match": meta["dtype"] == expected,
    }
    return json.dumps(result, indent=2) + "\n"


def generate(meta: dict[str, Any], prompt: int, tokens: int) -> str:
    bar = "=" * 10
    if not meta["text"]:
        return f"{bar}\n\n{bar}\nNo text generated for this prompt\n"
    return (
        f"{bar}\n{meta['text']}\n{bar}\n"
        f"Prompt: {prompt} tokens, {meta['prompt_tps']:.3f} tokens-per-sec\n"
        f"Generation: {tokens} tokens, {meta['generation_tps']:.3f} tokens-per-sec\n"
        f"Peak memory: {meta['peak_gb']:.3f} GB\n"
    )


def predictions(found: dict[str, Any], about: dict[str, Any]) -> str:
    """`about`: model, prompt, ids of both sides, shape."""
    low, high, mean = found["relative"]
    lines = [
        "=== TRANSFORMERS vs MLX COMPARISON ===",
        f"Model: {about['model']}",
        f"Prompt: '{about['prompt']}'",
        "",
        f"Tokens (HF):  {about['ids'][0]}",
        f"Tokens (MLX): {about['ids'][1]}",
        *(["WARNING: Token mismatch!"] if about["ids"][0] != about["ids"][1] else []),
        f"\n{LINE}\nNUMERICAL COMPARISON\n{LINE}",
        f"\nShape - HF: {about['shape']}, MLX: {about['shape']}",
        f"\nAbsolute diff - min: {found['min_diff']:.6f}, max: {found['max_diff']:.6f}, "
        f"mean: {found['mean_diff']:.6f}",
        f"Relative diff - min: {low:.6f}, max: {high:.6f}, mean: {mean:.6f}",
        "\nTolerance checks (% of values within threshold):",
        *(f"  < {float(bar)}: {share:.2f}%" for bar, share in found["within"].items()),
        f"\n{LINE}\nOVERLAP ANALYSIS\n{LINE}",
        f"\nTop-1 match: {found['top1']}",
        f"  HF:  {found['tops'][0][0]}",
        f"  MLX: {found['tops'][1][0]}",
        f"\nTop-5 overlap: {found['top5']}/5",
        f"  HF:  {found['tops'][0][:5]}",
        f"  MLX: {found['tops'][1][:5]}",
        f"\nTop-10 overlap: {found['top10']}/10",
        f"\n{LINE}\nSUMMARY\n{LINE}",
        {
            "SUCCESS": "SUCCESS: Predictions match well",
            "PARTIAL": "PARTIAL: Top-1 matches but some divergence in top-5",
            "FAILURE": "FAILURE: Top-1 differs - investigate layer-by-layer",
        }[found["verdict"]],
    ]
    return "\n".join(lines) + "\n"


def layers(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    head = (
        f"{'pos':<10} {'max diff':>10} {'mean diff':>10} {'max |T|':>10} {'max |MLX|':>10} "
        f"{'rel diff':>10}  status"
    )
    bad = next((r["pos"] for r in rows if r["status"] == "DIVERGED"), None)
    lines = [
        f"Model: {about['model']}",
        f"Prompt: {about['prompt']!r}",
        f"Token count: {about['tokens']}",
        f"\nCollected {len(rows)} transformers states, {len(rows)} MLX states "
        f"(transformers dtype={about['dtype']}, MLX dtype={about['dtype']})",
        "",
        head,
        "-" * len(head),
        *(
            f"{r['pos']:<10} {r['max_diff']:>10.4f} {r['mean_diff']:>10.4f} {r['max_reference']:>10.2f} "
            f"{r['max_port']:>10.2f} {r['relative']:>9.2%}  {r['status']}"
            for r in rows
        ),
        "",
        f"First significant divergence at {bad} (>10% of signal magnitude)."
        if bad
        else "All layers within tolerance (<10% of signal magnitude).",
    ]
    return "\n".join(lines) + "\n"
