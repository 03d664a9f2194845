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

WINDOWS_PER_LANDING: Final = 200
SECONDS_PER_LANDING: Final = 2.0
"""A batch is landed after so many answers, or so long, whichever comes first."""


async def fetch_in_batches(
    client: LayersClient,
    reads: Sequence[PlannedRead],
    *,
    land: Callable[[Sequence[Reading]], None],
    note_failure: Callable[[EntityError], None],
    granularity: str = "day",
) -> None:
    """Fetch ``reads`` in their order; ``land`` gets every answer once, also those that arrived before an error.

    Raises :class:`RefusedError` when the key stops being accepted.
    """
    loop = asyncio.get_running_loop()
    arrived: list[Reading] = []
    landed = 0
    last_landing = loop.time()
    asked = ((read.key, read.window) for read in reads)
    try:
        async with aclosing(client.fetch_many(asked, granularity=granularity)) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, EntityError):
                    note_failure(outcome)
                else:
                    arrived.append(outcome)
                if len(arrived) >= WINDOWS_PER_LANDING or loop.time() - last_landing >= SECONDS_PER_LANDING:
                    batch, arrived = arrived, []
                    land(batch)
                    landed, last_landing = landed + len(batch), loop.time()
                    logger.info("%d of %d windows landed.", landed, len(reads))
    finally:
        land(arrived)
