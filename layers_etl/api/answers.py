"""A metrics answer, judged: whole and believable it becomes a reading, otherwise nothing of it is used.

Only what one answer shows by itself is judged: shape, window, identity, each number's own range, and whether its series
adds up to its own totals. What can be told of one day costs that day alone. Metrics are not held against each other (a
platform may well report more clicks than impressions); ratios that their primitives do not give are kept as findings
(``domain.mismatches``), not as errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import fsum
from operator import lt
from typing import Any, Final, cast

from msgspec.structs import astuple

from layers_etl.api.series import Bucket, MetricsAnswer, ParsedAnswer, Totals, parse_edge, parse_totals
from layers_etl.api.wire import brief
from layers_etl.domain.days import ONE_DAY, DayWindow, day_start, week_start
from layers_etl.domain.ids import same_id
from layers_etl.domain.metrics import COUNTS, PLATFORMS, PRIMITIVES, ROAS
from layers_etl.domain.readings import Doubt, EntityKey, Reading, pack_numbers
from layers_etl.domain.scopes import AD

CONVERSION_VALUE_BOUND: Final = 1e14
"""What DECIMAL(18,4) holds, exclusive."""

ONE_WEEK: Final = timedelta(weeks=1)

_ARITHMETIC_SLACK: Final = 1e-9
"""Relative; far more than adding up doubles can lose."""


class DistrustError(ValueError):
    """Why an answer is not believed, as ``field: what``."""


class ContradictionError(DistrustError):
    """The series does not add up to the answer's own total of ``metric``.

    ``rows`` is how many buckets it has; it ``is_full`` where that is one for every day asked for.
    """

    def __init__(self, reason: str, metric: str, rows: int, *, is_full: bool) -> None:
        """All as of the class."""
        super().__init__(reason)
        self.metric = metric
        self.rows = rows
        self.is_full = is_full


@dataclass(frozen=True, slots=True)
class MetricsQuestion:
    """What was asked, to hold the answer against.

    ``clipped_at`` is set where the window is what the answer to a wider question left out at its front: when that
    answer came. ``heard_totals`` are the metrics whose totals bear witness.
    """

    key: EntityKey
    window: DayWindow
    granularity: str
    metrics: tuple[str, ...]
    clipped_at: datetime | None = None
    heard_totals: frozenset[str] = frozenset(PRIMITIVES)

    def unserved(self, read_at: datetime, request_id: str | None) -> Reading:
        """The reading of days that the API does not serve, however it is asked: it says nothing of them."""
        return Reading(self.key, self.window, read_at, {"day": ()}, request_id, served=False)


def parse_reading(
    question: MetricsQuestion, parsed: ParsedAnswer, *, read_at: datetime, request_id: str | None
) -> Reading:
    """The reading an answer holds, without the days that cannot be believed.

    Raises :class:`DistrustError` if none of it can, :class:`ContradictionError` if its totals say that it is not whole.
    """
    answer = parsed.answer
    _check_identity(question, answer)
    since, until = _edge("since", answer.window.since), _edge("until", answer.window.until)
    if question.clipped_at and since >= until and not answer.series:
        return question.unserved(read_at, request_id)
    window = _served_window(question, since, until, read_at)
    rows, repeated = _unique_rows(question, window, answer.series, parsed.doubts)
    columns = _columns(rows, question.metrics)
    worthless = _doubt_conversion_values(columns)
    if worthless:
        doubted = {doubt.day for doubt in worthless}
        columns = _columns([row for row in rows if row.bucket not in doubted], question.metrics)
    doubts = (*parsed.doubts, *repeated, *worthless)
    unread = len({doubt.day for doubt in doubts if doubt.field is None})
    came = len(answer.series) + len({doubt.day for doubt in parsed.doubts if doubt.field is None})
    # What an unread day had is not in the sum: then only a series that lacks days is asked for again in parts.
    if window == question.window and (not unread or came < len(window)):
        _check_totals(question, came, parse_totals(answer), columns)
    return Reading(
        key=question.key,
        window=window,
        read_at=read_at,
        columns=columns,
        request_id=request_id,
        platform=answer.platform or question.key.platform,
        doubts=doubts,
    )


def _check_identity(question: MetricsQuestion, answer: MetricsAnswer[Bucket]) -> None:
    """The echo, where there is one, is of the entity asked for."""
    key = question.key
    if answer.scope is not None and answer.scope != key.scope.name:
        raise DistrustError(f"scope: asked for {key.scope.name}, answered for {answer.scope}")
    if answer.id is not None and not same_id(answer.id, key.entity_id):
        raise DistrustError(f"id: asked for {key.entity_id}, answered for {answer.id}")
    if key.platform in PLATFORMS and answer.platform and answer.platform != key.platform:
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


def _unique_rows(
    question: MetricsQuestion, window: DayWindow, series: list[Bucket], doubts: tuple[Doubt, ...]
) -> tuple[list[Bucket], list[Doubt]]:
    """The rows by bucket, oldest first, without those of a bucket that came twice with different numbers.

    A row sent twice is one row. Raises :class:`DistrustError` for a bucket that was not asked for.
    """
    days = [row.bucket for row in series]
    repeated: list[Doubt] = []
    if not all(map(lt, days, days[1:])):
        series, repeated = _without_repeats(series)
        days = [row.bucket for row in series]
    for day in (*days[:1], *days[-1:], *(doubt.day for doubt in doubts)):
        if day not in window:
            raise DistrustError(f"series.bucket: {day} is outside the window {window}")
    if question.granularity == "week" and (odd := next((day for day in days if day != week_start(day)), None)):
        raise DistrustError(f"series.bucket: {odd} is no Monday")
    unread = {doubt.day for doubt in doubts if doubt.field is None}
    return [row for row in series if row.bucket not in unread] if unread else series, repeated


def _without_repeats(series: list[Bucket]) -> tuple[list[Bucket], list[Doubt]]:
    rows: dict[date, Bucket] = {}
    contradicted: set[date] = set()
    for row in series:
        if rows.setdefault(row.bucket, row) != row:
            contradicted.add(row.bucket)
    doubts = [Doubt(day, f"bucket: {day} comes twice with different numbers") for day in sorted(contradicted)]
    return [rows[day] for day in sorted(rows.keys() - contradicted)], doubts


def _columns(rows: list[Bucket], metrics: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
    """The days and metrics by column: exactly those asked for, so that a metric that was not is told from null."""
    if not rows:
        return dict.fromkeys(("day", *metrics), ())
    days, *numbers = zip(*map(astuple, rows), strict=True)
    return {"day": days, **dict(zip(metrics, map(pack_numbers, numbers), strict=True))}


def _doubt_conversion_values(columns: Mapping[str, Sequence[Any]]) -> list[Doubt]:
    """Of the days whose ROAS makes more of their spend than a column holds."""
    spends, roases = columns.get("spend", ()), columns.get("roas", ())
    # What is unknown is no number: where it gets into these, the comparison fails and each row is looked at.
    if max(roases, default=0.0) * max(spends, default=1.0) < CONVERSION_VALUE_BOUND:
        return []
    return [
        Doubt(day, f"roas: {roas} of a spend of {spend} is no value of conversions")
        for day, spend, roas in zip(columns["day"], spends, roases, strict=False)
        if roas * max(spend, float(ROAS.floor)) >= CONVERSION_VALUE_BOUND
    ]


def _check_totals(question: MetricsQuestion, rows: int, totals: Totals, columns: Mapping[str, Sequence[float]]) -> None:
    """Hold the series against the answer's own totals, to rounding.

    A metric that any bucket does not know is not compared; nor is an ad's where its totals are larger, since these may
    be of its whole lifetime (ads-metrics.md, Defaults by scope); nor weeks, of which only the reach is used.
    """
    if question.granularity == "week":
        return
    for name in question.heard_totals.intersection(question.metrics):
        told = getattr(totals, name)
        numbers = columns.get(name, ())
        added = fsum(numbers)
        if told is None or (question.key.scope is AD and told > added):
            continue
        difference = abs(told - added)
        # A sum with an unknown in it is no number, and differs from none.
        if difference > _ARITHMETIC_SLACK * abs(told) and (name in COUNTS or difference > _rounding(numbers, told)):
            raise ContradictionError(
                f"totals.{name}: {told:.15g}, but the {rows} buckets add up to {added:.15g}",
                name,
                rows,
                is_full=rows >= len(question.window),
            )


def _rounding(numbers: Sequence[float], total: float) -> float:
    """How far a sum of money and its total may lie apart: half a unit of the last place of each number."""
    places = max(_places(number) for number in (*numbers, total))
    return (len(numbers) + 1) * (0.5 * 10.0**-places + _ARITHMETIC_SLACK)


def _places(number: float) -> int:
    """Decimal places that a number is printed with."""
    return max(0, -int(cast("int", Decimal(repr(number)).normalize().as_tuple().exponent)))
