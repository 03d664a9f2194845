"""A column of the same name means the same everywhere: what views don't say of their columns, the tables do."""

from __future__ import annotations

from itertools import chain
from typing import Final

import duckdb

from layers_etl.domain.scopes import SCOPES
from layers_etl.warehouse.sql import load_sql
from layers_etl.warehouse.tables import OPS_TABLES, Column, key_columns, quote, scope_tables

# An id is the key of what it names before it is the parent of something else; a column is what it is where it is always
# known before what its absence means somewhere.
_COLUMNS: Final = (
    *chain.from_iterable(key_columns(scope) for scope in SCOPES.values()),
    *chain.from_iterable(table.columns for scope in SCOPES.values() for table in scope_tables(scope)),
    *sorted(chain.from_iterable(table.columns for table in OPS_TABLES), key=lambda column: not column.required),
)


def usual_measures() -> str:
    """The SQL that says of which unit the numbers of all tables are, and whether additive, by the columns' names."""
    numbers: dict[str, Column] = {}
    for column in _COLUMNS:
        if column.unit is not None:
            numbers.setdefault(column.name, column)
    rows = ",\n  ".join(
        f"(NULL, '{column.name}', {quote(column.unit or '')}, {column.additive})" for column in numbers.values()
    )
    return f"INSERT INTO measures (relation, column_name, unit, additive) VALUES\n  {rows};"


def usual_comments() -> dict[str, str]:
    """What the tables say of columns, by their names."""
    known: dict[str, str] = {}
    for column in _COLUMNS:
        known.setdefault(column.name, column.comment)
    return known


def inherit_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Give every column of a view that has no comment of its own the one that a table has under the same name."""
    known = usual_comments()
    rows = connection.execute(load_sql("columns_without_comment")).fetchall()
    if rows:
        connection.execute(
            "\n".join(
                f"COMMENT ON COLUMN {view}.{name} IS {quote(known[name])};" for view, name in rows if name in known
            )
        )
