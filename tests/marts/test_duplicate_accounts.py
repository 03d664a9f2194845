"""One real account, or campaign, under several ids: each of its days counts once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.entities import Entity
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.warehouse.checks import load_duplicate_accounts
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import mark_gone, upsert_entities
from layers_etl.warehouse.runs import record_horizon

from ..examples import examples
from ..harness.fresh import fresh_warehouse
from ..warehouse.builders import (
    ACCOUNT,
    PROJECT_ID,
    A,
    Row,
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

ANEW = EntityKey(AD_ACCOUNT, PROJECT_ID, "acc_2", "meta_ads")
CAMPAIGN_ANEW = EntityKey(CAMPAIGN, PROJECT_ID, "cmp_2", "meta_ads")
LATE = utc(3, 20)
REAL: dict[str, Any] = {"external_id": "act_7"}


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    """Settling times and a horizon; nothing is listed yet."""
    make_known(warehouse)
    return warehouse


def make_known(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO ops.settling VALUES ('*', 72), ('', 72)")
    record_horizon(warehouse, march(1), march(19))


def list_accounts(warehouse: Warehouse, *accounts: Entity, seen_at: datetime = LATE) -> None:
    projects = sorted({each.project_id for each in accounts})
    upsert_entities(warehouse, AD_ACCOUNT, projects, accounts, seen_at)


def connect_anew(warehouse: Warehouse) -> None:
    """Under its old id the account was read for nine days; then it has another, which has the days from the 5th on."""
    list_accounts(warehouse, account("acc_1", **REAL), seen_at=utc(3, 1))
    land(warehouse, reading(ACCOUNT, window(2, 10), utc(3, 11), spends(window(2, 10), 10)))
    list_accounts(warehouse, account("acc_2", **REAL))
    mark_gone(warehouse, [ACCOUNT], LATE)
    land(warehouse, reading(ANEW, window(2, 15), LATE, spends(window(5, 15), 11)))
    derive(warehouse, AD_ACCOUNT)


def days_of(warehouse: Warehouse, view: str) -> list[Row]:
    return rows(warehouse, f"SELECT day, spend, entity_days FROM marts.{view} ORDER BY day")


@pytest.mark.parametrize("view", ["platform_daily", "project_daily"])
def test_each_day_counts_once_under_the_listed_id_and_the_past_of_the_old_one_still_counts(
    known: Warehouse, view: str
) -> None:
    connect_anew(known)

    assert days_of(known, view) == [(march(day), Decimal(10 if day < 5 else 11), 1) for day in range(2, 16)]
    assert rows(known, "SELECT count(*) FROM marts.ad_account_daily") == [(9 + 11,)], "what was read stays"


def test_a_week_is_settled_when_the_account_was_read_whole_under_any_of_its_ids(known: Warehouse) -> None:
    connect_anew(known)

    weeks = "SELECT week, spend, settled, days_read, entity_days FROM marts.platform_weekly ORDER BY week"
    assert rows(known, weeks) == [
        (march(2), Decimal(3 * 10 + 4 * 11), True, 7, 7),
        (march(9), Decimal(7 * 11), True, 7, 7),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "counts_as"),
    [
        ({"connected_at": utc(2, 1)}, {"connected_at": utc(2, 2)}, "acc_2"),
        ({"connected_at": utc(2, 3)}, {"connected_at": utc(2, 2)}, "acc_1"),
        ({"connected_at": utc(2, 3)}, {"connected_at": None}, "acc_1"),
    ],
)
def test_of_two_ids_that_are_both_listed_the_one_connected_last_counts(
    known: Warehouse, first: dict[str, Any], second: dict[str, Any], counts_as: str
) -> None:
    list_accounts(known, account("acc_1", **REAL, **first), account("acc_2", **REAL, **second))
    for spend, key in enumerate((ACCOUNT, ANEW), start=1):
        land(known, reading(key, window(2, 2), LATE, spends(window(2, 2), spend)))
    derive(known, AD_ACCOUNT)

    assert rows(known, "SELECT DISTINCT counts_as FROM ops.duplicate_ids") == [(counts_as,)]
    assert days_of(known, "platform_daily") == [(march(2), Decimal(1 if counts_as == "acc_1" else 2), 1)]


def test_an_id_that_can_be_read_counts_before_one_that_is_listed_and_gone(known: Warehouse) -> None:
    list_accounts(
        known, account("acc_1", **REAL, connected_at=utc(2, 1)), account("acc_2", **REAL, connected_at=utc(2, 2))
    )
    mark_gone(known, [ANEW], LATE)
    assert rows(known, "SELECT DISTINCT counts_as FROM ops.duplicate_ids") == [("acc_1",)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"external_id": None}, {"external_id": None}),
        ({"external_id": ""}, {"external_id": ""}),
        ({"external_id": "7", "platform": None}, {"external_id": "7", "platform": None}),
        ({"external_id": "7"}, {"external_id": "7", "platform": "tiktok_ads"}),
        ({"external_id": "7"}, {"external_id": "8"}),
    ],
)
def test_accounts_that_are_not_known_to_be_the_same_are_not(
    known: Warehouse, first: dict[str, Any], second: dict[str, Any]
) -> None:
    list_accounts(known, account("acc_1", **first), account("acc_2", **second))
    for key in (ACCOUNT, ANEW):
        land(known, reading(replace(key, platform=None), window(2, 2), LATE, spends(window(2, 2), 1)))
    derive(known, AD_ACCOUNT)

    assert rows(known, "SELECT sum(spend) FROM marts.platform_daily") == [(Decimal(2),)]
    assert rows(known, "FROM ops.duplicate_ids") == []
    assert load_duplicate_accounts(known, ()) == []


_numbers = count(1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One file for all examples of a property, each of which has a project of its own."""
    with opened(tmp_path_factory.mktemp("shared")) as warehouse:
        make_known(warehouse)
        yield warehouse


@settings(derandomize=True, deadline=None, max_examples=examples(6))
@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(1, 9))), min_size=1, max_size=4))
def test_whatever_days_however_many_ids_have_exactly_one_row_of_each_is_summed(
    shared: Warehouse, ids: list[tuple[bool, set[int]]]
) -> None:
    project_id = f"prj_{next(_numbers)}"
    accounts = [replace(account(f"acc_{number}", **REAL), project_id=project_id) for number in range(len(ids))]
    list_accounts(shared, *accounts, seen_at=utc(3, 1))
    upsert_entities(
        shared,
        AD_ACCOUNT,
        [project_id],
        [each for each, (listed, _) in zip(accounts, ids, strict=True) if listed],
        LATE,
    )
    for number, (_, days) in enumerate(ids):
        key = EntityKey(AD_ACCOUNT, project_id, f"acc_{number}", "meta_ads")
        land(shared, reading(key, window(1, 9), LATE, {march(day): {"spend": 2**number} for day in sorted(days)}))
    derive(shared, AD_ACCOUNT)

    # The listed ids first and, as all are alike, the greatest of them.
    order = sorted(range(len(ids)), key=lambda number: (ids[number][0], number), reverse=True)
    expected: dict[date, Decimal] = {}
    for number in reversed(order):
        expected |= {march(day): Decimal(2**number) for day in ids[number][1]}
    found = rows(shared, "SELECT day, spend FROM marts.project_daily WHERE project_id = ?", [project_id])
    assert dict(found) == expected


@pytest.mark.slow
def test_the_same_holds_for_campaigns_where_these_are_what_platforms_are_sums_of(tmp_path: Path) -> None:
    with fresh_warehouse(tmp_path / "build.duckdb", (CAMPAIGN,)) as warehouse:
        make_known(warehouse)
        list_accounts(warehouse, account("acc_1", **REAL), account("acc_2", **REAL), seen_at=utc(3, 1))
        campaigns = [campaign("cmp_a", "acc_1", external_id="7"), campaign("cmp_2", "acc_2", external_id="7")]
        upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], campaigns[:1], utc(3, 1))
        land(warehouse, reading(A, window(2, 4), LATE, spends(window(2, 4), 10)))
        upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], campaigns[1:], LATE)
        land(warehouse, reading(CAMPAIGN_ANEW, window(3, 5), LATE, spends(window(3, 5), 11)))
        derive(warehouse)

        assert days_of(warehouse, "project_daily") == [
            (march(day), Decimal(10 if day < 3 else 11), 1) for day in range(2, 6)
        ]


RECONCILED = (
    "SELECT ad_account_id, day, spend_residual, comparable, campaigns, campaigns_missing"
    " FROM marts.reconciliation ORDER BY ALL"
)


def reconnect_with(warehouse: Warehouse, campaigns: list[Entity], spent: dict[EntityKey, int]) -> None:
    """Days 2 to 4 were read under the old ids; then all that can be read under the new ones was, up to the 9th."""
    list_accounts(warehouse, account("acc_1", **REAL), seen_at=utc(3, 1))
    old = campaign("cmp_a", "acc_1", external_id="c7")
    upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], [old], utc(3, 1))
    for key in (A, ACCOUNT):
        land(warehouse, reading(key, window(2, 4), utc(3, 9), spends(window(2, 4), 10)))
    list_accounts(warehouse, account("acc_2", **REAL), seen_at=utc(3, 10, 7))
    upsert_entities(warehouse, CAMPAIGN, [PROJECT_ID], campaigns, utc(3, 10, 7))
    mark_gone(warehouse, [ACCOUNT], utc(3, 10, 7))
    for key, spend in spent.items():
        land(warehouse, reading(key, window(2, 12), LATE, spends(window(2, 12), spend)))


@pytest.mark.slow
def test_an_account_connected_anew_is_reconciled_once_with_the_campaigns_that_came_along(known: Warehouse) -> None:
    reconnect_with(known, [campaign("cmp_a", "acc_2", external_id="c7")], {A: 10, ANEW: 10})

    assert rows(known, RECONCILED) == [("acc_2", day, Decimal(0), day > march(10), 1, 0) for day in window(2, 12)], (
        "a move, though to the same account"
    )


@pytest.mark.slow
def test_an_account_connected_anew_is_reconciled_once_with_campaigns_that_have_new_ids(known: Warehouse) -> None:
    reconnect_with(known, [campaign("cmp_2", "acc_2", external_id="c7")], {CAMPAIGN_ANEW: 10, ANEW: 10})
    mark_gone(known, [A], LATE)

    assert rows(known, RECONCILED) == [("acc_2", day, Decimal(0), True, 1, 0) for day in window(2, 12)]


@pytest.mark.slow
def test_campaigns_of_both_ids_that_cannot_be_told_apart_contradict_nothing(known: Warehouse) -> None:
    reconnect_with(known, [campaign("cmp_2", "acc_2", external_id=None)], {CAMPAIGN_ANEW: 10, ANEW: 10})
    mark_gone(known, [A], LATE)

    assert rows(known, "SELECT DISTINCT spend_residual, comparable FROM marts.reconciliation WHERE NOT agrees") == [
        (Decimal(-10), False)
    ]


def test_a_pair_is_named_with_what_counts(known: Warehouse) -> None:
    list_accounts(known, account("acc_1", **REAL, name="Brand"), seen_at=utc(3, 1))
    list_accounts(known, account("acc_2", **REAL, name=None))

    (told,) = load_duplicate_accounts(known, ())
    assert str(told) == (
        "The meta_ads account act_7 is known as acc_2 (project prj_1) and acc_1 (Brand, project prj_1): each of its "
        "days counts once in prj_1, as acc_2's. Where it was connected anew, there is nothing to do; else disconnect "
        "one in Layers."
    )


def test_a_pair_across_projects_is_told_and_counts_in_both(known: Warehouse) -> None:
    elsewhere = replace(account("acc_9", **REAL), project_id="prj_2")
    list_accounts(known, account("acc_1", **REAL), elsewhere)
    for key in (ACCOUNT, EntityKey(AD_ACCOUNT, "prj_2", "acc_9", "meta_ads")):
        land(known, reading(key, window(2, 2), LATE, spends(window(2, 2), 10)))
    derive(known, AD_ACCOUNT)

    (told,) = load_duplicate_accounts(known, ["prj_2"])
    assert "known as acc_1 (Account acc_1, project prj_1) and acc_9 (Account acc_9, project prj_2): it counts" in str(
        told
    )
    assert load_duplicate_accounts(known, ["prj_3"]) == []
    assert rows(known, "SELECT project_id, spend FROM marts.project_daily ORDER BY ALL") == [
        ("prj_1", Decimal(10)),
        ("prj_2", Decimal(10)),
    ]


def test_a_pair_is_told_for_eight_weeks_after_its_old_id_was_last_listed(known: Warehouse) -> None:
    list_accounts(known, account("acc_1", **REAL), seen_at=utc(1, 1))
    for seen_at, told in ((utc(2, 26), 1), (utc(2, 27), 0)):
        list_accounts(known, account("acc_2", **REAL), seen_at=seen_at)
        assert len(load_duplicate_accounts(known, ())) == told
