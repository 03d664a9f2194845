"""Ids of the API: opaque text, but for one thing. It takes and gives them with their prefix or without it.

``cmp_1`` and ``1``, ``org_a`` and ``a`` are the same id (layers-api.md, Every request). Ids are stored, and sent, as
they were first listed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

_PREFIX: Final = re.compile(r"\A[a-z]+_(?=.)", re.DOTALL)


def same_id(one: str, other: str) -> bool:
    """Whether two ids are equal, or differ by a leading ``[a-z]+_`` that one of them alone has.

    Not transitive: ``org_a`` and ``prj_a`` are two ids, though ``a`` may be either.
    """
    return one == other or one == bare_id(other) or bare_id(one) == other


def bare_id(text: str) -> str:
    """The id without its first prefix; an id that has none, or is nothing else, as it is."""
    return _PREFIX.sub("", text)


def find_same_id(wanted: str, among: Collection[str]) -> str | None:
    """The one of ``among`` that is ``wanted``: the equal one, else the only one that is the same; None for several."""
    if wanted in among:
        return wanted
    alike = {candidate for candidate in among if same_id(wanted, candidate)}
    return alike.pop() if len(alike) == 1 else None


def match_ids(incoming: Iterable[str], stored: Iterable[str]) -> dict[str, str]:
    """For each of ``incoming`` the id it is stored under, or itself; no two of ``incoming`` under one.

    An id is stored under another one only where neither could be taken for a third.
    """
    coming, there = set(incoming), set(stored)
    unheard_of, free = coming - there, there - coming
    of_stored: dict[str, set[str]] = defaultdict(set)
    of_coming: dict[str, set[str]] = defaultdict(set)
    for one, other in _alike(unheard_of, free):
        of_coming[one].add(other)
        of_stored[other].add(one)
    matched = {
        one: min(others) for one, others in of_coming.items() if len(others) == 1 and len(of_stored[min(others)]) == 1
    }
    return {one: matched.get(one, one) for one in coming}


def _alike(some: set[str], others: set[str]) -> Iterable[tuple[str, str]]:
    """The pairs that are the same id; by their bare forms, since each of a million must not be held against each."""
    prefixed: dict[str, list[str]] = defaultdict(list)
    for other in others:
        prefixed[bare_id(other)].append(other)
    for one in some:
        if bare_id(one) in others:
            yield one, bare_id(one)
        for other in prefixed.get(one, ()):
            if other != one:
                yield one, other
