"""How the coverage ledger changes when an answer lands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from layers_etl.domain.days import DayWindow, day_close, subtract_windows
from layers_etl.domain.settlement import ONE_HOUR, Coverage


def record_reading(
    coverage: Iterable[Coverage], window: DayWindow, read_at: datetime, settle_hours: int
) -> tuple[Coverage, ...]:
    """The ledger of one entity after ``window`` was read whole at ``read_at``: the fewest intervals, oldest first.

    A settled day that stands alone is kept by its lag (whole hours after its close), so that the past of an entity that
    is read every morning joins into one interval.
    """
    kept = [
        Coverage(part, interval.read_at, interval.lag_hours)
        for interval in coverage
        for part in subtract_windows(interval.window, [window])
    ]
    intervals = sorted(
        (_by_lag_if_lone(interval, settle_hours) for interval in (*kept, Coverage(window, read_at))),
        key=lambda interval: interval.window,
    )
    joined: list[Coverage] = []
    for interval in intervals:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.window.until == interval.window.since
            and (last.read_at, last.lag_hours) == (interval.read_at, interval.lag_hours)
        ):
            joined[-1] = Coverage(DayWindow(last.window.since, interval.window.until), last.read_at, last.lag_hours)
        else:
            joined.append(interval)
    return tuple(joined)


def _by_lag_if_lone(interval: Coverage, settle_hours: int) -> Coverage:
    if interval.read_at is None or len(interval.window) > 1 or not interval.settled_window(settle_hours):
        return interval
    lag_hours = (interval.read_at - day_close(interval.window.since)) // ONE_HOUR
    return Coverage(interval.window, lag_hours=lag_hours)
