"""One published file that the tests read, and warehouses of their own for those that write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from layers_etl.domain.lake import Catalog, lake_of
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.lake.attachment import open_lake

from ..harness.fresh import fresh_warehouse
from ..warehouse.builders import SCOPES
from .lived import LAKE, live


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A month of a simulated world and some mornings, published; lived through once for all who ask."""
    folder = tmp_path_factory.getbasetemp() / "lived"
    if not folder.exists():
        live(folder, lake=request.config.option.warehouse == "lake")
    return folder / "warehouse.duckdb"


@pytest.fixture
def analyst(published: Path, request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """An analyst's connection to it, or to the lake that it was published to as well (``--warehouse lake``)."""
    if request.config.option.warehouse == "lake":
        lake = lake_of(Catalog(file=published.with_name(LAKE)), None)
        with open_lake(lake) as connection:
            assert connection
            yield connection
    else:
        with duckdb.connect(str(published), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty build file, open."""
    with fresh_warehouse(tmp_path / "build.duckdb", SCOPES) as warehouse:
        yield warehouse
