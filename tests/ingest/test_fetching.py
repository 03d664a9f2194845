"""Answers are handed over as they come: none waits for those that don't."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest

from layers_etl.api import Timeouts
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import Reading
from layers_etl.errors import EntityError, RefusedError
from layers_etl.ingest import fetching
from layers_etl.ingest.fetching import fetch_in_batches

from ..api.conftest import CAMPAIGN_KEY, WEEK, Asked, Reply, answer_for, error, run, talking

assert run  # A fixture.

Run = Callable[[Coroutine[Any, Any, Any]], Any]
STALL = 0.6
PATIENT = Timeouts(total=5)
READS = [PlannedRead(replace(CAMPAIGN_KEY, entity_id=name), WEEK) for name in ("cmp_quick", "cmp_none", "cmp_slow")]


@pytest.fixture(autouse=True)
def _land_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS_PER_LANDING", 0.1)


class Landed:
    """What was landed, and when, in seconds since the first request could be sent."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[str], list[str | None]]] = []
        self.times: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    def __call__(self, readings: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        names = [reading.key.entity_id for reading in readings]
        self.batches.append((names, [error.context.entity_id for error in errors]))
        self.times.append(self._loop.time() - self._begun)


def answer(asked: Asked) -> Reply:
    """At once, not found, or after a while."""
    match asked.query["id"]:
        case ["cmp_none"]:
            return error(404, "NOT_FOUND")
        case ["cmp_slow"]:
            return replace(answer_for(asked), stall=STALL)
        case _:
            return answer_for(asked)


@pytest.mark.slow
def test_what_arrived_is_landed_soon_even_if_nothing_else_arrives(run: Run) -> None:
    async def fetch() -> Landed:
        async with talking(answer, timeouts=PATIENT) as talk:
            landed = Landed()
            await fetch_in_batches(talk.client, READS, land=landed)
            return landed

    landed = run(fetch())
    assert landed.batches == [(["cmp_quick"], ["cmp_none"]), (["cmp_slow"], [])]
    assert landed.times[0] < STALL <= landed.times[1]


def test_a_fetch_that_is_cancelled_lands_what_arrived_and_leaves_nothing_running(run: Run) -> None:
    async def fetch() -> tuple[Landed, int]:
        async with talking(answer, timeouts=PATIENT) as talk:
            landed = Landed()
            before = len(asyncio.all_tasks())
            fetch = asyncio.create_task(fetch_in_batches(talk.client, READS, land=landed))
            while len(talk.server.asked) < len(READS):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.03)
            fetch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetch
            return landed, len(asyncio.all_tasks()) - before

    landed, left = run(fetch())
    assert landed.batches == [(["cmp_quick"], ["cmp_none"])]
    assert left <= len(READS), "the scripted server's own, one for each connection"


def test_a_refused_key_ends_a_fetch_after_what_arrived_has_landed(run: Run) -> None:
    def refuse_the_slow(asked: Asked) -> Reply:
        return replace(error(401, "UNAUTHENTICATED"), stall=0.05) if "cmp_slow" in asked.target else answer(asked)

    async def fetch() -> Landed:
        async with talking(refuse_the_slow, timeouts=PATIENT) as talk:
            landed = Landed()
            with pytest.raises(RefusedError):
                await fetch_in_batches(talk.client, READS, land=landed)
            return landed

    assert run(fetch()).batches == [(["cmp_quick"], ["cmp_none"])]
