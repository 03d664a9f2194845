"""Weekly reach lands by the rules of the daily numbers."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.errors import LayersEtlError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.readings import Landing
from layers_etl.warehouse.settling import apply_settling_times
from layers_etl.warehouse.weekly_reach import load_open_weeks, upsert_weekly_reach

from .builders import SETTLE_HOURS, A, Row, campaign, dump, land, march, reading, rows, spends, utc, window

WEEK = window(2, 8)
SETTLED_AT = utc(3, 12, 6)
BEFORE_SETTLING = utc(3, 10, 6)
"""A clock that stepped back, or a run as of an earlier instant."""


def week(read_at: datetime, reach: int | None, *, days: DayWindow = WEEK, served: bool = True) -> Reading:
    """The answer for the week of ``days``, which has a bucket where there is a reach."""
    return reading(A, days, read_at, {days.since: {"reach": reach}} if reach else {}, served=served)


def land_weeks(warehouse: Warehouse, *weeks: Reading) -> None:
    upsert_weekly_reach(warehouse, CAMPAIGN, [Landing(each, None, SETTLE_HOURS) for each in weeks])


def standing(warehouse: Warehouse) -> list[Row]:
    return rows(warehouse, "SELECT reach, settled, first_observed_at, observed_at FROM ads.campaign_reach_weekly")


def superseded(warehouse: Warehouse) -> list[Row]:
    return rows(
        warehouse,
        "SELECT reach, settled, observed_at, last_observed_at, superseded_at FROM ads.campaign_reach_weekly_history",
    )


def open_weeks(warehouse: Warehouse, instant: datetime) -> list[date]:
    found = load_open_weeks(
        warehouse,
        CAMPAIGN,
        WEEK,
        project_ids=[A.project_id],
        instant=instant,
        again=False,
        fresh_since=None,
        refused_since=None,
        turn=0,
    )
    return [read.window.since for _, read in found]


def test_a_settled_week_stays_settled_when_a_clock_steps_back(warehouse: Warehouse) -> None:
    land_weeks(warehouse, week(SETTLED_AT, 100))
    land_weeks(warehouse, week(BEFORE_SETTLING, 100))
    assert standing(warehouse) == [(100, True, SETTLED_AT, SETTLED_AT)]


def test_a_value_is_never_superseded_before_it_was_seen(warehouse: Warehouse) -> None:
    land_weeks(warehouse, week(SETTLED_AT, 100))
    land_weeks(warehouse, week(BEFORE_SETTLING, 120))
    assert standing(warehouse) == [(120, True, SETTLED_AT, SETTLED_AT)]
    assert superseded(warehouse) == [(100, True, SETTLED_AT, SETTLED_AT, SETTLED_AT)]


def test_a_week_the_api_does_not_serve_says_nothing_of_the_reach_that_is_known(warehouse: Warehouse) -> None:
    land_weeks(warehouse, week(BEFORE_SETTLING, 100))
    land_weeks(warehouse, week(SETTLED_AT, None, served=False))
    assert standing(warehouse) == [(100, True, BEFORE_SETTLING, SETTLED_AT)]
    assert superseded(warehouse) == []


def test_a_week_the_api_never_served_counts_as_read(warehouse: Warehouse) -> None:
    land_weeks(warehouse, week(SETTLED_AT, None, served=False))
    assert standing(warehouse) == [(None, True, SETTLED_AT, SETTLED_AT)]


def test_a_served_week_without_a_bucket_replaces_the_reach_that_was_known(warehouse: Warehouse) -> None:
    land_weeks(warehouse, week(BEFORE_SETTLING, 100))
    land_weeks(warehouse, week(SETTLED_AT, None))
    assert standing(warehouse) == [(None, True, SETTLED_AT, SETTLED_AT)]
    assert superseded(warehouse) == [(100, False, BEFORE_SETTLING, BEFORE_SETTLING, SETTLED_AT)]


def test_a_longer_settling_time_opens_the_weeks_it_should_and_a_shorter_one_settles_them_again(
    warehouse: Warehouse,
) -> None:
    apply_settling_times(warehouse, SettlingTimes())
    upsert_entities(warehouse, CAMPAIGN, [A.project_id], [campaign(A.entity_id)], SETTLED_AT)
    land(warehouse, reading(A, WEEK, SETTLED_AT, spends(WEEK, 1, impressions=10)))
    land_weeks(warehouse, week(SETTLED_AT, 100))
    much_later = SETTLED_AT + timedelta(days=60)
    assert open_weeks(warehouse, much_later) == []

    apply_settling_times(warehouse, SettlingTimes(72, {"meta_ads": 672}))
    assert standing(warehouse) == [(100, False, SETTLED_AT, SETTLED_AT)]
    assert open_weeks(warehouse, SETTLED_AT) == []
    assert open_weeks(warehouse, much_later) == [march(2)]

    apply_settling_times(warehouse, SettlingTimes(72, {"tiktok_ads": 672}))
    assert standing(warehouse) == [(100, True, SETTLED_AT, SETTLED_AT)]


@pytest.mark.parametrize("other", [week(SETTLED_AT, 120), week(SETTLED_AT, None, days=window(2, 15))])
def test_a_batch_that_speaks_of_a_week_twice_is_refused_and_writes_nothing(
    warehouse: Warehouse, other: Reading
) -> None:
    before = dump(warehouse)
    with pytest.raises(LayersEtlError, match="the same day"):
        land_weeks(warehouse, week(SETTLED_AT, 100), other)
    assert dump(warehouse) == before
