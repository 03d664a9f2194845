"""The scenes that runs are broken off in; made once in each process that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.worlds import SMALL, TODAY
from .child import WITHOUT_DAGSTER
from .scenes import Scene
from .tripwire import Point


@pytest.fixture(scope="session")
def world() -> Iterator[SandboxServer]:
    """A simulated API that changes with the day alone."""
    with SandboxServer(SMALL, now=TODAY) as server:
        yield server


@pytest.fixture(scope="session")
def first_run(world: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """In a folder that is not there yet."""
    folder = tmp_path_factory.mktemp("first-run")
    return Scene(world, folder / "nothing", TODAY, folder)


@pytest.fixture(scope="session")
def morning(first_run: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The next day, after all went well."""
    begun = first_run.undisturbed.place.data_dir
    return Scene(first_run.sandbox, begun, first_run.at + timedelta(days=1), tmp_path_factory.mktemp("morning"))


@pytest.fixture(scope="session")
def morning_after_a_kill(morning: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The day after one on which all was read and derived, and nothing published."""
    (killed,) = morning.interrupted([Point("COMMIT build.duckdb in record_publication")])
    return Scene(morning.sandbox, killed, morning.at + timedelta(days=1), tmp_path_factory.mktemp("after-a-kill"))


@pytest.fixture(scope="session")
def first_run_without_dagster(world: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The same first run by what it does to the warehouse alone."""
    folder = tmp_path_factory.mktemp("without-dagster")
    return Scene(world, folder / "nothing", TODAY, folder, WITHOUT_DAGSTER)


@pytest.fixture(scope="session")
def morning_without_dagster(first_run_without_dagster: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The next day of it."""
    begun = first_run_without_dagster.undisturbed.place.data_dir
    at, folder = TODAY + timedelta(days=1), tmp_path_factory.mktemp("morning-without-dagster")
    return Scene(first_run_without_dagster.sandbox, begun, at, folder, WITHOUT_DAGSTER)
