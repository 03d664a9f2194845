"""The tables of a lake: made like those of the build file, and brought in step with them where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.frames import register
from layers_etl.warehouse.sql import load_sql, run_script, same
from layers_etl.warehouse.stretches import ROWS_AT_ONCE, stretches


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """A table as a catalog has it: its ``columns`` in order, and the SQL that makes it.

    ``dated_by`` is the first column that has a day or an instant in every row: by it a large table is cut into parts.
    ``arrived_by`` is the first that has an instant in every row, if any does: by it what is new stands together.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    dated_by: str | None
    arrived_by: str | None
    definition: str

    @property
    def qualified(self) -> str:
        """``schema.name``, quoted."""
        return f'{self.schema}."{self.name}"'


def table_definitions(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, TableDefinition]:
    """Every table of an attached database, by its qualified name."""
    rows = connection.execute(load_sql("lake/table_definitions"), {"database": database}).fetchall()
    tables = [TableDefinition(schema, name, tuple(columns), *others) for schema, name, columns, *others in rows]
    return {table.qualified: table for table in tables}


def tables_with_rows(connection: duckdb.DuckDBPyConnection, catalog: str) -> set[str]:
    """The qualified names of the tables of an attached lake, whose own tables are in ``catalog``, that have any."""
    rows = connection.execute(load_sql("lake/tables_with_files").format(catalog=catalog)).fetchall()
    return {f'{schema}."{name}"' for schema, name in rows}


def create_tables(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[TableDefinition], scopes: Sequence[Scope]
) -> None:
    """Make ``tables``, those of days sorted by day and entity: a query of some days reads what has them."""
    sorted_by = {f'{schema}."{name}"': scope.id_column for scope in scopes for schema, name in _tables_of_days(scope)}
    for table in tables:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
        connection.execute(table.definition)
        if entity := sorted_by.get(table.qualified):
            connection.execute(f"ALTER TABLE {table.qualified} SET SORTED BY (day, {entity})")


def replace_rows(
    connection: duckdb.DuckDBPyConnection,
    standing: str,
    tables: Sequence[TableDefinition],
    scopes: Sequence[Scope],
    changed: pl.DataFrame | None,
) -> None:
    """Give the current database, a lake, what the database ``standing`` has in ``tables``, and nothing else.

    Tables of days are looked at where ``changed`` says so
    (:func:`~layers_etl.warehouse.changed_days.load_changed_days`), the others on the days whose rows differ, part by
    part. Runs in the transaction of whoever calls.
    """
    by_name = {table.qualified: table for table in tables}
    for scope in scopes:
        names = [f'{schema}."{name}"' for schema, name in _tables_of_days(scope)]
        of_days = [by_name.pop(name) for name in names if name in by_name]
        if of_days:
            _replace_days(connection, standing, of_days, scope, changed)
    for table in by_name.values():
        for within in _what_differs(connection, standing, table):
            _replace(connection, standing, table, within)


def fill(connection: duckdb.DuckDBPyConnection, source: str, tables: Sequence[TableDefinition]) -> None:
    """Insert all that the database ``source`` has of ``tables``, which are empty, in the order of its days.

    In parts: to sort two years of history at once takes more memory than we allow ourselves.
    """
    for table in tables:
        rows, columns, day = f"{source}.{table.qualified}", _listed(table.columns), _day_by(table.dated_by)
        parts = load_sql("lake/parts").format(table=rows, day_of_row=day)
        for first, last in connection.execute(parts, {"rows": ROWS_AT_ONCE}).fetchall():
            connection.execute(
                f"INSERT INTO {table.qualified} ({columns}) "
                f"SELECT {columns} FROM {rows} WHERE {day} BETWEEN ? AND ? ORDER BY {day}",
                [first, last],
            )


def _replace_days(
    connection: duckdb.DuckDBPyConnection,
    standing: str,
    tables: Sequence[TableDefinition],
    scope: Scope,
    changed: pl.DataFrame | None,
) -> None:
    both = [f"{prefix}{table.qualified}" for table in tables for prefix in ("", f"{standing}.")]
    if changed is None:
        days = " UNION ALL ".join(f"SELECT project_id, {scope.id_column}, day FROM {table}" for table in both)
        run_script(connection, load_sql("lake/every_window").format(id_column=scope.id_column, tables=days))
    else:
        register(connection, "incoming_changes", changed)
        run_script(connection, load_sql("lake/changed_windows").format(scope=scope.name))
        connection.unregister("incoming_changes")
    for since, until in stretches(connection, "changed_windows", "changed_days", both):
        within = (
            f"day >= DATE '{since}' AND day < DATE '{until}' "
            f"AND (project_id, {scope.id_column}, day) IN (FROM changed_days)"
        )
        for table in tables:
            _replace(connection, standing, table, within)


def _replace(connection: duckdb.DuckDBPyConnection, standing: str, table: TableDefinition, within: str) -> None:
    columns = [f'"{column}"' for column in table.columns]
    script = load_sql("lake/replace_rows").format(
        published=table.qualified,
        standing=f"{standing}.{table.qualified}",
        columns=", ".join(columns),
        within=within,
        same=same(columns, "published", "standing", nullable=columns),
    )
    run_script(connection, script)


def _what_differs(connection: duckdb.DuckDBPyConnection, standing: str, table: TableDefinition) -> Iterator[str]:
    """Conditions that together meet every row that is not the same on both sides, and few others."""
    day_of_row = _day_by(table.arrived_by)
    query = load_sql("lake/differing_days").format(
        published=table.qualified,
        standing=f"{standing}.{table.qualified}",
        columns=_listed(table.columns),
        day_of_row=day_of_row,
    )
    for (days,) in connection.execute(query, {"rows": ROWS_AT_ONCE}).fetchall():
        listed = ", ".join(f"DATE '{day}'" for day in days)
        yield f"{day_of_row} IN ({listed})"


def _tables_of_days(scope: Scope) -> Iterator[tuple[str, str]]:
    yield "ads", scope.metrics_table
    yield "ads", scope.metrics_history_table
    yield "marts", scope.daily_mart


def _day_by(column: str | None) -> str:
    """The expression that gives the day of each row; where rows have none, it is the same for all."""
    return f'"{column}"::DATE' if column else "DATE 'epoch'"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
