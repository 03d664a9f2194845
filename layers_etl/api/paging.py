"""Cursor-paged listings, read whole or not at all, in a number of pages that is bounded whatever the server does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_ITEMS: Final = 200_000
"""Of one listing. Nobody could read the metrics of more in a day at any tier; more is not a listing but a loop."""

MOST_PAGES: Final = 2_000
"""Twice what :data:`MOST_ITEMS` take at 200 a page, for a server whose pages are shorter than asked."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""Of all pages of one listing: 1,300 for each of :data:`MOST_ITEMS`; beyond, a run would need gigabytes for it."""

LONGEST_SECONDS: Final = 3600.0
"""How long a listing may take: all pages at the slowest tier take a third of it. Checked between pages."""

MOST_EMPTY_PAGES: Final = 10
"""Empty pages in a row that are followed; a filter applied after paging can leave a page empty."""


class EndlessListingError(Exception):
    """The cursor goes round, or for ever on; ``str()`` says how that was noticed."""


@dataclass(frozen=True, slots=True)
class ParsedPage(Generic[T]):
    """Items by id, and the cursor of the next page: None (or empty) on the last. ``size`` is its body's, in bytes."""

    items: Mapping[str, T]
    next_cursor: str | None
    size: int = 0


async def fetch_all_pages(
    fetch_page: Callable[[str | None], Awaitable[ParsedPage[T]]], *, clock: Callable[[], float] = time.monotonic
) -> list[T]:
    """Every item once, in order of first appearance; where pages overlap, the last version of an item wins.

    A forged or broken cursor silently gives earlier pages again (layers-api.md, Every request), so a cursor seen
    before, or a page that is followed by another and holds nothing new, raises :class:`EndlessListingError`; so does
    a listing that goes beyond any of the bounds above. ``clock`` gives monotonic seconds.
    """
    items: dict[str, T] = {}
    cursors: set[str] = set()
    cursor: str | None = None
    empty_pages = size = 0
    started = clock()
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
        size += page.size
        if len(items) > MOST_ITEMS or size > MOST_BYTES or clock() - started > LONGEST_SECONDS:
            break
    raise EndlessListingError(
        f"no end after {len(cursors)} pages with {len(items)} items, {size // 2**20} MiB, "
        f"in {(clock() - started) / 60:.0f} min: the listing seems to go on for ever; tell Layers' support"
    )
