"""What ads-metrics answers, typed: the one answer of which a run parses thousands.

msgspec parses, types and bounds every number of it in one compiled pass, in less time than others take to parse it
(``benchmarks/api_overhead.py``). It takes nothing for a number that is none. Only what it refuses is looked at again,
with what the API may well send and means no harm put plainly first: numbers in text (``"12.50"``), counts with a point
(``38.0``), a midnight for its day. What is refused then is named.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import Meta

from layers_etl.api.wire import WrongTypeError, brief, in_utc, parse_json
from layers_etl.domain.days import day_start
from layers_etl.domain.metrics import API_METRICS, COUNTS, PRIMITIVES, RATIOS

MOST_SPEND: Final = 10_000_000_000
"""Per entity and day, in any currency: ten billion is beyond what any advertiser spends even in rupiah, and leaves
room for sums in DECIMAL(18,4)."""

MOST_COUNT: Final = 1_000_000_000_000
"""Per entity and day: a trillion impressions is a hundred times mankind."""

MOST_RATIO: Final = 10_000_000_000_000
"""A thousand times ``MOST_SPEND``, as cpm is by its formula."""

Count = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Spend = Annotated[float, Meta(ge=0, le=MOST_SPEND)]
ReportedRatio = Annotated[float, Meta(ge=0, le=MOST_RATIO)]

_TYPES: Final[dict[str, Any]] = {
    "spend": Spend,
    **dict.fromkeys(COUNTS, Count),
    **{ratio.name: ReportedRatio for ratio in RATIOS},
    "frequency": ReportedRatio,
}

_NUMBER: Final = re.compile(r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*")
_MOST_DIGITS: Final = 40
_MISSING: Final = re.compile(r"missing required field `(\w+)`")


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
    """``GET …/ads-metrics``: the series of one entity. ``totals`` are not read: sums are made of stored days."""

    window: ServedWindow
    series: list[BucketT]
    scope: str | None = None
    id: str | None = None
    platform: str | None = None


def parse_metrics_answer(body: bytes, metrics: tuple[str, ...]) -> MetricsAnswer[Bucket]:
    """The answer to a request for ``metrics``; rows have their fields in that order, after the bucket.

    Raises :class:`~layers_etl.api.wire.NotJsonError` for a body that is no JSON, and
    :class:`~layers_etl.api.wire.WrongTypeError`, as ``field: what (got value)``, for JSON that is not an answer.
    """
    decoder = _decoder(metrics)
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        answer = _put_plainly(parse_json(body, allow_nan=True))
    try:
        return msgspec.convert(answer, decoder.type)
    except msgspec.ValidationError as fault:
        raise WrongTypeError(_describe(fault, answer)) from None


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


def _describe(fault: msgspec.ValidationError, answer: Any) -> str:
    """``field: what (got value)`` of msgspec's ``what - at `$.field```."""
    what, _, path = str(fault).partition(" - at `$")
    steps = re.findall(r"\w+", path)
    if missing := _MISSING.search(what):
        return f"{'.'.join([*steps, missing[1]])}: missing"
    value: Any = answer
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return f"{'.'.join(steps) or 'answer'}: {what} (got {brief(value)})"
