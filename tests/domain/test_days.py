"""Day buckets and windows, against sets of days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import (
    ONE_DAY,
    DayWindow,
    day_close,
    day_start,
    describe_days,
    format_instant,
    join_days,
    parse_instant,
    subtract_windows,
    week_start,
)

from .strategies import assert_fewest, days, days_of, properties, windows


def test_a_window_holds_its_first_day_and_not_the_day_it_ends() -> None:
    window = DayWindow(date(2026, 2, 27), date(2026, 3, 2))
    assert list(window) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert len(window) == 3
    assert date(2026, 2, 27) in window
    assert date(2026, 3, 2) not in window
    assert str(window) == "2026-02-27 until 2026-03-02"


@properties
@given(windows(), st.integers(1, 12), st.integers(0, 100), st.sampled_from([1, 7]))
def test_in_as_many_turns_as_there_are_parts_every_day_has_its_own(
    window: DayWindow, parts: int, first: int, unit: int
) -> None:
    whole_units = max(1, min(parts, len(window) // unit))
    in_turn = sorted(window.in_turn(turn, parts, unit=unit) for turn in range(first, first + whole_units))
    assert [day for part in in_turn for day in part] == list(window)
    assert all((part.since - window.since).days % unit == 0 for part in in_turn)


@pytest.mark.parametrize("until", [date(2026, 3, 1), date(2026, 2, 28)])
def test_a_window_without_a_day_is_refused(until: date) -> None:
    with pytest.raises(ValueError, match="at least one day"):
        DayWindow(date(2026, 3, 1), until)


@properties
@given(windows(), windows())
def test_an_intersection_holds_the_days_in_both(one: DayWindow, other: DayWindow) -> None:
    common = one.intersection(other)
    assert set(common or ()) == set(one) & set(other)
    assert common == other.intersection(one)


@properties
@given(st.lists(days()))
def test_joined_days_are_exactly_the_days_in_the_fewest_windows(some: list[date]) -> None:
    joined = join_days(some)
    assert days_of(joined) == sorted(set(some))
    assert_fewest(joined)


@properties
@given(windows(longest=30), st.lists(windows(), max_size=8))
def test_subtracting_leaves_exactly_the_days_in_none_of_the_others(window: DayWindow, closed: list[DayWindow]) -> None:
    left = subtract_windows(window, closed)
    assert days_of(left) == sorted(set(window) - set(days_of(closed)))
    assert_fewest(left)


@properties
@given(days())
def test_a_day_opens_at_midnight_utc_and_closes_when_the_next_one_opens(day: date) -> None:
    assert day_start(day).isoformat() == f"{day}T00:00:00+00:00"
    assert day_close(day) == day_start(day + ONE_DAY)


@properties
@given(days())
def test_a_week_starts_on_the_monday_at_or_before_the_day(day: date) -> None:
    monday = week_start(day)
    assert monday.isoweekday() == 1
    assert timedelta(0) <= day - monday < timedelta(days=7)


def test_an_instant_is_read_in_any_zone_and_never_without_one() -> None:
    six = datetime(2026, 4, 1, 6, tzinfo=UTC)
    assert parse_instant("2026-04-01T06:00:00Z") == six
    assert parse_instant("2026-04-01T08:00:00+02:00") == six
    assert parse_instant("2026-04-01T08:00:00+02:00").tzinfo is UTC
    with pytest.raises(ValueError, match="no time zone"):
        parse_instant("2026-04-01T06:00:00")


def test_an_instant_is_written_in_utc_with_a_z() -> None:
    in_berlin = datetime(2026, 4, 1, 8, tzinfo=timezone(timedelta(hours=2)))
    assert format_instant(in_berlin) == "2026-04-01T06:00:00Z"


@properties
@given(st.sets(days(), min_size=1))
def test_days_are_told_as_the_ranges_that_hold_exactly_them(found: set[date]) -> None:
    told: set[date] = set()
    for part in describe_days(found, most=len(found)).split(", "):
        first, _, last = part.partition(" to ")
        told |= set(DayWindow(date.fromisoformat(first), date.fromisoformat(last or first) + ONE_DAY))
    assert told == found


def test_of_many_ranges_the_first_are_told_and_how_many_days_are_left() -> None:
    found = [date(2026, 3, day) for day in (1, 2, 3, 5, 8, 9)]
    assert describe_days(found) == "2026-03-01 to 2026-03-03, 2026-03-05, 2026-03-08 to 2026-03-09"
    assert describe_days(found, most=2) == "2026-03-01 to 2026-03-03, 2026-03-05 and 2 more days"
    assert describe_days(found[:4], most=1) == "2026-03-01 to 2026-03-03 and 1 more day"
