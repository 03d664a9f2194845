"""What SQL reckons of days, closes and hours to settle is what ``domain/settlement.py`` does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import day_close, day_start
from layers_etl.domain.settlement import ONE_HOUR, settled_before, settles_at
from layers_etl.warehouse import sql
from layers_etl.warehouse.build import open_warehouse

from ..examples import examples

MICROSECOND = timedelta(microseconds=1)
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
HOURS = st.sampled_from([0, 1, 24, 72, 78, 672]) | st.integers(0, 10_000)


@st.composite
def readings(draw: st.DrawFn) -> tuple[date, int, datetime]:
    """A day, hours to settle, and an instant: any, or one about when it matters."""
    day, hours = draw(DAYS), draw(HOURS)
    about = settles_at(day, hours) + draw(st.integers(-2, 2)) * MICROSECOND
    anywhere = day_start(day) + draw(st.timedeltas(-timedelta(days=800), timedelta(days=800)))
    return day, hours, draw(st.sampled_from([about, anywhere]))


@pytest.fixture(scope="module", params=["UTC", "America/New_York", "Asia/Kolkata"])
def client(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Any client's database, in some time zone, with a new file attached."""
    path = tmp_path_factory.mktemp("macros") / "build.duckdb"
    with open_warehouse(path, []):
        pass
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{request.param}'")
        connection.execute(f"ATTACH '{path}' AS layers (READ_ONLY)")
        yield connection


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(readings(), min_size=1, max_size=40))
def test_sql_and_python_reckon_alike(
    client: duckdb.DuckDBPyConnection, cases: list[tuple[date, int, datetime]]
) -> None:
    found = client.execute(
        """
        SELECT
          epoch_us(layers.ops.after_close(day, hours)), layers.ops.settled_before(read_at, hours),
          layers.ops.utc_day(read_at), layers.ops.hours_after_close(day, read_at),
          read_at >= layers.ops.after_close(day, hours), layers.ops.hours_after_close(day, read_at) >= hours,
          day < layers.ops.settled_before(read_at, hours)
        FROM (SELECT unnest($days::DATE[]) AS day, unnest($hours::INTEGER[]) AS hours, unnest($instants) AS read_at)
        """,
        dict(zip(("days", "hours", "instants"), map(list, zip(*cases, strict=True)), strict=True)),
    ).fetchall()
    for (after, before, of_day, lag, *late_enough), (day, hours, read_at) in zip(found, cases, strict=True):
        assert datetime(1970, 1, 1, tzinfo=UTC) + after * MICROSECOND == settles_at(day, hours)
        assert before == settled_before(read_at, hours)
        assert of_day == read_at.date()
        assert lag == pytest.approx((read_at - day_close(day)) / ONE_HOUR, rel=1e-15)
        assert late_enough == [read_at >= settles_at(day, hours)] * 3


def test_what_is_not_known_stays_unknown(client: duckdb.DuckDBPyConnection) -> None:
    (unknown,) = client.execute(
        "SELECT layers.ops.after_close(DATE '2026-03-01', NULL), layers.ops.settled_before(NULL, 78),"
        " layers.ops.utc_day(NULL), layers.ops.hours_after_close(DATE '2026-03-01', NULL)"
    ).fetchall()
    assert set(unknown) == {None}


def test_no_other_file_reckons_by_itself() -> None:
    by_itself = re.compile(r"to_hours|86400|3600|1970-01-01|\+ \d\)?::TIMESTAMP")
    folder = Path(str(files(sql)))
    found = {path.name for path in folder.rglob("*.sql") if by_itself.search(path.read_text(encoding="utf-8"))}
    assert found == {"settlement.sql"}
