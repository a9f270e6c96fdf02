"""The figures of `speed`: rates of both sides, their ratio, and how memory grows over decode."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxport_harness.checks.verdict import record

GROWTH = 1.5
SLOW = 0.5


def judge(
    shots: dict[str, list[dict[str, Any]]],
    sizes: dict[str, int],
    note: dict[str, Any],
    against: str | None,
    other: dict[str, Any] | None,
) -> list[dict[str, Any]]:
    """Tokens a second by the fastest repetition and by the median; the growth of memory over decode."""
    found = []
    measures = {
        "prefill": lambda s: sizes["prompt"] / s["prefill"],
        "decode": lambda s: 1 / float(np.median(s["decode"])),
    }
    about = [
        {"id": "device", "text": "Measured on the CPU: a GPU's ratios differ, for other kernels run there."}
    ]
    if against is None:
        about.append({"id": "alone", "text": "No accepted port runs this config: name one with --against."})
    for name, measure in measures.items():
        rates = {side: [measure(s) for s in rows] for side, rows in shots.items()}
        best = {side: max(values) for side, values in rates.items()}
        middle = {side: float(np.median(values)) for side, values in rates.items()}
        findings = list(about)
        ratio = middle["port"] / middle["against"] if "against" in middle else None
        if ratio is not None and ratio < SLOW:
            text = f"{name}: {1 / ratio:.1f} times slower than {against}."
            findings.append({"id": "slow", "text": text})
        found.append(
            record(
                "speed",
                name,
                "pass",
                figure=middle["port"],
                unit="tokens/s",
                metric=f"median of {len(rates['port'])} repetitions",
                findings=findings,
                best=best,
                median=middle,
                ratio=ratio,
                against=against,
                weights_mb={
                    "port": note["weights_mb"],
                    **({"against": other["weights_mb"]} if other else {}),
                },
                layers=note["layers"],
            )
        )
    growth = {side: float(np.median([_slope(s["memory"]) for s in rows])) for side, rows in shots.items()}
    findings = []
    if "against" in growth and growth["port"] > GROWTH * max(growth["against"], 1024.0):
        text = f"Memory grows by {growth['port'] / 1024:.0f} KiB a token, "
        text += f"{against}'s by {growth['against'] / 1024:.0f}."
        findings.append({"id": "growth", "text": text})
    found.append(
        record(
            "speed",
            "memory",
            "pass",
            figure=growth["port"] / 1024,
            unit="KiB/token",
            metric="growth of active memory over decode",
            findings=findings,
            growth=growth,
            peak_mb={side: max(s["peak_mb"] for s in rows) for side, rows in shots.items()},
        )
    )
    return found


def _slope(memory: np.ndarray) -> float:
    """Bytes a step, from the ends: caches grow in blocks."""
    return float(memory[-1] - memory[0]) / max(len(memory) - 1, 1)
