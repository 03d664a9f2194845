"""One simulated API for tests that leave it alone, others for those that do not, and folders to work in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.command import CommandLine
from ..harness.worlds import SMALL, TODAY
from ..marts.conftest import published

__all__ = ["published"]


@pytest.fixture(scope="session")
def still() -> Iterator[SandboxServer]:
    """A simulated API that no test changes."""
    with SandboxServer(SMALL, now=TODAY) as server:
        yield server


@pytest.fixture
def place(still: SandboxServer, tmp_path: Path) -> CommandLine:
    """An empty folder in front of the API that no test changes."""
    return CommandLine(still, tmp_path / "data")


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[CommandLine]:
    """An empty folder in front of an API of the test's own."""
    with SandboxServer(SMALL, now=TODAY) as server:
        yield CommandLine(server, tmp_path / "data")


@pytest.fixture(scope="session")
def filled(still: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A folder with a warehouse after its first run; tests look at it and leave it as it is."""
    place = CommandLine(still, tmp_path_factory.mktemp("filled") / "data")
    assert place.run("run").code == 0
    return place
