"""The API's clock, which decides what has settled: no single answer can set it, or put it forward."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from layers_etl.api.client import LayersClient
from layers_etl.api.retries import UNTRUSTED
from layers_etl.domain.days import format_instant
from layers_etl.errors import ConfigurationError, RequestContext, UntrustedAnswerError
from layers_etl.ingest.identity import layers_client
from layers_etl.settings import Settings

LONGEST_LEAD: Final = timedelta(minutes=5)
"""By how much the clocks of two servers behind the API may differ, and two witnesses of the time."""

LONGEST_LAG: Final = timedelta(hours=6)
"""How old an answer may be that comes from a cache: as old as the copy that Layers serves may be anyway."""

MOST_ANSWERS: Final = 3
"""Of which two must agree, where the first is not what this machine's own clock shows."""


def utc_now() -> datetime:
    """This machine's clock; passed in everywhere else."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ServerClock:
    """What the API's clock ``said`` as a run began, and the seconds ``elapsed`` since, by no clock that can be set."""

    said: datetime
    elapsed: Callable[[], float]

    def shows(self) -> datetime:
        """The instant it is now."""
        return self.said + timedelta(seconds=self.elapsed())

    def believed(self, said: datetime | None) -> datetime | None:
        """When an answer was made whose ``Date`` is ``said``: None where it can't be believed for being too old.

        What this clock shows, where there is no date, or one that it can't be yet: believed, it would settle its days
        for good. One that is a little early is taken at its word: an answer may come from a cache, and a day is only
        read again for it. Any earlier, it would put what is seen now into the past for good.
        """
        shown = self.shows()
        if said is None or said > shown + LONGEST_LEAD:
            return shown
        return said if said >= shown - LONGEST_LAG else None

    def agrees_with(self, other: ServerClock) -> bool:
        """Whether both show the same time, as far as clocks of different machines do."""
        return abs(self.shows() - other.shows()) <= LONGEST_LEAD


def start_clock(said: datetime) -> ServerClock:
    """The clock that shows ``said`` now."""
    started = time.monotonic()
    return ServerClock(said, lambda: time.monotonic() - started)


async def agree_on_clock(
    said: datetime | None, ask: Callable[[], Awaitable[datetime | None]], own_clock: ServerClock
) -> ServerClock:
    """The API's clock, by two witnesses: the ``Date`` of the first answer, ``said``, and this machine's ``own_clock``.

    Where the two differ, as they do where the API is simulated, ``ask`` fetches the dates of more answers, until two
    witnesses agree of which one is the API. An API that says no date has none: then it is ours. Raises
    :class:`UntrustedAnswerError` where every answer says something else.
    """
    if said is None:
        return own_clock
    witnesses = [own_clock]
    for asked in range(1, MOST_ANSWERS + 1):
        if said is not None:
            clock = start_clock(said)
            if any(map(clock.agrees_with, witnesses)):
                return clock
            witnesses.append(clock)
        if asked < MOST_ANSWERS:
            said = await ask()
    dates = ", ".join(format_instant(witness.said) for witness in witnesses[1:])
    raise UntrustedAnswerError(
        f"the API's answers do not agree on the time ({dates}), which decides what is final; nothing was read: run "
        "again later, and tell Layers' support if it stays so",
        RequestContext("asking what time it is"),
        UNTRUSTED,
    )


async def find_clock(client: LayersClient, said: datetime | None, own_now: datetime) -> ServerClock:
    """The API's clock, where the first answer's date was ``said``; see :func:`agree_on_clock`."""

    async def ask() -> datetime | None:
        return (await client.fetch_identity()).server_now

    return await agree_on_clock(said, ask, start_clock(own_now))


def instant_of_run(as_of: datetime | None, api_now: datetime) -> datetime:
    """The instant a run stands for; :class:`ConfigurationError` for one that the API's clock has not reached.

    A few minutes ahead are those by which clocks differ: then it is what the API's clock says.
    """
    if as_of and as_of > api_now + LONGEST_LEAD:
        raise ConfigurationError(
            f"{format_instant(as_of)} has not come yet (the API's clock says {format_instant(api_now)}): "
            "a run stands for now or for an instant in the past."
        )
    return min(as_of or api_now, api_now)


def fetch_time(settings: Settings) -> datetime:
    """What the API's clock says; :class:`RefusedError` where the key can read nothing."""

    async def ask() -> datetime:
        async with layers_client(settings) as client:
            identity = await client.fetch_identity()
            return (await find_clock(client, identity.server_now, utc_now())).said

    return asyncio.run(ask())
