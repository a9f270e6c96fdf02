"""The family `twin`: one port, the twin of each config given or of the class's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlxport_harness.twin.target import parse
from mlxport_harness.variant import VariantRun

if TYPE_CHECKING:
    from mlxport_harness.run import Run


def execute(run: Run) -> dict[str, Any]:
    target = parse(run.request.get("target") or {})
    run.environment["port"] = {
        "path": str(target.port_path),
        "sha256": target.port_sha,
        "given": target.port_given,
    }
    if target.reference_code:
        run.environment["reference_code"] = target.reference_code
    for variant in target.variants:
        run.variant = variant.name if len(target.variants) > 1 else None
        VariantRun(run, target, variant).execute()
    return {"model_type": target.model_type, "variant": ", ".join(v.name for v in target.variants)}
