"""Looking into a warehouse that someone else writes, or wrote: nothing is created, and no one waits."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

import duckdb

from layers_etl.errors import WarehouseError
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.databases import connect
from layers_etl.warehouse.lock import lock_if_free
from layers_etl.warehouse.publishing import Publisher
from layers_etl.warehouse.schema import has_todays_tables


@contextlib.contextmanager
def open_build_read_only(build: Path) -> Generator[Readable | None]:
    """The build file, for whoever sees to it that no run is writing it; None where there is none, or an empty one.

    Raises :class:`WarehouseError` for a file that is damaged, foreign, or of another version.
    """
    if not build.exists():
        yield None
        return
    with connect(build, read_only=True) as connection:
        yield _readable(build, connection)


@contextlib.contextmanager
def open_newest(build: Path, publisher: Publisher) -> Generator[Readable | None]:
    """The build file, read-only, if no run is writing it; else what is published; None where there is neither.

    The build file is newer where the last run was killed before it published. Where this user may not lock or read it,
    or it is damaged, it is left alone too. Raises :class:`WarehouseError` like ``publisher.open``.
    """
    with lock_if_free(build) as free:
        if connection := _connect_if_readable(build) if free else None:
            with connection:
                yield _readable(build, connection)
        else:
            with publisher.open() as published:
                yield published


def _connect_if_readable(path: Path) -> duckdb.DuckDBPyConnection | None:
    if path.exists():
        with contextlib.suppress(WarehouseError):
            return connect(path, read_only=True)
    return None


def _readable(build: Path, connection: duckdb.DuckDBPyConnection) -> Readable | None:
    return Readable(str(build), connection) if has_todays_tables(connection, build) else None
