"""The views and macros of a lake: the very ones of the file, without the comments that DuckLake takes none of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import duckdb

from layers_etl.warehouse.schema import Content
from layers_etl.warehouse.sql import without_remarks
from layers_etl.warehouse.tables import Table
from layers_etl.warehouse.views import view_definitions

_NO_COMMENT_TAKEN: Final = ("COMMENT ON MACRO", "COMMENT ON COLUMN")
"""Of macros and of views' columns (DuckLake 1.0): ``ops.dictionary`` has the texts."""


def write_views(connection: duckdb.DuckDBPyConnection, content: Content) -> None:
    """Within a transaction in a lake: every view and macro of ``content``, made anew."""
    for definition in view_definitions(content.tables, content.scopes, content.summed):
        for statement in connection.extract_statements(definition):
            if _is_taken(without_remarks(statement.query), content.tables):
                connection.execute(statement)
    connection.execute("DROP TABLE measures")


def _is_taken(statement: str, tables: Iterable[Table]) -> bool:
    return not statement.startswith(_NO_COMMENT_TAKEN) or any(
        statement.startswith(f"COMMENT ON COLUMN {table.qualified}.") for table in tables
    )
