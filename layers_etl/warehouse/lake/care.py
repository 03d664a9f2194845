"""Care of a lake: what was published long ago is forgotten, and small files become few.

Every publication adds files: of each table that changed one with rows, and one that says which rows are gone. A query
reads them all, so that after a month without care it takes fifty times as long.
"""

from __future__ import annotations

import logging
from typing import Final

import duckdb

from layers_etl.domain.lake import Lake
from layers_etl.errors import LayersEtlError
from layers_etl.warehouse.databases import allowing
from layers_etl.warehouse.lake.attachment import NAME, catalog_of, explaining
from layers_etl.warehouse.sql import load_sql

logger = logging.getLogger(__name__)

FILES_AT_MOST: Final = 60
"""Live files up to which a lake needs no care, whatever it holds."""

FULL_MEBIBYTES: Final = 64
"""Of a file: about two million days of campaigns, in their order, so that a query of some days opens the one or two
that have them; and what is written anew is the newest, where days still change."""

_GONE_SHARE: Final = 0.1
"""A file is written anew once so many of its rows are gone: every reader skips them until then."""

_MEMORY: Final = 10**9
"""Bytes that DuckDB may hold meanwhile, several times what it may else: full files are sorted as they are written."""

_DAYS_TO_FINISH: Final = 1
"""For whoever reads a file while it is replaced: it goes a day later."""


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Say once, of a new lake, how large its files are to be."""
    connection.execute(f"CALL {NAME}.set_option('target_file_size', '{FULL_MEBIBYTES}MiB')")


def take_care(connection: duckdb.DuckDBPyConnection, lake: Lake, author: str, keep_days: int) -> None:
    """Where it is due, forget publications older than ``keep_days`` and make many small files few large ones.

    Only for whoever keeps other publishers away. Every step is a transaction of its own, after which the lake holds the
    same: a kill between two leaves the rest to the next time, and so does what goes wrong, since all is published.
    """
    try:
        with explaining(lake, "cleaned up"):
            if _is_due(connection, lake):
                with allowing(connection, _MEMORY):
                    _clean_up(connection, author, keep_days)
    except LayersEtlError as error:
        logger.warning("%s Everything is published all the same; the next publication tries again.", error)


def _is_due(connection: duckdb.DuckDBPyConnection, lake: Lake) -> bool:
    query = load_sql("lake/count_files").format(catalog=catalog_of(lake))
    live, full_ones = connection.execute(query, {"full_bytes": FULL_MEBIBYTES * 1024**2}).fetchall()[0]
    return live > max(FILES_AT_MOST, 2 * full_ones)


def _clean_up(connection: duckdb.DuckDBPyConnection, author: str, keep_days: int) -> None:
    connection.execute(f"CALL ducklake_rewrite_data_files('{NAME}', delete_threshold => {_GONE_SHARE})")
    connection.execute(f"CALL ducklake_merge_adjacent_files('{NAME}')")
    chosen = {"author": author, "keep_days": keep_days}
    ((to_forget,),) = connection.execute(load_sql("lake/snapshots_to_forget"), chosen).fetchall()
    if to_forget:
        connection.execute(f"CALL ducklake_expire_snapshots('{NAME}', versions => {to_forget})")
    old = f"older_than => now() - INTERVAL {_DAYS_TO_FINISH} DAY"
    connection.execute(f"CALL ducklake_cleanup_old_files('{NAME}', {old})")
