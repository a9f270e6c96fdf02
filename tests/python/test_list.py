"""The list of checks that the workbench embeds is the one that the package has."""

from __future__ import annotations

import json
from pathlib import Path

import mlxport_harness
from mlxport_harness.checks import listed


def test_checks_json_is_the_registry():
    path = Path(mlxport_harness.__file__).with_name("checks.json")
    hint = (
        "write it anew: python -m mlxport_harness check list > src/harness/python/mlxport_harness/checks.json"
    )
    assert json.loads(path.read_text()) == listed(), hint


def test_every_check_has_a_title_and_a_rule():
    assert [row["id"] for row in listed() if not row["title"] or not row["rule"]] == []
