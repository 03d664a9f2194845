"""Every client an analyst may have opens the published file and sees the same numbers, whatever its time zone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from layers_etl.warehouse.reconciliation_views import RECONCILIATIONS
from layers_etl.warehouse.rollups import ROLLUP_VIEWS

COMMAND_LINE = Path(sys.executable).with_name("duckdb")
SPEND = "SELECT sum(spend) AS spend, min(week) AS week FROM marts.campaign_weekly"
VIEWS = (
    *(f"marts.{view}" for view in ROLLUP_VIEWS),
    f"marts.{RECONCILIATIONS[0].view}",
    "marts.restatements",
    "marts.restatement_summary",
    "ops.day_states",
    "ops.read_intervals",
    "ads.campaign_metrics_versions",
)


@pytest.mark.slow
def test_the_duckdb_command_line_opens_it(published: Path, analyst: duckdb.DuckDBPyConnection) -> None:
    shown = subprocess.run(
        [COMMAND_LINE, "-readonly", "-json", str(published), SPEND], check=True, capture_output=True, text=True
    )
    ((spend, week),) = analyst.execute(SPEND).fetchall()
    (row,) = json.loads(shown.stdout, parse_float=Decimal)
    assert (Decimal(str(row["spend"])), row["week"]) == (spend, str(week))


def test_polars_gets_decimals_days_and_instants(analyst: duckdb.DuckDBPyConnection) -> None:
    frame = analyst.execute("FROM marts.campaign_daily").pl()
    assert frame.schema["spend"] == pl.Decimal(18, 4)
    assert frame.schema["day"] == pl.Date()
    assert frame.schema["observed_at"] == pl.Datetime("us", "UTC")
    assert analyst.execute("FROM marts.campaign_weekly").pl().schema["conversions"] == pl.Int64()


def test_arrow_gets_the_same_rows(analyst: duckdb.DuckDBPyConnection) -> None:
    table = analyst.execute("FROM marts.platform_weekly ORDER BY ALL").to_arrow_table()
    assert [tuple(row.values()) for row in table.to_pylist()] == analyst.execute(
        "FROM marts.platform_weekly ORDER BY ALL"
    ).fetchall()
    assert str(table.schema.field("spend").type) == "decimal128(38, 4)"


@pytest.mark.parametrize("view", [*VIEWS[-6:], *(pytest.param(view, marks=pytest.mark.slow) for view in VIEWS[:-6])])
def test_another_database_attaches_it_and_no_time_zone_changes_an_answer(
    published: Path, analyst: duckdb.DuckDBPyConnection, view: str
) -> None:
    expected = analyst.execute(f"FROM {view} ORDER BY ALL").fetchall()
    for zone in ("America/Los_Angeles", "Asia/Kolkata"):
        with duckdb.connect() as elsewhere:
            elsewhere.execute(f"SET TimeZone = '{zone}'")
            elsewhere.execute(f"ATTACH '{published}' AS layers (READ_ONLY)")
            found = elsewhere.execute(f"FROM layers.{view} ORDER BY ALL").fetchall()
        assert len(found) == len(expected) > 0
        assert all(_alike(one, other) for one, other in zip(found, expected, strict=True))


def test_no_relation_has_a_type_that_other_clients_lack(analyst: duckdb.DuckDBPyConnection) -> None:
    known = {"VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE", "JSON"}
    types = analyst.execute("SELECT DISTINCT data_type FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert {name for (name,) in types} == known | {"DECIMAL(18,4)", "DECIMAL(38,4)"}


@pytest.mark.slow
def test_numbers_at_the_bounds_of_their_columns_make_no_view_fail(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / "warehouse.duckdb"
    shutil.copyfile(published, copy)
    with duckdb.connect(str(copy)) as connection:
        for table in (
            "ads.campaign_metrics",
            "ads.ad_account_metrics",
            "marts.campaign_daily",
            "marts.ad_account_daily",
        ):
            connection.execute(
                f"UPDATE {table} SET spend = 99999999999999.9999, conversion_value = 99999999999999.9999, "
                "impressions = 9223372036854775807, clicks = 9223372036854775807, conversions = 9223372036854775807"
            )
        for view in VIEWS:
            assert connection.execute(f"SELECT * FROM {view}").fetchall()
        ((most, spend),) = connection.execute(
            "SELECT max(impressions), max(spend) FROM marts.platform_monthly"
        ).fetchall()
        ((agrees,),) = connection.execute(
            "SELECT bool_or(agrees) FROM marts.reconciliation WHERE campaigns > 1 AND campaigns_impressions IS NULL"
        ).fetchall()
    assert most is None
    assert spend > Decimal(10) ** 14
    assert agrees is False


def _alike(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Sums of doubles are taken in any order."""
    return all(
        a == b or (isinstance(a, float) and isinstance(b, float) and a == pytest.approx(b))
        for a, b in zip(one, other, strict=True)
    )
