"""The published file: a whole copy that replaces the last one in one step, so that readers never wait (rule 10)."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from layers_etl.errors import FULL, DamagedFileError, StorageError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.databases import connect_published
from layers_etl.warehouse.files import (
    copy_synced,
    forbid_writing,
    put_in_place,
    set_modified_at,
    unfinished,
)
from layers_etl.warehouse.recovery import changed_since_publication
from layers_etl.warehouse.schema import SCHEMA_VERSION, schema_version
from layers_etl.warehouse.sql import load_sql

logger = logging.getLogger(__name__)


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
    """Replace ``target`` by a copy of the build file; False, and untouched, where it is what the build file is.

    The copy is made while the build file is closed (an open one keeps part of itself in its ``.wal``), beside the
    target, synced, and moved over it in one step: a reader sees the old file or the new one, whole. Nobody may write
    it, and it is dated with its publication, so that what is written all the same is noticed. Raises
    :class:`StorageError`, and leaves the last one as it is, where it cannot be written, and :class:`WarehouseError`
    where the target is a file of something else, which must not be replaced.
    """
    if published_state(target) == _state(warehouse.connection):
        return False
    with warehouse.transaction() as connection:
        connection.execute("DELETE FROM ops.publication")
        connection.execute(load_sql("record_publication"), asdict(publication))
    try:
        with warehouse.closed_file() as build, unfinished(target) as copy:
            copy_synced(build, copy)
            forbid_writing(copy)
            set_modified_at(copy, publication.published_at)
            put_in_place(copy, target)
    except OSError as error:
        raise StorageError.of(error, target.parent, FULL) or StorageError(
            f"{target} cannot be written ({error.strerror}): see that {target.parent} is writable and has room for a "
            f"copy of {warehouse.path.name}. What had landed is kept, and the same command takes it up again."
        ) from None
    return True


def load_publication(warehouse: Warehouse) -> Publication | None:
    """What the file says of its own publication; None for one that was never published."""
    columns = ", ".join(Publication.__dataclass_fields__)
    rows = warehouse.connection.execute(f"SELECT {columns} FROM ops.publication").fetchall()
    return Publication(*rows[0]) if rows else None


def published_state(target: Path) -> str | None:
    """By what the published file's content is known; None where none can be read, or someone else has changed it.

    Raises :class:`WarehouseError` for a DuckDB file of something else.
    """
    if not target.exists():
        return None
    try:
        with connect_published(target) as connection:
            if schema_version(connection, target) != SCHEMA_VERSION:
                return None
            published_at = connection.execute("SELECT published_at FROM ops.publication").fetchall()
            if not published_at:
                return None
            if changed_since_publication(target, published_at[0][0]):
                logger.warning("%s was written by someone else since it was published: it is published anew.", target)
                return None
            return _state(connection)
    except DamagedFileError:
        return None


def _state(connection: duckdb.DuckDBPyConnection) -> str:
    return connection.execute("SELECT state_id FROM ops.revision").fetchall()[0][0]
