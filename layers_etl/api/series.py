"""What ads-metrics answers, typed: the one answer of which a run parses thousands.

msgspec parses, types and bounds every number of it in one compiled pass, in less time than others take to parse it
(``benchmarks/api_overhead.py``). It takes nothing for a number that is none. Only what it refuses is looked at again,
with what the API may well send and means no harm put plainly first: numbers in text (``"12.50"``), counts with a point
(``38.0``), a midnight for its day. What is refused then is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import Meta

from layers_etl.api.wire import WrongTypeError, brief, in_utc, parse_json
from layers_etl.domain.days import day_start
from layers_etl.domain.metrics import API_METRICS, COUNTS, PRIMITIVES, RATIOS, ROAS
from layers_etl.domain.readings import Doubt

SPEND_BOUND: Final = 10**14
"""What DECIMAL(18,4) holds, exclusive: no currency has a spend beyond its column's own bound, whatever it is worth."""

MOST_COUNT: Final = 2**53
"""What a double holds exactly, as counts travel; a thousandth of what BIGINT holds."""

Count = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Spend = Annotated[float, Meta(ge=0, lt=SPEND_BOUND)]
ReportedRatio = Annotated[float, Meta(ge=0)]

_TYPES: Final[dict[str, Any]] = {
    "spend": Spend,
    **dict.fromkeys(COUNTS, Count),
    **{ratio.name: ReportedRatio for ratio in RATIOS},
    "frequency": ReportedRatio,
}

_NUMBER: Final = re.compile(r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*")
_MOST_DIGITS: Final = 40
_MISSING: Final = re.compile(r"missing required field `(\w+)`")

_COSTS_ITS_DAY: Final = frozenset({"bucket", *PRIMITIVES, ROAS.name})
"""Fields without which a day has not been read: conversion value hangs on ROAS. Any other costs nothing but itself."""


class ServedWindow(msgspec.Struct, frozen=True, gc=False):
    """The window a metrics answer covers, which may be narrower than the one asked for. Edges as text."""

    since: str
    until: str
    granularity: str | None = None


class Bucket(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One row of ``series``: its day or Monday and, in the type made for a question, the metrics asked for.

    Of these, a row must have the primitives: null is unknown, a missing field is no answer. The others may be left out
    instead of null: ratios say nothing new, reach and frequency do not exist everywhere.
    """

    bucket: date


BucketT = TypeVar("BucketT", bound=Bucket)


class MetricsAnswer(msgspec.Struct, Generic[BucketT], frozen=True, gc=False):
    """``GET …/ads-metrics``: the series of one entity. ``totals`` are only a witness (:func:`parse_totals`)."""

    window: ServedWindow
    series: list[BucketT]
    scope: str | None = None
    id: str | None = None
    platform: str | None = None
    totals: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """An answer and what of it is no answer: days without their row, fields that are left out of theirs."""

    answer: MetricsAnswer[Bucket]
    doubts: tuple[Doubt, ...] = ()


def parse_metrics_answer(body: bytes, metrics: tuple[str, ...]) -> ParsedAnswer:
    """The answer to a request for ``metrics``; rows have their fields in that order, after the bucket.

    A number that is none costs its field where the day can do without it, else its day; every row of several, the
    answer. Raises :class:`~layers_etl.api.wire.NotJsonError` for a body that is no JSON, and
    :class:`~layers_etl.api.wire.WrongTypeError`, as ``field: what (got value)``, for JSON that is not an answer.
    """
    decoder = _decoder(metrics)
    try:
        return ParsedAnswer(decoder.decode(body))
    except (msgspec.DecodeError, RecursionError):
        answer = _put_plainly(_encodable(parse_json(body, allow_nan=True)))
    return _parse_row_by_row(answer, decoder.type)


def _parse_row_by_row(answer: Any, answer_type: type[MetricsAnswer[Bucket]]) -> ParsedAnswer:
    if isinstance(answer, dict):
        answer = {**answer, "totals": msgspec.Raw(msgspec.json.encode(cast("dict[str, Any]", answer).get("totals")))}
    series = cast("dict[str, Any]", answer).get("series") if isinstance(answer, dict) else None
    if not isinstance(series, list):
        return ParsedAnswer(_convert(answer, answer_type))
    rows: list[Any] = []
    doubts: list[Doubt] = []
    unread: list[Doubt] = []
    for position, row in enumerate(cast("list[Any]", series)):
        repaired, doubted = _repair(answer, position, row, answer_type)
        doubts += doubted
        if repaired is None:
            unread += doubted[-1:]
        else:
            rows.append(repaired)
    if len(unread) > 1 and not rows:
        raise WrongTypeError(unread[0].reason)
    return ParsedAnswer(_convert({**answer, "series": rows}, answer_type), tuple(doubts))


def _repair(
    answer: dict[str, Any], position: int, row: Any, answer_type: type[MetricsAnswer[Bucket]]
) -> tuple[Any, list[Doubt]]:
    """The row without the fields that are no numbers, and what was doubted; None for a row that can't do without one.

    Raises :class:`WrongTypeError` where it is not known which day is concerned.
    """
    doubts: list[Doubt] = []
    while True:
        try:
            _ = msgspec.convert({**answer, "series": [row]}, answer_type)
        except msgspec.ValidationError as fault:
            path, reason = _describe(fault, {**answer, "series": [row]})
            if len(path) < _ROW_DEPTH or not isinstance(row, dict) or not _has_day(cast("dict[str, Any]", row)):
                raise WrongTypeError(reason.replace("series.0", f"series.{position}", 1)) from None
            day, field = date.fromisoformat(cast("dict[str, Any]", row)["bucket"]), path[-1]
            reason = reason.removeprefix("series.0.")
            if field in _COSTS_ITS_DAY:
                return None, [*doubts, Doubt(day, reason)]
            doubts.append(Doubt(day, reason, field))
            row = {**row, field: None}
        else:
            return row, doubts


def _has_day(row: dict[str, Any]) -> bool:
    """Whether it is known which day a row is about."""
    try:
        return bool(date.fromisoformat(row.get("bucket", "")))
    except (TypeError, ValueError):
        return False


def _encodable(value: Any) -> Any:
    """``value`` with U+FFFD for halves of surrogate pairs, which no encoder takes; of texts alone."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_encodable(name): _encodable(item) for name, item in cast("dict[Any, Any]", value).items()}
    return value


_ROW_DEPTH: Final = 3
"""Steps to a field of a row: ``series``, its position, the field."""


def _convert(answer: Any, answer_type: type[MetricsAnswer[Bucket]]) -> MetricsAnswer[Bucket]:
    try:
        return msgspec.convert(answer, answer_type)
    except msgspec.ValidationError as fault:
        raise WrongTypeError(_describe(fault, answer)[1]) from None


class Totals(msgspec.Struct, frozen=True, gc=False):
    """What ``totals`` says of the whole window, of what can be added up."""

    spend: float | None = None
    impressions: float | None = None
    clicks: float | None = None
    conversions: float | None = None


_NO_TOTALS: Final = Totals()
_TOTALS: Final = msgspec.json.Decoder(Totals, strict=False)


def parse_totals(answer: MetricsAnswer[Bucket]) -> Totals:
    """The totals as far as they are numbers; what is none bears no witness."""
    try:
        return _TOTALS.decode(answer.totals) if bytes(answer.totals) else _NO_TOTALS
    except msgspec.DecodeError:
        return _NO_TOTALS


@lru_cache(maxsize=64)
def _decoder(metrics: tuple[str, ...]) -> msgspec.json.Decoder[MetricsAnswer[Bucket]]:
    fields = [
        (name, _TYPES[name] | None) if name in PRIMITIVES else (name, _TYPES[name] | None, None) for name in metrics
    ]
    row = msgspec.defstruct("AskedBucket", fields, bases=(Bucket,), frozen=True, gc=False, kw_only=True)
    return msgspec.json.Decoder(MetricsAnswer[cast("type[Bucket]", row)])


@lru_cache(maxsize=1024)
def parse_edge(text: str) -> datetime:
    """An edge of a window or bucket as UTC; a bare date means its midnight. ``ValueError`` if it is no instant."""
    return in_utc(datetime.fromisoformat(text))


def _put_plainly(answer: Any) -> Any:
    """``answer`` with each number and day of its series in the one form that is accepted, where it means one."""
    series = cast("dict[str, Any]", answer).get("series") if isinstance(answer, dict) else None
    if not isinstance(series, list):
        return answer
    rows = [
        {name: _plain_value(name, value) for name, value in cast("dict[str, Any]", row).items()}
        if isinstance(row, dict)
        else row
        for row in cast("list[Any]", series)
    ]
    return {**answer, "series": rows}


def _plain_value(name: str, value: Any) -> Any:
    if name == "bucket" and isinstance(value, str):
        return _plain_day(value)
    if name not in API_METRICS:
        return value
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and _NUMBER.fullmatch(value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain_day(text: str) -> str:
    try:
        edge = parse_edge(text)
    except (ValueError, OverflowError):
        return text
    return edge.date().isoformat() if edge == day_start(edge.date()) else text


def _describe(fault: msgspec.ValidationError, answer: Any) -> tuple[list[str], str]:
    """The steps to what is wrong, and ``field: what (got value)`` of msgspec's ``what - at `$.field```."""
    what, _, path = str(fault).partition(" - at `$")
    steps = re.findall(r"\w+", path)
    if missing := _MISSING.search(what):
        steps.append(missing[1])
        return steps, f"{'.'.join(steps)}: missing"
    value: Any = answer
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return steps, f"{'.'.join(steps) or 'answer'}: {what} (got {brief(value)})"
