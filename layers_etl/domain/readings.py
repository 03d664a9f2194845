"""A reading: one entity's day (or week) buckets over a window, as the API served them whole at one instant."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, repeat
from math import isnan, nan
from typing import Any, Final, cast

import polars as pl

from layers_etl.domain.days import DayWindow
from layers_etl.domain.metrics import API_METRICS, PRIMITIVES, RATIOS, ROAS, derive_conversion_value
from layers_etl.domain.scopes import Scope

MONEY: Final = pl.Decimal(18, 4)

FRAME_SCHEMA: Final = pl.Schema(
    {
        "reading": pl.Int64(),
        "day": pl.Date(),
        "spend": MONEY,
        "impressions": pl.Int64(),
        "clicks": pl.Int64(),
        "conversions": pl.Int64(),
        "conversion_value": MONEY,
        "reach": pl.Int64(),
        "frequency": pl.Float64(),
        **{ratio.name: pl.Float64() for ratio in RATIOS},
    }
)
"""The buckets of many readings, one row each: ``reading`` is the position of theirs, ``day`` the Monday for weeks.
Money in the account's currency, ratios as the API reported them; null is unknown, never zero."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_SURELY_NO_TIE: Final = 0.4999
_SURELY_EXACT: Final = 1e11
"""Of ten-thousandths: up to there a product of doubles errs by less than what is left to a tie."""


@dataclass(frozen=True, slots=True)
class EntityKey:
    """What a reading is about. ``platform`` is None where one entity spans several (a project)."""

    scope: Scope
    project_id: str
    entity_id: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A day of an answer that is not believed, and why; with ``field``, that number of it alone, which is left out."""

    day: date
    reason: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole answer, every row of it trusted.

    ``window`` is what was served (never more than was asked). ``columns`` are its buckets by column: ``day``, unique
    and ascending, and the metrics that were asked for, as reported (:func:`pack_numbers`). A metric that is not there
    was not asked for, since the API refuses it: nothing is said of it. A day of ``window`` without a bucket was read,
    and is empty. ``read_at`` is the server's ``Date`` (our clock where it sent none).

    Not ``served`` are days that the API leaves out of every answer, as those before an entity existed: they count as
    read, but say nothing, so that what is known of them stands. Days in ``doubts`` have no bucket and were not read.
    """

    key: EntityKey
    window: DayWindow
    read_at: datetime
    columns: Mapping[str, Sequence[Any]]
    request_id: str | None = None
    platform: str | None = None
    served: bool = True
    doubts: tuple[Doubt, ...] = ()

    def __len__(self) -> int:
        """The number of buckets."""
        return len(self.columns["day"])

    @property
    def unread_days(self) -> frozenset[date]:
        """The days of the window whose answer is none."""
        return frozenset(doubt.day for doubt in self.doubts if doubt.field is None)

    @property
    def newest_active_day(self) -> date | None:
        """The last bucket with any spend, impression, click or conversion; None where there is none."""
        primitives = [column for name in PRIMITIVES if (column := self.columns.get(name))]
        rows = zip(self.columns["day"], *primitives, strict=True)
        return max((day for day, *numbers in rows if any(number > 0 for number in numbers)), default=None)

    def primitives_on(self, day: date) -> tuple[float | None, ...] | None:
        """The numbers of :data:`PRIMITIVES` on a day, None for unknown, zero without a bucket; None: it wasn't read."""
        if day not in self.window or not self.served or day in self.unread_days:
            return None
        at = bisect_left(self.columns["day"], day)
        if at == len(self) or self.columns["day"][at] != day:
            return (0.0,) * len(PRIMITIVES)
        numbers = (self.columns[name][at] if name in self.columns else nan for name in PRIMITIVES)
        return tuple(None if isnan(number) else number for number in numbers)

    def within(self, window: DayWindow) -> Reading | None:
        """What it says of ``window``; None where it says nothing of it."""
        part = self.window.intersection(window)
        if part is None:
            return None
        if part == self.window:
            return self
        first, end = (bisect_left(self.columns["day"], edge) for edge in (part.since, part.until))
        return replace(
            self,
            window=part,
            columns={name: column[first:end] for name, column in self.columns.items()},
            doubts=tuple(doubt for doubt in self.doubts if doubt.day in part),
        )


def pack_numbers(values: Sequence[float | None]) -> array[float]:
    """A column of a reading: doubles, which hold every count and amount that is trusted, and NaN for unknown (None).

    Hundreds of answers wait for their landing; as Python objects they cost more to walk through than to parse.
    """
    try:
        return array("d", cast("Sequence[float]", values))
    except TypeError:
        return array("d", [nan if value is None else value for value in values])


def frame_readings(readings: Sequence[Reading]) -> pl.DataFrame:
    """The buckets of all ``readings`` in one frame of :data:`FRAME_SCHEMA`; it costs little more than that of one.

    Money travels as doubles up to the cast: a double holds every amount of this size to four decimals, and the cast
    to DECIMAL(18,4) rounds to the nearest, so the digits printed are the digits stored.
    """
    positions = chain.from_iterable(repeat(number, len(reading)) for number, reading in enumerate(readings))
    # Polars takes three times as long to make days of dates as of their numbers.
    ordinals = [day.toordinal() for reading in readings for day in reading.columns["day"]]
    reported = {name: _reported(readings, name) for name in API_METRICS}
    return pl.DataFrame(
        {
            "reading": pl.Series(list(positions), dtype=pl.Int64),
            "day": (pl.Series(ordinals, dtype=pl.Int32) - _EPOCH).cast(pl.Date),
            "conversion_value": _derive_conversion_values(reported["spend"], reported["roas"]),
            **reported,
        }
    ).select(pl.col(name).cast(dtype) for name, dtype in FRAME_SCHEMA.items())


def _reported(readings: Sequence[Reading], name: str) -> pl.Series:
    numbers: list[float] = []
    for reading in readings:
        numbers.extend(reading.columns.get(name) or repeat(nan, len(reading)))
    return pl.Series(numbers, dtype=pl.Float64).fill_nan(None)


def _derive_conversion_values(spend: pl.Series, roas: pl.Series) -> pl.Series:
    """:func:`derive_conversion_value` of every row, exact to the digits printed.

    A product of doubles rounds to the same four decimals unless it lies next to a tie or is very large: only then is
    it computed in decimals.
    """
    ten_thousandths = spend.clip(lower_bound=float(ROAS.floor)) * roas * 10_000
    nearest = ten_thousandths.round()
    doubtful = ((ten_thousandths - nearest).abs() > _SURELY_NO_TIE) | (ten_thousandths > _SURELY_EXACT)
    rows = doubtful.arg_true()
    exact = [
        derive_conversion_value(Decimal(repr(one)), Decimal(repr(other)))
        for one, other in zip(spend.gather(rows), roas.gather(rows), strict=True)
    ]
    values = (nearest / 10_000).cast(MONEY)
    return values.scatter(rows, pl.Series(exact, dtype=MONEY)) if exact else values


@dataclass(frozen=True, slots=True)
class RefusedMetric:
    """A metric that the API does not give at this scope on this platform (None where one entity spans several)."""

    scope: Scope
    platform: str | None
    metric: str


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One logical request and what became of it: a row of ``ops.requests``. Never holds the key.

    Seconds are wall time over all attempts: ``waited_seconds`` for pacing and told waits, ``wire_seconds`` in flight.
    ``code`` is null where it went well.
    """

    path: str
    scope: str | None
    project_id: str | None
    entity_id: str | None
    since: date | None
    until: date | None
    started_at: datetime
    status: int | None
    code: str | None
    attempts: int
    bytes_received: int
    waited_seconds: float
    wire_seconds: float
    request_id: str | None
