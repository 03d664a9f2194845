"""The published file: a whole copy that replaces the last one in one step, so that readers never wait (rule 10)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from layers_etl.errors import WarehouseError
from layers_etl.warehouse.connection import Warehouse, replace_by_copy
from layers_etl.warehouse.schema import schema_version
from layers_etl.warehouse.sql import load_sql


@dataclass(frozen=True, slots=True)
class Publication:
    """What stands in ``ops.publication`` of the file: which run made it, when, and up to which day it is final.

    The latter also leaving out the days of which the answers leave a doubt (``ops.doubtful_days``).
    """

    run_id: str
    published_at: datetime
    instant: datetime
    settled_until: date | None
    settled_until_but_for_doubtful: date | None = None


def publish_warehouse(warehouse: Warehouse, target: Path, publication: Publication) -> bool:
    """Replace ``target`` by a copy of the build file; False, and untouched, where it already has every change.

    The copy is made while the build file is closed (an open one keeps part of itself in its ``.wal``), beside the
    target, synced, and moved over it in one step: a reader sees the old file or the new one, whole. Raises
    :class:`WarehouseError`, and leaves the last one as it is, where it cannot be written.
    """
    if published_revision(target) == _revision(warehouse.connection):
        return False
    with warehouse.transaction() as connection:
        connection.execute("DELETE FROM ops.publication")
        connection.execute(load_sql("record_publication"), asdict(publication))
    try:
        with warehouse.closed_file() as build:
            replace_by_copy(target, build)
    except OSError as error:
        raise WarehouseError(
            f"{target} cannot be written ({error.strerror}): what was read is kept in {warehouse.path.name}. See that "
            f"{target.parent} is writable and has room for a copy of it; the next run publishes."
        ) from None
    return True


def load_publication(warehouse: Warehouse) -> Publication | None:
    """What the file says of its own publication; None for one that was never published."""
    columns = ", ".join(Publication.__dataclass_fields__)
    rows = warehouse.connection.execute(f"SELECT {columns} FROM ops.publication").fetchall()
    return Publication(*rows[0]) if rows else None


def published_revision(target: Path) -> int | None:
    """The revision of the published file; None where there is none that can be read.

    Raises :class:`WarehouseError` for a DuckDB file of something else, which must not be replaced.
    """
    if not target.exists():
        return None
    try:
        connection = duckdb.connect(str(target), read_only=True)
    except duckdb.Error:
        return None
    with connection:
        return _revision(connection) if schema_version(connection, target) else None


def _revision(connection: duckdb.DuckDBPyConnection) -> int:
    return connection.execute("SELECT revision FROM ops.revision").fetchall()[0][0]
