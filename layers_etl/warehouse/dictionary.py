"""The data dictionary: every table, view, column and macro of a file with its comment, as Markdown.

``python -m layers_etl.warehouse.dictionary PATH`` writes it for a new, empty warehouse with every scope.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.domain.scopes import DEFAULT_SCOPES, SCOPES, Scope
from layers_etl.warehouse.reconciliation_views import RECONCILIATIONS
from layers_etl.warehouse.schema import migrate
from layers_etl.warehouse.sql import load_sql
from layers_etl.warehouse.tables import SCHEMAS, scope_tables

TITLE: Final = """\
# Data dictionary

Every table, view, column and macro of the published file, from the comments it carries: in SQL, `duckdb_tables()`,
`duckdb_views()`, `duckdb_columns()` and `duckdb_functions()` show the same. Made by `make docs`; a test holds it in
step.

All days are UTC day buckets and all instants are UTC. Money is in the currency of the row and never converted. What is
marked *Additive* may be summed over days and entities, money within one currency; nothing else may.
"""


def render_dictionary(connection: duckdb.DuckDBPyConnection) -> str:
    """The dictionary of the file that ``connection`` has open."""
    columns: dict[tuple[str, str], list[str]] = defaultdict(list)
    for schema, relation, name, kind, nullable, comment in _rows(connection, "dictionary_columns"):
        required = "" if nullable else ", never null"
        columns[schema, relation].append(f"| `{name}` | {kind}{required} | {_cell(comment)} |")
    parts = [TITLE]
    relations = _rows(connection, "dictionary_relations")
    for schema, purpose in SCHEMAS.items():
        parts.append(f"## Schema `{schema}`\n\n{purpose}\n")
        for of_schema, name, kind, comment in relations:
            if of_schema == schema:
                parts.append(_relation(f"{schema}.{name}", kind, comment, columns[schema, name]))
        macros = [row for row in _rows(connection, "dictionary_macros") if row[0] == schema]
        if macros:
            parts.append(_macros(macros))
    return "\n".join(parts)


def render_full_dictionary() -> str:
    """The dictionary of a new warehouse that reads every scope."""
    with duckdb.connect() as connection:
        migrate(connection, Path(":memory:"), tuple(SCOPES.values()))
        return render_dictionary(connection)


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, ...]]:
    return connection.execute(load_sql(query)).fetchall()


def _relation(name: str, kind: str, comment: str, columns: list[str]) -> str:
    scope = _SCOPE_THAT_BRINGS.get(name)
    only = f" Only where `LAYERS_SCOPES` has `{scope.name}`." if scope else ""
    table = "\n".join(["| column | type | |", "|---|---|---|", *columns])
    return f"### `{name}`\n\n*{kind}.* {comment}{only}\n\n{table}\n"


def _macros(macros: list[tuple[str, ...]]) -> str:
    lines = [
        f"| `{schema}.{name}({', '.join(parameters)})` | {_cell(comment)} |"
        for schema, name, parameters, comment in macros
    ]
    return "\n".join([f"### Macros of `{macros[0][0]}`\n", "| macro | |", "|---|---|", *lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _optional_relations() -> dict[str, Scope]:
    """What is not in every file, and the scope that brings it."""
    optional = [scope for name, scope in SCOPES.items() if name not in DEFAULT_SCOPES]
    # Projects are listed in every run; what their own numbers need is not there without them.
    listed = {f"ads.{scope.plural}" for scope in optional if scope.name == "project"} | {"ads.project_history"}
    return {
        **{
            table.qualified: scope
            for scope in optional
            for table in scope_tables(scope)
            if table.qualified not in listed
        },
        **{f"ads.{scope.name}_metrics_versions": scope for scope in optional},
        **{f"marts.{each.view}": each.parent for each in RECONCILIATIONS if each.parent in optional},
    }


_SCOPE_THAT_BRINGS: Final = _optional_relations()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_full_dictionary(), encoding="utf-8")
