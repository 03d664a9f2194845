"""A world of three accounts with three campaigns each, and a warehouse of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.truth import MORNING, Station


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A warehouse that has not been filled yet."""
    with SandboxServer(WorldConfig(accounts=3, campaigns=3), now=MORNING) as sandbox:
        station = Station(sandbox, tmp_path)
        yield station
        station.let_go()
