"""Everything in the file says what it is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from layers_etl.domain.metrics import RATIOS
from layers_etl.domain.scopes import SCOPES
from layers_etl.warehouse.build import open_warehouse

FOUND = {
    "table": "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal AND NOT temporary",
    "view": "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
    "column": "SELECT schema_name || '.' || table_name || '.' || column_name, comment FROM duckdb_columns()"
    " WHERE NOT internal",
    "macro": "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro'",
}


@pytest.fixture(scope="module")
def every_scope(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new file with all there can be in one, opened a second time as every run does."""
    path = tmp_path_factory.mktemp("scopes") / "build.duckdb"
    for _ in range(2):
        with open_warehouse(path, SCOPES.values()):
            pass
    return path


@pytest.mark.parametrize("kind", FOUND)
def test_nothing_lacks_a_comment(every_scope: Path, kind: str) -> None:
    with duckdb.connect(str(every_scope), read_only=True) as connection:
        comments = dict(connection.execute(FOUND[kind]).fetchall())

    assert len(comments) >= len(RATIOS)
    assert [name for name, comment in comments.items() if not (comment or "").strip()] == []


def test_the_comments_are_in_the_published_file(analyst: duckdb.DuckDBPyConnection) -> None:
    for query in FOUND.values():
        assert all(comment for _, comment in analyst.execute(query).fetchall())


def test_what_must_not_be_summed_says_so(analyst: duckdb.DuckDBPyConnection) -> None:
    for name, comment in analyst.execute(
        "SELECT column_name, comment FROM duckdb_columns()"
        " WHERE schema_name = 'marts' AND column_name IN ('cpa', 'cpc', 'cpm', 'ctr', 'roas', 'reach', 'frequency')"
    ).fetchall():
        assert any(words in comment for words in ("never sum", "Not additive", "no sum of days")), name
