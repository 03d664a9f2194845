"""The views and macros as a file has them, every placeholder filled: to be read, and to see what a change changes.

``python -m layers_etl.warehouse.rendered_views PATH`` writes those of a new warehouse with the default scopes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.domain.scopes import AD_ACCOUNT, DEFAULT_SCOPES, SCOPES
from layers_etl.warehouse.sql import without_remarks
from layers_etl.warehouse.views import view_definitions

HEADING: Final = """\
-- The views and macros of a warehouse that reads campaigns and ad accounts, as layers_etl makes them. What columns hold
-- is in data-dictionary.md. Made by `make docs` from layers_etl/warehouse/sql/views; a test holds it in step.
"""

_MAKING: Final = ("CREATE OR REPLACE VIEW", "CREATE OR REPLACE MACRO")


def render_views() -> str:
    """Every statement that makes a view or macro, in the order in which they are made."""
    scopes = tuple(scope for name, scope in SCOPES.items() if name in DEFAULT_SCOPES)
    made = "\n".join(view_definitions((), scopes, AD_ACCOUNT))
    with duckdb.connect() as connection:
        statements = [statement.query.strip() for statement in connection.extract_statements(made)]
    views = [statement for statement in statements if without_remarks(statement).startswith(_MAKING)]
    return "\n\n".join([HEADING.rstrip(), *(f"{view.removesuffix(';')};" for view in views)]) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_views(), encoding="utf-8")
