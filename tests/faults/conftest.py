"""A world of three accounts with three campaigns each, and a warehouse of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.instants import FIRST_MORNING
from ..harness.pipeline import Pipeline
from .persistence import persistent


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """A warehouse that has not been filled yet."""
    with SandboxServer(WorldConfig(accounts=3, campaigns=3), now=FIRST_MORNING) as sandbox:
        pipeline = persistent(sandbox, tmp_path)
        yield pipeline
        pipeline.let_go()
