"""The coverage ledger, against a dictionary from day to the instant it was last read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, day_start, subtract_windows
from layers_etl.domain.ledger import LONG_SETTLED, hold, record_reading, release
from layers_etl.domain.settlement import ONE_HOUR, Coverage, DayState

from .strategies import (
    Readings,
    assert_fewest,
    days_of,
    instants,
    is_settled,
    last_readings,
    ledger_of,
    properties,
    readings,
    settle_hours,
    utc,
    windows,
)

MINUTE = timedelta(minutes=1)


def by_day(coverage: tuple[Coverage, ...]) -> dict[date, Coverage]:
    """The interval of every day; no day may have two."""
    days = days_of(interval.window for interval in coverage)
    assert len(days) == len(set(days))
    return {day: interval for interval in coverage for day in interval.window}


def is_long_ago(day: date, read: Readings) -> bool:
    """Whether the hour at which the day was read may have been joined with its neighbours'."""
    return day < max(read_at for _, read_at in read).date() - LONG_SETTLED


@properties
@given(readings(), settle_hours())
def test_the_ledger_holds_exactly_the_days_that_were_read_oldest_first(read: Readings, hours: int) -> None:
    coverage = ledger_of(read, hours)
    assert list(by_day(coverage)) == sorted(last_readings(read))


@properties
@given(readings(), settle_hours())
def test_the_ledger_never_says_later_than_the_true_last_reading_and_is_within_an_hour_of_it_but_for_long_ago(
    read: Readings, hours: int
) -> None:
    truth = last_readings(read)
    for day, interval in by_day(ledger_of(read, hours)).items():
        said = interval.read_no_earlier_than(day)
        assert said <= truth[day]
        assert truth[day] < said + ONE_HOUR or is_long_ago(day, read)


@properties
@given(readings(), settle_hours(), settle_hours())
def test_the_ledger_decides_settlement_as_the_true_readings_do_under_any_settling_time(
    read: Readings, recorded_under: int, asked_under: int
) -> None:
    truth = last_readings(read)
    for day, interval in by_day(ledger_of(read, recorded_under)).items():
        is_final = interval.state(day, asked_under) is DayState.SETTLED
        if is_long_ago(day, read) and recorded_under < asked_under:
            assert is_final <= is_settled(day, truth[day], asked_under), "read again at most"
        else:
            assert is_final == is_settled(day, truth[day], asked_under)
        assert (day in (interval.settled_window(asked_under) or ())) == is_final


@properties
@given(readings(), st.lists(settle_hours(), min_size=12, max_size=12))
def test_the_ledger_stays_true_while_the_settling_time_is_changed_between_readings(
    read: Readings, hours: list[int]
) -> None:
    coverage: tuple[Coverage, ...] = ()
    for (window, read_at), settle in zip(read, hours, strict=False):
        coverage = record_reading(coverage, window, read_at, settle)
    truth = last_readings(read)
    for day, interval in by_day(coverage).items():
        assert interval.read_no_earlier_than(day) <= truth[day]
        assert truth[day] < interval.read_no_earlier_than(day) + ONE_HOUR or is_long_ago(day, read)


@properties
@given(readings(), windows(), settle_hours())
def test_a_reading_leaves_the_days_outside_its_window_as_they_were(
    read: Readings, window: DayWindow, hours: int
) -> None:
    before = by_day(ledger_of(read, hours))
    after = by_day(record_reading(ledger_of(read, hours), window, utc(6, 1), hours))
    for day in before.keys() - set(window):
        assert after[day].state(day, hours) is before[day].state(day, hours)
        assert after[day].read_no_earlier_than(day) >= before[day].read_no_earlier_than(day) - ONE_HOUR


@properties
@given(readings(), settle_hours())
def test_recording_a_reading_twice_equals_recording_it_once(read: Readings, hours: int) -> None:
    coverage = ledger_of(read, hours)
    for window, read_at in read[-1:]:
        assert record_reading(coverage, window, read_at, hours) == coverage


@properties
@given(readings(), settle_hours())
def test_neighbouring_intervals_that_say_the_same_are_one(read: Readings, hours: int) -> None:
    coverage = ledger_of(read, hours)
    for says in {(interval.read_at, interval.lag_hours) for interval in coverage}:
        assert_fewest([interval.window for interval in coverage if (interval.read_at, interval.lag_hours) == says])


@properties
@given(readings(), settle_hours())
def test_an_interval_says_when_it_was_read_in_exactly_one_way(read: Readings, hours: int) -> None:
    assert all((interval.read_at is None) != (interval.lag_hours is None) for interval in ledger_of(read, hours))


def test_the_ledger_of_a_year_of_mornings_stays_a_handful_of_intervals() -> None:
    random, coverage = Random(3), tuple[Coverage, ...]()
    start = date(2025, 1, 1)
    longest = 0
    for morning in range(1, 366):
        today = start + morning * ONE_DAY
        read_at = day_start(today) + 6 * ONE_HOUR + random.randrange(59) * MINUTE
        settled = [window for interval in coverage if (window := interval.settled_window(72))]
        for window in subtract_windows(DayWindow(start, today), settled):
            coverage = record_reading(coverage, window, read_at, 72)
        longest = max(longest, len(coverage))
    assert longest <= 6
    assert days_of(interval.window for interval in coverage) == list(DayWindow(start, date(2026, 1, 1)))


@pytest.mark.parametrize("apart", [timedelta(minutes=2), timedelta(hours=3), timedelta(hours=20)])
def test_the_ledger_of_a_year_of_mornings_that_differ_stays_bounded_and_settled(apart: timedelta) -> None:
    hours, first = 78, date(2025, 1, 1)
    random, coverage = Random(7), ()
    for number in range(365):
        today = first + number * ONE_DAY
        read_at = day_start(today) + 7 * ONE_HOUR + random.uniform(-1, 1) * apart / 2
        coverage = (
            record_reading(coverage, DayWindow(max(today - 5 * ONE_DAY, first), today), read_at, hours)
            if number
            else ()
        )

    assert len(coverage) <= LONG_SETTLED.days + 5
    settled = [part for interval in coverage if (part := interval.settled_window(hours))]
    assert sum(map(len, settled)) >= 355


def test_a_backfill_of_a_settled_year_is_one_interval() -> None:
    year = DayWindow(date(2025, 1, 1), date(2026, 1, 1))
    coverage = record_reading((), year, utc(2, 1), 72)
    assert coverage == (Coverage(year, utc(2, 1)),)


@properties
@given(readings(), st.randoms(use_true_random=False), settle_hours())
def test_an_answer_that_was_overtaken_counts_for_each_day_that_no_later_one_has(
    read: Readings, random: Random, hours: int
) -> None:
    shuffled = random.sample(read, len(read))
    truth: dict[date, datetime] = {}
    for window, read_at in shuffled:
        truth |= {day: max(read_at, truth.get(day, read_at)) for day in window}
    for day, interval in by_day(ledger_of(shuffled, hours)).items():
        said = interval.read_no_earlier_than(day)
        assert said <= truth[day] < said + ONE_HOUR
        assert (interval.state(day, hours) is DayState.SETTLED) == is_settled(day, truth[day], hours)


@properties
@given(readings(), windows(), settle_hours(), st.integers(0, 400))
def test_what_its_copy_does_not_vouch_for_is_held_unless_it_had_settled(
    read: Readings, window: DayWindow, hours: int, behind: int
) -> None:
    before, read_at = ledger_of(read, hours), utc(6, 1)
    vouched_at = read_at - behind * ONE_HOUR
    after = by_day(record_reading(before, window, read_at, hours, vouched_at=vouched_at))
    for day in window:
        was_settled = any(day in (interval.settled_window(hours) or ()) for interval in before)
        is_final = is_settled(day, vouched_at, hours) or (was_settled and is_settled(day, read_at, hours))
        assert (after[day].state(day, hours) is DayState.SETTLED) == is_final
        assert after[day].held == (is_settled(day, read_at, hours) and not is_final)


@properties
@given(readings(), windows(), settle_hours(), st.integers(0, 400), st.integers(0, 400))
def test_releasing_what_a_better_proof_vouches_for_equals_having_had_it_at_first(
    read: Readings, window: DayWindow, hours: int, behind: int, better: int
) -> None:
    before, read_at = ledger_of(read, hours), utc(6, 1)
    first, second = read_at - behind * ONE_HOUR, read_at - min(behind, better) * ONE_HOUR
    held = record_reading(before, window, read_at, hours, vouched_at=first)
    released = release(held, read_since=read_at, vouched_at=second, settle_hours=hours)
    assert released == record_reading(before, window, read_at, hours, vouched_at=second)


@properties
@given(readings(), windows(), settle_hours(), st.lists(st.integers(0, 40), max_size=3))
def test_doubtful_days_never_settle_and_days_not_read_keep_what_was_known(
    read: Readings, window: DayWindow, hours: int, numbers: list[int]
) -> None:
    before = ledger_of(read, hours)
    days = [window.since + number * ONE_DAY for number in numbers if number < len(window)]
    doubtful, unread = days[:1], days[1:]
    after = by_day(record_reading(before, window, utc(6, 1), hours, doubtful=doubtful, not_read=unread))
    known = by_day(before)
    for day in doubtful:
        assert day in unread or after[day].state(day, hours) is not DayState.SETTLED
    for day in unread:
        assert (day in after) == (day in known)
        assert day not in known or after[day].state(day, hours) is known[day].state(day, hours)


@properties
@given(readings(), windows(), settle_hours())
def test_holding_takes_back_exactly_the_days_named_that_were_read_before(
    read: Readings, days: DayWindow, hours: int
) -> None:
    before = ledger_of(read, hours)
    after = by_day(hold(before, days, read_before=utc(3, 10), settle_hours=hours))
    for day, interval in by_day(before).items():
        assert after[day].held == (day in days and interval.read_no_earlier_than(day) < utc(3, 10))
        assert after[day].read_no_earlier_than(day) >= interval.read_no_earlier_than(day) - ONE_HOUR


@properties
@given(readings(), windows(), settle_hours())
def test_holding_what_was_read_since_takes_no_day_that_was_read_an_hour_before(
    read: Readings, days: DayWindow, hours: int
) -> None:
    before = ledger_of(read, hours)
    after = by_day(hold(before, days, read_since=utc(3, 10), settle_hours=hours))
    for day, interval in by_day(before).items():
        read_at = interval.read_no_earlier_than(day)
        if read_at >= utc(3, 10):
            assert after[day].held == (day in days)
        elif read_at + ONE_HOUR <= utc(3, 10):
            assert not after[day].held
        assert after[day].read_no_earlier_than(day) >= read_at - ONE_HOUR


@properties
@given(readings(), windows(), instants(), instants(), settle_hours())
def test_whatever_is_held_or_released_the_days_that_were_read_stay_the_same(
    read: Readings, days: DayWindow, since: datetime, vouched_at: datetime, hours: int
) -> None:
    before = ledger_of(read, hours)
    held = hold(before, days, read_before=since, settle_hours=hours)
    released = release(held, read_since=since, vouched_at=vouched_at, settle_hours=hours)
    assert by_day(before).keys() == by_day(held).keys() == by_day(released).keys()
