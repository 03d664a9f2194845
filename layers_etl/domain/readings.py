"""A reading: one entity's day (or week) buckets over a window, as the API served them whole at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import polars as pl

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import Scope

MONEY: Final = pl.Decimal(18, 4)

BUCKET_SCHEMA: Final = pl.Schema(
    {
        "day": pl.Date(),
        "spend": MONEY,
        "impressions": pl.Int64(),
        "clicks": pl.Int64(),
        "conversions": pl.Int64(),
        "conversion_value": MONEY,
        "reach": pl.Int64(),
        "frequency": pl.Float64(),
    }
)
"""One row per bucket (``day`` is the Monday for weekly readings). Money in the account's currency; null is unknown,
never zero."""


@dataclass(frozen=True, slots=True)
class EntityKey:
    """What a reading is about. ``platform`` is None where one entity spans several (a project)."""

    scope: Scope
    project_id: str
    entity_id: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class RatioMismatch:
    """A ratio the API reported that its own primitives do not give, beyond what rounding explains."""

    day: date
    metric: str
    reported: float
    recomputed: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole answer, every row of it trusted.

    ``window`` is what was served (never more than was asked); ``buckets`` has :data:`BUCKET_SCHEMA`, unique days,
    oldest first. A day of ``window`` without a bucket was read, and is empty. ``read_at`` is the server's ``Date``
    (our clock where it sent none). ``missing_metrics`` were refused for this platform or scope and are null throughout.
    """

    key: EntityKey
    window: DayWindow
    read_at: datetime
    buckets: pl.DataFrame
    request_id: str | None = None
    platform: str | None = None
    missing_metrics: frozenset[str] = frozenset()
    mismatches: tuple[RatioMismatch, ...] = ()


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
