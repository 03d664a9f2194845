"""A sandbox and a pipeline of the test's own, whose runs are made in this process; retries without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import stamina

from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from .instants import FIRST_MORNING
from .pipeline import Pipeline

TWO_ACCOUNTS = WorldConfig(accounts=2, campaigns=4)


@pytest.fixture(autouse=True)
def retries_do_not_wait() -> Iterator[None]:
    """Two attempts at most, one right after the other."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Two accounts of four campaigns each, on the first morning."""
    with SandboxServer(TWO_ACCOUNTS, now=FIRST_MORNING) as server:
        yield server


@pytest.fixture
def pipeline(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline that has not run yet."""
    pipeline = Pipeline(sandbox, tmp_path / "data")
    yield pipeline
    pipeline.let_go()


@pytest.fixture
def pipeline_over(tmp_path: Path) -> Iterator[Callable[..., Pipeline]]:
    """Makes a pipeline over another world; its settings are given by name."""
    with ExitStack() as stack:

        def make(config: WorldConfig = TWO_ACCOUNTS, **options: Any) -> Pipeline:
            server = stack.enter_context(SandboxServer(config, now=FIRST_MORNING))
            pipeline = Pipeline(server, tmp_path / "other", options)
            stack.callback(pipeline.let_go)
            return pipeline

        yield make
