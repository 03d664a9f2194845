"""UTC day buckets and half-open windows of them (ads-metrics.md, Notes: bucket edges are in UTC)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

ONE_DAY = timedelta(days=1)

MOST_RANGES = 10
"""Of days in one sentence."""


@dataclass(frozen=True, slots=True, order=True)
class DayWindow:
    """The days ``since <= day < until``; never empty.

    Raises ``ValueError`` for an empty or reversed window.
    """

    since: date
    until: date

    def __post_init__(self) -> None:
        """Refuse what holds no day."""
        if self.since >= self.until:
            raise ValueError(f"a window needs at least one day: {self.since} until {self.until}")

    def __contains__(self, day: date) -> bool:
        """Whether ``day`` lies in the window."""
        return self.since <= day < self.until

    def __iter__(self) -> Iterator[date]:
        """The days, oldest first."""
        return (self.since + timedelta(days=n) for n in range(len(self)))

    def __len__(self) -> int:
        """The number of days."""
        return (self.until - self.since).days

    def __str__(self) -> str:
        """As users write windows: ``2026-04-01 until 2026-04-05``."""
        return f"{self.since} until {self.until}"

    def intersection(self, other: DayWindow) -> DayWindow | None:
        """The days in both, or None."""
        since, until = max(self.since, other.since), min(self.until, other.until)
        return DayWindow(since, until) if since < until else None

    def in_turn(self, turn: int, parts: int, *, unit: int = 1) -> DayWindow:
        """One of ``parts`` nearly equal parts, whole units of so many days: in turns 0, 1, 2, …, each has its own.

        Fewer parts where there are fewer units.
        """
        units = len(self) // unit
        parts = max(1, min(parts, units))
        first, end = (units * each // parts for each in (turn % parts, turn % parts + 1))
        until = self.since + end * unit * ONE_DAY if end < units else self.until
        return DayWindow(self.since + first * unit * ONE_DAY, until)


def day_start(day: date) -> datetime:
    """The instant the bucket opens."""
    return datetime.combine(day, time(), tzinfo=UTC)


def day_close(day: date) -> datetime:
    """The instant the bucket closes: the next midnight, UTC."""
    return day_start(day + ONE_DAY)


def week_start(day: date) -> date:
    """The Monday of the ISO week that holds ``day``."""
    return day - timedelta(days=day.weekday())


def join_days(days: Iterable[date]) -> list[DayWindow]:
    """The fewest windows that hold exactly ``days`` (any order, repeats allowed), oldest first."""
    windows: list[DayWindow] = []
    for day in sorted(set(days)):
        if windows and windows[-1].until == day:
            windows[-1] = DayWindow(windows[-1].since, day + ONE_DAY)
        else:
            windows.append(DayWindow(day, day + ONE_DAY))
    return windows


def describe_days(days: Iterable[date], most: int = MOST_RANGES) -> str:
    """``2026-03-01 to 2026-03-31, 2026-04-02``, as people read them: the last day of each range is in it.

    Of more than ``most`` ranges, these and how many days are left.
    """
    windows = join_days(days)
    shown = [
        str(window.since) if len(window) == 1 else f"{window.since} to {window.until - ONE_DAY}"
        for window in windows[:most]
    ]
    rest = sum(len(window) for window in windows[most:])
    return ", ".join(shown) + (f" and {rest:,} more days" if rest > 1 else " and 1 more day" if rest else "")


def subtract_windows(window: DayWindow, closed: Sequence[DayWindow]) -> list[DayWindow]:
    """``window`` without the days of ``closed``, as the fewest windows, oldest first."""
    remaining: list[DayWindow] = []
    since = window.since
    for hole in sorted(closed):
        if hole.until <= since:
            continue
        if hole.since >= window.until:
            break
        if hole.since > since:
            remaining.append(DayWindow(since, hole.since))
        since = hole.until
    if since < window.until:
        remaining.append(DayWindow(since, window.until))
    return remaining


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with a zone (``2026-04-01T06:00:00Z``), as aware UTC; ``ValueError`` without one."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; write it like 2026-04-01T06:00:00Z")
    return instant.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """The wire form: UTC with a ``Z`` (layers-api.md, Every request)."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
