"""One process of several, started by mlx.launch: `python -m mlxport_harness.shard.rank JOB.json`.

It joins the ring first, while the others start too, and shuts itself in before it imports the port: the
connections stay, new ones cannot be made. It writes what came out, or what was raised, under its rank's
number; it compares nothing.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mlxport_harness import isolate, preload, states


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    if job["local"]:
        isolate.die_with_parent(os.getppid())
    preload.environment()
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    mx.disable_compile()
    group = mx.distributed.init(strict=True, backend=job["backend"])
    sys.modules["torch"] = None  # type: ignore[assignment]  # transformers would import it: seconds a rank
    from mlxport_harness.port import load, shims
    from mlxport_harness.shard.logits import record

    out = Path(job["out_dir"]) / str(group.rank())
    out.mkdir(parents=True, exist_ok=True)
    shims.apply()
    port, checkpoint = Path(job["port_path"]), Path(job["checkpoint"])
    isolation = isolate.restrict_files(
        [*isolate.readable_roots(out), port, checkpoint], [out, Path("/dev/null")]
    )
    isolate.limit_memory(job["mem_mb"])
    note = {"rank": group.rank(), "size": group.size(), "isolation": isolation}
    status = 0
    try:
        from mlx_lm.utils import load_model

        module = load.import_port(port)
        classes = (module.Model, module.ModelArgs)
        model, _ = load_model(checkpoint, lazy=True, strict=True, get_model_classes=lambda config: classes)
        if job["mode"] == "pipeline":
            model.model.pipeline(group)
        else:
            model.shard(group)
        mx.eval(model.parameters())
        states.save(out / "logits.bin", record(model, job["ids"]), note)
    except BaseException as error:
        found = load.fault(error, port)
        (out / "fault.json").write_text(
            json.dumps({"text": found.text, "where": found.where, "hint": found.hint})
        )
        status = 1
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
