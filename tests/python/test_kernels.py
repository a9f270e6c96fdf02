"""The check `kernels`: which kernels a port reaches; never a pass where no device ran them."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest
from mlxport_harness.checks import kernels

from client import records

IMPORT = "from .rope_utils import initialize_rope\n"


@pytest.mark.skipif(mx.metal.is_available(), reason="says what happens without Metal")
def test_kernels_within_reach_are_listed_and_not_exercised_without_metal(worker, arcee):
    found = records(worker.run("arcee", arcee(), checks=["kernels"]))["kernels"]
    assert found["verdict"] == "not_applicable"
    port = arcee((IMPORT, IMPORT + "from .ssm import ssm_update\n"))
    found = records(worker.run("arcee", port, checks=["kernels"]))["kernels"]
    assert found["verdict"] == "not_exercised"
    assert [k["name"] for k in found["kernels"]] and "ssm.py:" in found["findings"][1]["text"]


def test_kernel_that_differs_or_has_no_gradient_fails():
    cpu = np.ones((1, 4, 8), dtype=np.float32)
    listed = {"id": "kernels", "text": ""}

    def judged(gpu, **notes):
        return kernels.judge({"cpu": cpu, "gpu": gpu}, notes, 0.0, [], listed)["verdict"]

    assert judged(cpu + np.float32(1e-6)) == "pass"
    assert judged(cpu * np.float32(1.1)) == "fail"
    assert judged(cpu[:, 1:]) == "fail"
    assert judged(cpu, no_gradient="[Primitive::vjp] Not implemented for CustomKernel.") == "fail"
    assert judged(cpu, not_finite=["model.layers.0"]) == "fail"
