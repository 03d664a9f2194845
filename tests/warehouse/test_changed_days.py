"""The log of what changed: all that may differ from a publication, whoever asks for it, and little else."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.changed_days import (
    PUBLICATIONS_LOGGED,
    count_changed_days,
    load_changed_days,
    note_published_state,
)
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.future import take_back_future
from layers_etl.warehouse.marts import count_stale_windows
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.publishing import load_state_id
from layers_etl.warehouse.runs import record_horizon
from layers_etl.warehouse.settling import apply_settling_times

from ..examples import examples
from .builders import (
    SCOPES,
    SETTLE_HOURS,
    STALE_WINDOWS,
    A,
    B,
    Row,
    derive,
    land,
    march,
    opened,
    publish,
    reading,
    rows,
    spends,
    utc,
    window,
)
from .deeds import deeds, live, windows


def land_spend(warehouse: Warehouse, key: EntityKey, days: DayWindow, spend: int = 1, hour: int = 6) -> None:
    land(warehouse, reading(key, days, utc(3, 30, hour), spends(days, spend)))


def note(warehouse: Warehouse, entity_id: str, days: DayWindow) -> None:
    """A change as the log has it, without one of the data."""
    with warehouse.change() as connection:
        connection.execute(
            "INSERT INTO ops.changed_days BY NAME SELECT 'campaign' AS scope, 'prj_1' AS project_id, "
            "$entity AS entity_id, $since AS since, $until AS until, revision + 1 AS revision FROM ops.revision",
            {"entity": entity_id, "since": days.since, "until": days.until},
        )


def published(warehouse: Warehouse) -> str:
    """As if it were published now; by which state that is known."""
    with warehouse.transaction():
        note_published_state(warehouse)
    return load_state_id(warehouse)


def changed(warehouse: Warehouse, since_state: str) -> set[tuple[str, date, date]] | None:
    """Entities and windows."""
    found = load_changed_days(warehouse, since_state)
    return None if found is None else set(found.select("entity_id", "since", "until").iter_rows())


def test_what_landed_since_a_publication_is_named_and_nothing_else(warehouse: Warehouse) -> None:
    land_spend(warehouse, A, window(1, 9))
    first = published(warehouse)
    assert changed(warehouse, first) == set()
    land_spend(warehouse, B, window(3, 4))
    second = published(warehouse)
    land_spend(warehouse, A, window(9, 9), hour=7)
    assert changed(warehouse, first) == {("cmp_b", march(3), march(5)), ("cmp_a", march(9), march(10))}
    assert changed(warehouse, second) == {("cmp_a", march(9), march(10))}


def test_deriving_takes_nothing_from_whoever_else_follows(warehouse: Warehouse) -> None:
    first = published(warehouse)
    land_spend(warehouse, A, window(1, 2))
    derive(warehouse)
    land_spend(warehouse, A, window(3, 3))
    assert derive(warehouse).stale_windows == 1, "each is derived once"
    assert changed(warehouse, first) == {("cmp_a", march(1), march(3)), ("cmp_a", march(3), march(4))}


def test_what_was_published_before_its_mart_was_derived_is_named_again_once_it_is(warehouse: Warehouse) -> None:
    """As of a scope that was not read for a while: in that publication its mart was as it had been."""
    land_spend(warehouse, A, window(1, 2))
    before = published(warehouse)
    assert changed(warehouse, before) == set()
    derive(warehouse)
    assert changed(warehouse, before) == {("cmp_a", march(1), march(3))}
    assert derive(warehouse).stale_windows == 0


def test_of_a_publication_that_is_not_this_files_every_day_may_differ(warehouse: Warehouse) -> None:
    land_spend(warehouse, A, window(1, 2))
    published(warehouse)
    assert changed(warehouse, "of another file") is None
    assert count_changed_days(warehouse, "of another file") is None


def test_where_instants_anywhere_were_taken_back_every_day_may_differ(warehouse: Warehouse) -> None:
    """History's too, of days that nobody reads again."""
    land_spend(warehouse, A, window(1, 2))
    before = published(warehouse)
    take_back_future(warehouse, utc(3, 29))
    assert changed(warehouse, before) is None
    after = published(warehouse)
    land_spend(warehouse, B, window(3, 3))
    assert changed(warehouse, after) == {("cmp_b", march(3), march(4))}


def test_a_file_begun_again_from_an_older_publication_knows_that_one_and_not_the_newer(tmp_path: Path) -> None:
    """Though both have counted as many changes."""
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, A, window(1, 2))
        publish(warehouse)
        older = load_state_id(warehouse)
        shutil.copy2(target, tmp_path / "kept.duckdb")
        land_spend(warehouse, A, window(3, 3))
        publish(warehouse, at=utc(3, 6))
        newer, count = load_state_id(warehouse), rows(warehouse, "SELECT revision FROM ops.revision")
    (tmp_path / "build.duckdb").unlink()
    shutil.move(tmp_path / "kept.duckdb", target)
    with open_warehouse(tmp_path / "build.duckdb", SCOPES, publishers=[PublishedFile(target)]) as warehouse:
        land_spend(warehouse, B, window(5, 5))
        assert rows(warehouse, "SELECT revision FROM ops.revision") == count
        assert changed(warehouse, older) == {("cmp_b", march(5), march(6))}
        assert changed(warehouse, newer) is None


@pytest.mark.slow
def test_the_log_reaches_back_a_bounded_number_of_publications(warehouse: Warehouse) -> None:
    states: list[str] = []
    for number in range(PUBLICATIONS_LOGGED + 2):
        note(warehouse, f"cmp_{number}", window(1, 1))
        derive(warehouse)
        states.append(published(warehouse))
    assert [changed(warehouse, state) is None for state in states[:3]] == [True, True, False]
    since_the_oldest = {(f"cmp_{number}", march(1), march(2)) for number in range(3, len(states))}
    assert changed(warehouse, states[2]) == since_the_oldest
    assert rows(warehouse, "SELECT count(*) FROM ops.changed_days") == [(len(since_the_oldest),)]


def test_what_a_mart_lacks_stays_however_often_the_rest_is_published(warehouse: Warehouse) -> None:
    """As of a scope that is not read at the time: its mart follows once it is."""
    land_spend(warehouse, A, window(1, 2))
    for _ in range(PUBLICATIONS_LOGGED + 1):
        with warehouse.change():
            pass
        published(warehouse)
    assert count_stale_windows(warehouse, CAMPAIGN) == 1
    assert derive(warehouse).rows == 2


def test_a_state_that_is_published_again_is_one_publication(tmp_path: Path) -> None:
    """As after a copy that found no room."""
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, A, window(1, 2))
        for _ in range(2):
            assert publish(warehouse)
            (tmp_path / "warehouse.duckdb").unlink()
        assert rows(warehouse, "SELECT count(*) FROM ops.published_states") == [(1,)]


@pytest.mark.slow
def test_a_day_that_was_not_read_and_shows_another_projection_is_named(warehouse: Warehouse) -> None:
    keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{number}", "meta_ads") for number in range(6)]
    apply_settling_times(warehouse, SettlingTimes(SETTLE_HOURS))
    record_horizon(warehouse, march(1), march(20))
    for day in window(1, 8):
        land(warehouse, *(reading(key, DayWindow(day, day + ONE_DAY), at(day, 30), spends([day], 5)) for key in keys))
    land(warehouse, *(reading(key, window(1, 8), utc(3, 20), spends(window(1, 8), 10)) for key in keys))
    land(warehouse, reading(A, window(19, 19), at(march(19), 30), spends([march(19)], 5)))
    projected = "SELECT projected_spend FROM marts.campaign_daily WHERE campaign_id = 'cmp_a'"
    derive(warehouse)
    assert rows(warehouse, projected) == [(pytest.approx(10),)]
    before = published(warehouse)

    land(warehouse, *(reading(key, window(1, 8), utc(3, 21), spends(window(1, 8), 20)) for key in keys))
    derive(warehouse)
    assert rows(warehouse, projected) == [(pytest.approx(20),)]
    assert ("cmp_a", march(19), march(20)) in (changed(warehouse, before) or ())
    assert count_stale_windows(warehouse, CAMPAIGN) == 0, "the mart shows it already"


def at(day: date, hours: int) -> Any:
    """So many hours after the day began."""
    return utc(3, day.day) + timedelta(hours=hours)


@settings(derandomize=True, deadline=None, max_examples=examples(8))
@given(st.lists(st.tuples(st.sampled_from(["cmp_a", "cmp_b"]), windows), max_size=12), windows)
def test_an_entity_day_that_several_windows_hold_counts_once_and_only_within_the_horizon(
    tmp_path_factory: pytest.TempPathFactory, noted: list[tuple[str, DayWindow]], horizon: DayWindow
) -> None:
    with opened(tmp_path_factory.mktemp("log")) as warehouse:
        record_horizon(warehouse, horizon.since, horizon.until - ONE_DAY)
        before = published(warehouse)
        for entity_id, days in noted:
            note(warehouse, entity_id, days)
        days = {(entity_id, day) for entity_id, window in noted for day in window if day in horizon}
        assert count_changed_days(warehouse, before) == len(days)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=examples(8))
@given(st.lists(deeds, min_size=6, max_size=14))
def test_whatever_happens_every_day_that_differs_from_a_publication_is_named(
    tmp_path_factory: pytest.TempPathFactory, happening: list[tuple[Any, ...]]
) -> None:
    publications: dict[str, set[Row]] = {}
    with opened(tmp_path_factory.mktemp("log")) as warehouse:
        for _ in live(warehouse, happening):
            publications[published(warehouse)] = shown(warehouse)
        derive(warehouse)
        assert rows(warehouse, f"FROM {STALE_WINDOWS}") == []
        now = shown(warehouse)
        for state, then in publications.items():
            found = load_changed_days(warehouse, state)
            assert found is not None
            named = {
                (entity_id, day)
                for _, _, entity_id, since, until in found.iter_rows()
                for day in window(1, 31)
                if since <= day < until
            }
            assert {(entity_id, day) for entity_id, day, *_ in now ^ then} <= named
        warehouse.connection.execute("UPDATE ops.derived_marts SET revision = 0")
        derive(warehouse)
        assert shown(warehouse) == now, "in step with everything that was ever noted"


def shown(warehouse: Warehouse) -> set[Row]:
    """What analysts see of each entity and day: as it was read, and in the mart."""
    return {
        (entity_id, day, table, *values)
        for table in ("ads.campaign_metrics", "marts.campaign_daily")
        for entity_id, day, *values in rows(
            warehouse, f"SELECT campaign_id, day, * EXCLUDE (campaign_id, day) FROM {table}"
        )
    }
