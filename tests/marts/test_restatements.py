"""marts.restatements and what is made of it, held against a naive replay of the readings."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers_etl.domain.days import DayWindow, day_close
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse import projections
from layers_etl.warehouse.checks import load_last_reading_moves
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.projections import LEARNED_DAYS, load_observations
from layers_etl.warehouse.runs import record_horizon
from layers_etl.warehouse.settling import apply_settling_times

from ..examples import examples
from ..warehouse.builders import A, land, march, opened, reading, rows, utc

DAY = march(10)
WINDOW = DayWindow(DAY, march(11))


def land_conversions(warehouse: Warehouse, read_at: datetime, conversions: int | None) -> None:
    """A reading of the one day: with so many conversions, or without a bucket."""
    buckets = {} if conversions is None else {DAY: {"spend": Decimal(10), "conversions": conversions}}
    land(warehouse, reading(A, WINDOW, read_at, buckets))


def test_every_reading_shows_its_age_its_change_and_its_distance_from_the_settled_value(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        for hours, conversions in ((6, 3), (30, 5), (54, 5), (78, 9)):
            land_conversions(warehouse, day_close(DAY) + timedelta(hours=hours), conversions)
        found = rows(
            warehouse,
            "SELECT age_hours, reading, conversions, conversions_change, conversions_to_settled"
            " FROM marts.restatements WHERE scope = 'campaign' ORDER BY read_at",
        )
    assert found == [(6, 1, 3, None, 6), (30, 2, 5, 2, 4), (54, 3, 5, 0, 4), (78, 4, 9, 4, 0)]


def test_a_bucket_that_vanished_and_came_back_is_null_between(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        for hours, conversions in ((6, 3), (30, None), (54, 4)):
            land_conversions(warehouse, day_close(DAY) + timedelta(hours=hours), conversions)
        found = rows(warehouse, "SELECT conversions, settled_conversions FROM marts.restatements ORDER BY read_at")
    assert found == [(3, None), (None, None), (4, None)]


@settings(
    max_examples=examples(10),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(0, 3)), min_size=1, max_size=8))
def test_for_all_sequences_of_readings_each_one_is_shown_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[tuple[int, int | None]]
) -> None:
    read_at, expected = day_close(DAY), list[tuple[datetime, int | None]]()
    with opened(tmp_path_factory.mktemp("replay")) as warehouse:
        for hours, conversions in sequence:
            read_at += timedelta(hours=hours)
            land_conversions(warehouse, read_at, conversions)
            expected.append((read_at, conversions))
        found = rows(warehouse, "SELECT read_at, conversions FROM marts.restatements ORDER BY read_at")
    # Readings of nothing, of a day that has nothing now and had nothing before, have no row to show.
    named = [row for row in expected if row[1] is not None]
    assert [row for row in found if row[1] is not None] == named
    assert set(found) <= set(expected)


SHOWN_TO_MATURE = """
SELECT project_id || '/' || entity_id AS entity, day, 24 * floor(age_hours / 24)::INTEGER AS age,
  arg_max(conversions, read_at) AS value, any_value(settled_conversions) AS settled_value
FROM marts.restatements
WHERE age_hours >= 0 AND age_hours < 78 AND conversions IS NOT NULL AND settled_conversions IS NOT NULL
GROUP BY ALL
ORDER BY ALL
"""


@pytest.mark.slow
@settings(
    max_examples=examples(10),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(0, 3)), min_size=1, max_size=8))
def test_for_all_sequences_of_readings_projections_learn_from_what_the_view_shows(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[tuple[int, int | None]]
) -> None:
    read_at = day_close(DAY)
    with opened(tmp_path_factory.mktemp("learnt")) as warehouse:
        apply_settling_times(warehouse, SettlingTimes())
        record_horizon(warehouse, march(1), march(14))
        for hours, conversions in sequence:
            read_at += timedelta(hours=hours)
            land_conversions(warehouse, read_at, conversions)
        learnt = load_observations(warehouse, CAMPAIGN, SettlingTimes(), days=LEARNED_DAYS)
        shown = rows(warehouse, SHOWN_TO_MATURE)
    learnt = (
        learnt.filter(metric="conversions")
        .select("entity", "day", "age_hours", "value", "settled_value")
        .sort("age_hours")
    )
    assert learnt.rows() == shown


def test_of_many_entities_of_a_platform_as_many_are_learnt_from_as_are_enough_and_ever_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections, "LEARNED_ENTITIES", enough := 10)
    keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{number:03}", "meta_ads") for number in range(enough + 5)]
    seen: list[set[str]] = []
    with opened(tmp_path) as warehouse:
        apply_settling_times(warehouse, SettlingTimes())
        record_horizon(warehouse, march(1), march(14))
        for hours in (6, 78, 102):
            at = day_close(DAY) + timedelta(hours=hours)
            land(warehouse, *(reading(key, WINDOW, at, {DAY: {"conversions": hours}}) for key in keys))
            learnt = load_observations(warehouse, CAMPAIGN, SettlingTimes(), days=LEARNED_DAYS)
            seen.append(set(learnt.get_column("entity")))
    assert [len(entities) for entities in seen] == [0, enough, enough]
    assert seen[1] == seen[2]


@pytest.mark.slow
def test_the_summary_counts_what_was_known_by_whole_days_of_age_of_days_seen_maturing(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        apply_settling_times(warehouse, SettlingTimes())
        for hours, conversions in ((6, 3), (30, 6), (78, 12)):
            land_conversions(warehouse, day_close(DAY) + timedelta(hours=hours), conversions)
        # Seen for the first time when it had settled: it tells nothing of how days mature.
        settled_at_once = DayWindow(march(1), march(2))
        land(warehouse, reading(A, settled_at_once, utc(3, 14), {march(1): {"spend": Decimal(1), "conversions": 50}}))
        found = rows(
            warehouse,
            "SELECT known_after_hours, known, settled, share_known, entity_days_that_moved_later"
            " FROM marts.restatement_summary WHERE metric = 'conversions' ORDER BY ALL",
        )
    assert found == [(0, 3, 12, 0.25, 1), (24, 6, 12, 0.5, 1), (72, 12, 12, 1, 0)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("readings", "moved", "after_settling"),
    [
        ([(6, 3), (54, 9), (78, 9)], 0, 0),
        ([(6, 3), (54, 5), (78, 9)], 1, 0),
        ([(6, 3), (78, 9), (102, 10)], 1, 1),
    ],
)
def test_a_day_that_moved_at_its_last_reading_is_counted_by_platform(
    tmp_path: Path, readings: list[tuple[int, int]], moved: int, after_settling: int
) -> None:
    with opened(tmp_path) as warehouse:
        apply_settling_times(warehouse, SettlingTimes())
        record_horizon(warehouse, march(1), march(14))
        for hours, conversions in readings:
            land_conversions(warehouse, day_close(DAY) + timedelta(hours=hours), conversions)
        (found,) = load_last_reading_moves(warehouse, CAMPAIGN)
    assert (found.platform, found.settled_days) == ("meta_ads", 1)
    assert (found.moved_days, found.moved_after_settling_days) == (moved, after_settling)


def test_nothing_moved_where_nothing_was_ever_read(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        assert load_last_reading_moves(warehouse, CAMPAIGN) == []


@pytest.mark.slow
def test_what_moved_at_its_last_reading_is_the_same_however_few_days_are_looked_at_at_once(tmp_path: Path) -> None:
    days = DayWindow(march(1), march(5))
    keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{platform}", platform) for platform in ("meta_ads", "tiktok_ads")]
    with opened(tmp_path) as warehouse:
        apply_settling_times(warehouse, SettlingTimes())
        record_horizon(warehouse, march(1), march(14))
        for read_on, conversions in ((6, 4), (9, 6), (10, 7)):
            measured = {day: {"conversions": conversions * day.day} for day in days}
            land(warehouse, *(reading(key, days, utc(3, read_on, 7), measured) for key in keys))
        at_once, day_by_day = (load_last_reading_moves(warehouse, CAMPAIGN, at_once=rows) for rows in (1_000_000, 1))
    assert at_once == day_by_day
    assert [(each.platform, each.settled_days, each.conversions) for each in at_once] == [
        ("meta_ads", 4, 70),
        ("tiktok_ads", 4, 70),
    ]
    assert {(each.moved_days, each.conversions_change, each.conversions_share) for each in at_once} == {(4, 10, 1 / 7)}
