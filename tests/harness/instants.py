"""Days and instants as the tests of runs speak of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from layers_etl.domain.days import DayWindow, day_close

START: Final = date(2026, 3, 20)
FIRST_MORNING: Final = datetime(2026, 4, 1, 6, tzinfo=UTC)


def morning(number: int) -> datetime:
    """06:00Z, so many days after the first morning."""
    return FIRST_MORNING + timedelta(days=number)


def last_days(at: datetime, days: int) -> DayWindow:
    """The last closed days before ``at``."""
    return DayWindow(at.date() - timedelta(days=days), at.date())


def morning_after(day: date) -> datetime:
    """Six o'clock UTC on the morning after ``day``."""
    return day_close(day) + timedelta(hours=6)


def settled_at(day: date) -> datetime:
    """The first instant at which a reading of ``day`` is final."""
    return day_close(day) + timedelta(hours=72)


def utc(text: str) -> datetime:
    """An instant written like ``2026-04-01 06:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(since: str, until: str) -> DayWindow:
    """A half-open window of days."""
    return DayWindow(date.fromisoformat(since), date.fromisoformat(until))
