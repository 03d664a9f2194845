"""docs/views.sql is what makes the views and macros of a file."""

from __future__ import annotations

from pathlib import Path

import duckdb

from layers_etl.domain.scopes import DEFAULT_SCOPES, SCOPES
from layers_etl.warehouse.rendered_views import render_views
from layers_etl.warehouse.schema import migrate

DOCUMENT = Path(__file__).parents[2] / "docs" / "views.sql"


def views_and_macros(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT schema_name, function_name, macro_definition FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
    ).fetchall()


def test_the_document_is_in_step() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_views(), "make docs writes it anew"


def test_it_makes_all_views_and_macros_of_a_new_warehouse() -> None:
    with duckdb.connect() as connection:
        migrate(connection, Path(":memory:"), [SCOPES[name] for name in DEFAULT_SCOPES])
        made = views_and_macros(connection)
        for schema, name, _ in made:
            connection.execute(f'DROP VIEW IF EXISTS {schema}."{name}"')
        connection.execute(DOCUMENT.read_text(encoding="utf-8"))

        assert views_and_macros(connection) == made
