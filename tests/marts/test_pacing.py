"""The month so far is held against the budgets of today, on days whose spend is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import duckdb
import pytest

from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.settling import apply_settling_times

NOW: Final = datetime(2026, 3, 12, 7, tzinfo=UTC)
FIRST_DAY: Final = date(2026, 2, 1)
LAST_DAY: Final = date(2026, 3, 11)

_ONE_CAMPAIGN: Final = """
INSERT INTO ops.horizon VALUES ($first_day, DATE '2026-03-11');
INSERT INTO ads.ad_accounts BY NAME
  SELECT
    'prj' AS project_id, 'acc_' || currency AS ad_account_id, 'Account' AS name, 'meta_ads' AS platform, currency,
    true AS listed, $now AS first_listed_at, $now AS last_listed_at
  FROM unnest(['USD', 'EUR']) AS of_currency(currency);
INSERT INTO ads.campaigns BY NAME
  SELECT
    'prj' AS project_id, 'cmp' AS campaign_id, 'acc_USD' AS ad_account_id, 'Brand' AS name, 'active' AS status,
    12345 AS daily_budget_cents, true AS listed, $now AS first_listed_at, $now AS last_listed_at;
INSERT INTO ops.coverage BY NAME
  SELECT
    'campaign' AS scope, 'prj' AS project_id, 'cmp' AS entity_id, $first_day AS since, DATE '2026-03-12' AS until,
    $now AS read_at;
INSERT INTO marts.campaign_daily BY NAME
  SELECT
    'prj' AS project_id, 'cmp' AS campaign_id, day::DATE AS day, 'Brand' AS campaign_name, 'acc_USD' AS ad_account_id,
    'meta_ads' AS platform, 'USD' AS currency, 100 AS spend, true AS settled, $now AS observed_at
  FROM generate_series($first_day, DATE '2026-03-12', INTERVAL 1 DAY) AS of_day(day);
"""

Pace = Callable[..., dict[str, Any]]


@pytest.fixture
def pace(warehouse: Warehouse) -> Pace:
    """The row of one active campaign that spends 100 of its 123.45 dollars every day, after what ``changes`` it."""

    def pace(changes: str = "", first_day: date = FIRST_DAY) -> dict[str, Any]:
        apply_settling_times(warehouse, SettlingTimes())
        values = {"first_day": first_day, "now": NOW}
        for statement in warehouse.connection.extract_statements(_ONE_CAMPAIGN + changes):
            warehouse.connection.execute(statement, {name: values[name] for name in statement.named_parameters})
        (row,) = warehouse.connection.sql("FROM marts.campaign_pacing").pl().to_dicts()
        return row

    return pace


def test_a_month_so_far_is_its_closed_days_in_units_of_the_budget_s_currency(pace: Pace) -> None:
    row = pace()
    assert (row["month"], row["days_so_far"], row["days_known"], row["days_left"]) == (date(2026, 3, 1), 11, 11, 20)
    assert (row["campaign_name"], row["ad_account_name"], row["currency"]) == ("Brand", "Account", "USD")
    assert row["daily_budget"] == Decimal("123.45")
    assert (row["spend_to_date"], row["budget_to_date"]) == (1100, Decimal("123.45") * 11)
    assert row["pace"] == pytest.approx(1100 / 1357.95)
    assert row["days_settled"] == 8, "78 hours after their close"
    assert row["expected_spend_of_month"] == pytest.approx(3100)


def test_a_day_that_was_not_read_is_on_neither_side_and_leaves_the_month_s_end_open(pace: Pace) -> None:
    row = pace(
        "UPDATE ops.coverage SET until = DATE '2026-03-10';"
        "DELETE FROM marts.campaign_daily WHERE day >= DATE '2026-03-10';"
    )
    assert (row["days_so_far"], row["days_known"], row["spend_to_date"]) == (11, 9, 900)
    assert row["pace"] == pytest.approx(100 / 123.45)
    assert row["expected_spend_of_month"] is None


def test_a_quiet_day_spent_nothing_and_a_day_of_unknown_spend_is_not_known(pace: Pace) -> None:
    row = pace(
        "DELETE FROM marts.campaign_daily WHERE day = DATE '2026-03-04';"
        "UPDATE marts.campaign_daily SET spend = NULL WHERE day = DATE '2026-03-05';"
    )
    assert (row["days_known"], row["spend_to_date"]) == (10, 900)


def test_where_nothing_is_known_the_spend_is_not_zero(pace: Pace) -> None:
    row = pace("DELETE FROM ops.coverage; DELETE FROM marts.campaign_daily;")
    assert (row["days_known"], row["spend_to_date"], row["budget_to_date"], row["pace"]) == (0, None, None, None)


def test_what_was_spent_in_another_currency_is_not_held_against_the_budget(pace: Pace) -> None:
    row = pace("UPDATE marts.campaign_daily SET currency = 'EUR', spend = 7 WHERE day < DATE '2026-03-06'")
    assert (row["currency"], row["days_known"], row["spend_to_date"]) == ("USD", 6, 600)
    assert row["pace"] == pytest.approx(100 / 123.45)


def test_days_before_the_campaign_or_the_warehouse_began_have_no_budget(pace: Pace) -> None:
    assert pace(first_day=date(2026, 3, 9))["days_so_far"] == 3


def test_of_a_campaign_that_is_younger_than_a_week_its_own_days_alone_count(pace: Pace) -> None:
    row = pace(
        "UPDATE ads.campaigns SET created_at = '2026-03-10 09:00:00+00';"
        "DELETE FROM marts.campaign_daily WHERE day < DATE '2026-03-10';"
    )
    assert (row["days_so_far"], row["spend_to_date"], row["recent_daily_spend"]) == (2, 200, 100)


@pytest.mark.parametrize("change", ["status = 'Paused'", "listed = false"])
def test_of_a_campaign_that_is_paused_or_gone_nothing_is_expected(pace: Pace, change: str) -> None:
    row = pace(f"UPDATE ads.campaigns SET {change}")
    assert row["expected_spend_of_month"] is None
    assert row["spend_to_date"] == 1100


def test_a_budget_beyond_all_reason_costs_itself_alone(pace: Pace) -> None:
    row = pace("UPDATE ads.campaigns SET daily_budget_cents = 9223372036854775807, lifetime_budget_cents = 500")
    assert (row["daily_budget"], row["lifetime_budget"], row["spend_to_date"]) == (None, 5, 1100)


def test_a_campaign_that_is_known_under_two_ids_is_one_row_with_the_days_of_both(pace: Pace) -> None:
    row = pace(
        "UPDATE ads.campaigns SET external_id = 'x', platform = 'meta_ads';"
        "INSERT INTO ads.campaigns BY NAME"
        "  SELECT * REPLACE ('older' AS campaign_id, false AS listed) FROM ads.campaigns;"
        "INSERT INTO ops.coverage BY NAME SELECT * REPLACE ('older' AS entity_id) FROM ops.coverage;"
        "INSERT INTO marts.campaign_daily BY NAME"
        "  SELECT * REPLACE ('older' AS campaign_id) FROM marts.campaign_daily WHERE day <= DATE '2026-03-06';"
        "INSERT INTO ads.campaign_metrics BY NAME"
        "  SELECT project_id, campaign_id, day, platform, currency, spend, settled, observed_at AS first_observed_at,"
        "    observed_at"
        "  FROM marts.campaign_daily;"
        "DELETE FROM marts.campaign_daily WHERE campaign_id = 'cmp' AND day < DATE '2026-03-04';"
        "DELETE FROM ads.campaign_metrics WHERE campaign_id = 'cmp' AND day < DATE '2026-03-04'"
    )
    assert (row["campaign_id"], row["days_known"], row["spend_to_date"]) == ("cmp", 11, 1100)


def test_the_spend_of_every_campaign_is_that_of_its_month(analyst: duckdb.DuckDBPyConnection) -> None:
    differing = analyst.execute(
        "SELECT pacing.campaign_id, pacing.spend_to_date, monthly.spend FROM marts.campaign_pacing AS pacing "
        "JOIN marts.campaign_monthly AS monthly USING (project_id, campaign_id, month, currency) "
        "WHERE pacing.spend_to_date IS DISTINCT FROM monthly.spend"
    ).fetchall()
    assert not differing
    ((campaigns, rows),) = analyst.execute(
        "SELECT (SELECT count(*) FROM ads.campaigns), (SELECT count(*) FROM marts.campaign_pacing)"
    ).fetchall()
    assert rows == campaigns > 0
