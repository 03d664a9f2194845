"""The one loop that fetches many windows and hands them over in batches, so that a long run commits as it goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

from layers_etl.api.client import LayersClient
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import Reading
from layers_etl.errors import EntityError

logger = logging.getLogger(__name__)

Land = Callable[[Sequence[Reading], Sequence[EntityError]], None]
"""Lands a batch: the readings that arrived, and an error for each window that could not be read."""

WINDOWS_PER_LANDING: Final = 200
SECONDS_PER_LANDING: Final = 2.0
"""A batch is landed after so many answers, or so long, whichever comes first."""


async def fetch_in_batches(
    client: LayersClient, reads: Sequence[PlannedRead], *, land: Land, granularity: str = "day"
) -> None:
    """Fetch ``reads`` in their order; ``land`` gets every answer once, also those that arrived before an error.

    Raises :class:`RefusedError` when the key stops being accepted.
    """
    loop = asyncio.get_running_loop()
    arrived: list[Reading | EntityError] = []
    landed = 0

    def land_arrived() -> None:
        nonlocal landed
        readings = [outcome for outcome in arrived if isinstance(outcome, Reading)]
        errors = [outcome for outcome in arrived if isinstance(outcome, EntityError)]
        arrived.clear()
        land(readings, errors)
        landed += len(readings)
        logger.info("%d answers landed, of %d windows asked for.", landed, len(reads))

    asked = ((read.key, read.window, read.glimpse_until) for read in reads)
    due = loop.time() + SECONDS_PER_LANDING
    try:
        async with aclosing(client.fetch_many(asked, granularity=granularity)) as outcomes:
            coming = asyncio.ensure_future(anext(outcomes, None))
            try:
                while True:
                    # Where nothing more comes for long, what came must not wait for it.
                    await asyncio.wait([coming], timeout=max(due - loop.time(), 0) if arrived else None)
                    if coming.done():
                        outcome = coming.result()
                        if outcome is None:
                            break
                        arrived.append(outcome)
                        coming = asyncio.ensure_future(anext(outcomes, None))
                    if len(arrived) >= WINDOWS_PER_LANDING or loop.time() >= due:
                        land_arrived()
                        due = loop.time() + SECONDS_PER_LANDING
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
    finally:
        if arrived:
            land_arrived()
