"""One published file that the tests read, and warehouses of their own for those that write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from layers_etl.warehouse.connection import Warehouse

from ..harness.fresh import fresh_warehouse
from ..warehouse.builders import SCOPES
from .lived import live


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of a simulated world and some mornings, published; lived through once for all who ask."""
    folder = tmp_path_factory.getbasetemp() / "lived"
    if not folder.exists():
        live(folder)
    return folder / "warehouse.duckdb"


@pytest.fixture
def analyst(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An analyst's connection to it."""
    with duckdb.connect(str(published), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty build file, open."""
    with fresh_warehouse(tmp_path / "build.duckdb", SCOPES) as warehouse:
        yield warehouse
