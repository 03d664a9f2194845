"""The data dictionary of a file (``ops.dictionary``) as Markdown.

``python -m layers_etl.warehouse.dictionary PATH`` writes it for a new, empty warehouse with every scope.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl

from layers_etl.domain.scopes import DEFAULT_SCOPES, SCOPES, Scope
from layers_etl.warehouse.frames import fetch_frame
from layers_etl.warehouse.reconciliation_views import RECONCILIATIONS
from layers_etl.warehouse.schema import migrate
from layers_etl.warehouse.sql import load_sql
from layers_etl.warehouse.tables import SCHEMAS, scope_tables

TITLE: Final = """\
# Data dictionary

Every table, view, column and macro of the published file, from its table `ops.dictionary`, which can be queried;
`duckdb_tables()`, `duckdb_views()`, `duckdb_columns()` and `duckdb_functions()` show the same texts as comments. Made
by `make docs`; a test holds it in step.

All days are UTC day buckets and all instants are UTC. Money is in the currency of the row and never converted. What is
*additive* may be summed over days and entities, money within one currency; nothing else may.
"""


def render_dictionary(connection: duckdb.DuckDBPyConnection) -> str:
    """The dictionary of the file that ``connection`` has open."""
    rows = fetch_frame(connection, load_sql("dictionary"))
    parts = [TITLE]
    for schema, purpose in SCHEMAS.items():
        parts.append(f"## Schema `{schema}`\n\n{purpose}\n")
        of_schema = rows.filter(pl.col("schema_name") == schema)
        relations = of_schema.filter(pl.col("kind") != "macro")
        parts += [
            _relation(f"{schema}.{name}", columns.rows(named=True))
            for (name,), columns in relations.group_by("relation_name", maintain_order=True)
        ]
        if macros := of_schema.filter(pl.col("kind") == "macro").rows(named=True):
            parts.append(_macros(macros))
    return "\n".join(parts)


def render_full_dictionary() -> str:
    """The dictionary of a new warehouse that reads every scope."""
    with duckdb.connect() as connection:
        migrate(connection, Path(":memory:"), tuple(SCOPES.values()))
        return render_dictionary(connection)


def _relation(name: str, columns: Sequence[Mapping[str, Any]]) -> str:
    scope = _SCOPE_THAT_BRINGS.get(name)
    only = f" Only where `LAYERS_SCOPES` has `{scope.name}`." if scope else ""
    table = "\n".join(["| column | type | unit | |", "|---|---|---|---|", *map(_column, columns)])
    return f"### `{name}`\n\n*{columns[0]['kind']}.* {columns[0]['relation_text']}{only}\n\n{table}\n"


def _column(row: Mapping[str, Any]) -> str:
    required = ", never null" if row["required"] else ""
    unit = f"{row['unit'] or ''}{', additive' if row['additive'] else ''}"
    return f"| `{row['column_name']}` | {row['column_type']}{required} | {unit} | {_cell(row['column_text'])} |"


def _macros(macros: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"| `{row['schema_name']}.{row['relation_name']}({row['parameters']})` | {_cell(row['relation_text'])} |"
        for row in macros
    ]
    return "\n".join([f"### Macros of `{macros[0]['schema_name']}`\n", "| macro | |", "|---|---|", *lines, ""])


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
