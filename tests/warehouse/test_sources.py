"""What readings show of the copy they came from, and what was seen of running days."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from layers_etl.domain.freshness import Evidence
from layers_etl.domain.glimpses import Look
from layers_etl.domain.scopes import SCOPES
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.sources import load_evidence, load_looked_at, note_looks

from ..harness.fresh import fresh_warehouse
from .builders import ACCOUNT, account, land, march, reading, rows, spends, utc, window

SOURCE = ("prj_1", "acc_1")
MORNING, NOON, EVENING = utc(3, 10, 7), utc(3, 10, 12), utc(3, 10, 18)


def look(day: int, seen_at: datetime, impressions: int | None) -> Look:
    """At the account, which has nothing but impressions."""
    return Look(ACCOUNT, SOURCE, march(day), seen_at, (0, impressions, 0, 0))


def seen(warehouse: Warehouse, at: datetime, *looks: Look) -> Evidence:
    """What a run at that instant shows, which read the account and saw this."""
    land(warehouse, reading(ACCOUNT, window(1, 2), at, spends(window(1, 2), 1)))
    note_looks(warehouse, looks, read_since=at)
    return load_evidence(warehouse, [ACCOUNT.scope], read_since=at)[SOURCE]


@pytest.fixture
def listed(warehouse: Warehouse) -> Warehouse:
    """One account."""
    upsert_entities(warehouse, ACCOUNT.scope, ["prj_1"], [account()], MORNING)
    return warehouse


def test_evidence_is_asked_for_in_every_scope(tmp_path: Path) -> None:
    with fresh_warehouse(tmp_path / "build.duckdb", SCOPES.values()) as warehouse:
        assert load_evidence(warehouse, SCOPES.values(), read_since=MORNING) == {}


def test_a_running_day_with_more_than_at_the_look_before_proves_a_newer_copy_and_with_less_an_older(
    listed: Warehouse,
) -> None:
    first = seen(listed, MORNING, look(10, MORNING, 100))
    assert (first.newest_active_day, first.moved_since, first.went_back) == (march(10), None, False)
    more = seen(listed, NOON, look(10, NOON, 500))
    assert (more.moved_since, more.went_back) == (MORNING, False)
    less = seen(listed, EVENING, look(10, EVENING, 300))
    assert (less.moved_since, less.went_back) == (NOON, True)


def test_a_running_day_that_stands_still_or_is_not_known_proves_nothing(listed: Warehouse) -> None:
    seen(listed, MORNING, look(10, MORNING, 100))
    assert seen(listed, NOON, look(10, NOON, 100)).moved_since is None
    assert seen(listed, EVENING, look(10, EVENING, None)).moved_since is None


def test_a_day_that_was_running_is_compared_with_what_it_is_once_it_has_closed(listed: Warehouse) -> None:
    seen(listed, EVENING, look(10, EVENING, 500))
    next_morning = utc(3, 11, 7)
    found = seen(listed, next_morning, look(10, next_morning, 400), look(11, next_morning, 0))
    assert (found.newest_active_day, found.moved_since, found.went_back) == (march(10), EVENING, True)
    assert load_looked_at(listed, [ACCOUNT]) == {ACCOUNT: march(11)}


def test_no_more_than_the_last_two_looks_are_kept(listed: Warehouse) -> None:
    for hour in range(8):
        at = utc(3, 10, hour)
        seen(listed, at, look(10, at, hour))
    assert rows(listed, "SELECT DISTINCT seen_at FROM ops.running_days ORDER BY ALL") == [
        (utc(3, 10, 6),),
        (utc(3, 10, 7),),
    ]


@pytest.mark.parametrize(("day", "rests"), [(21, True), (22, True), (23, True), (24, False), (25, False)])
def test_an_account_rests_where_it_was_quiet_a_week_ago_or_the_day_before_that(
    listed: Warehouse, day: int, *, rests: bool
) -> None:
    """The 21st of March 2026 is a Saturday."""
    at_work = [each for each in window(2, 20) if each.weekday() < 5]
    land(listed, reading(ACCOUNT, window(1, 20), utc(3, day, 7), spends(at_work, 1)))
    assert load_evidence(listed, [ACCOUNT.scope], read_since=utc(3, day, 7))[SOURCE].rests == rests


def test_an_account_that_is_new_is_not_taken_to_rest(listed: Warehouse) -> None:
    land(listed, reading(ACCOUNT, window(1, 21), utc(3, 22, 7), spends(window(16, 20), 1)))
    assert not load_evidence(listed, [ACCOUNT.scope], read_since=utc(3, 22, 7))[SOURCE].rests


def test_readings_look_at_the_running_day_where_they_reach_it_or_see_it_beyond_what_lands(listed: Warehouse) -> None:
    assert not seen(listed, MORNING).looked
    assert not seen(listed, MORNING, look(9, MORNING, 5)).looked
    assert seen(listed, NOON, look(10, NOON, 0)).looked
    land(listed, reading(ACCOUNT, window(9, 10), EVENING, {}))
    assert load_evidence(listed, [ACCOUNT.scope], read_since=EVENING)[SOURCE].looked
