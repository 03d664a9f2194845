"""What the API has been found to accept, per scope and platform, so that each refusal is paid for once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.metrics import PRIMITIVES, ROAS
from layers_etl.domain.readings import EntityKey, RefusedMetric
from layers_etl.domain.scopes import PROJECT, Scope


class WindowLimit:
    """How many days one request may span, learned from refusals; nothing is assumed before the first.

    Windows the server narrows instead teach nothing and need not: asking again from where it stopped costs exactly as
    many requests as having known the limit.
    """

    def __init__(self) -> None:
        """Nothing refused yet."""
        self._accepted = 0
        self._refused: int | None = None
        self._trial: int | None = None

    def clip(self, window: DayWindow, *, multiple: int = 1) -> DayWindow:
        """The first part of ``window`` to ask for: all of it, or as much as is known or may be hoped to be accepted.

        ``multiple`` is 7 for weekly buckets, which must not be cut.

        Between the longest accepted and the shortest refused length the middle is tried, by one request at a time,
        until the two are so close that trying costs more than it saves. Say :meth:`tried` once it is answered.
        """
        if self._refused is None or len(window) <= self._accepted:
            return window
        worth_trying = self._refused - self._accepted > 1 + self._accepted // 8
        if self._accepted == 0 or (worth_trying and self._trial is None):
            days = (self._accepted + self._refused) // 2
            self._trial = days = max(multiple, min(days - days % multiple, len(window)))
        else:
            days = max(multiple, self._accepted - self._accepted % multiple)
        return DayWindow(window.since, window.since + days * ONE_DAY)

    def tried(self, days: int) -> None:
        """A request of ``days`` is over, whatever came of it: another length may be tried."""
        if days == self._trial:
            self._trial = None

    def accepted(self, days: int) -> None:
        """A request of ``days`` was answered."""
        self._accepted = max(self._accepted, days)
        if self._refused is not None and self._refused <= self._accepted:
            self._refused = self._accepted + 1

    def refused(self, days: int, *, longest: int = 0, multiple: int = 1) -> bool:
        """A request of ``days`` was too long; ``longest`` is what the server says it takes, 0 if it does not.

        False if nothing shorter is left to try.
        """
        if days <= multiple:
            return False
        if 0 < longest < days:
            self._accepted, self._refused = longest, longest + 1
            return True
        self._refused = min(days, self._refused or days)
        self._accepted = min(self._accepted, self._refused - 1)
        return True


ENOUGH_CONTRADICTIONS: Final = 3
"""Entities whose full series contradict their totals: from then on totals of that metric are no witness."""


class Scouting:
    """Hold this (``async with``) around the reading of an entity.

    The first to hold it goes alone, so that what it learns from refusals is known to all that waited for it.
    """

    def __init__(self) -> None:
        """Nobody has gone yet."""
        self._scouted: asyncio.Event | None = None

    async def __aenter__(self) -> None:
        """Go first, or once the first is back."""
        if self._scouted is None:
            self._scouted = asyncio.Event()
        else:
            await self._scouted.wait()

    async def __aexit__(self, *_: object) -> None:
        """Let the others go."""
        assert self._scouted is not None
        self._scouted.set()


class Terms:
    """What one scope on one platform accepts, and means: metrics it refuses, the longest window, days it does not want
    to be asked for beyond the closed ones, and totals that do not bear witness."""

    def __init__(self) -> None:
        """Nothing known."""
        self.refused_metrics: frozenset[str] = frozenset()
        self.limit = WindowLimit()
        self.scouting = Scouting()
        self.refuses_glimpses = False
        self._contradicted: dict[str, set[EntityKey]] = {name: set() for name in PRIMITIVES}

    @property
    def heard_totals(self) -> frozenset[str]:
        """Metrics whose totals bear witness to their series."""
        return frozenset(name for name, entities in self._contradicted.items() if len(entities) < ENOUGH_CONTRADICTIONS)

    def totals_contradicted(self, metric: str, key: EntityKey) -> None:
        """A series of ``key`` holds every day asked for and does not add up to its total all the same.

        Of one entity, that is a wrong answer. Of several, the API means something else by totals of that metric.
        """
        self._contradicted[metric].add(key)

    def done_without(self, metrics: Iterable[str]) -> None:
        """An entity could be read without ``metrics``, which had been refused.

        Not so for ROAS: conversion value hangs on it, and where a platform reports none the API says null. Whoever is
        refused it is on its own.
        """
        self.refused_metrics |= frozenset(metrics) - {ROAS.name}


class TermsBook:
    """The terms of every scope and platform met so far."""

    def __init__(self) -> None:
        """Nothing known."""
        self._terms: dict[tuple[Scope, str | None], Terms] = {}

    def recall(self, refused: Iterable[RefusedMetric]) -> None:
        """Take in what is known already."""
        for one in refused:
            self._shared(one.scope, one.platform).done_without([one.metric])

    @property
    def refused_metrics(self) -> frozenset[RefusedMetric]:
        """All that is known to be refused."""
        return frozenset(
            RefusedMetric(scope, platform, metric)
            for (scope, platform), terms in self._terms.items()
            for metric in terms.refused_metrics
        )

    def of(self, key: EntityKey) -> Terms:
        """The terms for ``key``.

        An entity whose platform the caller does not know gets terms of its own: what its platform refuses must not
        be withheld from others. Only a project has none by nature.
        """
        if key.platform is None and key.scope != PROJECT:
            return Terms()
        return self._shared(key.scope, key.platform)

    def _shared(self, scope: Scope, platform: str | None) -> Terms:
        return self._terms.setdefault((scope, platform), Terms())
