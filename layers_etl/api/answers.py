"""A metrics answer, judged: whole and believable it becomes a reading, otherwise nothing of it is used.

Only what one answer shows by itself is judged: shape, window, identity, and each number's own range. Metrics are not
held against each other (a platform may well report more clicks than impressions); the ratios it reports are compared
with the ones its primitives give, and differences kept as findings, not as errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

import orjson
import polars as pl

from layers_etl.api.wire import Bucket, MetricsAnswer
from layers_etl.domain.days import ONE_DAY, DayWindow, day_start, week_start
from layers_etl.domain.metrics import RATIOS, ROAS, Ratio, derive_conversion_value
from layers_etl.domain.readings import BUCKET_SCHEMA, MONEY, EntityKey, RatioMismatch, Reading

PRIMITIVES: Final = ("spend", "impressions", "clicks", "conversions")
"""A bucket must have these where they were asked for; null is unknown, a missing field is no answer. The others may be
left out instead of null: ratios say nothing new, reach and frequency do not exist everywhere."""

MOST_CONVERSION_VALUE: Final = Decimal(10) ** 13
"""Fits DECIMAL(18,4) with room to spare; more is no value of a day's conversions in any currency."""

ONE_WEEK: Final = timedelta(weeks=1)

_ARITHMETIC_SLACK: Final = 1e-9
"""Relative; thousands of times what double arithmetic can lose here, and far below what matters."""

_COMPARED_RATIOS: Final = tuple(ratio for ratio in RATIOS if ratio is not ROAS)
"""All but ROAS: conversion value is itself derived from it."""

_BUCKET_COLUMNS: Final = tuple(BUCKET_SCHEMA.items())
_DECIMALS: Final = re.compile(rb"\.(\d+)")


class DistrustError(ValueError):
    """Why an answer is not believed, as ``field: what``."""


@dataclass(frozen=True, slots=True)
class MetricsQuestion:
    """What was asked, to hold the answer against. ``refused_metrics`` are left out because the API refuses them."""

    key: EntityKey
    window: DayWindow
    granularity: str
    metrics: tuple[str, ...]
    refused_metrics: frozenset[str] = frozenset()


def parse_reading(
    question: MetricsQuestion, answer: MetricsAnswer, *, read_at: datetime, request_id: str | None
) -> Reading:
    """The reading an answer holds; :class:`DistrustError` if any of it cannot be believed."""
    _check_identity(question, answer)
    window = _served_window(question, answer, read_at)
    rows = _unique_rows(question, window, answer.series)
    days = [row["bucket"] for row in rows]
    columns = _columns(rows, question.metrics)
    return Reading(
        key=question.key,
        window=window,
        read_at=read_at,
        buckets=_frame(days, columns),
        request_id=request_id,
        platform=answer.platform or question.key.platform,
        missing_metrics=question.refused_metrics,
        mismatches=tuple(find_mismatches(days, columns)),
    )


def find_mismatches(days: Sequence[date], columns: Mapping[str, Sequence[Any]]) -> Iterator[RatioMismatch]:
    """Reported ratios that their primitives do not give, beyond what rounding explains.

    Rounding explains half a unit of the last place the ratio is printed with, and, since spend is rounded before it is
    printed, half a unit of spend's last place carried through the formula. Places are those of the whole column,
    because JSON prints 3.40 as 3.4.
    """
    spend_slack = _half_unit(columns["spend"]) if "spend" in columns else 0.0
    for ratio in _COMPARED_RATIOS:
        if not {ratio.name, ratio.numerator, ratio.denominator} <= columns.keys():
            continue
        reported, numerators, denominators = (
            columns[name] for name in (ratio.name, ratio.numerator, ratio.denominator)
        )
        own_slack = _half_unit(reported)
        numerator_slack = spend_slack if ratio.numerator == "spend" else 0.0
        floor, factor = float(ratio.floor), ratio.factor
        for day, said, over, under in zip(days, reported, numerators, denominators, strict=True):
            if said is None or over is None or under is None:
                continue
            per = factor / (under if under > floor else floor)
            if abs(said - over * per) > own_slack + numerator_slack * per + _ARITHMETIC_SLACK * said:
                yield RatioMismatch(day, ratio.name, said, _recomputed(ratio, over, under))


def _check_identity(question: MetricsQuestion, answer: MetricsAnswer) -> None:
    """The echo, where there is one, is of the entity asked for."""
    key = question.key
    if answer.scope is not None and answer.scope != key.scope.name:
        raise DistrustError(f"scope: asked for {key.scope.name}, answered for {answer.scope}")
    if answer.id is not None and answer.id != key.entity_id:
        raise DistrustError(f"id: asked for {key.entity_id}, answered for {answer.id}")
    if key.platform and answer.platform and answer.platform != key.platform:
        raise DistrustError(f"platform: asked for an entity of {key.platform}, answered for {answer.platform}")
    granularity = answer.window.granularity
    if granularity is not None and granularity != question.granularity:
        raise DistrustError(f"window.granularity: asked for {question.granularity}, answered by {granularity}")


def _served_window(question: MetricsQuestion, answer: MetricsAnswer, read_at: datetime) -> DayWindow:
    """The days the answer covers: never more than was asked.

    A server that clips the end to its own present serves the running bucket as far as it has come, which is what a
    reading of a running day or week is: it counts as served. Any other edge within a bucket cuts it in two.
    """
    asked, since, until = question.window, answer.window.since, answer.window.until
    weekly = question.granularity == "week"
    first, last = since.date(), until.date()
    if until != day_start(last) or (weekly and last != week_start(last)):
        running = week_start(read_at.date()) if weekly else read_at.date()
        if (week_start(last) if weekly else last) != running:
            raise DistrustError(f"window.until: {until.isoformat()} cuts a {question.granularity} in two")
        last = running + (ONE_WEEK if weekly else ONE_DAY)
    if since != day_start(first) or (weekly and first != week_start(first)):
        raise DistrustError(f"window.since: {since.isoformat()} cuts a {question.granularity} in two")
    if first >= last:
        raise DistrustError(f"window: served nothing of {asked}")
    served = DayWindow(first, last)
    if served.since < asked.since or served.until > asked.until:
        raise DistrustError(f"window: asked for {asked}, answered for {served}")
    return served


def _unique_rows(question: MetricsQuestion, window: DayWindow, series: list[Bucket]) -> list[Bucket]:
    """The rows by bucket, oldest first. A row sent twice is one row; rows of one bucket that differ are no answer."""
    rows: dict[date, Bucket] = {}
    weekly = question.granularity == "week"
    for row in series:
        day = row["bucket"]
        if day not in window:
            raise DistrustError(f"series.bucket: {day} is outside the window {window}")
        if weekly and day != week_start(day):
            raise DistrustError(f"series.bucket: {day} is no Monday")
        if rows.setdefault(day, row) != row:
            raise DistrustError(f"series.bucket: {day} comes twice with different numbers")
    days = list(rows)
    return list(rows.values()) if days == sorted(days) else [rows[day] for day in sorted(days)]


def _columns(rows: list[Bucket], names: tuple[str, ...]) -> dict[str, Sequence[Any]]:
    """The metrics by column; what a bucket may leave out is null where it does."""
    cells = cast("list[dict[str, Any]]", rows)
    try:
        return {name: [row[name] for row in cells] for name in names}
    except KeyError:
        for row in cells:
            if absent := next((name for name in names if name in PRIMITIVES and name not in row), None):
                raise DistrustError(f"series.{absent}: missing from bucket {row['bucket']}") from None
        return {name: [row.get(name) for row in cells] for name in names}


def _frame(days: list[date], columns: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
    """The buckets in :data:`BUCKET_SCHEMA`; what was not asked for is null.

    Money travels as doubles up to the cast: a double holds every amount of this size to four decimals, and the cast
    to DECIMAL(18,4) rounds to the nearest, so the digits printed are the digits stored.
    """
    unknown: list[None] = [None] * len(days)
    derived = {
        "day": days,
        "conversion_value": _conversion_values(columns.get("spend", unknown), columns.get("roas", unknown)),
    }
    return pl.DataFrame(
        [_series(name, dtype, derived.get(name) or columns.get(name, unknown)) for name, dtype in _BUCKET_COLUMNS]
    )


def _series(name: str, dtype: pl.DataType, values: Sequence[Any]) -> pl.Series:
    if dtype is MONEY:
        return pl.Series(name, values, dtype=pl.Float64).cast(MONEY)
    return pl.Series(name, values, dtype=dtype)


def _conversion_values(spends: Sequence[float | None], roases: Sequence[float | None]) -> list[float | None]:
    """Computed in decimals from the digits printed, since a product of doubles may round the other way."""
    return [_conversion_value(spend, roas) for spend, roas in zip(spends, roases, strict=True)]


def _conversion_value(spend: float | None, roas: float | None) -> float | None:
    if spend is None or roas is None:
        return None
    value = derive_conversion_value(Decimal(repr(spend)), Decimal(repr(roas)))
    if value is None or value > MOST_CONVERSION_VALUE:
        raise DistrustError(f"series.roas: {roas} of a spend of {spend} is no value of conversions")
    return float(value)


def _recomputed(ratio: Ratio, numerator: float, denominator: float) -> float:
    value = ratio.value(Decimal(repr(numerator)), Decimal(repr(denominator)))
    return value if value is not None else 0.0


def _half_unit(values: Sequence[float | None]) -> float:
    """Half a unit of the last decimal place that any of ``values`` is printed with."""
    text = orjson.dumps(values)
    if b"e" in text.replace(b"null", b""):
        places = max((-int(Decimal(repr(value)).as_tuple().exponent) for value in values if value), default=0)
    else:
        places = max(map(len, _DECIMALS.findall(text)), default=0)
    return 0.5 * 10.0**-places
