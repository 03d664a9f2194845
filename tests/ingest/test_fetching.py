"""Answers are handed over as they come: none waits for those that don't."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api import Timeouts
from layers_etl.api.client import MOST_IN_FLIGHT
from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import Reading
from layers_etl.errors import EntityError, NotFoundError, RefusedError, RequestContext, StorageError
from layers_etl.ingest import fetching
from layers_etl.ingest.fetching import Lander, fetch_windows

from ..api.conftest import CAMPAIGN_KEY, WEEK, Asked, Reply, answer_for, error, run, talking

assert run  # A fixture.

Run = Callable[[Coroutine[Any, Any, Any]], Any]
STALL = 0.6
PATIENT = Timeouts(total=5)
READS = [PlannedRead(replace(CAMPAIGN_KEY, entity_id=name), WEEK) for name in ("cmp_quick", "cmp_none", "cmp_slow")]
NOT_FOUND = NotFoundError("it is gone", RequestContext("reading daily metrics"), "NOT_FOUND")


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
            with Lander(landed, len(READS)) as lander:
                await fetch_windows(talk.client, READS, lander)
            return landed

    landed = run(fetch())
    assert landed.batches == [(["cmp_quick"], ["cmp_none"]), (["cmp_slow"], [])]
    assert landed.times[0] < STALL <= landed.times[1]


def test_a_fetch_that_is_cancelled_lands_what_arrived_and_leaves_nothing_running(run: Run) -> None:
    async def fetch() -> tuple[Landed, int]:
        async with talking(answer, timeouts=PATIENT) as talk:
            landed = Landed()
            before = len(asyncio.all_tasks())
            with Lander(landed, len(READS)) as lander:
                fetch = asyncio.create_task(fetch_windows(talk.client, READS, lander))
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
            with pytest.raises(RefusedError), Lander(landed, len(READS)) as lander:
                await fetch_windows(talk.client, READS, lander)
            return landed

    assert run(fetch()).batches == [(["cmp_quick"], ["cmp_none"])]


def test_answers_go_on_arriving_while_a_batch_is_landed(run: Run) -> None:
    all_asked, waited = threading.Event(), list[bool]()

    def answer_noting_the_last(asked: Asked) -> Reply:
        if "cmp_slow" in asked.target:
            all_asked.set()
        return answer_for(asked)

    def land(_: Sequence[Reading], __: Sequence[EntityError]) -> None:
        waited.append(all_asked.wait(timeout=30))

    async def fetch() -> None:
        async with talking(answer_noting_the_last, timeouts=PATIENT) as talk:
            with Lander(land, len(READS)) as lander:
                await fetch_windows(talk.client, READS[:1], lander)
                await fetch_windows(talk.client, READS[2:], lander)

    run(fetch())
    assert all(waited)


def test_what_landing_raises_ends_the_fetch(run: Run) -> None:
    def fail(_: Sequence[Reading], __: Sequence[EntityError]) -> None:
        raise StorageError("The disk is full.")

    async def fetch() -> None:
        async with talking(answer, timeouts=PATIENT) as talk:
            with Lander(fail, len(READS)) as lander:
                await fetch_windows(talk.client, READS, lander)

    with pytest.raises(StorageError, match="The disk is full"):
        run(fetch())


def test_nothing_is_landed_after_a_landing_that_failed() -> None:
    landings = list[int]()

    def fail(readings: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        landings.append(len(readings) + len(errors))
        raise StorageError("The disk is full.")

    def hand_over_for_ever() -> None:
        with Lander(fail, 1) as lander:
            while True:
                lander.hand_over(NOT_FOUND)

    with pytest.raises(StorageError):
        hand_over_for_ever()
    assert len(landings) == 1


def test_a_signal_while_the_rest_is_landed_is_raised_once_it_has_landed() -> None:
    begun, struck, landed = threading.Event(), threading.Event(), list[int]()

    def land(_: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        begun.set()
        assert struck.wait(timeout=60)
        landed.append(len(errors))

    def strike() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)
        struck.set()

    striking = threading.Thread(target=strike)
    striking.start()
    with pytest.raises(KeyboardInterrupt), Lander(land, 1) as lander:
        lander.hand_over(NOT_FOUND)
    striking.join()
    assert landed == [1]


@given(sizes=st.lists(st.integers(0, 5), max_size=6), most=st.integers(1, 4))
def test_everything_is_landed_once_in_the_order_it_came(sizes: list[int], most: int) -> None:
    came: list[EntityError] = [
        NotFoundError(str(number), NOT_FOUND.context, NOT_FOUND.code) for number in range(sum(sizes))
    ]
    batches: list[list[EntityError]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "WINDOWS_PER_LANDING", most)
        with Lander(lambda _, errors: batches.append(list(errors)), len(came)) as lander:
            for outcome in came:
                lander.hand_over(outcome)

    assert [error for batch in batches for error in batch] == came
    assert all(0 < len(batch) <= most for batch in batches)


def reading_of(days: int) -> Reading:
    """One of so many buckets."""
    window = DayWindow(WEEK.since, WEEK.since + max(days, 1) * ONE_DAY)
    return Reading(CAMPAIGN_KEY, window, datetime(2026, 5, 1, tzinfo=UTC), {"day": list(window)[:days]})


@given(days=st.lists(st.integers(0, 9), max_size=12), most=st.integers(1, 20))
def test_a_batch_ends_with_the_reading_that_fills_it(days: list[int], most: int) -> None:
    batches: list[list[int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "ROWS_PER_LANDING", most)
        with Lander(lambda readings, _: batches.append(list(map(len, readings))), len(days)) as lander:
            for count in days:
                lander.hand_over(reading_of(count))

    assert [rows for batch in batches for rows in batch] == days
    assert all(sum(batch[:-1]) < most for batch in batches)


def test_reading_waits_while_a_batch_is_landed_and_another_one_waits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ROWS_PER_LANDING", 1)
    reads = [
        PlannedRead(replace(CAMPAIGN_KEY, entity_id=f"cmp_{number}"), WEEK) for number in range(5 * MOST_IN_FLIGHT)
    ]
    goes_on, landed = threading.Event(), list[str]()

    def land(readings: Sequence[Reading], _: Sequence[EntityError]) -> None:
        assert goes_on.wait(timeout=60)
        landed.extend(reading.key.entity_id for reading in readings)

    async def fetch() -> int:
        async with talking(answer_for, timeouts=PATIENT) as talk:
            with Lander(land, len(reads)) as lander:
                fetching_all = asyncio.create_task(fetch_windows(talk.client, reads, lander))
                asked = -1
                while asked < len(talk.server.asked):
                    asked = len(talk.server.asked)
                    await asyncio.sleep(0.3)
                goes_on.set()
                await fetching_all
            return asked

    # Those on their way, and those that nobody has taken over yet.
    assert 0 < run(fetch()) <= 2 * MOST_IN_FLIGHT + 3
    assert sorted(landed) == sorted(read.key.entity_id for read in reads)


def test_steps_are_taken_beside_and_what_has_waited_is_landed_between_two() -> None:
    told = list[str]()
    handed_over = threading.Event()

    def steps() -> Iterator[None]:
        assert handed_over.wait(timeout=60)
        time.sleep(2 * fetching.SECONDS_PER_LANDING)
        for step in ("first step", "second step"):
            told.append(step)
            yield

    def land(_: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        told.append(f"{len(errors)} landed")
        both_told.set()

    both_told = threading.Event()
    with Lander(land, 1, beside=steps()) as lander:
        lander.hand_over(NOT_FOUND)
        handed_over.set()
        assert both_told.wait(timeout=60)
    assert told[:2] == ["first step", "1 landed"]


def test_no_further_step_is_taken_once_all_answers_are_in() -> None:
    taken, landed = list[int](), list[int]()
    begun, goes_on = threading.Event(), threading.Event()

    def steps() -> Iterator[None]:
        for number in range(1_000_000):
            taken.append(number)
            begun.set()
            assert goes_on.wait(timeout=60)
            yield

    beside = steps()

    def leave() -> None:
        with Lander(lambda _, errors: landed.append(len(errors)), 1, beside=beside) as lander:
            lander.hand_over(NOT_FOUND)
            assert begun.wait(timeout=60)

    leaving = threading.Thread(target=leave)
    leaving.start()
    assert begun.wait(timeout=60)
    time.sleep(0.05)
    goes_on.set()
    leaving.join(timeout=60)
    assert landed == [1]
    assert len(taken) < 1_000_000
    next(beside)
