"""Other windows than the one asked for, and buckets that are not what they should be."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final, cast

from layers_etl.sandbox.effects.payloads import (
    iso,
    ordinal,
    series_of,
    with_fields,
    with_series,
)
from layers_etl.sandbox.exchange import Answer, Call, Handler, JsonObject
from layers_etl.sandbox.routes import asked_window
from layers_etl.sandbox.windows import Granularity

_BEFORE_THE_WORLD: Final = {"since": "1970-01-01", "until": "1970-01-02"}
"""A window in which nothing happened: what is asked for to be answered with the totals of nothing."""


def narrowed_window(call: Call, handler: Handler, *, days: int = 31, keep_last: bool = False) -> Answer:
    """At most `days` are served from `since` on, and echoed as if they had been asked for.

    With `keep_last` they are the last ones, up to `until`.
    """
    window = asked_window(call)
    if keep_last:
        return handler(call.asking(since=iso(max(window.first_day, window.end_day - days))))
    return handler(call.asking(until=iso(min(window.end_day, window.first_day + days))))


def clipped_window(call: Call, handler: Handler, *, since: str = "2026-03-01", refuse: bool = False) -> Answer:
    """Nothing is served before the day `since`, and the clipped window is echoed.

    Where nothing is left that is an empty window, or, with `refuse`, VALIDATION.
    """
    answer = handler(call)
    if "window" not in answer.payload:
        return answer
    window = asked_window(call)
    first_day = max(window.first_day, ordinal(since))
    if first_day >= window.end_day and not refuse:
        edge = cast("JsonObject", answer.payload["window"])["until"]
        return with_fields(answer, series=[], window={"since": edge, "until": edge})
    return handler(call.asking(since=iso(first_day)))


def silent_from(call: Call, handler: Handler, *, day: str = "2026-03-15") -> Answer:
    """No bucket from `day` on, and totals without them, under the window as it was asked for."""
    answer = handler(call)
    if "window" not in answer.payload:
        return answer
    window = asked_window(call)
    until = min(window.end_day, ordinal(day))
    asked = _BEFORE_THE_WORLD if until <= window.first_day else {"until": iso(until)}
    return with_fields(handler(call.asking(**asked)), window=answer.payload["window"])


def older_copy(call: Call, handler: Handler, *, hours: int = 24) -> Answer:
    """The numbers are those of a copy made so many `hours` before the one that is served."""
    return handler(replace(call, now=call.now - timedelta(hours=hours)))


def truncated_series(call: Call, handler: Handler, *, rows: int = 100, keep_last: bool = False) -> Answer:
    """The series is cut to its first `rows`, or with `keep_last` its last ones; window and totals are of all."""
    answer = handler(call)
    series = series_of(answer)
    return with_series(answer, series[max(0, len(series) - rows) :] if keep_last else series[:rows])


def sunday_weeks(call: Call, handler: Handler) -> Answer:
    """Weekly buckets that begin on Sunday instead of Monday, with the numbers of their own seven days."""
    answer = handler(call)
    if call.value("granularity") != Granularity.WEEK or not series_of(answer):
        return answer
    window = asked_window(call)
    shown = [name for name in series_of(answer)[0] if name != "bucket"]
    weeks: list[JsonObject] = []
    for sunday in range(window.first_day - window.first_day % 7, window.end_day, 7):
        days = {"since": iso(max(sunday, window.first_day)), "until": iso(min(sunday + 7, window.end_day))}
        week = handler(call.asking(granularity=Granularity.DAY, **days))
        if series_of(week):
            totals = cast("JsonObject", week.payload["totals"])
            weeks.append({"bucket": iso(sunday), **{name: totals[name] for name in shown}})
    return with_series(answer, weeks)


def unordered_buckets(call: Call, handler: Handler) -> Answer:
    """The series backwards."""
    answer = handler(call)
    return with_series(answer, series_of(answer)[::-1])


def duplicated_buckets(call: Call, handler: Handler, *, count: int = 1) -> Answer:
    """The first `count` buckets of the series twice."""
    answer = handler(call)
    return with_series(answer, series_of(answer)[:count] + series_of(answer))


def missing_buckets(call: Call, handler: Handler, *, count: int = 1) -> Answer:
    """The series without its first `count` buckets; the totals still count them."""
    answer = handler(call)
    return with_series(answer, series_of(answer)[count:])


def buckets_outside(call: Call, handler: Handler, *, days: int = 1) -> Answer:
    """The series with a copy of its first bucket dated so many `days` before the window."""
    answer = handler(call)
    day = date.fromordinal(asked_window(call).first_day - days).isoformat()
    return with_series(answer, [{**bucket, "bucket": day} for bucket in series_of(answer)[:1]] + series_of(answer))


EFFECTS: Final = (
    narrowed_window,
    clipped_window,
    silent_from,
    older_copy,
    truncated_series,
    sunday_weeks,
    unordered_buckets,
    duplicated_buckets,
    missing_buckets,
    buckets_outside,
)
