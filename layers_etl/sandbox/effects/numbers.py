"""Numbers that are not what they should be. `metric` restricts an effect to one of them; None: it acts on all."""

import json
from collections.abc import Callable
from typing import Final, cast

import msgspec

from layers_etl.sandbox.effects.payloads import series_of, with_each_bucket, with_fields
from layers_etl.sandbox.exchange import Answer, Call, Handler, JsonObject

Spoil = Callable[[float], object]

_OF_SPEND: Final = ("spend", "cpa", "cpc", "cpm", "roas")


def numbers_as_strings(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Every number of `metric` as a string of its digits."""
    return _spoiled(handler(call), metric, str)


def null_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Null for every number of `metric`."""
    return _spoiled(handler(call), metric, lambda _: None)


def nan_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """A literal NaN, which is not JSON, for every number of `metric`."""
    return _spoiled(handler(call), metric, lambda _: msgspec.Raw(b"NaN"))


def text_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Words for every number of `metric`."""
    return _spoiled(handler(call), metric, lambda _: "not available")


def negative_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Every number of `metric` below zero."""
    return _spoiled(handler(call), metric, lambda number: -number - 1)


def fractional_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Half a unit more of every number of `metric`, counts too."""
    return _spoiled(handler(call), metric, lambda number: number + 0.5)


def absurd_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Numbers of `metric` beyond any column."""
    return _spoiled(handler(call), metric, lambda _: 1e300)


def odd_days(
    call: Call, handler: Handler, *, day: str = "2026-03-10", metric: str = "spend", value: object = -3.2
) -> Answer:
    """One number of one day is spoilt: below zero, by default.

    `value` is what the bucket of `day` holds of `metric`: any JSON value, so negative, fractional or absurd ones. Its
    other numbers, its neighbours and the totals are as they were.
    """
    spoilt = msgspec.Raw(json.dumps(value).encode())

    def spoil(bucket: JsonObject) -> JsonObject:
        return {**bucket, metric: spoilt} if bucket["bucket"] == day and metric in bucket else bucket

    return with_each_bucket(handler(call), spoil)


def unpriced_day(call: Call, handler: Handler, *, day: str = "2026-03-10") -> Answer:
    """Spend and what is computed from it are null on `day`, beside its known counts.

    The totals' spend is that of the other days.
    """
    answer = handler(call)
    hidden = sum(cast("float", bucket.get("spend", 0)) for bucket in series_of(answer) if bucket["bucket"] == day)
    totals = cast("JsonObject", answer.payload.get("totals", {}))
    if "spend" in totals:
        totals = {**totals, "spend": round(cast("float", totals["spend"]) - hidden, 2)}

    def unprice(bucket: JsonObject) -> JsonObject:
        return bucket | {name: None for name in _OF_SPEND if name in bucket} if bucket["bucket"] == day else bucket

    return with_fields(with_each_bucket(answer, unprice), totals=totals)


def _spoiled(answer: Answer, metric: str | None, spoil: Spoil) -> Answer:
    """The answer with its buckets' numbers spoilt, all of them or those of one metric."""

    def spoilt(name: str, value: object) -> object:
        return spoil(value) if isinstance(value, int | float) and metric in (None, name) else value

    return with_each_bucket(answer, lambda bucket: {name: spoilt(name, value) for name, value in bucket.items()})


EFFECTS: Final = (
    numbers_as_strings,
    null_numbers,
    nan_numbers,
    text_numbers,
    negative_numbers,
    fractional_numbers,
    absurd_numbers,
    odd_days,
    unpriced_day,
)
