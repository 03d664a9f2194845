"""What the API has been found to accept, per scope and platform, so that each refusal is paid for once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.metrics import PRIMITIVES, ROAS
from layers_etl.domain.readings import EntityKey, RefusedMetric
from layers_etl.domain.scopes import PROJECT, Scope

AGREEING: Final = 3
"""Entities that must have been refused a metric before it is their platform's: two may be new, or of an odd kind, on
the same day; each costs a request, once a week. Where a platform has fewer, each is told for itself, in every run."""

MOST_SCOUTS: Final = 5
"""Entities that are read one after another at most, so that some that fail slowly do not hold up all the others."""


class WindowLimit:
    """How many days one request may span, learned from refusals; nothing is assumed before the first.

    Windows the server narrows instead teach nothing and need not: asking again from where it stopped costs exactly as
    many requests as having known the limit.
    """

    def __init__(self) -> None:
        """Nothing refused yet."""
        self._answered = self._accepted = 0
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
        self._answered = max(self._answered, days)
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

    def known(self) -> tuple[int, int | None]:
        """The longest length thought to be accepted (0: none) and the shortest refused: for :meth:`restore`."""
        return self._accepted, self._refused

    def restore(self, known: tuple[int, int | None]) -> None:
        """Forget refusals since ``known``: the entity was refused at every length, so that its length was not why."""
        self._accepted, self._refused = known
        self.accepted(self._answered)


ENOUGH_CONTRADICTIONS: Final = 3
"""Entities whose full series contradict their totals: from then on totals of that metric are no witness."""


class Limits:
    """What one scope on one platform accepts, and means: metrics it refuses, the longest window, days that it does not
    want to be asked for beyond the closed ones, and totals that do not bear witness.

    A refusal is of the entity that was asked for; it becomes the platform's when :data:`AGREEING` entities were refused
    the same metric and none was served it. Until that is decided, entities are read one after another
    (:meth:`turn`), so that it costs as many requests as it takes to tell, not as many as may be under way.
    """

    def __init__(self) -> None:
        """Nothing known."""
        self.window = WindowLimit()
        self.refuses_glimpses = False
        self._contradicted: dict[str, set[EntityKey]] = {name: set() for name in PRIMITIVES}
        self._recalled: set[str] = set()
        self._refused_to: dict[str, set[EntityKey]] = defaultdict(set)
        self._served: set[str] = set()
        self._scout_is_back: asyncio.Event | None = None
        self._scouts = 0
        self._scouted = False

    @property
    def heard_totals(self) -> frozenset[str]:
        """Metrics whose totals bear witness to their series."""
        return frozenset(name for name, entities in self._contradicted.items() if len(entities) < ENOUGH_CONTRADICTIONS)

    def totals_contradicted(self, metric: str, key: EntityKey) -> None:
        """A series of ``key`` holds every day asked for and does not add up to its total all the same.

        Of one entity, that is a wrong answer. Of several, the API means something else by totals of that metric.
        """
        self._contradicted[metric].add(key)

    @property
    def refused_metrics(self) -> frozenset[str]:
        """What no entity is asked for any more."""
        agreed = {metric for metric, entities in self._refused_to.items() if len(entities) >= AGREEING}
        return frozenset((self._recalled | agreed) - self._served)

    def recall(self, metric: str) -> None:
        """Ask for ``metric`` no more, as an earlier run had learned."""
        self._recalled.add(metric)

    def learn(self, key: EntityKey, *, served: Iterable[str], refused: Iterable[str]) -> None:
        """An entity was ``served`` some metrics, and could be read without others, which had been ``refused``.

        Not so for ROAS: conversion value hangs on it, and where a platform reports none the API says null. Whoever is
        refused it is on its own.
        """
        self._served |= set(served)
        for metric in set(refused) - {ROAS.name}:
            self._refused_to[metric].add(key)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Hold this around the reading of a part of an entity: alone until it is decided what the platform refuses."""
        while not self._scouted:
            if self._scout_is_back is not None:
                await self._scout_is_back.wait()
                continue
            self._scout_is_back = back = asyncio.Event()
            try:
                yield
            finally:
                self._scouts += 1
                self._scouted = self._is_decided or self._scouts >= MOST_SCOUTS
                self._scout_is_back = None
                back.set()
            return
        yield

    @property
    def _is_decided(self) -> bool:
        return all(metric in self._served or len(entities) >= AGREEING for metric, entities in self._refused_to.items())


class LimitsBook:
    """The limits of every scope and platform met so far."""

    def __init__(self) -> None:
        """Nothing known."""
        self._limits: dict[tuple[Scope, str | None], Limits] = {}

    def recall(self, refused: Iterable[RefusedMetric]) -> None:
        """Take in what is known already."""
        for one in refused:
            self._shared(one.scope, one.platform).recall(one.metric)

    @property
    def refused_metrics(self) -> frozenset[RefusedMetric]:
        """All that is known to be refused."""
        return frozenset(
            RefusedMetric(scope, platform, metric)
            for (scope, platform), limits in self._limits.items()
            for metric in limits.refused_metrics
        )

    def of(self, key: EntityKey) -> Limits:
        """The limits for ``key``.

        An entity whose platform the caller does not know gets limits of its own: what its platform refuses must not
        be withheld from others. Only a project has none by nature.
        """
        if key.platform is None and key.scope != PROJECT:
            return Limits()
        return self._shared(key.scope, key.platform)

    def _shared(self, scope: Scope, platform: str | None) -> Limits:
        return self._limits.setdefault((scope, platform), Limits())
