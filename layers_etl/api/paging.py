"""Cursor-paged listings, read whole or not at all, in a number of pages that is bounded whatever the server does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_PAGES: Final = 10_000
"""Two million items at 200 a page: more is not a listing but a loop."""

MOST_EMPTY_PAGES: Final = 10
"""Empty pages in a row that are followed; a filter applied after paging can leave a page empty."""


class EndlessListingError(Exception):
    """The cursor goes round; ``str()`` says how that was noticed."""


@dataclass(frozen=True, slots=True)
class ParsedPage(Generic[T]):
    """Items by id, and the cursor of the next page: None (or empty) on the last."""

    items: Mapping[str, T]
    next_cursor: str | None


async def fetch_all_pages(fetch_page: Callable[[str | None], Awaitable[ParsedPage[T]]]) -> list[T]:
    """Every item once, in order of first appearance; where pages overlap, the last version of an item wins.

    A forged or broken cursor silently gives earlier pages again (layers-api.md, Every request), so a cursor seen
    before, or a page that is followed by another and holds nothing new, raises :class:`EndlessListingError`.
    """
    items: dict[str, T] = {}
    cursors: set[str] = set()
    cursor: str | None = None
    empty_pages = 0
    for _ in range(MOST_PAGES):
        page = await fetch_page(cursor)
        nothing_new = page.items.keys() <= items.keys()
        items.update(page.items)
        cursor = page.next_cursor
        if not cursor:
            return list(items.values())
        if cursor in cursors:
            raise EndlessListingError("the cursor goes round: the API gave one that it had given before")
        cursors.add(cursor)
        empty_pages = 0 if page.items else empty_pages + 1
        if (page.items and nothing_new) or empty_pages > MOST_EMPTY_PAGES:
            raise EndlessListingError("the cursor goes round: a page brought nothing that had not been listed before")
    raise EndlessListingError(f"the cursor goes round: no end after {MOST_PAGES} pages")
