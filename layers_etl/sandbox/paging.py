"""Cursor paging of lists."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice
from typing import Final, TypeVar

from layers_etl.sandbox.errors import validation

Item = TypeVar("Item")

LARGEST_PAGE: Final = 200


def page(items: Iterable[Item], position: int, limit: int) -> tuple[list[Item], int | None]:
    """Up to `limit` items from `position` on, and where the next page begins; None if this is the last."""
    found = list(islice(items, position, position + limit + 1))
    return found[:limit], position + limit if len(found) > limit else None


def encode_cursor(list_path: str, position: int) -> str:
    """An opaque cursor for a position in the list at that path."""
    return urlsafe_b64encode(_seal(list_path, position) + str(position).encode()).decode().rstrip("=")


def decode_cursor(list_path: str, cursor: str | None) -> int:
    """The position a cursor stands for; a missing, malformed, forged or foreign one stands for the first page."""
    position = _position(cursor) if cursor else None
    return position if position is not None and cursor == encode_cursor(list_path, position) else 0


def require_well_formed(cursor: str | None) -> None:
    """422 VALIDATION on a cursor that none of the API's could look like, an empty one too."""
    if cursor is not None and _position(cursor) is None:
        raise validation("'cursor' is malformed.", status=422)


def parse_limit(text: str | None, default: int, *, status: int = 400) -> int:
    """The page size asked for; VALIDATION, with that status, unless it is a whole number from 1 to 200."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST_PAGE):
        raise validation(f"'limit' must be a whole number from 1 to {LARGEST_PAGE}.", status)
    return int(text)


def _position(cursor: str) -> int | None:
    """The position that a cursor names, whoever made it; None if it has not the form of one."""
    try:
        digits = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[_SEAL:]
    except (Error, ValueError):
        return None
    return int(digits) if digits.isdigit() and len(digits) <= _LONGEST_POSITION else None


_SEAL: Final = 8
_LONGEST_POSITION: Final = 18


def _seal(list_path: str, position: int) -> bytes:
    return blake2b(f"{list_path}#{position}".encode(), digest_size=_SEAL).digest()
