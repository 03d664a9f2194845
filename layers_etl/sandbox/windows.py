"""Windows of UTC days, and the two granularities a series can have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

from layers_etl.sandbox.activity import Activity, total
from layers_etl.sandbox.entities import timestamp
from layers_etl.sandbox.errors import validation
from layers_etl.sandbox.world import DayBucket

DEFAULT_SPAN: Final = timedelta(days=30)

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z")


class Granularity(StrEnum):
    """Bucket sizes. There is no hour: day is the smallest."""

    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Window:
    """Whole UTC days `[first_day, end_day)` (ordinals).

    Day is the smallest bucket and a bucket holds its whole day, so a bound within a day takes all of that day in:
    `since` goes back to midnight, `until` on to the next. The echo shows the window so widened.
    """

    first_day: int
    end_day: int
    granularity: Granularity

    @classmethod
    def of(cls, since: datetime, until: datetime, granularity: Granularity) -> "Window":
        """The days that `[since, until)` touches; VALIDATION if it is empty."""
        if since >= until:
            raise validation("'since' must be earlier than 'until'.")
        last_instant = until - timedelta(microseconds=1)
        return cls(since.toordinal(), last_instant.toordinal() + 1, granularity)

    def wire(self) -> dict[str, object]:
        """The echo: `since` inclusive, `until` exclusive."""
        return {
            "since": timestamp(_midnight(self.first_day)),
            "until": timestamp(_midnight(self.end_day)),
            "granularity": self.granularity,
        }


def parse_instant(name: str, text: str) -> datetime:
    """A bare date (its midnight) or an ISO 8601 instant in UTC with a Z; VALIDATION on anything else."""
    if _DATE.fullmatch(text) or _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            pass  # well formed but no date, such as 2026-02-30
    raise validation(f"'{name}' must be an ISO-8601 date or a UTC timestamp ending in Z.")


def rollup(buckets: Iterable[DayBucket], granularity: Granularity) -> list[tuple[str, Activity]]:
    """The series `(bucket date, activity)`.

    A week is an ISO week, named by its Monday; it holds those of its days that lie in the window. A doubled day shows
    as two buckets of a daily series.
    """
    if granularity is Granularity.DAY:
        return [(_iso(bucket.day), bucket.activity) for bucket in buckets for _ in range(bucket.copies)]
    weeks = groupby((bucket for bucket in buckets if bucket.copies), key=lambda bucket: _monday(bucket.day))
    return [(_iso(monday), total(bucket.activity for bucket in days)) for monday, days in weeks]


def _monday(day: int) -> int:
    return day - (day + 6) % 7


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _midnight(day: int) -> datetime:
    return datetime.fromordinal(day).replace(tzinfo=UTC)
