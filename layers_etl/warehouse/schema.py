"""The tables of the file, and how older files become today's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT, SCOPES, Scope
from layers_etl.errors import WarehouseError
from layers_etl.warehouse.changed_days import forget_publications
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql
from layers_etl.warehouse.tables import (
    OPS_TABLES,
    SCHEMAS,
    Table,
    daily_mart,
    entity_history_table,
    entity_table,
    in_account,
    scope_tables,
)
from layers_etl.warehouse.views import create_views

SCHEMA_VERSION: Final = 11
"""Counts up when tables of ``ads`` or ``ops`` gain something, or marts change. Version 1 had no projections, no weekly
reach and no horizon; the marts of version 2 knew no account of ads and ad sets whose own listing did not say it;
version 3 knew nothing of the copies that readings come from, of days held or in doubt, and of the kind of its key;
version 4 knew no account of a day; version 5 knew its changes by a count, which a file restored from a copy has too;
version 6 had no dictionary; version 7 kept nothing of what checks found; version 8 noted only what its marts lacked;
version 9 took every copy for newer than the one before; version 10 kept no numbers of a running day."""

LOGS_CHANGES: Final = 9
"""The first version with ``ops.changed_days``."""

ALWAYS_PRESENT: Final = (AD_ACCOUNT, CAMPAIGN)
"""Scopes whose tables exist in every file, read or not: users rely on their names, and rollups stand on them."""


def migrate(connection: duckdb.DuckDBPyConnection, path: Path, scopes: Iterable[Scope]) -> None:
    """Bring the file to :data:`SCHEMA_VERSION` with tables for ``scopes``, in one transaction.

    What was observed (``ads``) and how it came (``ops``) only ever gain tables and nullable columns, so an older file
    keeps every row; marts are derived, so they are made anew. Raises :class:`WarehouseError` for a file that is not
    ours, or of a newer version.
    """
    version = schema_version(connection, path)
    connection.execute("BEGIN TRANSACTION")
    if version is None:
        _create_base(connection)
    elif version < SCHEMA_VERSION:
        _drop_derived(connection)
        _create_missing(connection, OPS_TABLES)
        connection.execute("DELETE FROM ops.views")
        connection.execute("UPDATE ops.schema_version SET version = ?", [SCHEMA_VERSION])
        connection.execute("UPDATE ops.revision SET revision = revision + 1, state_id = uuid()")
        if version < LOGS_CHANGES:
            run_script(connection, load_sql("keep_stale_windows"))
        # Their tables have another shape.
        forget_publications(connection)
    content = content_of(connection, scopes)
    created = _create_missing(connection, content.tables)
    for scope in content.scopes:
        if daily_mart(scope).qualified in created:
            connection.execute(scope_sql("note_every_day", scope))
    create_views(connection, content.tables, content.scopes, summed=content.summed)
    if version is not None and version < SCHEMA_VERSION:
        for scope in filter(in_account, content.scopes):
            run_script(connection, scope_sql("place_days", scope))
    connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class Content:
    """What a warehouse is made of: its ``tables``, and the ``scopes`` and the one ``summed`` that its views are for."""

    tables: tuple[Table, ...]
    scopes: tuple[Scope, ...]
    summed: Scope


def content_of(connection: duckdb.DuckDBPyConnection, read_now: Iterable[Scope]) -> Content:
    """What the file is to hold where ``read_now`` are read: what was read once stays, so that views don't change with
    every change of the settings."""
    read_now = set(read_now)
    wanted = {*ALWAYS_PRESENT, *read_now, *scopes_of(connection)}
    scopes = tuple(scope for scope in SCOPES.values() if scope in wanted)
    # Projects are listed in every run, whether or not their own metrics are read.
    of_projects = (entity_table(PROJECT), entity_history_table(PROJECT))
    tables = tuple(dict.fromkeys((*OPS_TABLES, *of_projects, *chain.from_iterable(map(scope_tables, scopes)))))
    return Content(
        tables, scopes, AD_ACCOUNT if AD_ACCOUNT in read_now or _was_read(connection, AD_ACCOUNT) else CAMPAIGN
    )


def schema_version(connection: duckdb.DuckDBPyConnection, path: Path) -> int | None:
    """The version of the file's tables; None for an empty file.

    :class:`WarehouseError` for one that is not ours, or that a newer layers_etl wrote, whoever wants to read it.
    """
    tables = _existing_tables(connection)
    if not tables:
        return None
    if ("ops", "schema_version") not in tables:
        raise WarehouseError(
            f"{path} is a DuckDB file of something else (it has no ops.schema_version): "
            f"set LAYERS_DATA_DIR to another folder, or move the file away with {path}.wal, if there is one. "
            "Nothing was changed."
        )
    version = int(connection.execute("SELECT version FROM ops.schema_version").fetchall()[0][0])
    if version > SCHEMA_VERSION:
        raise WarehouseError(
            f"{path} was written by a newer layers_etl (tables version {version}, this one knows {SCHEMA_VERSION}): "
            "upgrade layers_etl. Nothing was changed."
        )
    return version


def has_todays_tables(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether the file can be read as it is; False for an empty one.

    :class:`WarehouseError` for one that is not ours, or of another version.
    """
    version = schema_version(connection, path)
    if version is not None and version != SCHEMA_VERSION:
        raise WarehouseError(
            f"{path} was written by an older version of layers_etl (tables version {version}, not {SCHEMA_VERSION}): "
            "the next run brings it forward."
        )
    return version is not None


def scopes_of(connection: duckdb.DuckDBPyConnection) -> list[Scope]:
    """The scopes whose metrics the file has tables for, read now or not."""
    tables = _existing_tables(connection)
    return [scope for scope in SCOPES.values() if ("ads", scope.metrics_table) in tables]


def _was_read(connection: duckdb.DuckDBPyConnection, scope: Scope) -> bool:
    if ("ops", "coverage") not in _existing_tables(connection):
        return False
    return bool(connection.execute("SELECT 1 FROM ops.coverage WHERE scope = ? LIMIT 1", [scope.name]).fetchall())


def _existing_tables(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    rows = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT temporary"
    ).fetchall()
    return set(rows)


def _create_base(connection: duckdb.DuckDBPyConnection) -> None:
    for schema in SCHEMAS:
        connection.execute(f"CREATE SCHEMA {schema}")
    for table in OPS_TABLES:
        if table.name in ("schema_version", "revision"):
            connection.execute(table.ddl())
    connection.execute("INSERT INTO ops.schema_version (version) VALUES (?)", [SCHEMA_VERSION])
    connection.execute("INSERT INTO ops.revision (revision, state_id) VALUES (0, uuid())")


def _drop_derived(connection: duckdb.DuckDBPyConnection) -> None:
    """Everything that is made from ``ads`` and ``ops``: all views, and the tables of ``marts``."""
    for kind, listing in (("VIEW", "duckdb_views() WHERE NOT internal"), ("TABLE", "duckdb_tables()")):
        for schema, name in connection.execute(f"SELECT schema_name, {kind}_name FROM {listing}").fetchall():
            if kind == "VIEW" or schema == "marts":
                connection.execute(f"DROP {kind} {schema}.{name}")


def _create_missing(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> set[str]:
    """Create what the file lacks, tables and columns; the qualified names of the tables that are new."""
    existing = _existing_tables(connection)
    columns = set(
        connection.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    )
    created: set[str] = set()
    for table in tables:
        if (table.schema, table.name) not in existing:
            connection.execute(table.ddl())
            created.add(table.qualified)
        else:
            for column in table.columns:
                if (table.schema, table.name, column.name) not in columns:
                    connection.execute(f"ALTER TABLE {table.qualified} ADD COLUMN {column.ddl()}")
    return created
