"""Listings and fields that a client has not heard of, or cannot take. An item's first field is its own id."""

import json
from dataclasses import replace
from typing import Final

import msgspec

from layers_etl.sandbox.effects.payloads import rows_of, with_each_item, with_fields
from layers_etl.sandbox.exchange import Answer, Call, Handler, JsonObject
from layers_etl.sandbox.ids import bare, matches
from layers_etl.sandbox.paging import decode_cursor, encode_cursor

_ID_FIELDS: Final = frozenset(
    {
        "id",
        "organizationId",
        "parentOrganizationId",
        "workspaceId",
        "adAccountId",
        "campaignId",
        "adsetId",
        "adId",
        "adsContentId",
    }
)
"""Those of Layers' own ids; the platforms' can have prefixes that belong to them, like act_."""


def overlapping_pages(call: Call, handler: Handler, *, by: int = 1) -> Answer:
    """Every page but the first begins with the last `by` items of the one before."""
    position = decode_cursor(call.path, call.value("cursor"))
    return handler(call.asking(cursor=encode_cursor(call.path, max(0, position - by))))


def circular_cursor(call: Call, handler: Handler) -> Answer:
    """A list that never ends: its last page is followed by its first."""
    answer = handler(call)
    if answer.payload.get("nextCursor", "") is not None:
        return answer
    return with_fields(answer, nextCursor=encode_cursor(call.path, 0))


def endless_listing(call: Call, handler: Handler) -> Answer:
    """A list that never ends: every page is followed by one of ever new items, made from those of the first."""
    position = decode_cursor(call.path, call.value("cursor"))
    answer = handler(call.asking(cursor=""))
    items = rows_of(answer, "items")
    if "nextCursor" not in answer.payload or not items:
        return answer

    def renewed(item: JsonObject) -> JsonObject:
        own_id = next(iter(item))
        return {**item, own_id: f"{item[own_id]}{position}"} if position else item

    return with_fields(with_each_item(answer, renewed), nextCursor=encode_cursor(call.path, position + len(items)))


def odd_field(
    call: Call,
    handler: Handler,
    *,
    field: str = "name",
    value: object = "Spring \ud83d",
    raw: str | None = None,
    item: str | None = None,
) -> Answer:
    """Any JSON in a field of the items of listings: half an emoji in their names, by default.

    `field` need not be one that items have. `value` is what it holds; `raw` stands in its place as JSON text that is
    sent as it is, also where it is none. `item` is the own id of the one item that is hit; None: all are.
    """
    odd = msgspec.Raw((json.dumps(value) if raw is None else raw).encode())

    def spoil(listed: JsonObject) -> JsonObject:
        is_hit = item is None or matches(item, str(next(iter(listed.values()))))
        return {**listed, field: odd} if is_hit else listed

    return with_each_item(handler(call), spoil)


def missing_id(call: Call, handler: Handler, *, count: int = 1) -> Answer:
    """The first `count` items of a listing without their own id."""
    answer = handler(call)
    items = rows_of(answer, "items")
    anonymous = [dict(list(item.items())[1:]) for item in items[:count]]
    return with_fields(answer, items=anonymous + items[count:])


def bare_ids(call: Call, handler: Handler) -> Answer:
    """Ids without their prefix, wherever the answer holds one: in items, in the echo of metrics, in whoami."""

    def bared(fields: JsonObject) -> JsonObject:
        return {
            name: bare(value) if name in _ID_FIELDS and isinstance(value, str) else value
            for name, value in fields.items()
        }

    answer = with_each_item(handler(call), bared)
    return replace(answer, payload=bared(answer.payload))


def unknown_fields(call: Call, handler: Handler) -> Answer:
    """A new field in the answer and in each of its items and buckets."""
    answer = handler(call)
    payload: JsonObject = {**answer.payload, "futureField": {"nested": [1]}}
    for part in ("items", "series"):
        if part in payload:
            payload[part] = [{**row, "futureField": "new"} for row in rows_of(answer, part)]
    return replace(answer, payload=payload)


def unknown_status(call: Call, handler: Handler, *, value: str = "limited_learning") -> Answer:
    """The status `value`, which no one has heard of, on every item."""
    return with_each_item(handler(call), lambda item: {**item, "status": value})


def new_platform(call: Call, handler: Handler, *, platform: str = "snap_ads") -> Answer:
    """The `platform`, which no one has heard of, on every item, or on the answer itself."""
    answer = with_each_item(handler(call), lambda item: {**item, "platform": platform})
    return with_fields(answer, platform=platform)


EFFECTS: Final = (
    overlapping_pages,
    circular_cursor,
    endless_listing,
    odd_field,
    missing_id,
    bare_ids,
    unknown_fields,
    unknown_status,
    new_platform,
)
