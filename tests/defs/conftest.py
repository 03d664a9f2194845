"""Warehouses that several tests look at, and fresh ones for tests that spoil theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.jobs import Pipeline, utc

SMALL = WorldConfig(projects=1, accounts=2, campaigns=3)
"""Two accounts of two currencies with three campaigns each, one of which has not started."""

TODAY = utc("2026-03-12 06:00")

NewPipeline = Callable[..., Pipeline]


@pytest.fixture
def new_pipeline(tmp_path: Path) -> Iterator[NewPipeline]:
    """Make an empty warehouse in front of a simulated API of its own."""
    servers: list[SandboxServer] = []
    memory = dg.DagsterInstance.ephemeral(tempdir=str(tmp_path))

    def make(start_date: date = date(2026, 3, 1), *, config: WorldConfig = SMALL, **settings: str) -> Pipeline:
        server = SandboxServer(config, now=TODAY)
        servers.append(server.__enter__())
        return Pipeline(server, tmp_path / f"data{len(servers)}", start_date, settings, memory)

    yield make
    for server in servers:
        server.__exit__(None, None, None)
    memory.dispose()


@pytest.fixture
def pipeline(new_pipeline: NewPipeline) -> Pipeline:
    """An empty warehouse in front of a simulated API of the test's own."""
    return new_pipeline()
