"""Fresh warehouses whose runs are Dagster's jobs, for the suites that look at what Dagster shows of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from .fresh import place_empty
from .jobs import DagsterPipeline
from .worlds import SMALL, TODAY

NewPipeline = Callable[..., DagsterPipeline]


@pytest.fixture
def new_pipeline(tmp_path: Path) -> Iterator[NewPipeline]:
    """Make an empty folder in front of a simulated API of its own, or one with a warehouse that is ``begun``."""
    servers: list[SandboxServer] = []
    memory = dg.DagsterInstance.ephemeral(tempdir=str(tmp_path))

    def make(
        start_date: date = date(2026, 3, 1), *, config: WorldConfig = SMALL, begun: bool = False, **extra: str
    ) -> DagsterPipeline:
        server = SandboxServer(config, now=TODAY)
        servers.append(server.__enter__())
        pipeline = DagsterPipeline(server, tmp_path / f"data{len(servers)}", start_date, extra, memory)
        if begun:
            with pipeline.environment() as settings:
                place_empty(settings.build_path, settings.scopes)
        return pipeline

    yield make
    for server in servers:
        server.__exit__(None, None, None)
    memory.dispose()


@pytest.fixture
def pipeline(new_pipeline: NewPipeline) -> DagsterPipeline:
    """An empty warehouse in front of a simulated API of the test's own."""
    return new_pipeline(begun=True)
