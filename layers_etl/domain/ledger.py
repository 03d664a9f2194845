"""How the coverage ledger changes when an answer lands, and when more becomes known of the copy it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close, join_days, subtract_windows
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.settlement import LEDGERS_REMEMBERED, ONE_HOUR, Coverage, settled_before, unvouched_days

Ledger = Mapping[EntityKey, tuple[Coverage, ...]]
"""Which days of each entity were read whole, and when: the fewest intervals, oldest first."""

LONG_SETTLED: Final = timedelta(weeks=8)
"""How old a day is whose exact hour of reading decides nothing any more: no copy stands still for as long, untold."""


def record_reading(
    coverage: Iterable[Coverage],
    window: DayWindow,
    read_at: datetime,
    settle_hours: int,
    *,
    vouched_at: datetime | None = None,
    not_read: Collection[date] = (),
    doubtful: Collection[date] = (),
) -> tuple[Coverage, ...]:
    """The ledger of one entity after ``window`` was read at ``read_at``: the fewest intervals, oldest first.

    A settled day that stands alone is kept by its lag (whole hours after its close), so that the past of an entity that
    is read every morning joins into one interval: where mornings differ by less than a day, once it is as old as
    :data:`LONG_SETTLED`. A day that was read later than ``read_at`` already, by an answer that
    overtook this one, stays as it is.

    ``vouched_at`` is the instant up to which a reading of this copy counts (None: as late as it was made): what it was
    read late enough for, but not by a copy known to be late enough, is held; not so what had settled before. Days
    ``not_read`` (their answer is no answer) keep what was recorded of them; ``doubtful`` days are held.
    """
    return _after_reading(
        tuple(coverage), window, read_at, settle_hours, vouched_at or read_at, frozenset(not_read), frozenset(doubtful)
    )


@lru_cache(LEDGERS_REMEMBERED)
def _after_reading(
    before: tuple[Coverage, ...],
    window: DayWindow,
    read_at: datetime,
    settle_hours: int,
    vouched_at: datetime,
    not_read: frozenset[date],
    doubtful: frozenset[date],
) -> tuple[Coverage, ...]:
    """As in :func:`record_reading`; entities that are read alike get the same ledger, the very object."""
    read_later = [later for interval in before if not interval.held and (later := interval.window_read_since(read_at))]
    read_now = subtract_windows(window, [*read_later, *join_days(not_read)])
    settled = [part for interval in before if (part := interval.settled_window(settle_hours))]
    unvouched = unvouched_days(vouched_at, read_at, settle_hours)
    held = [
        part
        for each in read_now
        if unvouched and (late := each.intersection(unvouched))
        for part in subtract_windows(late, settled)
    ]
    joined = _joined(
        (
            *(
                replace(interval, window=part)
                for interval in before
                for part in subtract_windows(interval.window, read_now)
            ),
            *_marked(read_now, read_at, [*held, *join_days(doubtful)]),
        ),
        settle_hours,
    )
    return _coarsened(joined, (read_at - LONG_SETTLED).date(), settle_hours)


def release(
    coverage: Iterable[Coverage],
    *,
    read_since: datetime,
    vouched_at: datetime,
    settle_hours: int,
    doubtful: Collection[date] = (),
) -> tuple[Coverage, ...]:
    """The ledger once readings made at or after ``read_since`` are known to count up to ``vouched_at``.

    What was held of them for their copy's sake is held no longer, as far as that vouches; ``doubtful`` days stay held.
    """
    before = tuple(coverage)
    if not any(each.held for each in before):
        return before
    return _released(before, read_since, vouched_at, settle_hours, frozenset(doubtful))


@lru_cache(LEDGERS_REMEMBERED)
def _released(
    before: tuple[Coverage, ...],
    read_since: datetime,
    vouched_at: datetime,
    settle_hours: int,
    doubtful: frozenset[date],
) -> tuple[Coverage, ...]:
    """As in :func:`release`; the same object for entities that were read alike."""
    waiting = [each for each in before if each.held and each.read_at is not None and each.read_at >= read_since]
    parts = [interval for interval in before if interval not in waiting]
    for interval in waiting:
        assert interval.read_at is not None
        vouched_until = settled_before(min(interval.read_at, vouched_at), settle_hours)
        kept_back = [*join_days(doubtful), DayWindow(vouched_until, date.max)]
        free = subtract_windows(interval.window, kept_back)
        parts += [Coverage(part, interval.read_at) for part in free]
        parts += [replace(interval, window=part) for part in subtract_windows(interval.window, free)]
    return _joined(parts, settle_hours)


def hold(
    coverage: Iterable[Coverage],
    days: DayWindow,
    *,
    settle_hours: int,
    read_since: datetime | None = None,
    read_before: datetime | None = None,
) -> tuple[Coverage, ...]:
    """The ledger with what was read of ``days`` held: it settled, and may not have been final.

    Only what may have been read at or after ``read_since`` and before ``read_before``, where these are given.
    """
    parts: list[Coverage] = []
    for interval in coverage:
        taken_back = interval.window.intersection(days)
        if interval.held or not taken_back:
            parts.append(interval)
            continue
        too_early = interval.window_read_before(read_since) if read_since else None
        too_late = interval.window_read_since(read_before) if read_before else None
        holding = subtract_windows(taken_back, [window for window in (too_early, too_late) if window])
        parts += [replace(interval, window=part, held=True) for part in holding]
        parts += [replace(interval, window=part) for part in subtract_windows(interval.window, holding)]
    return _joined(parts, settle_hours)


def _marked(windows: Iterable[DayWindow], read_at: datetime, held: Iterable[DayWindow]) -> Iterable[Coverage]:
    kept_back = list(held)
    for window in windows:
        free = subtract_windows(window, kept_back)
        yield from (Coverage(part, read_at) for part in free)
        yield from (Coverage(part, read_at, held=True) for part in subtract_windows(window, free))


def _joined(coverage: Iterable[Coverage], settle_hours: int) -> tuple[Coverage, ...]:
    intervals = sorted(
        (_by_lag_if_lone(interval, settle_hours) for interval in coverage), key=lambda interval: interval.window
    )
    joined: list[Coverage] = []
    for interval in intervals:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.window.until == interval.window.since
            and replace(last, window=interval.window) == interval
        ):
            joined[-1] = replace(last, window=DayWindow(last.window.since, interval.window.until))
        else:
            joined.append(interval)
    return tuple(joined)


def _coarsened(coverage: Iterable[Coverage], until: date, settle_hours: int) -> tuple[Coverage, ...]:
    """What settled before ``until``, in fewer intervals: an interval keeps the least lag of the days it is made of.

    A run a little later or earlier than the one of the day before would else leave an interval a day for ever.
    """
    kept: list[Coverage] = []
    for interval in coverage:
        last = kept[-1] if kept else None
        if (
            last is not None
            and last.window.until == interval.window.since
            and interval.window.until <= until
            and (lag_hours := _common_lag(last, interval, settle_hours)) is not None
        ):
            kept[-1] = Coverage(DayWindow(last.window.since, interval.window.until), lag_hours=lag_hours)
        else:
            kept.append(interval)
    return tuple(kept)


def _common_lag(earlier: Coverage, later: Coverage, settle_hours: int) -> int | None:
    """The lag that holds of the settled days of both; None where that would say much less than is known of one."""
    if earlier.lag_hours is None or later.lag_hours is None:
        return None
    least, most = sorted((earlier.lag_hours, later.lag_hours))
    both_settled = earlier.settled_window(settle_hours) and later.settled_window(settle_hours)
    return least if both_settled and (most - least) * ONE_HOUR < ONE_DAY else None


def _by_lag_if_lone(interval: Coverage, settle_hours: int) -> Coverage:
    if interval.read_at is None or len(interval.window) > 1 or not interval.settled_window(settle_hours):
        return interval
    lag_hours = (interval.read_at - day_close(interval.window.since)) // ONE_HOUR
    return Coverage(interval.window, lag_hours=lag_hours)
