"""What is shown is what the warehouse says, counted another way."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from layers_etl.report.queries import FEWEST_CAMPAIGNS, MOST_CAMPAIGNS, SHOWN_DAYS, Shown, load_shown
from layers_etl.warehouse.connection import Warehouse

from ..harness.fresh import fresh_warehouse
from ..harness.place import rows_of
from ..warehouse.builders import SCOPES
from .conftest import LAST_DAY, Fill


def account_days(published: Path) -> list[dict[str, object]]:
    return rows_of(published, "SELECT day, platform, currency, spend, conversions, settled FROM marts.ad_account_daily")


def test_the_week_of_a_currency_is_the_sum_of_its_accounts_days_and_of_no_other_s(
    lived: Shown, published: Path
) -> None:
    last = lived.publication.last_day
    assert last
    spend: dict[object, Decimal] = defaultdict(Decimal)
    before: dict[object, Decimal] = defaultdict(Decimal)
    for row in account_days(published):
        day, amount = row["day"], row["spend"]
        assert isinstance(day, date) and isinstance(amount, Decimal)
        if last - timedelta(days=7) < day <= last:
            spend[row["currency"]] += amount
        elif last - timedelta(days=14) < day <= last - timedelta(days=7):
            before[row["currency"]] += amount
    assert {week.currency: (week.spend, week.spend_before) for week in lived.weeks} == {
        currency: (spend[currency], before[currency]) for currency in spend
    }
    assert len(lived.weeks) > 1


def test_days_are_those_of_four_weeks_that_have_closed(lived: Shown) -> None:
    last = lived.publication.last_day
    assert last
    assert {day.day for day in lived.days} == {last - timedelta(days=back) for back in range(SHOWN_DAYS)}


def test_a_day_that_may_still_change_says_where_it_may_end_by_what_its_campaigns_still_lack(fill: Fill) -> None:
    shown = fill(4, open_days=2)
    *closed, before, newest = shown.days
    assert {(day.settled, day.expected_spend, day.expected_conversions) for day in closed} == {(True, None, None)}
    for day in (before, newest):
        assert not day.settled
        assert (day.spend, day.expected_spend, day.spend_low, day.spend_high) == (406, 406, 402, 410)
        assert (day.conversions, day.expected_conversions) == (40, 50)
        assert (day.conversions_low, day.conversions_high) == (44, 60)
        assert day.expected_cpa == pytest.approx(406 / 50)
    (week,) = shown.weeks
    assert (week.conversions, week.expected_conversions, week.open_days) == (280, 300, 2)


def test_where_one_campaign_is_not_projected_nothing_is_expected_of_the_day_or_the_week(
    fill: Fill, warehouse: Warehouse
) -> None:
    fill(4, open_days=2)
    warehouse.connection.execute(
        "UPDATE marts.campaign_daily SET projected_conversions = NULL WHERE campaign_id = 'cmp_1'"
    )
    shown = load_shown(warehouse)
    assert shown
    assert {day.expected_conversions for day in shown.days} == {None}
    assert shown.days[-1].expected_spend == 406
    assert shown.weeks[0].expected_conversions is None


def test_a_change_is_of_what_had_been_reported_and_says_something_else_now(lived: Shown, published: Path) -> None:
    assert lived.changes
    last = lived.publication.last_day
    assert last
    assert all(change.day < last for change in lived.changes), "yesterday had not been reported before"
    assert all(
        (change.spend_before, change.conversions_before) != (change.spend, change.conversions)
        for change in lived.changes
    )
    totals = sum(total.entity_days for total in lived.changes_by_platform)
    assert totals == lived.changes[0].changed


def test_an_account_s_states_are_those_of_the_ledger(lived: Shown, published: Path) -> None:
    states = rows_of(
        published,
        "SELECT account.name, list(state ORDER BY day) AS states FROM ops.day_states AS day "
        "JOIN ads.ad_accounts AS account USING (project_id, ad_account_id) "
        "WHERE scope = 'ad_account' AND day > (SELECT last_day FROM ops.horizon) - 28 GROUP BY ALL",
    )
    shown = sorted((account.name, list(account.states or ())) for account in lived.accounts)
    assert shown == sorted((row["name"], row["states"]) for row in states)


def test_shares_of_conversions_are_of_whole_days_after_the_close_and_end_at_all(lived: Shown) -> None:
    assert lived.completion
    by_platform: dict[str | None, list[float]] = defaultdict(list)
    for each in lived.completion:
        by_platform[each.platform].append(each.share)
    assert all(shares[-1] == pytest.approx(1) for shares in by_platform.values())


def test_the_campaigns_that_spend_most_are_shown_of_each_currency_and_the_rest_is_counted(fill: Fill) -> None:
    shown = fill(300, currencies=2)
    top = MOST_CAMPAIGNS // 2
    for currency in ("C0", "C1"):
        rows = [row for row in shown.campaigns if row.currency == currency]
        assert [row.rank for row in rows] == list(range(1, top + 1))
        assert {row.campaigns for row in rows} == {150}
        spends = [row.spend or 0 for row in rows]
        assert spends == sorted(spends, reverse=True)
        assert len(rows[0].days) == len(rows[0].spends) == len(rows[0].cpas) == SHOWN_DAYS


def test_however_many_currencies_there_are_each_has_some_campaigns(fill: Fill) -> None:
    shown = fill(200, currencies=40)
    assert len(shown.campaigns) == 40 * FEWEST_CAMPAIGNS


def test_the_budget_of_the_month_is_that_of_its_days_so_far(fill: Fill) -> None:
    (row,) = fill(1).campaigns
    assert row.budget_to_date == LAST_DAY.day * 100
    assert row.pace == pytest.approx(1)
    assert row.cpa == pytest.approx(10)
    assert row.cpa_change == pytest.approx(0)


def test_of_one_day_there_is_a_day_to_show_and_nothing_to_compare(fill: Fill) -> None:
    shown = fill(1, first=LAST_DAY)
    (week,) = shown.weeks
    assert (week.days, week.days_before, week.spend_before) == (1, 0, None)
    (row,) = shown.campaigns
    assert row.cpa_change is None


def test_of_an_empty_warehouse_there_is_nothing_to_show(warehouse: Warehouse) -> None:
    shown = load_shown(warehouse)
    assert shown
    assert shown.publication.last_day is None
    assert (shown.weeks, shown.days, shown.campaigns, shown.changes, shown.accounts, shown.samples) == (
        [],
        [],
        [],
        [],
        [],
        [],
    )


def test_of_what_was_never_published_nothing_is_shown(tmp_path: Path) -> None:
    with fresh_warehouse(tmp_path / "build.duckdb", SCOPES) as warehouse:
        assert load_shown(warehouse) is None


def test_a_day_that_knows_one_side_alone_says_nothing_of_cpa(fill: Fill, warehouse: Warehouse) -> None:
    fill(1)
    for mart in ("campaign_daily", "ad_account_daily"):
        warehouse.connection.execute(f"UPDATE marts.{mart} SET conversions = NULL WHERE day = DATE '2026-03-10'")
    shown = load_shown(warehouse)
    assert shown
    assert shown.weeks[0].spend == 700
    assert shown.weeks[0].cpa == pytest.approx(10)
    assert shown.campaigns[0].cpa == pytest.approx(10)
    assert [day.cpa for day in shown.days[-2:]] == [None, pytest.approx(10)]


def test_of_one_project_its_own_campaigns_accounts_and_days_alone_are_shown(fill: Fill, warehouse: Warehouse) -> None:
    fill(3, currencies=3)
    for table in ("ads.ad_accounts", "ads.campaigns", "ops.coverage", "marts.campaign_daily", "marts.ad_account_daily"):
        key = "entity_id" if table == "ops.coverage" else "ad_account_id"
        warehouse.connection.execute(f"UPDATE {table} SET project_id = 'other' WHERE {key} IN ('acc_1', 'cmp_1')")
    shown = load_shown(warehouse, project_id="other", days=10)
    assert shown
    assert [campaign.name for campaign in shown.campaigns] == ["Campaign 1"]
    assert [week.currency for week in shown.weeks] == ["C1"]
    assert [account.name for account in shown.accounts] == ["Account 1"]
    assert [day.day for day in shown.days] == [LAST_DAY - timedelta(days=back) for back in range(9, -1, -1)]
    assert len(shown.campaigns[0].days) == 10
