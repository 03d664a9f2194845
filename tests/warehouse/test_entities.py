"""Listings: latest rows, versions, and what a change of them makes stale."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from layers_etl.domain.days import DayWindow, day_start
from layers_etl.domain.entities import Entity
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import LayersEtlError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, mark_gone, unmark_gone, upsert_entities
from layers_etl.warehouse.runs import ListedOddly, forget_requests, record_horizon, record_odd_fields
from layers_etl.warehouse.tables import MOST_ODD_FIELDS

from .builders import (
    ACCOUNT,
    SCOPES,
    STALE_WINDOWS,
    A,
    B,
    Row,
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

VERSIONS = "SELECT name, status, listed, valid_from, valid_to FROM ads.campaign_history ORDER BY valid_from, name"
LATEST = "SELECT campaign_id, name, listed, first_listed_at, last_listed_at, gone_at FROM ads.campaigns ORDER BY 1"
MONDAY, TUESDAY, WEDNESDAY = utc(3, 2, 6), utc(3, 3, 6), utc(3, 4, 6)


def list_campaigns(warehouse: Warehouse, seen_at: datetime, *entities: Entity, scope: Scope = CAMPAIGN) -> None:
    upsert_entities(warehouse, scope, ["prj_1"], entities, seen_at)


def revision(warehouse: Warehouse) -> int:
    return rows(warehouse, "SELECT revision FROM ops.revision")[0][0]


def test_a_rename_closes_the_version_and_opens_the_next(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a", name="Old"))
    list_campaigns(warehouse, TUESDAY, campaign("cmp_a", name="New"))
    assert rows(warehouse, VERSIONS) == [
        ("Old", "active", True, MONDAY, TUESDAY),
        ("New", "active", True, TUESDAY, None),
    ]
    assert rows(warehouse, LATEST) == [("cmp_a", "New", True, MONDAY, TUESDAY, None)]


def test_no_version_ends_before_it_began_where_the_clock_steps_back(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, TUESDAY, campaign("cmp_a", name="Old"))
    list_campaigns(warehouse, MONDAY, campaign("cmp_a", name="New"))
    list_campaigns(warehouse, WEDNESDAY, campaign("cmp_a", name="Newest"))
    list_campaigns(warehouse, MONDAY)
    assert rows(warehouse, "SELECT name, listed, valid_from, valid_to FROM ads.campaign_history") == [
        ("Old", True, TUESDAY, TUESDAY),
        ("New", True, TUESDAY, WEDNESDAY),
        ("Newest", True, WEDNESDAY, WEDNESDAY),
        ("Newest", False, WEDNESDAY, None),
    ]
    assert rows(warehouse, LATEST) == [("cmp_a", "Newest", False, TUESDAY, WEDNESDAY, None)]


def test_a_listing_that_holds_an_entity_twice_is_refused_whole(warehouse: Warehouse) -> None:
    with pytest.raises(LayersEtlError, match="campaigns holds a key twice"):
        list_campaigns(warehouse, MONDAY, campaign("cmp_a"), campaign("cmp_b"), campaign("cmp_a", name="Other"))
    assert rows(warehouse, LATEST) == []


def test_a_listing_that_says_nothing_new_makes_no_version_and_is_not_worth_publishing(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"))
    before = revision(warehouse)
    list_campaigns(warehouse, TUESDAY, campaign("cmp_a"))
    assert revision(warehouse) == before
    assert len(rows(warehouse, VERSIONS)) == 1
    assert rows(warehouse, LATEST) == [("cmp_a", "Campaign cmp_a", True, MONDAY, TUESDAY, None)]


def test_an_entity_no_longer_listed_stays_marked_and_comes_back_as_a_version(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"), campaign("cmp_b"))
    list_campaigns(warehouse, TUESDAY, campaign("cmp_b"))
    assert rows(warehouse, LATEST)[0] == ("cmp_a", "Campaign cmp_a", False, MONDAY, MONDAY, None)
    list_campaigns(warehouse, WEDNESDAY, campaign("cmp_a"), campaign("cmp_b"))
    assert rows(warehouse, LATEST)[0] == ("cmp_a", "Campaign cmp_a", True, MONDAY, WEDNESDAY, None)
    versions = [row for row in rows(warehouse, VERSIONS) if row[0] == "Campaign cmp_a"]
    assert [(listed, valid_from, valid_to) for _, _, listed, valid_from, valid_to in versions] == [
        (True, MONDAY, TUESDAY),
        (False, TUESDAY, WEDNESDAY),
        (True, WEDNESDAY, None),
    ]


def test_the_list_of_one_project_leaves_the_entities_of_another_alone(warehouse: Warehouse) -> None:
    other = Entity(CAMPAIGN, "prj_2", "cmp_a", ad_account_id="acc_9", name="Elsewhere")
    upsert_entities(warehouse, CAMPAIGN, ["prj_1", "prj_2"], [campaign("cmp_a"), other], MONDAY)
    list_campaigns(warehouse, TUESDAY)
    listed = "SELECT project_id, listed FROM ads.campaigns ORDER BY project_id"
    assert rows(warehouse, listed) == [("prj_1", False), ("prj_2", True)]


def test_a_validated_token_makes_no_version_and_is_kept_all_the_same(warehouse: Warehouse) -> None:
    for seen_at in (MONDAY, TUESDAY):
        list_campaigns(warehouse, seen_at, account(token_last_validated_at=seen_at), scope=AD_ACCOUNT)
    assert rows(warehouse, "SELECT count(*) FROM ads.ad_account_history") == [(1,)]
    assert rows(warehouse, "SELECT token_last_validated_at FROM ads.ad_accounts") == [(TUESDAY,)]


def test_what_a_listing_says_beyond_the_columns_is_kept_as_json(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a", attributes={"bid": {"strategy": "Größe", "cap": 2**70}}))
    assert rows(warehouse, "SELECT attributes->>'$.bid.strategy', attributes->>'$.bid.cap' FROM ads.campaigns") == [
        ("Größe", str(2**70))
    ]


def test_an_id_that_gains_or_loses_its_prefix_is_stored_as_it_was_and_so_are_its_parents(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, account("acc_1"), scope=AD_ACCOUNT)
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"), campaign("b"))
    list_campaigns(warehouse, TUESDAY, campaign("a", "1", name="Campaign cmp_a"), campaign("cmp_b", name="Campaign b"))
    assert rows(warehouse, "SELECT campaign_id, ad_account_id, listed FROM ads.campaigns ORDER BY 1") == [
        ("b", "acc_1", True),
        ("cmp_a", "acc_1", True),
    ]
    assert len(rows(warehouse, VERSIONS)) == 2


def test_an_id_that_may_be_either_of_two_is_a_third(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"), campaign("old_a"))
    list_campaigns(warehouse, TUESDAY, campaign("a"))
    assert rows(warehouse, "SELECT campaign_id, listed FROM ads.campaigns ORDER BY 1") == [
        ("a", True),
        ("cmp_a", False),
        ("old_a", False),
    ]


def test_entities_of_two_projects_are_never_one(warehouse: Warehouse) -> None:
    other = Entity(CAMPAIGN, "prj_2", "a", ad_account_id="acc_1", name="Elsewhere")
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"))
    upsert_entities(warehouse, CAMPAIGN, ["prj_2"], [other], MONDAY)
    assert rows(warehouse, "SELECT project_id, campaign_id FROM ads.campaigns ORDER BY 1") == [
        ("prj_1", "cmp_a"),
        ("prj_2", "a"),
    ]


def test_of_a_column_left_unread_what_was_known_stands(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a", daily_budget_cents=500, created_at=MONDAY))
    unread = frozenset({"name", "ad_account_id", "daily_budget_cents", "created_at"})
    for entity_id in ("cmp_a", "cmp_b"):
        odd = Entity(CAMPAIGN, "prj_1", entity_id, platform="meta_ads", status="paused", unread_columns=unread)
        upsert_entities(warehouse, CAMPAIGN, ["prj_1"], [odd], TUESDAY, partly_listed=["prj_1"])
    known = "SELECT name, ad_account_id, daily_budget_cents, created_at, status FROM ads.campaigns ORDER BY campaign_id"
    assert rows(warehouse, known) == [
        ("Campaign cmp_a", "acc_1", 500, MONDAY, "paused"),
        (None, None, None, None, "paused"),
    ]


def test_a_list_that_may_lack_some_takes_no_entity_off_it(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"), campaign("cmp_b"))
    upsert_entities(warehouse, CAMPAIGN, ["prj_1"], [campaign("cmp_b")], TUESDAY, partly_listed=["prj_1"])
    assert [(row[0], row[2]) for row in rows(warehouse, LATEST)] == [("cmp_a", True), ("cmp_b", True)]


def test_odd_fields_are_named_up_to_a_number_a_run(warehouse: Warehouse) -> None:
    before = revision(warehouse)
    odd = ListedOddly(MONDAY, "campaign", "prj_1", "cmp_a", "name", "is no text; put aside", "{}")
    for _ in range(3):
        record_odd_fields(warehouse, "run", [odd] * (MOST_ODD_FIELDS // 2))
    record_odd_fields(warehouse, "other", [odd])
    assert rows(warehouse, "SELECT run_id, count(*) FROM ops.odd_fields GROUP BY ALL ORDER BY ALL") == [
        ("other", 1),
        ("run", MOST_ODD_FIELDS),
    ]
    assert revision(warehouse) == before, "not worth publishing by itself"
    forget_requests(warehouse, before=TUESDAY)
    assert rows(warehouse, "FROM ops.odd_fields") == []


def stale(warehouse: Warehouse) -> list[Row]:
    return rows(warehouse, f"SELECT DISTINCT scope, entity_id FROM {STALE_WINDOWS} ORDER BY ALL")


def test_a_renamed_account_makes_the_marts_of_its_campaigns_stale_and_no_others(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, account("acc_1"), account("acc_2"), scope=AD_ACCOUNT)
    list_campaigns(warehouse, MONDAY, campaign("cmp_a", "acc_1"), campaign("cmp_b", "acc_2"))
    for scope in SCOPES:
        derive(warehouse, scope)
    assert stale(warehouse) == []
    list_campaigns(warehouse, TUESDAY, account("acc_1", name="Renamed"), account("acc_2"), scope=AD_ACCOUNT)
    assert stale(warehouse) == [("ad_account", "acc_1"), ("campaign", "cmp_a")]


@pytest.mark.parametrize(
    ("change", "is_stale"),
    [({"name": "Renamed"}, True), ({"ad_account_id": "acc_2"}, True), ({"status": "paused"}, False)],
)
def test_marts_are_derived_anew_only_for_changes_they_show(
    warehouse: Warehouse, change: dict[str, Any], is_stale: bool
) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"))
    derive(warehouse)
    account_id = change.pop("ad_account_id", "acc_1")
    list_campaigns(warehouse, TUESDAY, campaign("cmp_a", account_id, **change))
    assert bool(stale(warehouse)) is is_stale
    assert len(rows(warehouse, VERSIONS)) == 2


def test_gone_is_remembered_until_it_can_be_read_or_is_listed_anew(warehouse: Warehouse) -> None:
    list_campaigns(warehouse, MONDAY, campaign("cmp_a"))
    mark_gone(warehouse, [A], TUESDAY)
    assert rows(warehouse, LATEST)[0][-1] == TUESDAY
    list_campaigns(warehouse, TUESDAY, campaign("cmp_a"))
    assert rows(warehouse, LATEST)[0][-1] == TUESDAY, "being listed all along says nothing new"
    unmark_gone(warehouse, [A])
    assert rows(warehouse, LATEST)[0][-1] is None
    mark_gone(warehouse, [A], TUESDAY)
    list_campaigns(warehouse, TUESDAY)
    list_campaigns(warehouse, WEDNESDAY, campaign("cmp_a"))
    assert rows(warehouse, LATEST)[0][-1] is None, "it came back to the list"


def test_a_plan_gets_every_entity_with_its_ledger_its_accounts_currency_and_its_newest_active_day(
    warehouse: Warehouse,
) -> None:
    list_campaigns(warehouse, MONDAY, account("acc_1", currency="EUR"), scope=AD_ACCOUNT)
    list_campaigns(
        warehouse, MONDAY, campaign("cmp_a", status="ARCHIVED"), campaign("cmp_b"), campaign("cmp_c", "acc_unknown")
    )
    zeros = {"impressions": 0, "clicks": 0, "conversions": 0, "conversion_value": 0}
    active = spends([march(1)], 5, **(zeros | {"clicks": 1}))
    quiet = spends([march(2)], 0, **zeros)
    land(warehouse, reading(A, window(1, 2), utc(3, 3, 6), {**active, **quiet}))
    known = {entity.key.entity_id: entity for entity in load_known_entities(warehouse, CAMPAIGN, ["prj_1"])}
    assert set(known) == {"cmp_a", "cmp_b", "cmp_c"}
    first = known["cmp_a"]
    assert (first.status, first.parent_id, first.gone, first.last_active_day) == ("archived", "acc_1", False, march(1))
    assert first.coverage == (Coverage(window(1, 2), utc(3, 3, 6)),)
    assert known["cmp_a"].currency == "EUR"
    assert known["cmp_b"].coverage == ()
    assert known["cmp_c"].currency is None
    accounts = load_known_entities(warehouse, AD_ACCOUNT, ["prj_1"])
    assert [(entity.key, entity.parent_id) for entity in accounts] == [(ACCOUNT, "acc_1")]
    assert load_known_entities(warehouse, CAMPAIGN, ["prj_2"]) == []


@pytest.mark.parametrize(("others_read_until", "newest_known"), [(120, True), (121, False)])
def test_activity_is_looked_for_in_the_120_days_before_the_newest_that_was_read_of_any(
    warehouse: Warehouse, others_read_until: int, newest_known: bool
) -> None:
    record_horizon(warehouse, march(1), march(14))
    ended, other = campaign(A.entity_id, status="archived"), campaign(B.entity_id)
    list_campaigns(warehouse, MONDAY, ended, other)
    land(warehouse, reading(A, window(1, 1), MONDAY, spends(window(1, 1), 5)))
    until = march(1) + timedelta(days=others_read_until)
    land(warehouse, reading(B, DayWindow(march(2), until), day_start(until), {}))
    known = {entity.key.entity_id: entity for entity in load_known_entities(warehouse, CAMPAIGN, ["prj_1"])}
    assert known[A.entity_id].last_active_day == (march(1) if newest_known else None)


def test_what_an_entity_spent_lately_is_that_of_the_last_week_that_is_known(warehouse: Warehouse) -> None:
    record_horizon(warehouse, march(1), march(14))
    list_campaigns(warehouse, MONDAY, campaign(A.entity_id), campaign(B.entity_id))
    land(warehouse, reading(A, window(1, 14), utc(3, 15), spends(window(1, 14), 5)))
    known = {entity.key.entity_id: entity for entity in load_known_entities(warehouse, CAMPAIGN, ["prj_1"])}
    assert (known[A.entity_id].recent_spend, known[B.entity_id].recent_spend) == (35, 0)
