"""When a day's numbers are final: the settling time, the coverage ledger's intervals, and a day's state.

Rule 1 of the design: day D is settled for an entity when it was read at or after its close plus the settling time, from
a copy that moves (``domain/freshness.py``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow, day_close

COPY_LAG_HOURS: Final = 6
"""By how much what Layers serves may lag behind the platforms: it syncs every 6 hours (layers-api.md)."""

DEFAULT_SETTLE_HOURS: Final = 72 + COPY_LAG_HOURS
"""A day's numbers can shift for up to 72 hours (ads-metrics.md, Notes); a reading shows a copy of up to 6 hours ago."""

ONE_HOUR: Final = timedelta(hours=1)

LEDGERS_REMEMBERED: Final = 4096
"""Of how many ledgers it is remembered what follows from them: thousands of entities that are read alike share one."""


class DayState(enum.StrEnum):
    """What the ledger says of one entity's day, from worst to best."""

    NEVER_READ = "never read"
    RUNNING = "running"
    PROVISIONAL = "provisional"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class SettlingTimes:
    """Whole hours after a day's close until its numbers are final, per platform."""

    default_hours: int = DEFAULT_SETTLE_HOURS
    by_platform: Mapping[str, int] = field(default_factory=dict[str, int])

    def hours(self, platform: str | None) -> int:
        """The platform's hours; for an entity that spans platforms (None), the longest of all."""
        if platform is None:
            return max([self.default_hours, *self.by_platform.values()])
        return self.by_platform.get(platform, self.default_hours)


def settles_at(day: date, settle_hours: int) -> datetime:
    """The first instant at which a reading of ``day`` is final."""
    return day_close(day) + settle_hours * ONE_HOUR


def settled_before(read_at: datetime, settle_hours: int) -> date:
    """Of the days read at ``read_at``, those before this date were read late enough."""
    return (read_at - settle_hours * ONE_HOUR).date()


def unvouched_days(vouched_at: datetime, read_at: datetime, settle_hours: int) -> DayWindow | None:
    """The days that ``read_at`` is late enough for, but not the copy, which counts up to ``vouched_at``; None: none."""
    since, until = settled_before(vouched_at, settle_hours), settled_before(read_at, settle_hours)
    return DayWindow(since, until) if since < until else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """One interval of the ledger: days of one entity that were last read whole, and when.

    Exactly one of the two is known: ``read_at``, one instant for all days of the window; or ``lag_hours``, each day was
    read at least this many whole hours after its own close. The second form lets the settled past of an entity that is
    read every morning be one interval; settling times are whole hours, so nothing that decides settlement is lost.

    What is ``held`` was read, but settles nothing however late that was: from a copy that may have stood still, or with
    an answer that leaves a doubt. It is asked for again like any open day.
    """

    window: DayWindow
    read_at: datetime | None = None
    lag_hours: int | None = None
    held: bool = False

    def read_no_earlier_than(self, day: date) -> datetime:
        """When ``day`` was last read; in the second form, the earliest it can have been."""
        if self.read_at is not None:
            return self.read_at
        assert self.lag_hours is not None
        return day_close(day) + self.lag_hours * ONE_HOUR

    def state(self, day: date, settle_hours: int) -> DayState:
        """The state of a day of this interval."""
        read_at = self.read_no_earlier_than(day)
        if not self.held and read_at >= settles_at(day, settle_hours):
            return DayState.SETTLED
        return DayState.PROVISIONAL if read_at >= day_close(day) else DayState.RUNNING

    def settled_window(self, settle_hours: int) -> DayWindow | None:
        """The settled part: the whole in the second form or nothing, a prefix in the first; nothing of what is held."""
        return None if self.held else self.window_read_late_enough(settle_hours)

    def window_read_late_enough(self, settle_hours: int) -> DayWindow | None:
        """The part that was read at or after its close plus the settling time, held or not."""
        if self.lag_hours is not None:
            return self.window if self.lag_hours >= settle_hours else None
        assert self.read_at is not None
        return _before(self.window, settled_before(self.read_at, settle_hours))

    def window_read_since(self, instant: datetime) -> DayWindow | None:
        """The part read at or after ``instant``: all or nothing in the first form, a suffix in the second."""
        if self.read_at is not None:
            return self.window if self.read_at >= instant else None
        assert self.lag_hours is not None
        # Day D was read no earlier than close(D) + lag, so its close must lie at or after instant - lag.
        return _from(self.window, _first_day_closed_at(instant - self.lag_hours * ONE_HOUR))

    def window_read_before(self, instant: datetime) -> DayWindow | None:
        """The part that was certainly read before ``instant``: a prefix in the second form, which knows whole hours."""
        if self.read_at is not None:
            return self.window if self.read_at < instant else None
        assert self.lag_hours is not None
        return _before(self.window, _first_day_closed_at(instant - (self.lag_hours + 1) * ONE_HOUR))


def count_days_by_state(coverage: Iterable[Coverage], window: DayWindow, settle_hours: int) -> dict[DayState, int]:
    """How many days of ``window`` are in each state, given the whole ledger of one entity."""
    counts = dict.fromkeys(DayState, 0)
    for interval in coverage:
        read = interval.window.intersection(window)
        if not read:
            continue
        settled = interval.settled_window(settle_hours)
        closed = _before(read, interval.read_at.date()) if interval.read_at else read
        days_settled = _length(settled and settled.intersection(read))
        counts[DayState.SETTLED] += days_settled
        counts[DayState.PROVISIONAL] += max(_length(closed) - days_settled, 0)
        counts[DayState.RUNNING] += len(read) - max(_length(closed), days_settled)
    counts[DayState.NEVER_READ] = len(window) - sum(counts.values())
    return counts


def _first_day_closed_at(instant: datetime) -> date:
    """The first day whose close lies at or after ``instant``."""
    day = instant.date() - ONE_DAY
    return day if day_close(day) >= instant else day + ONE_DAY


def _length(window: DayWindow | None) -> int:
    return len(window) if window else 0


def _before(window: DayWindow, until: date) -> DayWindow | None:
    return DayWindow(window.since, min(window.until, until)) if window.since < until else None


def _from(window: DayWindow, since: date) -> DayWindow | None:
    return DayWindow(max(window.since, since), window.until) if since < window.until else None
