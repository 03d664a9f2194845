"""When a day is settled, and what one interval of the ledger says of each of its days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close
from layers_etl.domain.settlement import (
    ONE_HOUR,
    Coverage,
    DayState,
    SettlingTimes,
    settled_before,
    settles_at,
)

from .strategies import days, instants, is_settled, properties, settle_hours, utc, windows


@st.composite
def intervals(draw: st.DrawFn) -> Coverage:
    """An interval in either form."""
    window = draw(windows())
    if draw(st.booleans()):
        return Coverage(window, draw(instants()))
    return Coverage(window, lag_hours=draw(st.integers(0, 800)))


def read_at_of(interval: Coverage, day: date) -> datetime:
    """When the interval says ``day`` was read, worked out day by day."""
    if interval.read_at is not None:
        return interval.read_at
    assert interval.lag_hours is not None
    return day_close(day) + timedelta(hours=interval.lag_hours)


def test_a_platform_without_a_settling_time_of_its_own_has_the_default() -> None:
    times = SettlingTimes(96, {"meta_ads": 672})
    assert times.hours("meta_ads") == 672
    assert times.hours("tiktok_ads") == 96
    assert times.hours("snap_ads") == 96


def test_an_entity_that_spans_platforms_settles_with_the_slowest_of_them() -> None:
    assert SettlingTimes(72, {"meta_ads": 24, "apple_ads": 720}).hours(None) == 720
    assert SettlingTimes(72, {"meta_ads": 24}).hours(None) == 72
    assert SettlingTimes().hours(None) == 78


def test_a_day_settles_72_hours_after_its_close_and_not_a_second_before() -> None:
    day = date(2026, 4, 1)
    assert settles_at(day, 72) == utc(4, 5)
    assert Coverage(DayWindow(day, day + ONE_DAY), utc(4, 5)).state(day, 72) is DayState.SETTLED
    just_before = utc(4, 5) - timedelta(microseconds=1)
    assert Coverage(DayWindow(day, day + ONE_DAY), just_before).state(day, 72) is DayState.PROVISIONAL


def test_reading_the_last_three_days_every_morning_reads_no_day_late_enough() -> None:
    day, last_read_at = date(2026, 4, 1), utc(4, 4, 6)
    assert Coverage(DayWindow(day, day + ONE_DAY), last_read_at).state(day, 72) is DayState.PROVISIONAL


def test_a_day_read_before_it_closed_is_running() -> None:
    day = date(2026, 4, 1)
    window = DayWindow(day, day + ONE_DAY)
    assert Coverage(window, utc(4, 1, 23, 59, 59)).state(day, 72) is DayState.RUNNING
    assert Coverage(window, utc(4, 2)).state(day, 72) is DayState.PROVISIONAL
    assert Coverage(window, utc(4, 2)).state(day, 0) is DayState.SETTLED


@properties
@given(days(), instants(), settle_hours())
def test_the_days_before_the_settled_edge_are_those_read_late_enough(day: date, read_at: datetime, hours: int) -> None:
    assert (day < settled_before(read_at, hours)) == is_settled(day, read_at, hours)


@properties
@given(intervals(), settle_hours())
def test_the_state_of_every_day_follows_from_when_it_was_read(interval: Coverage, hours: int) -> None:
    for day in interval.window:
        read_at = read_at_of(interval, day)
        expected = (
            DayState.SETTLED
            if is_settled(day, read_at, hours)
            else DayState.PROVISIONAL
            if read_at >= day_close(day)
            else DayState.RUNNING
        )
        assert interval.state(day, hours) is expected
        assert interval.read_no_earlier_than(day) == read_at


@properties
@given(intervals(), settle_hours())
def test_the_settled_part_of_an_interval_holds_exactly_its_settled_days(interval: Coverage, hours: int) -> None:
    expected = {day for day in interval.window if is_settled(day, read_at_of(interval, day), hours)}
    assert set(interval.settled_window(hours) or ()) == expected


@properties
@given(intervals(), instants())
def test_the_part_read_since_an_instant_holds_exactly_the_days_read_since(
    interval: Coverage, instant: datetime
) -> None:
    expected = {day for day in interval.window if read_at_of(interval, day) >= instant}
    assert set(interval.window_read_since(instant) or ()) == expected


@pytest.mark.parametrize("worst", range(len(DayState) - 1))
def test_states_are_listed_from_worst_to_best(worst: int) -> None:
    order = [DayState.NEVER_READ, DayState.RUNNING, DayState.PROVISIONAL, DayState.SETTLED]
    assert list(DayState)[worst : worst + 2] == order[worst : worst + 2]


def test_one_hour_is_the_grain_of_settling_times() -> None:
    assert timedelta(minutes=60) == ONE_HOUR
