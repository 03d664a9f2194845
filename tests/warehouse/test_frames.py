"""A frame says the same to DuckDB whether it gets there through pyarrow or without it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, timedelta, timezone

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from layers_etl.domain.readings import FRAME_SCHEMA
from layers_etl.warehouse.frames import fetch_frame, frame_rows, register

ROWS = """
from datetime import UTC, date, datetime
from decimal import Decimal
from layers_etl.domain.readings import FRAME_SCHEMA
from layers_etl.warehouse.frames import register
import duckdb, polars as pl

LONG = "longer than what fits beside its length"
rows = {
    "text": ["a", LONG, None, ""],
    "day": [date(2026, 3, 1), None, date(1, 1, 1), date(9999, 12, 31)],
    "at": [datetime(2026, 3, 1, 6, tzinfo=UTC), None, datetime(1900, 1, 1, tzinfo=UTC), None],
    "money": [Decimal("0.0001"), Decimal("99999999999999.9999"), None, Decimal("-1.5")],
    "number": [0.1, float("inf"), None, 2.0**53],
    "is_so": [True, False, None, True],
    "count": [2**53, 0, None, -1],
}
frame = pl.DataFrame(rows, schema_overrides={"money": pl.Decimal(18, 4), "at": pl.Datetime("us", "UTC")})
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
register(connection, "frame", frame)
for query in (
    "FROM frame", "FROM frame WHERE text = 'a'", f"FROM frame WHERE text > '{LONG[:-1]}'",
    "FROM frame WHERE day IS NULL",
    "SELECT typeof(COLUMNS(*)) FROM frame LIMIT 1", "FROM frame AS a JOIN frame AS b USING (text, day)",
):
    print(connection.execute(query).fetchall())
register(connection, "empty", pl.DataFrame(schema=FRAME_SCHEMA))
print(connection.execute("SELECT count(*) FROM empty WHERE day > DATE '2026-01-01'").fetchall())
"""
WITHOUT = 'import sys; sys.modules["pyarrow"] = None\n'


def said(program: str) -> str:
    """What a process of its own prints: DuckDB remembers what it could import."""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_frame_says_the_same_with_pyarrow_and_without() -> None:
    pytest.importorskip("pyarrow")
    with_it, without = said(ROWS), said(WITHOUT + ROWS + "assert not sys.modules['pyarrow']")
    assert without == with_it
    assert without.count("\n") == 7
    assert "99999999999999.9999" in without


def test_what_is_fetched_has_the_types_of_the_query() -> None:
    with duckdb.connect() as connection:
        register(connection, "frame", pl.DataFrame({"one": [1, 2]}))
        fetched = fetch_frame(
            connection, "SELECT one, one::DECIMAL(18,4) AS money FROM frame WHERE one > $least", {"least": 1}
        )
        nothing = fetch_frame(connection, "SELECT DATE '2026-03-01' AS day WHERE false")
    assert fetched.schema == {"one": pl.Int64(), "money": FRAME_SCHEMA["conversion_value"]}
    assert fetched.rows()[0][0] == 2
    assert nothing.schema == {"day": pl.Date()}


INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]))
SCHEMA = pl.Schema(
    {
        "text": pl.String(),
        "day": pl.Date(),
        "at": pl.Datetime("us", "UTC"),
        "days": pl.List(pl.Date()),
        "is_so": pl.Boolean(),
        "count": pl.Int64(),
    }
)
A_ROW = st.tuples(
    st.none() | st.text(),
    st.none() | st.dates(),
    st.none() | INSTANTS,
    st.lists(st.dates(), max_size=3),
    st.none() | st.booleans(),
    st.none() | st.integers(-(2**53), 2**53),
)


@given(rows=st.lists(A_ROW, max_size=5))
def test_a_frame_of_rows_is_what_polars_makes_of_them(rows: list[tuple[object, ...]]) -> None:
    assert_frame_equal(frame_rows(rows, SCHEMA), pl.DataFrame(rows, schema=SCHEMA, orient="row"))
