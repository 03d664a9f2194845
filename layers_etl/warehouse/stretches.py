"""Windows of days cut into stretches, so that a statement over them reads and holds no more than it has to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import duckdb

from layers_etl.warehouse.sql import load_sql, run_script

ROWS_AT_ONCE: Final = 500_000
"""About how many rows one statement works on: it bounds the memory that takes, however long the past is."""


def stretches(
    connection: duckdb.DuckDBPyConnection, windows: str, days: str, tables: Sequence[str]
) -> Iterator[tuple[date, date]]:
    """Half-open stretches of days, oldest first, that hold all that ``tables`` of days may have of ``windows``.

    ``windows`` is a table of ``project_id, entity_id, since, until``; as long as a stretch is at hand, the temporary
    table ``days`` has their days within it, a row each. A few windows anywhere in the past are kept apart from many of
    the newest days: else all of the past would be looked through for every entity.
    """
    of_tables = " UNION ALL ".join(f"SELECT day FROM {table}" for table in tables)
    query = load_sql("stretches").format(windows=windows, days=of_tables)
    for since, until in connection.execute(query, {"rows": ROWS_AT_ONCE}).fetchall():
        expand = load_sql("days_of_stretch").format(windows=windows, days=days)
        run_script(connection, expand, since=since, until=until)
        yield since, until
