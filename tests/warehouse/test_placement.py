"""Where an entity belongs: through its parents where its own listing does not say, and repaired once they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import DayWindow, day_close
from layers_etl.domain.entities import Entity
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT, SCOPES, Scope
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, upsert_entities
from layers_etl.warehouse.settling import apply_settling_times

from ..examples import examples
from ..harness.fresh import fresh_warehouse
from .builders import (
    PROJECT_ID,
    STALE_WINDOWS,
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

MONDAY, TUESDAY = utc(3, 2, 6), utc(3, 3, 6)
DAYS = window(1, 3)
READ_AT = utc(3, 10, 6)
AD_KEY = EntityKey(AD, PROJECT_ID, "ad_1")
PROJECT_KEY = EntityKey(PROJECT, PROJECT_ID, PROJECT_ID)

TIKTOK = campaign("cmp_a", platform="tiktok_ads")
BARE_ADSET = Entity(ADSET, PROJECT_ID, "set_1", campaign_id="cmp_a", name="Ad set")
BARE_AD = Entity(AD, PROJECT_ID, "ad_1", adset_id="set_1", name="Ad")
"""As much of its parents as the API promises, and not a word of its campaign."""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty build file of every scope, with settling times of their own."""
    with fresh_warehouse(tmp_path / "build.duckdb", SCOPES.values()) as warehouse:
        apply_settling_times(warehouse, SettlingTimes(72, {"meta_ads": 672}))
        yield warehouse


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One file for all examples of a property, each of which has a project of its own."""
    with opened(tmp_path_factory.mktemp("shared")) as warehouse:
        yield warehouse


def list_of(warehouse: Warehouse, scope: Scope, *entities: Entity, seen_at: datetime = MONDAY) -> None:
    upsert_entities(warehouse, scope, [PROJECT_ID], entities, seen_at)


def land_days(warehouse: Warehouse, key: EntityKey = A, **details: str | int | None) -> None:
    days = reading(key, DAYS, READ_AT, spends(DAYS, 5))
    land(warehouse, days, **{"currency": None, **details})  # pyright: ignore[reportArgumentType]


def distinct(warehouse: Warehouse, columns: str, relation: str) -> list[Row]:
    return rows(warehouse, f"SELECT DISTINCT {columns} FROM {relation} ORDER BY ALL")


def revision(warehouse: Warehouse) -> int:
    return rows(warehouse, "SELECT revision FROM ops.revision")[0][0]


def test_days_whose_currency_was_unknown_get_it_with_the_listing_that_makes_it_known(warehouse: Warehouse) -> None:
    list_of(warehouse, CAMPAIGN, campaign("cmp_a"))
    land_days(warehouse)
    derive(warehouse)
    before = revision(warehouse)

    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="EUR"), seen_at=TUESDAY)

    assert distinct(warehouse, "currency", "ads.campaign_metrics") == [("EUR",)]
    assert revision(warehouse) > before
    derive(warehouse)
    assert distinct(warehouse, "currency, ad_account_name", "marts.campaign_daily") == [("EUR", "Account acc_1")]


@pytest.mark.slow
def test_filling_in_a_currency_is_no_restatement(warehouse: Warehouse) -> None:
    list_of(warehouse, CAMPAIGN, campaign("cmp_a"))
    land_days(warehouse)
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="EUR"))
    land_days(warehouse, currency="EUR")

    assert rows(warehouse, "FROM ads.campaign_metrics_history") == []
    assert distinct(warehouse, "first_observed_at", "ads.campaign_metrics") == [(READ_AT,)]


@pytest.mark.slow
def test_a_currency_that_changes_is_left_to_the_next_reading(warehouse: Warehouse) -> None:
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="EUR"))
    list_of(warehouse, CAMPAIGN, campaign("cmp_a"))
    land_days(warehouse, currency="EUR")
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="USD"), seen_at=TUESDAY)
    assert distinct(warehouse, "currency", "ads.campaign_metrics") == [("EUR",)]

    land_days(warehouse, currency="USD")
    assert distinct(warehouse, "currency", "ads.campaign_metrics") == [("USD",)]
    assert distinct(warehouse, "currency", "ads.campaign_metrics_history") == [("EUR",)]


def test_a_listing_that_makes_nothing_known_touches_no_day(warehouse: Warehouse) -> None:
    list_of(warehouse, CAMPAIGN, campaign("cmp_a"))
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency=None))
    land_days(warehouse)
    derive(warehouse)
    before = revision(warehouse)
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency=None), seen_at=TUESDAY)
    assert revision(warehouse) == before
    assert rows(warehouse, f"FROM {STALE_WINDOWS}") == []


@pytest.mark.slow
def test_a_project_has_the_currency_its_accounts_have_always_had(warehouse: Warehouse) -> None:
    list_of(warehouse, PROJECT, Entity(PROJECT, PROJECT_ID, PROJECT_ID, name="Project"))
    land_days(warehouse, PROJECT_KEY)
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="EUR"), account("acc_2", currency="USD"))
    assert distinct(warehouse, "currency", "ads.project_metrics") == [(None,)]
    list_of(warehouse, AD_ACCOUNT, account("acc_1"), account("acc_2"), seen_at=TUESDAY)
    assert distinct(warehouse, "currency", "ads.project_metrics") == [(None,)], "these days' money was of both"


@pytest.mark.slow
def test_an_ad_that_names_only_its_ad_set_has_the_account_platform_and_currency_above(warehouse: Warehouse) -> None:
    list_of(warehouse, AD_ACCOUNT, account("acc_1", platform="tiktok_ads", currency="JPY"))
    list_of(warehouse, CAMPAIGN, campaign("cmp_a", platform=None))
    list_of(warehouse, ADSET, BARE_ADSET)
    list_of(warehouse, AD, BARE_AD)
    for scope in (CAMPAIGN, ADSET, AD):
        (entity,) = load_known_entities(warehouse, scope, [PROJECT_ID])
        assert (entity.parent_id, entity.key.platform, entity.currency) == ("acc_1", "tiktok_ads", "JPY")

    land_days(warehouse, AD_KEY, currency="JPY")
    derive(warehouse, AD)
    placed = distinct(warehouse, "ad_account_id, ad_account_name, campaign_id, adset_id, currency", "marts.ad_daily")
    assert placed == [("acc_1", "Account acc_1", "cmp_a", "set_1", "JPY")]
    accounts = "SELECT DISTINCT scope, ad_account_id FROM ops.read_intervals"
    assert rows(warehouse, accounts) == [("ad", "acc_1")]


@pytest.mark.slow
def test_an_ad_is_placed_by_its_campaign_where_ad_sets_are_not_read(tmp_path: Path) -> None:
    with fresh_warehouse(tmp_path / "build.duckdb", (CAMPAIGN, AD_ACCOUNT, AD)) as warehouse:
        list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="JPY"))
        list_of(warehouse, CAMPAIGN, TIKTOK)
        list_of(warehouse, AD, Entity(AD, PROJECT_ID, "ad_1", adset_id="set_1", campaign_id="cmp_a"))
        (entity,) = load_known_entities(warehouse, AD, [PROJECT_ID])
        assert (entity.parent_id, entity.key.platform, entity.currency) == ("acc_1", "tiktok_ads", "JPY")


def test_what_an_entitys_own_listing_says_counts_before_its_parents(warehouse: Warehouse) -> None:
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency="JPY"), account("acc_2", currency="EUR"))
    list_of(warehouse, CAMPAIGN, TIKTOK)
    own = Entity(ADSET, PROJECT_ID, "set_1", campaign_id="cmp_a", ad_account_id="acc_2", platform="meta_ads")
    list_of(warehouse, ADSET, own)
    (entity,) = load_known_entities(warehouse, ADSET, [PROJECT_ID])
    assert (entity.parent_id, entity.key.platform, entity.currency) == ("acc_2", "meta_ads", "EUR")


def test_a_parent_that_becomes_known_later_places_what_has_landed_and_settles_it_in_its_time(
    warehouse: Warehouse,
) -> None:
    list_of(warehouse, ADSET, BARE_ADSET)
    list_of(warehouse, AD, BARE_AD)
    land_days(warehouse, AD_KEY, settle_hours=672)
    derive(warehouse, AD)
    assert distinct(warehouse, "platform, currency, settled", "ads.ad_metrics") == [(None, None, False)]

    list_of(warehouse, AD_ACCOUNT, account("acc_1", platform=None, currency="JPY"), seen_at=TUESDAY)
    list_of(warehouse, CAMPAIGN, TIKTOK, seen_at=TUESDAY)

    assert distinct(warehouse, "platform, currency, settled", "ads.ad_metrics") == [("tiktok_ads", "JPY", True)]
    assert rows(warehouse, "FROM ads.ad_metrics_history") == []
    derive(warehouse, AD)
    placed = distinct(warehouse, "ad_account_id, campaign_id, platform, currency, settled", "marts.ad_daily")
    assert placed == [("acc_1", "cmp_a", "tiktok_ads", "JPY", True)]


def test_weeks_get_their_platform_too(warehouse: Warehouse) -> None:
    list_of(warehouse, CAMPAIGN, campaign("cmp_a", platform=None))
    warehouse.connection.execute(
        "INSERT INTO ads.campaign_reach_weekly VALUES (?, 'cmp_a', '2026-02-23', NULL, 5, NULL, false, ?, ?)",
        [PROJECT_ID, READ_AT, READ_AT],
    )
    list_of(warehouse, AD_ACCOUNT, account("acc_1", platform="tiktok_ads"))
    assert rows(warehouse, "SELECT platform, settled FROM ads.campaign_reach_weekly") == [("tiktok_ads", True)]


def test_a_placement_through_a_parent_is_no_version_of_the_child(warehouse: Warehouse) -> None:
    for seen_at in (MONDAY, TUESDAY):
        list_of(warehouse, ADSET, BARE_ADSET, seen_at=seen_at)
        list_of(warehouse, AD_ACCOUNT, account("acc_1"), seen_at=seen_at)
        list_of(warehouse, CAMPAIGN, TIKTOK, seen_at=seen_at)
    said = "SELECT ad_account_id, platform, valid_from, valid_to FROM ads.adset_history"
    assert rows(warehouse, said) == [(None, None, MONDAY, None)]
    assert rows(warehouse, "SELECT ad_account_id, platform FROM ads.adsets") == [(None, None)]


@pytest.mark.slow
def test_a_campaign_that_moves_to_another_account_takes_what_is_below_it_along(warehouse: Warehouse) -> None:
    list_of(warehouse, AD_ACCOUNT, account("acc_1"), account("acc_2"))
    list_of(warehouse, CAMPAIGN, TIKTOK, campaign("cmp_b"))
    list_of(warehouse, ADSET, BARE_ADSET)
    list_of(warehouse, AD, BARE_AD)
    land_days(warehouse, AD_KEY, currency="USD")
    derive(warehouse, AD)

    moved = campaign("cmp_a", "acc_2", platform="tiktok_ads")
    list_of(warehouse, CAMPAIGN, moved, campaign("cmp_b"), seen_at=TUESDAY)
    stale = [("ad", "ad_1"), ("adset", "set_1"), ("campaign", "cmp_a")]
    assert distinct(warehouse, "scope, entity_id", STALE_WINDOWS) == stale
    derive(warehouse, AD)
    assert distinct(warehouse, "ad_account_id", "marts.ad_daily") == [("acc_1",)], "what was spent stays where it was"
    land_days(warehouse, AD_KEY, currency="USD")
    derive(warehouse, AD)
    assert rows(warehouse, "SELECT day, ad_account_id FROM marts.ad_daily ORDER BY day") == [
        (march(1), "acc_1"),
        (march(2), "acc_1"),
        (march(3), "acc_2"),
    ], "from the day on that the move was first seen"


PLACED = "SELECT day, {}, currency FROM {} ORDER BY day"


def list_move(warehouse: Warehouse, account_id: str, seen_at: datetime) -> None:
    """Two accounts, of dollars and of euros, and the campaign in one of them."""
    list_of(warehouse, AD_ACCOUNT, account("acc_1"), account("acc_2", currency="EUR"), seen_at=seen_at)
    list_of(warehouse, CAMPAIGN, campaign("cmp_a", account_id), seen_at=seen_at)


def land_as_listed(warehouse: Warehouse, days: DayWindow, read_at: datetime, spend: int = 5) -> None:
    """As a run does it: in the currency of the account that the campaign belongs to now."""
    (entity,) = load_known_entities(warehouse, CAMPAIGN, [PROJECT_ID])
    land(warehouse, reading(A, days, read_at, spends(days, spend)), currency=entity.currency)


def test_a_day_keeps_the_account_and_currency_that_it_was_spent_in_when_it_is_read_again(warehouse: Warehouse) -> None:
    list_move(warehouse, "acc_1", TUESDAY)
    land_as_listed(warehouse, window(1, 2), TUESDAY)
    list_move(warehouse, "acc_2", utc(3, 4, 6))
    land_as_listed(warehouse, window(1, 4), utc(3, 5, 6), spend=6)
    derive(warehouse)

    expected = [(march(day), *(("acc_1", "USD") if day < 4 else ("acc_2", "EUR"))) for day in range(1, 5)]
    assert rows(warehouse, PLACED.format("spent_in_account_id", "ads.campaign_metrics")) == expected
    assert rows(warehouse, PLACED.format("ad_account_id", "marts.campaign_daily")) == expected
    kept = "spent_in_account_id, currency, spend"
    assert distinct(warehouse, kept, "ads.campaign_metrics_history") == [("acc_1", "USD", Decimal(5))]


def test_a_move_restates_nothing(warehouse: Warehouse) -> None:
    list_move(warehouse, "acc_1", MONDAY)
    land_as_listed(warehouse, window(1, 2), TUESDAY)
    list_move(warehouse, "acc_2", utc(3, 4, 6))
    land_as_listed(warehouse, window(1, 2), utc(3, 4, 6))

    assert rows(warehouse, "FROM ads.campaign_metrics_history") == []
    assert distinct(warehouse, "first_observed_at, observed_at", "ads.campaign_metrics") == [(TUESDAY, utc(3, 4, 6))]


def test_days_that_are_first_read_after_a_move_belong_to_where_the_campaign_was_then(warehouse: Warehouse) -> None:
    list_move(warehouse, "acc_1", utc(3, 5, 6))
    list_move(warehouse, "acc_2", utc(3, 8, 6))
    land_as_listed(warehouse, window(1, 9), utc(3, 10, 6))

    found = rows(
        warehouse, "SELECT spent_in_account_id, currency, min(day), max(day) FROM ads.campaign_metrics GROUP BY ALL"
    )
    assert sorted(found) == [("acc_1", "USD", march(1), march(7)), ("acc_2", "EUR", march(8), march(9))]


def test_an_account_that_is_not_known_for_a_while_is_no_move(warehouse: Warehouse) -> None:
    list_move(warehouse, "acc_1", MONDAY)
    list_of(warehouse, CAMPAIGN, Entity(CAMPAIGN, PROJECT_ID, "cmp_a", platform="meta_ads"), seen_at=TUESDAY)
    land_as_listed(warehouse, DAYS, READ_AT)
    assert distinct(warehouse, "spent_in_account_id, currency", "ads.campaign_metrics") == [(None, None)]
    list_move(warehouse, "acc_1", utc(3, 4, 6))

    assert rows(warehouse, "FROM ops.moved_entities") == []
    assert distinct(warehouse, "spent_in_account_id, currency", "ads.campaign_metrics") == [("acc_1", "USD")]


def test_what_is_not_known_any_more_overwrites_nothing(warehouse: Warehouse) -> None:
    list_move(warehouse, "acc_1", MONDAY)
    land_as_listed(warehouse, DAYS, READ_AT)
    list_of(warehouse, AD_ACCOUNT, account("acc_1", currency=None), seen_at=TUESDAY)
    list_of(warehouse, CAMPAIGN, Entity(CAMPAIGN, PROJECT_ID, "cmp_a"), seen_at=TUESDAY)
    nameless = EntityKey(CAMPAIGN, PROJECT_ID, "cmp_a")
    land(warehouse, reading(nameless, DAYS, READ_AT, spends(DAYS, 5)), currency=None)

    assert distinct(warehouse, "spent_in_account_id, platform, currency", "ads.campaign_metrics") == [
        ("acc_1", "meta_ads", "USD")
    ]


@pytest.mark.slow
def test_a_former_account_that_is_renamed_is_renamed_on_the_days_that_were_spent_in_it(warehouse: Warehouse) -> None:
    list_move(warehouse, "acc_1", MONDAY)
    land_as_listed(warehouse, window(1, 2), TUESDAY)
    list_move(warehouse, "acc_2", utc(3, 4, 6))
    derive(warehouse)
    renamed = account("acc_1", name="Renamed")
    list_of(warehouse, AD_ACCOUNT, renamed, account("acc_2", currency="EUR"), seen_at=utc(3, 5, 6))
    derive(warehouse)

    assert distinct(warehouse, "ad_account_id, ad_account_name", "marts.campaign_daily") == [("acc_1", "Renamed")]


accounts = st.sampled_from(["acc_1", "acc_2", "acc_3"])
listings = st.lists(
    st.tuples(st.integers(0, 10 * 24), accounts), min_size=1, max_size=6, unique_by=lambda move: move[0]
)
_numbers = count(1)


@settings(derandomize=True, deadline=None, max_examples=examples(6))
@given(listings, st.lists(st.integers(0, 6), max_size=6))
def test_however_a_campaign_moves_and_is_read_a_day_belongs_to_where_it_was_last_seen_by_its_end(
    shared: Warehouse, moves: list[tuple[int, str]], readings_before: list[int]
) -> None:
    project_id, days = f"prj_{next(_numbers)}", window(1, 12)
    key, begin = EntityKey(CAMPAIGN, project_id, "cmp_a", "meta_ads"), utc(3, 1)
    for number, (hours, account_id) in enumerate(sorted(moves)):
        for _ in range(readings_before.count(number)):
            until = (begin + timedelta(hours=hours)).date()
            if until > days.since:
                past = DayWindow(days.since, until)
                land(shared, reading(key, past, begin + timedelta(hours=hours), spends(past, 1)))
        listed = replace(campaign("cmp_a", account_id), project_id=project_id)
        upsert_entities(shared, CAMPAIGN, [project_id], [listed], begin + timedelta(hours=hours))
    land(shared, reading(key, days, utc(3, 20), spends(days, 1)))

    def belongs(day: date) -> str:
        seen = [account_id for hours, account_id in sorted(moves) if begin + timedelta(hours=hours) < day_close(day)]
        return seen[-1] if seen else min(moves)[1]

    found = rows(shared, "SELECT day, spent_in_account_id FROM ads.campaign_metrics WHERE project_id = ?", [project_id])
    assert dict(found) == {day: belongs(day) for day in days}
