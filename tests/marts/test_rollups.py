"""Weeks, months, platforms and projects: sums and ratios of the right days, and honest about what is missing."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from layers_etl.domain.days import DayWindow, week_start
from layers_etl.domain.metrics import ADDITIVE, RATIOS
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, Scope
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import mark_gone, upsert_entities
from layers_etl.warehouse.rollups import ROLLUP_VIEWS
from layers_etl.warehouse.runs import record_horizon

from ..harness.fresh import fresh_warehouse
from ..warehouse.builders import (
    ACCOUNT,
    CAMPAIGN,
    PROJECT_ID,
    A,
    account,
    campaign,
    derive,
    land,
    march,
    reading,
    rows,
    spends,
    utc,
    window,
)

OTHER_ACCOUNT = EntityKey(AD_ACCOUNT, PROJECT_ID, "acc_2", "meta_ads")
MONDAY = march(2)
WEEK = window(2, 8)
LATE = utc(3, 20)
"""When every day until the 16th is settled."""

KEYS = {
    "campaign": ("project_id", "campaign_id", "currency"),
    "ad_account": ("project_id", "ad_account_id", "currency"),
    "platform": ("project_id", "platform", "currency"),
    "project": ("project_id", "currency"),
}
PERIODS = {"daily": "day", "weekly": "week", "monthly": "month"}

Row = dict[str, Any]


def period_of(day: date, period: str) -> date:
    return {"day": day, "week": week_start(day), "month": day.replace(day=1)}[period]


def dicts(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def listed(warehouse: Warehouse) -> Warehouse:
    """One project with two accounts of Meta in dollars, and one campaign."""
    make_known(warehouse)
    return warehouse


def make_known(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO ops.settling VALUES ('*', 72), ('', 72)")
    record_horizon(warehouse, march(1), march(19))
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [account("acc_1"), account("acc_2")], utc(3, 1))
    upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], [campaign("cmp_a")], utc(3, 1))


def week_of(
    warehouse: Warehouse, view: str, columns: str = "settled, days_read, days, running"
) -> list[tuple[Any, ...]]:
    return rows(warehouse, f"SELECT {columns} FROM marts.{view} WHERE week = ? ORDER BY currency", [MONDAY])


@pytest.mark.parametrize("view", ROLLUP_VIEWS)
def test_every_rollup_is_the_sum_of_its_days_with_ratios_of_the_sums(
    analyst: duckdb.DuckDBPyConnection, view: str
) -> None:
    entity, _, suffix = view.rpartition("_")
    period, keys = PERIODS[suffix], KEYS[entity]
    base = "campaign_daily" if entity == "campaign" else "ad_account_daily"
    sums: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(lambda: dict.fromkeys(ADDITIVE))
    for row in dicts(analyst, f"FROM marts.{base}"):
        found = sums[(*(row[key] for key in keys), period_of(row["day"], period))]
        for name in ADDITIVE:
            if row[name] is not None:
                found[name] = (found[name] or 0) + row[name]

    rolled_up = dicts(analyst, f"FROM marts.{view}")

    assert len(rolled_up) == len(sums) > 0
    for row in rolled_up:
        expected = sums[(*(row[key] for key in keys), row[period])]
        assert {name: row[name] for name in ADDITIVE} == expected
        for ratio in RATIOS:
            value = ratio.value(expected[ratio.numerator], expected[ratio.denominator])
            assert row[ratio.name] == (None if value is None else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize("view", [view for view in ROLLUP_VIEWS if view.startswith(("campaign", "ad_account"))])
def test_the_days_read_and_settled_are_those_of_the_ledger(analyst: duckdb.DuckDBPyConnection, view: str) -> None:
    scope, _, suffix = view.rpartition("_")
    period = PERIODS[suffix]
    read: dict[tuple[str, date], int] = defaultdict(int)
    settled: dict[tuple[str, date], int] = defaultdict(int)
    for entity_id, day, state in analyst.execute(
        "SELECT entity_id, day, state FROM ops.day_states WHERE scope = ?", [scope]
    ).fetchall():
        read[entity_id, period_of(day, period)] += state in ("settled", "provisional")
        settled[entity_id, period_of(day, period)] += state == "settled"

    for row in dicts(analyst, f"FROM marts.{view}"):
        key = row[f"{scope}_id"], row[period]
        assert row["days_read"] == read[key]
        assert row["settled"] == (settled[key] == row["days"])


@pytest.mark.slow
def test_a_quiet_day_that_was_read_does_not_unsettle_its_week(listed: Warehouse) -> None:
    land(listed, reading(A, WEEK, LATE, spends([march(3)], 10)))
    derive(listed)

    assert week_of(listed, "campaign_weekly") == [(True, 7, 7, False)]


def test_a_day_that_was_not_read_unsettles_its_week(listed: Warehouse) -> None:
    land(listed, reading(A, window(2, 6), LATE, spends([march(3)], 10)))
    land(listed, reading(A, window(8, 8), LATE, {}))
    derive(listed)

    assert week_of(listed, "campaign_weekly") == [(False, 6, 7, False)]


def test_a_provisional_day_counts_as_read_and_a_running_one_does_not(listed: Warehouse) -> None:
    land(listed, reading(A, WEEK, utc(3, 8, 12), spends(WEEK, 10)))
    derive(listed)

    assert week_of(listed, "campaign_weekly") == [(False, 6, 7, False)]


@pytest.mark.slow
@pytest.mark.parametrize(("last_day", "running"), [(7, True), (8, False)])
def test_a_week_is_running_until_its_sunday_has_closed(listed: Warehouse, last_day: int, running: bool) -> None:
    listed.connection.execute("DELETE FROM ops.horizon")
    record_horizon(listed, march(1), march(last_day))
    land(listed, reading(A, WEEK, LATE, spends(WEEK, 10)))
    derive(listed)

    assert week_of(listed, "campaign_weekly", "running") == [(running,)]


def test_a_change_of_currency_splits_a_week_and_no_sum_crosses_it(listed: Warehouse) -> None:
    land(listed, reading(A, window(2, 4), LATE, spends(window(2, 4), 10)), currency="EUR")
    land(listed, reading(A, window(5, 8), LATE, spends(window(5, 8), 1)))
    derive(listed)

    assert week_of(listed, "campaign_weekly", "currency, spend, settled") == [
        ("EUR", Decimal(30), True),
        ("USD", Decimal(4), True),
    ]


def test_an_unknown_conversion_value_is_left_out_of_the_sum_and_its_spend_is_not(listed: Warehouse) -> None:
    days = {
        march(2): {"spend": Decimal(10), "conversion_value": Decimal(30)},
        march(3): {"spend": Decimal(20), "conversion_value": None},
    }
    land(listed, reading(A, WEEK, LATE, days))
    derive(listed)

    assert week_of(listed, "campaign_weekly", "conversion_value, spend, roas") == [(Decimal(30), Decimal(30), 1.0)]


def test_a_ratio_is_of_the_days_that_know_both_of_its_sides_and_says_how_many_know_all(listed: Warehouse) -> None:
    whole = {"spend": Decimal("94.50"), "impressions": 9_000, "clicks": 90, "conversions": 9}
    days = {
        march(2): whole,
        march(3): {**whole, "spend": None},
        march(4): {**whole, "clicks": None},
        march(5): {**whole, "impressions": None},
        march(6): {**whole, "conversions": None},
    }
    land(listed, reading(A, WEEK, LATE, days))
    land(listed, reading(ACCOUNT, WEEK, LATE, days))
    derive(listed)
    derive(listed, AD_ACCOUNT)

    for view in ("campaign_weekly", "ad_account_weekly", "platform_weekly", "project_weekly"):
        columns = "spend, impressions, clicks, conversions, cpa, cpc, cpm, ctr, entity_days, entity_days_complete"
        assert week_of(listed, view, columns) == [
            (Decimal(378), 36_000, 360, 36, 10.5, pytest.approx(1.05), pytest.approx(10.5), 0.01, 5, 1)
        ], view


def test_a_ratio_of_which_no_day_knows_both_sides_is_null(listed: Warehouse) -> None:
    land(listed, reading(A, WEEK, LATE, {march(2): {"spend": Decimal(10)}, march(3): {"clicks": 5}}))
    derive(listed)

    assert week_of(listed, "campaign_weekly", "spend, clicks, cpc, entity_days, entity_days_complete") == [
        (Decimal(10), 5, None, 2, 0)
    ]


def test_a_month_that_is_read_from_its_middle_is_not_settled(listed: Warehouse) -> None:
    record_horizon(listed, march(1), date(2026, 4, 20))
    land(listed, reading(A, window(10, 31), utc(4, 20), spends(window(10, 31), 1)))
    derive(listed)

    assert rows(listed, "SELECT month, settled, days_read, days FROM marts.campaign_monthly") == [
        (march(1), False, 22, 31)
    ]


def test_a_platform_is_settled_when_every_account_is_quiet_ones_too(listed: Warehouse) -> None:
    land(listed, reading(ACCOUNT, WEEK, LATE, spends(WEEK, 10)), reading(OTHER_ACCOUNT, WEEK, LATE, {}))
    derive(listed, AD_ACCOUNT)

    assert week_of(listed, "platform_weekly") == [(True, 7, 7, False)]


@pytest.mark.slow
def test_an_account_that_could_not_be_read_unsettles_its_platform_and_project(listed: Warehouse) -> None:
    land(listed, reading(ACCOUNT, WEEK, LATE, spends(WEEK, 10)))
    land(listed, reading(OTHER_ACCOUNT, window(2, 4), LATE, {}))
    derive(listed, AD_ACCOUNT)

    assert week_of(listed, "platform_weekly") == [(False, 3, 7, False)]
    assert week_of(listed, "project_weekly") == [(False, 3, 7, False)]
    assert rows(listed, "SELECT day, settled FROM marts.platform_daily WHERE day BETWEEN '2026-03-04' AND '2026-03-05'"
                " ORDER BY day") == [(march(4), True), (march(5), False)]  # fmt: skip


@pytest.mark.slow
def test_an_account_in_another_currency_does_not_unsettle(listed: Warehouse) -> None:
    accounts = [account("acc_1"), account("acc_2", currency="EUR")]
    upsert_entities(listed, AD_ACCOUNT, [PROJECT_ID], accounts, utc(3, 2))
    land(listed, reading(ACCOUNT, WEEK, LATE, spends(WEEK, 10)))
    derive(listed, AD_ACCOUNT)

    assert week_of(listed, "project_weekly") == [(True, 7, 7, False)]


@pytest.mark.slow
def test_an_account_that_is_gone_counts_where_it_has_numbers_and_nowhere_else(listed: Warehouse) -> None:
    days = DayWindow(march(2), march(16))
    land(listed, reading(ACCOUNT, days, LATE, spends(days, 10)))
    land(listed, reading(OTHER_ACCOUNT, window(2, 4), LATE, spends(window(2, 4), 10)))
    mark_gone(listed, [OTHER_ACCOUNT], LATE)
    derive(listed, AD_ACCOUNT)

    settled = rows(listed, "SELECT week, settled, days_read FROM marts.platform_weekly ORDER BY week")
    assert settled == [(MONDAY, False, 3), (MONDAY + timedelta(days=7), True, 7)]


@pytest.mark.slow
def test_a_platform_that_is_not_named_is_summed_as_well(listed: Warehouse) -> None:
    nameless = EntityKey(AD_ACCOUNT, PROJECT_ID, "acc_3")
    upsert_entities(listed, AD_ACCOUNT, [PROJECT_ID], [account("acc_3", platform=None, currency=None)], utc(3, 2))
    land(listed, reading(nameless, WEEK, LATE, spends(WEEK, 1)), currency=None)
    derive(listed, AD_ACCOUNT)

    assert week_of(listed, "platform_weekly", "platform, currency, spend, settled") == [(None, None, Decimal(7), True)]


@pytest.mark.parametrize("view", [view for view in ROLLUP_VIEWS if not view.endswith("_weekly")])
def test_reach_is_null_where_the_api_has_no_figure_for_the_grain(analyst: duckdb.DuckDBPyConnection, view: str) -> None:
    assert analyst.execute(f"SELECT count(reach), count(frequency) FROM marts.{view}").fetchall() == [(0, 0)]


@pytest.mark.slow
def test_the_name_is_the_current_one(listed: Warehouse) -> None:
    land(listed, reading(A, WEEK, LATE, spends(WEEK, 10)))
    derive(listed)
    upsert_entities(listed, CAMPAIGN, [PROJECT_ID], [campaign("cmp_a", name="New")], utc(3, 21))

    assert week_of(listed, "campaign_weekly", "campaign_name, ad_account_name, platform") == [
        ("New", "Account acc_1", "meta_ads")
    ]


def test_a_project_is_named(analyst: duckdb.DuckDBPyConnection) -> None:
    ((named,),) = analyst.execute(
        f"SELECT bool_and(project_name IS NOT NULL) FROM marts.{PROJECT.name}_weekly"
    ).fetchall()
    assert named


@pytest.mark.slow
def test_platforms_and_projects_are_sums_of_campaigns_where_accounts_are_not_read(tmp_path: Path) -> None:
    build = tmp_path / "build.duckdb"
    with fresh_warehouse(build, (CAMPAIGN,)) as warehouse:
        make_known(warehouse)
        upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], [campaign("cmp_a"), campaign("cmp_b", "acc_2")], utc(3, 1))
        land(warehouse, reading(A, WEEK, LATE, spends(WEEK, 10)))
        derive(warehouse)
        for view in ("platform_weekly", "project_weekly"):
            assert week_of(warehouse, view, "spend, settled, days_read") == [(Decimal(70), False, 0)], "cmp_b lacks"
        land(warehouse, reading(EntityKey(CAMPAIGN, PROJECT_ID, "cmp_b", "meta_ads"), WEEK, LATE, {}))
        assert week_of(warehouse, "platform_weekly", "platform, settled, days_read") == [("meta_ads", True, 7)]
        assert rows(warehouse, "SELECT DISTINCT ad_account_spend, agrees FROM marts.reconciliation") == [(None, None)]


@pytest.mark.slow
@pytest.mark.parametrize("afterwards", [(CAMPAIGN,), (CAMPAIGN, AD_ACCOUNT)])
def test_once_accounts_were_read_platforms_and_projects_stay_their_sums(
    tmp_path: Path, afterwards: tuple[Scope, ...]
) -> None:
    build = tmp_path / "build.duckdb"
    with fresh_warehouse(build, (CAMPAIGN, AD_ACCOUNT)) as warehouse:
        make_known(warehouse)
        land(warehouse, reading(A, WEEK, LATE, spends(WEEK, 10)))
        land(warehouse, reading(ACCOUNT, WEEK, LATE, spends(WEEK, 11)), reading(OTHER_ACCOUNT, WEEK, LATE, {}))
        derive(warehouse)
        derive(warehouse, AD_ACCOUNT)
    with open_warehouse(build, afterwards) as warehouse:
        assert week_of(warehouse, "project_weekly", "spend, settled") == [(Decimal(77), True)]
