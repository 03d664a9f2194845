"""Deriving the daily marts: in its turn, and before that beside the reading of weeks, which have no part in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain

from layers_etl.domain.scopes import Scope
from layers_etl.ingest.run import Run
from layers_etl.warehouse.clustering import cluster_days
from layers_etl.warehouse.marts import DerivedMart, derive_daily_mart
from layers_etl.warehouse.runs import count_runs

logger = logging.getLogger(__name__)


class Deriving:
    """The daily marts of one run, brought in step a stretch of days at a time."""

    def __init__(self, run: Run) -> None:
        """Nothing is derived yet."""
        self._run = run
        self._scopes = run.settings.scopes
        self._begun: Iterator[None] = iter(())
        self._marts: dict[Scope, DerivedMart] = {}

    def begin(self) -> Iterator[None]:
        """The steps, to be taken by whoever has the warehouse meanwhile, as many as there is time for.

        What goes wrong in one ends them, and shows where it is done again in its turn.
        """
        self._begun = chain.from_iterable(map(self._derive, self._scopes))
        return self._go_on()

    def finish(self) -> Iterator[tuple[Scope, DerivedMart]]:
        """Take the steps that are left, and derive what has changed since: what was done to each mart in all."""
        for _ in self._go_on():
            pass
        for scope in self._scopes:
            for _ in self._derive(scope):
                pass
            yield scope, self._marts[scope]

    def _go_on(self) -> Iterator[None]:
        try:
            for _ in self._begun:
                yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is met again
            logger.info("Deriving broke off (%s): what is left is derived in its turn.", type(error).__name__)

    def _derive(self, scope: Scope) -> Iterator[None]:
        warehouse = self._run.warehouse
        mart = yield from derive_daily_mart(warehouse, scope, self._run.settings.settle_hours)
        if mart.stale_windows:
            cluster_days(warehouse, scope, count_runs(warehouse))
            yield
        self._marts[scope] = self._marts[scope].followed_by(mart) if scope in self._marts else mart
