"""Warm workers shared by the tests, and arcee ports: a right one and single-fault mutants of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client import PORTS, Client

ARCEE = PORTS / "arcee.py"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlxport")


@pytest.fixture(scope="session")
def worker(folder: Path) -> Iterator[Client]:
    client = Client(folder / "fork")
    yield client
    assert client.close() == 0


@pytest.fixture(scope="session")
def spare_worker(folder: Path) -> Iterator[Client]:
    client = Client(folder / "spare", "spare")
    yield client
    assert client.close() == 0


@pytest.fixture
def arcee(tmp_path: Path) -> Callable[..., Path]:
    """Writes the right port, with each (old, new) replaced; every old text must be there once or more."""

    def write(*changes: tuple[str, str]) -> Path:
        text = ARCEE.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "arcee.py"
        path.write_text(text)
        return path

    return write
