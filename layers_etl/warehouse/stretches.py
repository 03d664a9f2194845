"""Windows of days cut into stretches, so that a statement over them reads and holds no more than it has to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import duckdb

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.warehouse.sql import load_sql, run_script

ROWS_AT_ONCE: Final = 500_000
"""About how many rows one statement works on: it bounds the memory that takes, however long the past is."""


def stretches(
    connection: duckdb.DuckDBPyConnection,
    windows: str,
    days: str,
    tables: Sequence[str],
    *,
    whole_up_to: int = ROWS_AT_ONCE,
) -> Iterator[tuple[date, date]]:
    """The stretches of :func:`cut_stretches`; as long as one is at hand, the temporary table ``days`` has the days of
    the windows within it, a row each.
    """
    for since, until in cut_stretches(connection, windows, tables, whole_up_to=whole_up_to):
        expand = load_sql("days_of_stretch").format(windows=windows, days=days)
        run_script(connection, expand, since=since, until=until)
        yield since, until


def cut_stretches(
    connection: duckdb.DuckDBPyConnection, windows: str, tables: Sequence[str], *, whole_up_to: int = ROWS_AT_ONCE
) -> list[tuple[date, date]]:
    """Half-open stretches of days, oldest first, that hold all that ``tables`` of days may have of ``windows``.

    ``windows`` is a table of ``project_id, entity_id, since, until``. A few anywhere in the past are kept apart from
    many of the newest days: else all of the past would be looked through for every entity. Tables of ``whole_up_to``
    rows are not cut.
    """
    of_tables = " UNION ALL ".join(f"SELECT day FROM {table}" for table in tables)
    stored, first, end = connection.execute(f"SELECT count(*), min(day), max(day) + 1 FROM ({of_tables})").fetchall()[0]
    if stored <= whole_up_to:
        return [(first, end)] if stored else []
    query = load_sql("stretches").format(windows=windows, days=of_tables)
    return connection.execute(query, {"rows": ROWS_AT_ONCE}).fetchall()


def days_in_turn(
    connection: duckdb.DuckDBPyConnection, table: str, turn: int, *, at_once: int = ROWS_AT_ONCE, day: str = "day"
) -> DayWindow:
    """The days of about ``at_once`` rows of ``table``, which has some; the next ones in the next ``turn``.

    ``day`` is the column that they are told by.
    """
    stored, first, last = connection.execute(f"SELECT count(*), min({day}), max({day}) FROM {table}").fetchall()[0]
    return DayWindow(first, last + ONE_DAY).in_turn(turn, stored // at_once + 1)
