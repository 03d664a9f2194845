"""Cursor paging of lists."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

from layers_etl.sandbox.errors import validation

Item = TypeVar("Item")


def page(items: Iterable[Item], position: int, limit: int) -> tuple[list[Item], int | None]:
    """Up to `limit` items from `position` on, and where the next page begins; None if this is the last."""
    found = list(islice(items, position, position + limit + 1))
    return found[:limit], position + limit if len(found) > limit else None


def encode_cursor(list_path: str, position: int) -> str:
    """An opaque cursor for a position in the list at that path."""
    return urlsafe_b64encode(_seal(list_path, position) + str(position).encode()).decode().rstrip("=")


def decode_cursor(list_path: str, cursor: str | None) -> int:
    """The position a cursor stands for; a missing, forged or foreign one stands for the first page."""
    if not cursor:
        return 0
    try:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = int(sealed[_SEAL:])
    except (Error, ValueError):
        return 0
    return position if position >= 0 and sealed[:_SEAL] == _seal(list_path, position) else 0


def parse_limit(text: str | None, default: int, largest: int = 200) -> int:
    """The page size asked for; VALIDATION unless it is a whole number from 1 to `largest`."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= largest):
        raise validation(f"'limit' must be a whole number from 1 to {largest}.")
    return int(text)


_SEAL = 8


def _seal(list_path: str, position: int) -> bytes:
    return blake2b(f"{list_path}#{position}".encode(), digest_size=_SEAL).digest()
