"""What effects do to answers: read and replace the parts of a payload."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import cast

from layers_etl.sandbox.errors import ApiError
from layers_etl.sandbox.exchange import Answer, Call, JsonObject, refusal

Change = Callable[[JsonObject], JsonObject]


def refuse(call: Call, status: int, code: str, message: str, details: Mapping[str, object] | None = None) -> Answer:
    """The error envelope."""
    return refusal(ApiError(status, code, message, details), call.request_id)


def rows_of(answer: Answer, part: str) -> list[JsonObject]:
    """The rows of `items` or `series`; none where the answer has no such part."""
    return cast("list[JsonObject]", answer.payload.get(part, []))


def series_of(answer: Answer) -> list[JsonObject]:
    """The buckets of a metrics answer."""
    return rows_of(answer, "series")


def with_fields(answer: Answer, **fields: object) -> Answer:
    """The answer with other values in those of the fields that it has."""
    return replace(answer, payload=answer.payload | {name: fields[name] for name in fields if name in answer.payload})


def with_series(answer: Answer, series: list[JsonObject]) -> Answer:
    """The answer with another series, if it has one."""
    return with_fields(answer, series=series)


def with_each_item(answer: Answer, change: Change) -> Answer:
    """The answer with every item of a listing changed."""
    return with_fields(answer, items=[change(item) for item in rows_of(answer, "items")])


def with_each_bucket(answer: Answer, change: Change) -> Answer:
    """The answer with every bucket of its series changed."""
    return with_series(answer, [change(bucket) for bucket in series_of(answer)])


def ordinal(day: str) -> int:
    """A parameter like 2026-03-01, as the ordinal of that day."""
    return date.fromisoformat(day).toordinal()


def iso(day: int) -> str:
    """The day of an ordinal, as the API writes it."""
    return date.fromordinal(day).isoformat()
