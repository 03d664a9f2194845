"""Daily marts: names and ratios for exactly the days that changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.metrics import RATIOS
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities

from ..examples import examples
from .builders import (
    ACCOUNT,
    A,
    B,
    account,
    campaign,
    derive,
    land,
    march,
    opened,
    reading,
    rows,
    spends,
    utc,
    window,
)

MONDAY, TUESDAY = utc(3, 2, 6), utc(3, 3, 6)

Numbers = tuple[Decimal | None, int | None, int | None, int | None, Decimal | None]

money = st.none() | st.decimals(0, 10**6, places=2)
counts = st.none() | st.integers(0, 10**6)


def list_everything(warehouse: Warehouse, account_name: str = "Account", name: str = "Campaign") -> None:
    upsert_entities(warehouse, AD_ACCOUNT, ["prj_1"], [account(name=account_name)], MONDAY)
    upsert_entities(warehouse, CAMPAIGN, ["prj_1"], [campaign("cmp_a", name=name), campaign("cmp_b")], MONDAY)


@settings(derandomize=True, deadline=None, max_examples=examples(3))
@given(st.lists(st.tuples(money, counts, counts, counts, money), min_size=31, max_size=31))
def test_every_ratio_of_the_mart_is_the_formula_over_its_own_row(
    tmp_path_factory: pytest.TempPathFactory, days: list[Numbers]
) -> None:
    names: tuple[str, ...] = ("spend", "impressions", "clicks", "conversions", "conversion_value")
    buckets: dict[date, dict[str, Decimal | int | None]] = {
        march(number): dict(zip(names, numbers, strict=True)) for number, numbers in enumerate(days, start=1)
    }
    with opened(tmp_path_factory.mktemp("ratios")) as warehouse:
        land(warehouse, reading(A, window(1, 31), utc(4, 6), buckets))
        derive(warehouse)
        for ratio in RATIOS:
            found = dict(rows(warehouse, f"SELECT day, {ratio.name} FROM marts.campaign_daily"))
            for day, numbers in buckets.items():
                expected = ratio.value(numbers[ratio.numerator], numbers[ratio.denominator])
                assert found[day] == (None if expected is None else pytest.approx(expected)), (ratio.name, numbers)


def test_the_mart_shows_the_numbers_with_current_names(warehouse: Warehouse) -> None:
    list_everything(warehouse)
    buckets = spends([march(1)], 10, impressions=1000, clicks=20, conversions=4, conversion_value=Decimal(25))
    land(warehouse, reading(A, window(1, 1), utc(3, 2, 6), buckets))
    derive(warehouse)
    columns = (
        "campaign_name, ad_account_id, ad_account_name, platform, currency, spend, cpa, cpc, cpm, ctr, roas, settled"
    )
    assert rows(warehouse, f"SELECT {columns} FROM marts.campaign_daily") == [
        ("Campaign", "acc_1", "Account", "meta_ads", "USD", Decimal(10), 2.5, 0.5, 10.0, 0.02, 2.5, False)
    ]


def test_a_rename_shows_on_every_day_of_the_campaign_and_of_the_accounts_campaigns(warehouse: Warehouse) -> None:
    list_everything(warehouse)
    days = window(1, 3)
    land(warehouse, reading(A, days, utc(3, 4, 6), spends(days, 1)), reading(B, days, utc(3, 4, 6), spends(days, 1)))
    derive(warehouse)
    list_everything(warehouse, account_name="Renamed", name="Also renamed")
    derive(warehouse)
    names = "SELECT DISTINCT campaign_id, campaign_name, ad_account_name FROM marts.campaign_daily ORDER BY ALL"
    assert rows(warehouse, names) == [
        ("cmp_a", "Also renamed", "Renamed"),
        ("cmp_b", "Campaign cmp_b", "Renamed"),
    ]
    assert rows(warehouse, "SELECT count(*) FROM marts.campaign_daily") == [(6,)]


def test_exactly_the_days_that_changed_are_derived_anew(warehouse: Warehouse) -> None:
    days = window(1, 5)
    land(warehouse, reading(A, days, utc(3, 6, 6), spends(days, 1)), reading(B, days, utc(3, 6, 6), spends(days, 1)))
    derive(warehouse)
    # A mark on every derived row shows which of them are replaced.
    warehouse.connection.execute("UPDATE marts.campaign_daily SET campaign_name = 'not derived anew'")
    land(warehouse, reading(A, window(2, 3), utc(3, 6, 7), spends(window(2, 3), 2)))
    derived = derive(warehouse)
    assert (derived.stale_windows, derived.rows) == (1, 10)
    anew = "SELECT campaign_id, day, spend FROM marts.campaign_daily WHERE campaign_name IS NULL ORDER BY day"
    assert rows(warehouse, anew) == [("cmp_a", march(2), Decimal(2)), ("cmp_a", march(3), Decimal(2))]


def test_deriving_when_nothing_changed_costs_nothing(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, window(1, 2), utc(3, 3, 6), spends(window(1, 2), 1)))
    derive(warehouse)
    before = rows(warehouse, "SELECT revision FROM ops.revision")
    assert derive(warehouse).stale_windows == 0
    assert rows(warehouse, "SELECT revision FROM ops.revision") == before


def test_a_bucket_that_vanished_leaves_the_mart(warehouse: Warehouse) -> None:
    days = window(1, 2)
    land(warehouse, reading(A, days, utc(3, 3, 6), spends(days, 1)))
    derive(warehouse)
    land(warehouse, reading(A, days, utc(3, 3, 7), {}))
    derive(warehouse)
    assert rows(warehouse, "SELECT * FROM marts.campaign_daily") == []


def test_every_scope_has_its_mart(warehouse: Warehouse) -> None:
    list_everything(warehouse)
    land(warehouse, reading(ACCOUNT, window(1, 1), utc(3, 2, 6), spends([march(1)], 7)))
    derive(warehouse, AD_ACCOUNT)
    found = rows(warehouse, "SELECT ad_account_id, ad_account_name, spend, cpa FROM marts.ad_account_daily")
    assert found == [("acc_1", "Account", Decimal(7), None)]


def test_ratios_of_a_sum_are_a_macro_away(warehouse: Warehouse) -> None:
    days = window(1, 2)
    land(
        warehouse,
        reading(A, days, utc(3, 3, 6), spends(days, 10, conversions=1, conversion_value=Decimal(5))),
        reading(B, days, utc(3, 3, 6), spends(days, 30, conversions=0)),
    )
    sums = (
        "SELECT marts.cpa(sum(spend), sum(conversions)), marts.roas(sum(conversion_value), sum(spend)),"
        " marts.ctr(sum(clicks), sum(impressions)) FROM ads.campaign_metrics"
    )
    assert rows(warehouse, sums) == [(40.0, 0.125, None)]
