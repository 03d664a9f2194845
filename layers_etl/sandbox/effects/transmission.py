"""Answers that are right and sent badly, or under headers that are not what they should be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final
from zlib import DEFLATED, MAX_WBITS, Z_FULL_FLUSH, compressobj, crc32

from layers_etl.sandbox.exchange import Answer, Call, Handler

_MEBIBYTE: Final = 2**20


def stalled(call: Call, handler: Handler, *, seconds: float = 30) -> Answer:
    """Nothing is sent for so many `seconds`, then the answer."""
    return replace(handler(call), delay=seconds)


def trickle(call: Call, handler: Handler, *, seconds: float = 1, size: int = 1) -> Answer:
    """The body comes in pieces of `size` bytes, one every so many `seconds`."""
    return replace(handler(call), piece_size=size, piece_delay=seconds)


def reset(call: Call, handler: Handler, *, after: int = 20) -> Answer:
    """The connection breaks once `after` bytes of the body are sent."""
    return replace(handler(call), cut_after=after)


def truncated(call: Call, handler: Handler, *, missing: int = 20) -> Answer:
    """A complete response whose JSON lacks its last `missing` bytes."""
    answer = handler(call)
    return replace(answer, body=answer.encoded()[:-missing])


def html(call: Call, handler: Handler, *, status: int = 200) -> Answer:
    """A page of HTML with that `status`, as a proxy might send."""
    page = b"<!doctype html><title>Just a moment</title><p>Checking your connection.</p>"
    return replace(handler(call), status=status, content_type="text/html; charset=utf-8", body=page)


def content_type(call: Call, handler: Handler, *, value: str = "text/plain") -> Answer:
    """The right body under the content type `value`."""
    return replace(handler(call), content_type=value)


def bomb(call: Call, handler: Handler, *, megabytes: int = 256) -> Answer:
    """The right answer with white space behind it, in a small gzip body that unpacks to so many `megabytes`."""
    answer = handler(call)
    packed = _padded(answer.encoded(), megabytes)
    return replace(answer, body=packed).sent_with(Content_Encoding="gzip")


def clock_skew(call: Call, handler: Handler, *, seconds: float = 300) -> Answer:
    """A `Date` header that is ahead of the sandbox's clock by so many `seconds`; behind it, if that is negative."""
    return handler(call).sent_with(Date=format_datetime(call.now + timedelta(seconds=seconds), usegmt=True))


def wrong_date(call: Call, handler: Handler, *, date: str = "2027-04-01T06:00:00Z", is_text: bool = False) -> Answer:
    """A `Date` header of any instant, whatever the sandbox's clock says.

    `date` is ISO 8601 in UTC; with `is_text` it is the header itself, which need be no date at all.
    """
    instant = date if is_text else format_datetime(datetime.fromisoformat(date).astimezone(UTC), usegmt=True)
    return handler(call).sent_with(Date=instant)


def exhausted_headers(call: Call, handler: Handler, *, reset: int = 60) -> Answer:
    """Headers of a rate limit that is used up and full again in `reset` seconds, though nothing is refused."""
    return handler(call).sent_with(X_RateLimit_Remaining="0", X_RateLimit_Reset=str(reset))


@lru_cache(maxsize=4)
def _padded(text: bytes, mebibytes: int) -> bytes:
    """The text and so many mebibytes of spaces behind it, as one gzip member.

    Each piece is packed so that it does not depend on what was before: one packed piece is all of them.
    """
    padding = b" " * _MEBIBYTE
    packer = compressobj(9, DEFLATED, -MAX_WBITS)
    head = packer.compress(text) + packer.flush(Z_FULL_FLUSH)
    piece = packer.compress(padding) + packer.flush(Z_FULL_FLUSH)
    checksum = crc32(text)
    for _ in range(mebibytes):
        checksum = crc32(padding, checksum)
    length = (len(text) + mebibytes * _MEBIBYTE) % 2**32
    begins = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return (
        begins
        + head
        + piece * mebibytes
        + packer.flush()
        + checksum.to_bytes(4, "little")
        + length.to_bytes(4, "little")
    )


EFFECTS: Final = (
    stalled,
    trickle,
    reset,
    truncated,
    html,
    content_type,
    bomb,
    clock_skew,
    wrong_date,
    exhausted_headers,
)
