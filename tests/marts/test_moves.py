"""A campaign that moved to another account: each account is held against the days that were spent in it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, upsert_entities
from layers_etl.warehouse.reconciliation import disagreeing_days
from layers_etl.warehouse.reconciliation_views import OF_ACCOUNTS
from layers_etl.warehouse.runs import record_horizon

from ..warehouse.builders import (
    ACCOUNT,
    PROJECT_ID,
    A,
    B,
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

C = EntityKey(CAMPAIGN, PROJECT_ID, "cmp_c", "meta_ads")
OTHER_ACCOUNT = EntityKey(AD_ACCOUNT, PROJECT_ID, "acc_2", "meta_ads")
SPEND = {A: 10, B: 7, C: 5}
MOVED_AT = utc(3, 5, 7)
BEFORE, AFTER = window(1, 4), window(5, 9)
STATES = (
    "SELECT ad_account_id, day, currency, spend_residual, comparable, campaigns, campaigns_missing"
    " FROM marts.reconciliation ORDER BY ALL"
)


def list_with(warehouse: Warehouse, account_of_a: str, seen_at: datetime) -> None:
    upsert_entities(warehouse, AD_ACCOUNT, [PROJECT_ID], [account("acc_1"), account("acc_2", currency="EUR")], seen_at)
    campaigns = [campaign("cmp_a", account_of_a), campaign("cmp_b", "acc_1"), campaign("cmp_c", "acc_2")]
    upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], campaigns, seen_at)


def land_all(warehouse: Warehouse, days: DayWindow, read_at: datetime, spent: dict[EntityKey, int]) -> None:
    """As a run does it: all in one sitting, in the currencies of the accounts that the entities belong to now."""
    for scope in (CAMPAIGN, AD_ACCOUNT):
        for entity in load_known_entities(warehouse, scope, [PROJECT_ID]):
            key = next(key for key in spent if key.entity_id == entity.key.entity_id)
            land(warehouse, reading(key, days, read_at, spends(days, spent[key])), currency=entity.currency)


@pytest.fixture
def moved(warehouse: Warehouse) -> Warehouse:
    """A moves from dollars to euros, as is seen in the morning of the 5th; three of the days before have been read."""
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO ops.settling VALUES ('*', 72), ('', 72)")
    record_horizon(warehouse, march(1), march(11))
    list_with(warehouse, "acc_1", utc(3, 1, 7))
    land_all(warehouse, window(1, 3), utc(3, 4, 6), {**SPEND, ACCOUNT: 17, OTHER_ACCOUNT: 5})
    list_with(warehouse, "acc_2", MOVED_AT)
    return warehouse


def test_each_account_agrees_with_the_campaign_days_that_were_its_own(moved: Warehouse) -> None:
    land_all(moved, window(4, 4), utc(3, 12, 7), {**SPEND, ACCOUNT: 17, OTHER_ACCOUNT: 5})
    land_all(moved, AFTER, utc(3, 12, 7), {**SPEND, ACCOUNT: 7, OTHER_ACCOUNT: 15})

    surely = {day for day in window(1, 9) if day not in (march(4), march(5))}
    assert rows(moved, STATES) == [
        *(("acc_1", day, "USD", Decimal(0), day in surely, 2, 0) for day in BEFORE),
        *(("acc_1", day, "USD", Decimal(0), day in surely, 1, 0) for day in AFTER),
        *(("acc_2", day, "EUR", Decimal(0), day in surely, 1, 0) for day in BEFORE),
        *(("acc_2", day, "EUR", Decimal(0), day in surely, 2, 0) for day in AFTER),
    ], "it moved on the 4th or the 5th"
    assert disagreeing_days(moved, OF_ACCOUNTS, window(1, 9)) == {}


@pytest.mark.slow
def test_an_account_that_was_read_anew_since_the_move_may_tell_of_itself_as_it_is_now(moved: Warehouse) -> None:
    land_all(moved, BEFORE, utc(3, 5, 8), {**SPEND, ACCOUNT: 7, OTHER_ACCOUNT: 15})

    assert rows(moved, STATES) == [
        *(("acc_1", day, "USD", Decimal(-10), False, 2, 0) for day in BEFORE),
        *(("acc_2", day, "EUR", Decimal(10), False, 1, 0) for day in BEFORE),
    ], "the residual is shown, and is no contradiction"


@pytest.mark.slow
def test_a_contradiction_beside_a_move_is_still_found(moved: Warehouse) -> None:
    land_all(moved, AFTER, utc(3, 12, 7), {**SPEND, ACCOUNT: 8, OTHER_ACCOUNT: 15})

    contradicted = "SELECT ad_account_id, day FROM marts.reconciliation WHERE NOT agrees AND comparable ORDER BY ALL"
    assert rows(moved, contradicted) == [("acc_1", day) for day in window(6, 9)]
    assert disagreeing_days(moved, OF_ACCOUNTS, window(1, 9)) == {(PROJECT_ID, "acc_1"): list(AFTER)}


@pytest.mark.slow
def test_a_campaign_that_moved_is_missing_where_it_was_on_the_day_and_nowhere_else(moved: Warehouse) -> None:
    land_all(moved, window(8, 9), utc(3, 12, 7), {**SPEND, ACCOUNT: 7, OTHER_ACCOUNT: 15})
    for key in (B, C):
        land(moved, reading(key, window(4, 7), utc(3, 12, 7), spends(window(4, 7), 1)))

    missing = rows(moved, "SELECT ad_account_id, day, campaigns_missing FROM marts.reconciliation ORDER BY ALL")
    assert missing == [
        *(("acc_1", day, int(day == march(4))) for day in window(1, 9)),
        *(("acc_2", day, int(march(5) <= day <= march(7))) for day in window(1, 9)),
    ]


@pytest.mark.slow
def test_no_week_of_a_campaign_sums_two_currencies(moved: Warehouse) -> None:
    land_all(moved, AFTER, utc(3, 12, 7), {**SPEND, ACCOUNT: 7, OTHER_ACCOUNT: 15})
    derive(moved)

    weeks = "SELECT currency, spend, ad_account_id FROM marts.campaign_weekly WHERE campaign_id = 'cmp_a' AND week = ?"
    assert sorted(rows(moved, weeks, [march(2)])) == [("EUR", Decimal(40), "acc_2"), ("USD", Decimal(20), "acc_2")]
