"""Lakes of the tests' own: with a catalog in a file, and in Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from layers_etl.domain.lake import Catalog, Lake, lake_of
from layers_etl.warehouse.connection import Warehouse

from ..harness.postgres import PASSWORD, Postgres, running_postgres
from ..warehouse.builders import opened

_NUMBERS: Final = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this process, with the database ``lake``."""
    with running_postgres("lake") as server:
        yield server


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    """Where Postgres' own programs look for it."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return PASSWORD


@pytest.fixture
def in_postgres(postgres: Postgres, password: str, tmp_path: Path) -> Lake:
    """A lake that nobody has made yet, with its catalog in Postgres and its files in a folder."""
    return lake_in(postgres, tmp_path / "files")


@pytest.fixture
def in_file(tmp_path: Path) -> Lake:
    """A lake that nobody has made yet, with its catalog in a file."""
    return lake_of(Catalog(file=tmp_path / "lake.ducklake"), None)


@pytest.fixture(params=["in_file", "in_postgres"])
def lake(request: pytest.FixtureRequest) -> Lake:
    """Either of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty build file, open."""
    with opened(tmp_path) as warehouse:
        yield warehouse


def lake_in(postgres: Postgres, files: Path) -> Lake:
    """A new lake in a schema of its own."""
    catalog = Catalog(server=postgres.server("lake"), schema=f"org_{next(_NUMBERS)}")
    return lake_of(catalog, str(files))
