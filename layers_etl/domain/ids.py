"""Ids of the API: opaque text, but for one thing. It takes and gives them with their prefix or without it.

``cmp_1`` and ``1``, ``org_a`` and ``a`` are the same id (layers-api.md, Every request). Ids are stored, and sent, as
they were first listed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Final

_PREFIX: Final = re.compile(r"\A[a-z]+_(?=.)", re.DOTALL)


LONGEST_ID: Final = 256
"""Characters: a UUID has 36, and an address with one of this length still passes every proxy."""

_UNSENDABLE: Final = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


def is_usable_id(text: str) -> bool:
    """Whether an id can be sent back as part of an address, stored and printed: nothing else is asked of it."""
    return 0 < len(text) <= LONGEST_ID and text not in (".", "..") and not _UNSENDABLE.search(text)


def same_id(one: str, other: str) -> bool:
    """Whether two ids are equal, or differ by a leading ``[a-z]+_`` that one of them alone has.

    Not transitive: ``org_a`` and ``prj_a`` are two ids, though ``a`` may be either.
    """
    return one == other or one == bare_id(other) or bare_id(one) == other


def is_among(wanted: str, named: Iterable[str]) -> bool:
    """Whether an id is one of those named, with its prefix or without it."""
    return any(same_id(wanted, name) for name in named)


def bare_id(text: str) -> str:
    """The id without its first prefix; an id that has none, or is nothing else, as it is."""
    return _PREFIX.sub("", text)


def find_same_id(wanted: str, among: Collection[str]) -> str | None:
    """The one of ``among`` that is ``wanted``: the equal one, else the only one that is the same; None for several."""
    if wanted in among:
        return wanted
    alike = {candidate for candidate in among if same_id(wanted, candidate)}
    return alike.pop() if len(alike) == 1 else None


def find_same_ids(wanted: Iterable[str], among: Iterable[str]) -> dict[str, str]:
    """For each of ``wanted`` the one that :func:`find_same_id` finds, or itself where there is none."""
    asked, there = set(wanted), set(among)
    alike = _alike(asked - there, there)
    return {one: min(alike[one]) if len(alike.get(one, ())) == 1 else one for one in asked}


def match_ids(incoming: Iterable[str], stored: Iterable[str]) -> dict[str, str]:
    """For each of ``incoming`` the id it is stored under, or itself; no two of ``incoming`` under one.

    An id is stored under another one only where neither could be taken for a third.
    """
    coming, there = set(incoming), set(stored)
    of_coming = _alike(coming - there, there - coming)
    rivals = Counter(other for others in of_coming.values() for other in others)
    matched = {one: min(others) for one, others in of_coming.items() if len(others) == 1 and rivals[min(others)] == 1}
    return {one: matched.get(one, one) for one in coming}


def _alike(some: set[str], others: set[str]) -> dict[str, set[str]]:
    """Those of ``others`` that are the same id, for each of ``some`` that has any.

    By their bare forms, since a hundred thousand ids cannot each be held against each.
    """
    prefixed: dict[str, set[str]] = defaultdict(set)
    for other in others:
        if bare_id(other) != other:
            prefixed[bare_id(other)].add(other)
    found = {one: prefixed.get(one, set()) | ({one, bare_id(one)} & others) for one in some}
    return {one: same for one, same in found.items() if same}
