"""Everything that can go wrong, by name.

An effect stands between a call and its handler: it may ask for something else, spoil the answer, or answer itself. A
`Fault` is a rule that says on which calls an effect acts.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from email.utils import format_datetime
from functools import partial
from hashlib import blake2b
from inspect import signature
from typing import Final, Protocol, cast

import msgspec

from layers_etl.sandbox.errors import ApiError, validation
from layers_etl.sandbox.exchange import Answer, Call, Handler, JsonObject, refusal
from layers_etl.sandbox.paging import decode_cursor, encode_cursor
from layers_etl.sandbox.routes import asked_window

Spoil = Callable[[float], object]


class Effect(Protocol):
    """What a fault does to a call; its own parameters are keyword-only."""

    def __call__(self, call: Call, handler: Handler, /, **parameters: object) -> Answer:
        """The answer in place of the handler's."""
        ...


# Answers in place of the handler's


def status(call: Call, _: Handler, *, status: int = 503, code: str | None = None, message: str = "Injected.") -> Answer:
    """An error envelope with any status; the code is the one the vendor's table gives for it."""
    return _refuse(call, status, code or _CODES.get(status, "INTERNAL"), message)


def rate_limited(call: Call, _: Handler, *, retry_after: int | None = 1, as_date: bool = False) -> Answer:
    """A 429 with `Retry-After` in seconds, as an HTTP date on the sandbox's clock, or (None) without it."""
    answer = _refuse(call, 429, "RATE_LIMITED", "Rate limit exceeded.")
    if retry_after is None:
        return answer
    instant = format_datetime(call.now + timedelta(seconds=retry_after), usegmt=True)
    return answer.sent_with(Retry_After=instant if as_date else str(retry_after))


def platform_error(call: Call, _: Handler, *, status: int = 502, platform_code: str = "190") -> Answer:
    """PLATFORM_ERROR: the ad platform refused Layers."""
    message = "The ad platform refused the request."
    return _refuse(call, status, "PLATFORM_ERROR", message, {"platformCode": platform_code})


def metric_unavailable(call: Call, handler: Handler, *, metric: str = "reach", platform: str = "apple_ads") -> Answer:
    """VALIDATION for entities of a platform whenever the metric is asked for."""
    answer = handler(call)
    if answer.payload.get("platform") != platform or metric not in call.values("metrics"):
        return answer
    return refusal(validation(f"Metric '{metric}' is not available for {platform}."), call.request_id)


def window_too_long(call: Call, handler: Handler, *, days: int = 31) -> Answer:
    """VALIDATION for windows of more than so many days."""
    window = asked_window(call)
    if window.end_day - window.first_day <= days:
        return handler(call)
    return refusal(validation(f"The window may span at most {days} days."), call.request_id)


# Other questions than the one asked


def narrowed_window(call: Call, handler: Handler, *, days: int = 31, keep_last: bool = False) -> Answer:
    """Serve at most so many days from `since` on, or up to `until`, and echo them as if they had been asked for."""
    window = asked_window(call)
    if keep_last:
        since = max(window.first_day, window.end_day - days)
        return handler(call.asking(since=date.fromordinal(since).isoformat()))
    until = min(window.end_day, window.first_day + days)
    return handler(call.asking(until=date.fromordinal(until).isoformat()))


def clipped_window(call: Call, handler: Handler, *, since: str = "2026-03-01", refuse: bool = False) -> Answer:
    """Serve nothing before a day, and echo the clipped window; where nothing is left, an empty one, or VALIDATION."""
    answer = handler(call)
    if "window" not in answer.payload:
        return answer
    window = asked_window(call)
    first_day = max(window.first_day, date.fromisoformat(since).toordinal())
    if first_day >= window.end_day and not refuse:
        edge = cast("JsonObject", answer.payload["window"])["until"]
        return _with_series(replace(answer, payload={**answer.payload, "window": {"since": edge, "until": edge}}), [])
    return handler(call.asking(since=date.fromordinal(first_day).isoformat()))


def overlapping_pages(call: Call, handler: Handler, *, by: int = 1) -> Answer:
    """Begin every page but the first with the last items of the one before."""
    position = decode_cursor(call.path, call.value("cursor"))
    return handler(call.asking(cursor=encode_cursor(call.path, max(0, position - by))))


# Answers sent badly


def stalled(call: Call, handler: Handler, *, seconds: float = 30) -> Answer:
    """Send nothing for so long, then the answer."""
    return replace(handler(call), delay=seconds)


def reset(call: Call, handler: Handler, *, after: int = 20) -> Answer:
    """Break the connection after so many bytes of the body."""
    return replace(handler(call), cut_after=after)


def truncated(call: Call, handler: Handler, *, missing: int = 20) -> Answer:
    """A complete response whose JSON lacks its last bytes."""
    answer = handler(call)
    return replace(answer, body=answer.encoded()[:-missing])


def html(call: Call, handler: Handler, *, status: int = 200) -> Answer:
    """A page of HTML, as a proxy might send."""
    page = b"<!doctype html><title>Just a moment</title><p>Checking your connection.</p>"
    return replace(handler(call), status=status, content_type="text/html; charset=utf-8", body=page)


def content_type(call: Call, handler: Handler, *, value: str = "text/plain") -> Answer:
    """The right body under another content type."""
    return replace(handler(call), content_type=value)


def clock_skew(call: Call, handler: Handler, *, seconds: float = 300) -> Answer:
    """A `Date` header that is ahead of the sandbox's clock by so many seconds."""
    return handler(call).sent_with(Date=format_datetime(call.now + timedelta(seconds=seconds), usegmt=True))


# Buckets that are not what they should be


def unordered_buckets(call: Call, handler: Handler) -> Answer:
    """The series backwards."""
    answer = handler(call)
    return _with_series(answer, _series(answer)[::-1])


def duplicated_buckets(call: Call, handler: Handler, *, count: int = 1) -> Answer:
    """The first buckets of the series twice."""
    answer = handler(call)
    return _with_series(answer, _series(answer)[:count] + _series(answer))


def missing_buckets(call: Call, handler: Handler, *, count: int = 1) -> Answer:
    """The series without its first buckets; the totals still count them."""
    answer = handler(call)
    return _with_series(answer, _series(answer)[count:])


def buckets_outside(call: Call, handler: Handler, *, days: int = 1) -> Answer:
    """The series with a copy of its first bucket dated so many days before the window."""
    answer = handler(call)
    day = date.fromordinal(asked_window(call).first_day - days).isoformat()
    return _with_series(answer, [{**bucket, "bucket": day} for bucket in _series(answer)[:1]] + _series(answer))


# Numbers that are not what they should be; `metric` restricts each to one


def numbers_as_strings(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Every number as a string of its digits."""
    return _spoiled(handler(call), metric, str)


def null_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Null for every number."""
    return _spoiled(handler(call), metric, lambda _: None)


def nan_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """A literal NaN for every number, which is not JSON."""
    return _spoiled(handler(call), metric, lambda _: msgspec.Raw(b"NaN"))


def text_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Words for every number."""
    return _spoiled(handler(call), metric, lambda _: "not available")


def negative_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Every number below zero."""
    return _spoiled(handler(call), metric, lambda number: -number - 1)


def fractional_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Half a unit more of every number, counts too."""
    return _spoiled(handler(call), metric, lambda number: number + 0.5)


def absurd_numbers(call: Call, handler: Handler, *, metric: str | None = None) -> Answer:
    """Numbers beyond any column."""
    return _spoiled(handler(call), metric, lambda _: 1e300)


# Things a client has not heard of


def unknown_fields(call: Call, handler: Handler) -> Answer:
    """A new field in the answer and in each of its items and buckets."""
    answer = handler(call)
    payload: JsonObject = {**answer.payload, "futureField": {"nested": [1]}}
    for part in ("items", "series"):
        if part in payload:
            payload[part] = [{**row, "futureField": "new"} for row in _rows(answer, part)]
    return replace(answer, payload=payload)


def unknown_status(call: Call, handler: Handler, *, value: str = "limited_learning") -> Answer:
    """A status no one has heard of on every item."""
    return _with_items(handler(call), "status", value)


def new_platform(call: Call, handler: Handler, *, platform: str = "snap_ads") -> Answer:
    """A platform no one has heard of on every item, or on the answer itself."""
    answer = _with_items(handler(call), "platform", platform)
    if "platform" not in answer.payload:
        return answer
    return replace(answer, payload={**answer.payload, "platform": platform})


def circular_cursor(call: Call, handler: Handler) -> Answer:
    """A list that never ends: its last page is followed by its first."""
    answer = handler(call)
    if answer.payload.get("nextCursor", "") is not None:
        return answer
    return replace(answer, payload={**answer.payload, "nextCursor": encode_cursor(call.path, 0)})


_CODES: Final[Mapping[int, str]] = {
    400: "VALIDATION",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN_SCOPE",
    404: "NOT_FOUND",
    422: "VALIDATION",
    429: "RATE_LIMITED",
}

EFFECTS: Final[Mapping[str, Effect]] = {
    effect.__name__: cast("Effect", effect)
    for effect in (
        status,
        rate_limited,
        platform_error,
        metric_unavailable,
        window_too_long,
        narrowed_window,
        clipped_window,
        overlapping_pages,
        stalled,
        reset,
        truncated,
        html,
        content_type,
        clock_skew,
        unordered_buckets,
        duplicated_buckets,
        missing_buckets,
        buckets_outside,
        numbers_as_strings,
        null_numbers,
        nan_numbers,
        text_numbers,
        negative_numbers,
        fractional_numbers,
        absurd_numbers,
        unknown_fields,
        unknown_status,
        new_platform,
        circular_cursor,
    )
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule: on which calls which effect acts.

    `path` is a regular expression searched for in the path; `scope` and `entity` are those of an `ads-metrics` query;
    `query` names further parameters and their values. Of the matching calls the first `after` are spared, at most
    `times` are hit (None: all), and of these only a `share`, drawn from the seed and the request itself.
    """

    effect: str
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    path: str = ""
    scope: str | None = None
    entity: str | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    after: int = 0
    times: int | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        """ValueError on an unknown effect, a parameter it does not have, or a path that is no expression."""
        if self.effect not in EFFECTS:
            raise ValueError(f"unknown effect {self.effect!r}; there are {', '.join(EFFECTS)}")
        try:
            _ = signature(EFFECTS[self.effect]).bind(None, None, **self.parameters)
            _ = re.compile(self.path)
        except (TypeError, re.error) as error:
            raise ValueError(f"effect {self.effect!r}: {error}") from error

    def matches(self, call: Call) -> bool:
        """Whether the rule is about this call."""
        asked = {"scope": self.scope, "id": self.entity, **self.query}
        return re.search(self.path, call.path) is not None and all(
            value is None or value in call.values(name) for name, value in asked.items()
        )


class Faults:
    """The rules in force. All that match a call act on it, the first added outermost."""

    def __init__(self, seed: int) -> None:
        """Start without rules; `seed` decides which calls a `share` hits."""
        self._seed = seed
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        self._rules.append(_Rule(fault, f"{self._seed}/{len(self._rules)}"))

    def clear(self) -> None:
        """Lift all rules."""
        self._rules = []

    def rules(self) -> list[Fault]:
        """The rules in force, in order."""
        return [rule.fault for rule in self._rules]

    def around(self, call: Call, handler: Handler) -> Handler:
        """The handler with the effects that act on this call around it."""
        acting = [rule.fault for rule in self._rules if rule.hits(call)]
        for fault in reversed(acting):
            handler = partial(_act, fault, handler)
        return handler


@dataclass
class _Rule:
    """A fault and the calls it has seen."""

    fault: Fault
    seed: str
    matched: int = 0
    hit: int = 0
    seen: Counter[str] = field(default_factory=Counter[str])

    def hits(self, call: Call) -> bool:
        fault = self.fault
        if not fault.matches(call):
            return False
        self.matched += 1
        if self.matched <= fault.after or (fault.times is not None and self.hit >= fault.times):
            return False
        if fault.share < 1 and self._draw(call) >= fault.share:
            return False
        self.hit += 1
        return True

    def _draw(self, call: Call) -> float:
        """Uniform in [0, 1): by the request and how often it was seen, whatever the order of different requests."""
        request = f"{call.path}?{call.query}"
        self.seen[request] += 1
        digest = blake2b(f"{self.seed}/{request}/{self.seen[request]}".encode(), digest_size=4).digest()
        return int.from_bytes(digest) / 2**32


def _act(fault: Fault, handler: Handler, call: Call) -> Answer:
    return EFFECTS[fault.effect](call, handler, **fault.parameters)


def _refuse(call: Call, status: int, code: str, message: str, details: Mapping[str, object] | None = None) -> Answer:
    return refusal(ApiError(status, code, message, details), call.request_id)


def _rows(answer: Answer, part: str) -> list[JsonObject]:
    return cast("list[JsonObject]", answer.payload.get(part, []))


def _series(answer: Answer) -> list[JsonObject]:
    return _rows(answer, "series")


def _with_series(answer: Answer, series: list[JsonObject]) -> Answer:
    return replace(answer, payload={**answer.payload, "series": series}) if "series" in answer.payload else answer


def _with_items(answer: Answer, name: str, value: str) -> Answer:
    if "items" not in answer.payload:
        return answer
    items = [{**item, name: value} for item in _rows(answer, "items")]
    return replace(answer, payload={**answer.payload, "items": items})


def _spoiled(answer: Answer, metric: str | None, spoil: Spoil) -> Answer:
    """The answer with its buckets' numbers spoilt, all of them or those of one metric."""

    def spoilt(name: str, value: object) -> object:
        return spoil(value) if isinstance(value, int | float) and metric in (None, name) else value

    return _with_series(
        answer, [{name: spoilt(name, value) for name, value in bucket.items()} for bucket in _series(answer)]
    )
