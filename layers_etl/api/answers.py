"""A metrics answer, judged: whole and believable it becomes a reading, otherwise nothing of it is used.

Only what one answer shows by itself is judged: shape, window, identity, and each number's own range. Metrics are not
held against each other (a platform may well report more clicks than impressions); ratios that their primitives do not
give are kept as findings (``domain.mismatches``), not as errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import lt
from typing import Any, Final

from msgspec.structs import astuple

from layers_etl.api.series import Bucket, MetricsAnswer, parse_edge
from layers_etl.api.wire import brief
from layers_etl.domain.days import ONE_DAY, DayWindow, day_start, week_start
from layers_etl.domain.metrics import ROAS
from layers_etl.domain.readings import EntityKey, Reading, pack_numbers

MOST_CONVERSION_VALUE: Final = 1e13
"""Fits DECIMAL(18,4) with room to spare; more is no value of a day's conversions in any currency."""

ONE_WEEK: Final = timedelta(weeks=1)


class DistrustError(ValueError):
    """Why an answer is not believed, as ``field: what``."""


@dataclass(frozen=True, slots=True)
class MetricsQuestion:
    """What was asked, to hold the answer against.

    ``clipped_at`` is set where the window is what the answer to a wider question left out at its front: when that
    answer came.
    """

    key: EntityKey
    window: DayWindow
    granularity: str
    metrics: tuple[str, ...]
    clipped_at: datetime | None = None

    def unserved(self, read_at: datetime, request_id: str | None) -> Reading:
        """The reading of days that the API does not serve, however it is asked: it says nothing of them."""
        return Reading(self.key, self.window, read_at, {"day": ()}, request_id, served=False)


def parse_reading(
    question: MetricsQuestion, answer: MetricsAnswer[Bucket], *, read_at: datetime, request_id: str | None
) -> Reading:
    """The reading an answer holds; :class:`DistrustError` if any of it cannot be believed."""
    _check_identity(question, answer)
    since, until = _edge("since", answer.window.since), _edge("until", answer.window.until)
    if question.clipped_at and since >= until and not answer.series:
        return question.unserved(read_at, request_id)
    window = _served_window(question, since, until, read_at)
    rows = _unique_rows(question, window, answer.series)
    columns = _columns(rows, question.metrics)
    _check_conversion_values(columns)
    return Reading(
        key=question.key,
        window=window,
        read_at=read_at,
        columns=columns,
        request_id=request_id,
        platform=answer.platform or question.key.platform,
    )


def _check_identity(question: MetricsQuestion, answer: MetricsAnswer[Bucket]) -> None:
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


def _edge(name: str, text: str) -> datetime:
    try:
        return parse_edge(text)
    except (ValueError, OverflowError):
        raise DistrustError(f"window.{name}: {brief(text)} is no instant") from None


def _served_window(question: MetricsQuestion, since: datetime, until: datetime, read_at: datetime) -> DayWindow:
    """The days the answer covers: never more than was asked.

    A server that clips the end to its own present serves the running bucket as far as it has come, which is what a
    reading of a running day or week is: it counts as served. Any other edge within a bucket cuts it in two.
    """
    asked = question.window
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
    days = [row.bucket for row in series]
    if not all(map(lt, days, days[1:])):
        series = _without_repeats(series)
        days = [row.bucket for row in series]
    for day in (*days[:1], *days[-1:]):
        if day not in window:
            raise DistrustError(f"series.bucket: {day} is outside the window {window}")
    if question.granularity == "week" and (odd := next((day for day in days if day != week_start(day)), None)):
        raise DistrustError(f"series.bucket: {odd} is no Monday")
    return series


def _without_repeats(series: list[Bucket]) -> list[Bucket]:
    rows: dict[date, Bucket] = {}
    for row in series:
        if rows.setdefault(row.bucket, row) != row:
            raise DistrustError(f"series.bucket: {row.bucket} comes twice with different numbers")
    return [rows[day] for day in sorted(rows)]


def _columns(rows: list[Bucket], metrics: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
    """The days and metrics by column: exactly those asked for, so that a metric that was not is told from null."""
    if not rows:
        return dict.fromkeys(("day", *metrics), ())
    days, *numbers = zip(*map(astuple, rows), strict=True)
    return {"day": days, **dict(zip(metrics, map(pack_numbers, numbers), strict=True))}


def _check_conversion_values(columns: Mapping[str, Sequence[Any]]) -> None:
    """No ROAS makes more of its spend than any day's conversions are worth."""
    spends, roases = columns.get("spend", ()), columns.get("roas", ())
    # What is unknown is no number: where it gets into these, the comparison fails and each row is looked at.
    if max(roases, default=0.0) * max(spends, default=1.0) <= MOST_CONVERSION_VALUE:
        return
    for spend, roas in zip(spends, roases, strict=False):
        if roas * max(spend, float(ROAS.floor)) > MOST_CONVERSION_VALUE:
            raise DistrustError(f"series.roas: {roas} of a spend of {spend} is no value of conversions")
