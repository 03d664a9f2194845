"""What "for all" ranges over: days, windows, instants, settling times, and ledgers made of readings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close, day_start
from layers_etl.domain.ledger import record_reading
from layers_etl.domain.settlement import ONE_HOUR, Coverage

FIRST_DAY: Final = date(2026, 2, 20)
SPAN: Final = 30
"""Days that properties range over: two weeks in February, two in March."""

properties = settings(derandomize=True, deadline=None, max_examples=50)
"""The same examples in every run, so that a red test is red for everyone."""

Readings = list[tuple[DayWindow, datetime]]
"""What was read when, in the order it happened."""


def days() -> st.SearchStrategy[date]:
    """A day of the span."""
    return st.integers(0, SPAN - 1).map(lambda n: FIRST_DAY + n * ONE_DAY)


@st.composite
def windows(draw: st.DrawFn, longest: int = 12) -> DayWindow:
    """A window that begins in the span."""
    since = draw(days())
    return DayWindow(since, since + draw(st.integers(1, longest)) * ONE_DAY)


def instants() -> st.SearchStrategy[datetime]:
    """An instant in or a month after the span; every other one on an hour, where the edges are."""
    start = day_start(FIRST_DAY)
    hours = st.integers(0, 24 * (SPAN + 30)).map(lambda hour: start + hour * ONE_HOUR)
    offsets = st.timedeltas(timedelta(0), timedelta(days=SPAN + 30)).map(lambda offset: start + offset)
    return hours | offsets


def settle_hours() -> st.SearchStrategy[int]:
    """Settling times around the usual ones, and the extremes."""
    return st.sampled_from([0, 1, 24, 48, 71, 72, 73, 96, 168, 672]) | st.integers(0, 240)


@st.composite
def readings(draw: st.DrawFn, most: int = 12) -> Readings:
    """Readings one after another; each reads days that have begun."""
    read: Readings = []
    for read_at in sorted(draw(st.lists(instants(), max_size=most))):
        window = draw(windows())
        until = min(window.until, read_at.date() + ONE_DAY)
        if window.since < until:
            read.append((DayWindow(window.since, until), read_at))
    return read


def ledger_of(read: Readings, hours: int) -> tuple[Coverage, ...]:
    """The ledger after ``read``, under one settling time."""
    coverage: tuple[Coverage, ...] = ()
    for window, read_at in read:
        coverage = record_reading(coverage, window, read_at, hours)
    return coverage


def last_readings(read: Readings) -> dict[date, datetime]:
    """The naive ledger: of every day, when it was last read."""
    return {day: read_at for window, read_at in read for day in window}


def is_settled(day: date, read_at: datetime, hours: int) -> bool:
    """Rule 1 of the design, as it is written."""
    return read_at >= day_close(day) + timedelta(hours=hours)


def days_of(parts: Iterable[DayWindow]) -> list[date]:
    """All days of several windows, with repeats."""
    return [day for window in parts for day in window]


def assert_fewest(parts: list[DayWindow]) -> None:
    """Oldest first, disjoint, and never adjacent: no two of them could be one."""
    for earlier, later in pairwise(parts):
        assert earlier.until < later.since


def utc(month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """An instant of 2026."""
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)
