"""Publishing to a lake, and what one looks at in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from layers_etl.domain.lake import Lake
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.lake.attachment import open_lake
from layers_etl.warehouse.lake.publisher import PublishedLake
from layers_etl.warehouse.publishing import Publication, load_state_id

from ..warehouse.builders import SCOPES, Row, utc

KEEP_DAYS = 30


def publisher(lake: Lake, keep_days: int = KEEP_DAYS) -> PublishedLake:
    """The publisher of ``lake`` for the scopes of the tests."""
    return PublishedLake(lake, SCOPES, keep_days)


def publish(warehouse: Warehouse, lake: Lake, run_id: str = "run_1", at: datetime | None = None) -> bool:
    """Publish to ``lake``, at an instant (5 March)."""
    at = at or utc(3, 5)
    return publisher(lake).publish(warehouse, Publication(load_state_id(warehouse), run_id, at, at, at.date()))


def ask(lake: Lake, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
    """What a query of the lake gives."""
    with open_lake(lake) as connection:
        assert connection
        return connection.execute(sql, list(parameters)).fetchall()


def snapshots(lake: Lake) -> list[tuple[Any, ...]]:
    """The publications that can be gone back to, oldest first: their number and message."""
    return ask(lake, "SELECT snapshot_id, commit_message FROM lake.snapshots() WHERE author = 'layers_etl' ORDER BY 1")


def differences(lake: Lake, file: Path) -> dict[str, int]:
    """By table, in how many rows the lake differs from a closed DuckDB file; nothing where it is the same."""
    with open_lake(lake) as connection:
        assert connection
        connection.execute(f"ATTACH '{file}' AS file (READ_ONLY)")
        names = [
            f'{schema}."{name}"'
            for schema, name in connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'file' ORDER BY ALL"
            ).fetchall()
        ]
        found = {
            name: connection.execute(
                f"SELECT count(*) FROM ((FROM {name} EXCEPT ALL FROM file.{name}) "
                f"UNION ALL (FROM file.{name} EXCEPT ALL FROM {name}))"
            ).fetchall()[0][0]
            for name in names
        }
    return {name: count for name, count in found.items() if count}
