"""Fetching many windows, and landing them beside it in batches: answers go on arriving while others are written."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self

from layers_etl.api.client import LayersClient
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import Reading
from layers_etl.errors import EntityError
from layers_etl.ingest.progress import Progress

logger = logging.getLogger(__name__)

Land = Callable[[Sequence[Reading], Sequence[EntityError]], None]
"""Lands a batch: the readings that arrived, and an error for each window that could not be read."""

WINDOWS_PER_LANDING: Final = 4_000
"""The most of a batch: it bounds what is held in memory. A batch costs about the same whatever its size."""

ROWS_PER_LANDING: Final = 250_000
"""About the most buckets of a batch, for the same: of two years 4,000 windows have three million. Reading stands still
while as many more wait for their landing."""

NAP_SECONDS: Final = 0.02
"""How long it stands still before it looks again."""

SECONDS_PER_LANDING: Final = 2.0
"""How long what arrived first waits for more to be landed with it, and so what a kill loses at most, with what
arrives while a batch is written."""


class Lander:
    """Lands what is handed over, in the order it came, in a thread of its own.

    For the length of a block nobody else may use the warehouse. Leaving it lands the rest and waits for that, however
    the block ends and whoever asks the process to end meanwhile: no signal strikes within a transaction. What landing
    raised is raised where the next answer is handed over, or on leaving.
    """

    def __init__(
        self, land: Land, expected: int, progress: Progress | None = None, *, beside: Iterable[None] = ()
    ) -> None:
        """``expected`` windows are asked for; ``land`` gets their answers, and ``progress`` is told of them.

        The steps of ``beside`` are taken in the same thread, for as long as answers are still to come; what has waited
        long enough is landed between two of them.
        """
        self._land = land
        self._beside = beside
        self._expected = expected
        self._progress = progress or Progress()
        self._landed = 0
        self._arrived: list[Reading | EntityError] = []
        self._arrived_first = 0.0
        self._rows = 0
        self._changed = threading.Condition()
        self._is_complete = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._land_all, name="landing")

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, _: object, ended_by: BaseException | None, __: TracebackType | None) -> None:
        """Land the rest."""
        interruption = self._finish()
        if interruption:
            raise interruption
        if self._error and (ended_by is None or isinstance(ended_by, Exception)):
            raise self._error

    def hand_over(self, outcome: Reading | EntityError) -> None:
        """Have it landed."""
        if self._error:
            raise self._error
        self._progress.answered()
        with self._changed:
            self._arrived.append(outcome)
            self._rows += _rows_of(outcome)
            if len(self._arrived) == 1:
                self._arrived_first = time.monotonic()
            if len(self._arrived) == 1 or self._is_enough:
                self._changed.notify()

    @property
    def is_behind(self) -> bool:
        """Whether what waits for its landing is a batch's worth of rows, and will be landed."""
        return self._rows >= ROWS_PER_LANDING and not self._error

    @property
    def _is_enough(self) -> bool:
        return len(self._arrived) >= WINDOWS_PER_LANDING or self._rows >= ROWS_PER_LANDING

    @property
    def _waited(self) -> float:
        """Seconds, of what arrived first."""
        return time.monotonic() - self._arrived_first

    def _finish(self) -> BaseException | None:
        """Have the rest landed and wait for it; what was raised meanwhile by someone who asked for the end."""
        interruption: BaseException | None = None
        while self._thread.is_alive():
            try:
                with self._changed:
                    self._is_complete = True
                    self._changed.notify()
                self._thread.join()
            except BaseException as error:  # noqa: BLE001 - a handler may raise anything; it is raised again
                interruption = error
        return interruption

    def _land_all(self) -> None:
        try:
            for _ in self._beside:
                if self._is_complete:
                    break
                if self._arrived and (self._is_enough or self._waited >= SECONDS_PER_LANDING):
                    self._land_batch(self._take_batch())
            while batch := self._next_batch():
                self._land_batch(batch)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever hands over
            self._error = error

    def _land_batch(self, batch: Sequence[Reading | EntityError]) -> None:
        readings = [outcome for outcome in batch if isinstance(outcome, Reading)]
        errors = [outcome for outcome in batch if isinstance(outcome, EntityError)]
        self._land(readings, errors)
        self._landed += len(readings)
        logger.info("%d answers landed, of %d windows asked for.", self._landed, self._expected)

    def _next_batch(self) -> Sequence[Reading | EntityError]:
        """The next to land, once enough have come or the first has waited long enough; empty where none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrived or self._is_complete)
            self._changed.wait_for(lambda: self._is_enough or self._is_complete, SECONDS_PER_LANDING)
            return self._take_batch()

    def _take_batch(self) -> Sequence[Reading | EntityError]:
        """What has arrived, as much of it as a batch may have."""
        with self._changed:
            batch, rows = list[Reading | EntityError](), 0
            for outcome in self._arrived[:WINDOWS_PER_LANDING]:
                batch.append(outcome)
                rows += _rows_of(outcome)
                if rows >= ROWS_PER_LANDING:
                    break
            self._arrived = self._arrived[len(batch) :]
            self._arrived_first = time.monotonic()
            self._rows -= rows
            return batch


def _rows_of(outcome: Reading | EntityError) -> int:
    return len(outcome) if isinstance(outcome, Reading) else 0


async def fetch_windows(
    client: LayersClient, reads: Sequence[PlannedRead], lander: Lander, *, granularity: str = "day"
) -> None:
    """Fetch ``reads`` in their order, and hand over every answer once, also those that arrived before an error.

    Raises :class:`RefusedError` when the key stops being accepted.
    """
    asked = ((read.key, read.window, read.glimpse_until) for read in reads)
    async with aclosing(client.fetch_many(asked, granularity=granularity)) as outcomes:
        async for outcome in outcomes:
            lander.hand_over(outcome)
            while lander.is_behind:
                await asyncio.sleep(NAP_SECONDS)
