"""Every DuckDB from 1.1 on and every client of docs/connect.md reads the whole published file, and reads the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ..docs.test_queries import questions
from ..packages import installed, run_with
from .read_by_client import CLIENTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # what is installed comes over a network

VERSIONS = ("1.1.0", "1.4.0", "1.4.2", "2.0.0")
"""The oldest, and the last of each kind that once read something else: 1.3 and 1.4.0 join by instants wrongly, 1.4.1
and 1.4.2 know no alias within a list, 2.0.0 forgets the default of lead."""

OTHER_PACKAGES = (
    *("pandas", "numpy", "python-dateutil", "six", "tzdata"),
    *("sqlalchemy<2.1", "duckdb-engine", "greenlet", "packaging", "adbc-driver-manager"),
    *("ibis-framework", "sqlglot", "atpublic", "toolz", "parsy", "pyarrow-hotfix"),
    "xlsxwriter",
)
"""What the clients need beside what this project has (duckdb, polars, pyarrow, pytz, rich, typing-extensions)."""

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "connect.md"


@pytest.fixture(scope="session")
def queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """docs/queries.md as JSON."""
    path = tmp_path_factory.mktemp("queries") / "queries.json"
    path.write_text(json.dumps({question.title: question.sql for question in questions()}), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def read_here(published: Path, queries: Path) -> dict[str, Any]:
    """What this project's own duckdb reads."""
    return json.loads(run_with(None, HERE / "read_everything.py", published, queries))["found"]


@pytest.mark.parametrize("version", VERSIONS)
def test_another_version_of_duckdb_reads_the_same(
    published: Path, queries: Path, read_here: dict[str, Any], version: str, request: pytest.FixtureRequest
) -> None:
    packages = installed(request.config.cache, f"duckdb-{version}", f"duckdb=={version}")
    told = json.loads(run_with(packages, HERE / "read_everything.py", published, queries))
    assert told["version"] == version
    differing = {name: rows for name, rows in told["found"].items() if not _alike(rows, read_here.get(name), version)}
    assert told["found"].keys() == read_here.keys()
    assert not differing


def _alike(rows: Any, expected: Any, version: str) -> bool:
    if isinstance(rows, str) or isinstance(expected, str) or len(rows) != len(expected):
        return False
    nearly = 1e-6  # sums of doubles are taken in any order
    if version.startswith("2."):
        nearly = 0.101  # round() takes a tie the other way, to a tenth at the coarsest
        rows = json.loads(json.dumps(rows).replace("DECIMAL(19,4)", "DECIMAL(18,4)"))  # the difference of two of these
    return all(
        one == other and floats == pytest.approx(others, abs=nearly)
        for (one, floats), (other, others) in zip(rows, expected, strict=True)
    )


@pytest.fixture
def clients(request: pytest.FixtureRequest) -> Path:
    return installed(request.config.cache, "clients-and-excel", *OTHER_PACKAGES)


@pytest.mark.parametrize("client", CLIENTS)
def test_another_client_reads_every_relation_whole(
    published: Path, analyst: duckdb.DuckDBPyConnection, clients: Path, client: str
) -> None:
    names = [
        f"{schema}.{name}"
        for schema, name in analyst.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal UNION ALL "
            "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    ]
    counts = [analyst.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names]
    told = run_with(clients, HERE / "read_by_client.py", client, published, *names)
    assert [int(line) for line in told.splitlines()] == counts


@pytest.mark.parametrize(
    "statements", re.findall(r"```sql\n((?!INSTALL).*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
)
def test_marts_come_first_where_the_document_says_so(analyst: duckdb.DuckDBPyConnection, statements: str) -> None:
    first, *_ = analyst.execute(statements).fetchall()
    assert first[0] == "ad_account_daily"


SNIPPETS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.split("\n")[0])
def test_every_snippet_of_the_document_runs(published: Path, clients: Path, tmp_path: Path, snippet: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "warehouse.duckdb").symlink_to(published)
    assert run_with(clients, "-c", snippet, cwd=tmp_path).strip()
