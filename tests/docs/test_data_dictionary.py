"""docs/data-dictionary.md is what the file says of itself."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from layers_etl.domain.scopes import SCOPES
from layers_etl.warehouse.dictionary import render_dictionary, render_full_dictionary
from layers_etl.warehouse.tables import SCHEMAS, scope_tables

DOCUMENT = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


@pytest.fixture(scope="module")
def everything() -> str:
    """The dictionary of a file with every scope."""
    return render_full_dictionary()


def test_the_document_is_in_step_with_the_file(everything: str) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == everything, "make docs writes it anew"


def test_it_names_every_schema_and_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for purpose in SCHEMAS.values():
        assert purpose in text
    for scope in SCOPES.values():
        for table in scope_tables(scope):
            assert f"### `{table.qualified}`" in text


def test_what_only_some_files_have_is_marked(analyst: duckdb.DuckDBPyConnection, everything: str) -> None:
    of_this_file = render_dictionary(analyst)
    assert "Only where" not in of_this_file
    for section in everything.split("\n### ")[1:]:
        title = section.splitlines()[0]
        in_this_file = f"### {title}" in of_this_file
        assert in_this_file != ("Only where `LAYERS_SCOPES`" in section), title
