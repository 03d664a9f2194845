"""The pace: even, whole, and held by everyone when told to wait. The loop's clock is simulated."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.api.pacing import (
    MOST_SLOWED_SECONDS,
    USED_SHARE,
    BucketState,
    HeldTooLongError,
    Pacer,
    parse_bucket_state,
    parse_retry_after,
)

NOW = datetime(2026, 4, 18, 6, tzinfo=UTC)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose sleeps take no time: its clock jumps to the next timer."""

    now = 0.0

    def time(self) -> float:
        """Simulated seconds."""
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # pyright: ignore
            self.now = max(self.now, self._scheduled[0].when())  # pyright: ignore
        super()._run_once()  # pyright: ignore


def simulate(story: Callable[[SimulatedLoop], Coroutine[Any, Any, Any]]) -> Any:
    """Run ``story`` on a simulated clock."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulatedLoop)
        return runner.run(story(loop))


async def send_all(
    loop: SimulatedLoop, pacer: Pacer, count: int, latency: float = 0.1, workers: int = 64
) -> list[float]:
    """The instants at which ``count`` requests went out."""
    sent: list[float] = []
    numbers = iter(range(count))

    async def work() -> None:
        for _ in numbers:
            ticket = await pacer.acquire()
            sent.append(loop.time())
            await asyncio.sleep(latency)
            pacer.release(ticket)
            pacer.accepted(None)

    await asyncio.gather(*(work() for _ in range(workers)))
    return sent


@pytest.mark.parametrize(("first", "learnt"), [(120, 6000), (6000, 120)])
def test_an_allowance_that_the_first_answer_tells_holds_for_the_second_request(first: int, learnt: int) -> None:
    async def story(loop: SimulatedLoop) -> float:
        pacer = Pacer(first, clock=loop.time)
        ticket = await pacer.acquire()
        await asyncio.sleep(0.1)
        pacer.release(ticket)
        pacer.accepted(None)
        pacer.set_allowance(learnt)
        answered_at = loop.time()
        await pacer.acquire()
        return loop.time() - answered_at

    assert simulate(story) == pytest.approx(60 / (learnt * USED_SHARE))


@pytest.mark.parametrize(("per_minute", "latency"), [(120, 0.3), (120, 5.0), (1200, 0.5), (6000, 0.05), (6000, 0.5)])
def test_the_whole_allowance_is_used_and_not_exceeded(per_minute: int, latency: float) -> None:
    async def story(loop: SimulatedLoop) -> list[float]:
        return await send_all(loop, Pacer(per_minute, clock=loop.time), per_minute * 2, latency)

    sent = simulate(story)
    assert 120 <= sent[-1] <= 126
    for number, instant in enumerate(sent[per_minute:]):
        assert instant - sent[number] >= 60, "never more than the allowance in any sixty seconds"


@given(waits=st.lists(st.tuples(st.floats(0, 5), st.floats(0, 120)), min_size=1, max_size=5))
def test_nobody_passes_before_the_told_time(waits: list[tuple[float, float]]) -> None:
    async def story(loop: SimulatedLoop) -> None:
        pacer, shut = Pacer(600, clock=loop.time), 0.0

        async def refuse() -> None:
            nonlocal shut
            for pause, wait in waits:
                await asyncio.sleep(pause)
                pacer.refused(wait)
                shut = max(shut, loop.time() + wait)

        async def work() -> None:
            for _ in range(5):
                ticket = await pacer.acquire()
                assert loop.time() >= shut
                await asyncio.sleep(0.1)
                pacer.release(ticket)

        await asyncio.gather(refuse(), *(work() for _ in range(8)))

    simulate(story)


def test_after_a_told_wait_one_request_goes_alone() -> None:
    async def story(loop: SimulatedLoop) -> list[float]:
        pacer, refusals = Pacer(6000, clock=loop.time), list[float]()

        async def work() -> None:
            while True:
                ticket = await pacer.acquire()
                sent = loop.time()
                await asyncio.sleep(0.5)
                pacer.release(ticket)
                if sent >= 100:
                    return
                refusals.append(sent)
                pacer.refused(10)

        await asyncio.gather(*(work() for _ in range(20)))
        return refusals

    refusals = simulate(story)
    assert sum(instant < 1 for instant in refusals) == 20, "what was under way when the first was refused"
    later = [instant for instant in refusals if instant >= 1]
    assert len(later) == 9 and all(b - a >= 10 for a, b in itertools.pairwise(later)), "then one for each told wait"


def test_a_wait_beyond_patience_is_not_waited_for() -> None:
    async def story(loop: SimulatedLoop) -> None:
        pacer = Pacer(600, clock=loop.time)
        pacer.refused(3600)
        with pytest.raises(HeldTooLongError):
            await pacer.acquire(patience=900)

    simulate(story)


def test_what_others_used_of_the_key_slows_us_until_the_reset() -> None:
    async def story(loop: SimulatedLoop) -> list[float]:
        pacer = Pacer(120, clock=loop.time)
        sent: list[float] = []
        for _ in range(2):
            sent.append(await send_one(loop, pacer))
            pacer.accepted(BucketState(remaining=0, reset_seconds=31))
        return sent

    first, second = simulate(story)
    assert second - first == pytest.approx(30)


async def send_told(loop: SimulatedLoop, pacer: Pacer, count: int, state: BucketState) -> list[float]:
    """When each of ``count`` requests went out, all of which are served and told ``state``."""
    sent: list[float] = []
    for _ in range(count):
        ticket = await pacer.acquire()
        sent.append(loop.time())
        pacer.release(ticket)
        pacer.accepted(state)
    return sent


@pytest.mark.slow
@given(remaining=st.integers(0, 100), reset=st.floats(0, 70))
def test_a_header_that_refuses_nothing_costs_a_minute_at_most_however_often_it_is_said(
    remaining: int, reset: float
) -> None:
    async def story(loop: SimulatedLoop) -> list[float]:
        return await send_told(loop, Pacer(120, clock=loop.time), 200, BucketState(remaining, reset))

    assert simulate(story)[-1] <= 100 / USED_SHARE + MOST_SLOWED_SECONDS + 1


def test_a_refusal_bears_out_what_the_headers_say() -> None:
    async def story(loop: SimulatedLoop) -> tuple[list[float], list[float]]:
        pacer, empty = Pacer(120, clock=loop.time), BucketState(0, 31)
        disbelieved = (await send_told(loop, pacer, 10, empty))[-3:]
        pacer.refused(5)
        return disbelieved, await send_told(loop, pacer, 5, empty)

    disbelieved, believed = simulate(story)
    assert all(later - earlier < 1 for earlier, later in itertools.pairwise(disbelieved))
    waits = [later - earlier for earlier, later in itertools.pairwise(believed)]
    assert waits[:2] == [pytest.approx(30), pytest.approx(30, abs=1)] and sum(waits[2:]) < 3


def test_a_server_that_refuses_everything_a_little_longer_is_waited_for_as_long_as_one_told_wait_may_be() -> None:
    async def story(loop: SimulatedLoop) -> tuple[int, float]:
        pacer, refusals = Pacer(120, clock=loop.time), itertools.count(1)
        for refused in refusals:
            try:
                ticket = await pacer.acquire(patience=900)
            except HeldTooLongError:
                return refused - 1, loop.time()
            pacer.release(ticket)
            pacer.refused(100)
        raise AssertionError

    refused, ended = simulate(story)
    assert refused == 10 and ended <= 901


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("0", 0),
        ("-3", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("soon", None),
        ("inf", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "30"}, BucketState(5, 30)),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": str(int(NOW.timestamp()) + 30)}, BucketState(5, 30)),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1"}, BucketState(5, 1)),
        ({"x-ratelimit-remaining": "5"}, None),
        ({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "30"}, None),
        ({}, None),
    ],
)
def test_the_buckets_state_is_read_in_both_forms(headers: dict[str, str], state: BucketState | None) -> None:
    assert parse_bucket_state(headers, now=NOW) == state


@given(remaining=st.integers(0, 10_000), reset=st.floats(0, 1e6))
def test_headers_never_stop_the_run(remaining: int, reset: float) -> None:
    assert 0 <= BucketState(remaining, reset).spacing <= 60


@pytest.mark.parametrize(("remaining", "at_once"), [(0, 1), (3, 2), (1000, 5)])
def test_what_a_busy_loop_made_late_is_made_up_for_within_the_room_that_is_left(remaining: int, at_once: int) -> None:
    async def story(loop: SimulatedLoop) -> int:
        pacer = Pacer(1200, clock=loop.time)
        await pacer.acquire()
        pacer.accepted(BucketState(remaining, reset_seconds=1))
        await asyncio.sleep(10)
        sent = [await send_one(loop, pacer) for _ in range(20)]
        return sum(instant == sent[0] for instant in sent)

    assert simulate(story) == at_once


def test_the_second_request_follows_the_answer_to_the_first() -> None:
    async def story(loop: SimulatedLoop) -> list[float]:
        pacer = Pacer(120, clock=loop.time)
        sent = [await send_one(loop, pacer)]
        await asyncio.sleep(0.2)
        pacer.accepted(BucketState(remaining=0, reset_seconds=1))
        return [*sent, *[await send_one(loop, pacer) for _ in range(2)]]

    first, second, third = simulate(story)
    assert second - first >= 0.2 + 0.5, "the connection may have taken all of that time"
    assert third - second < 0.6


def test_nothing_is_made_up_for_at_the_start() -> None:
    async def story(loop: SimulatedLoop) -> list[float]:
        pacer = Pacer(1200, clock=loop.time)
        await asyncio.sleep(10)
        return [await send_one(loop, pacer) for _ in range(20)]

    sent = simulate(story)
    assert all(later - earlier > 0.05 for earlier, later in itertools.pairwise(sent))


async def send_one(loop: SimulatedLoop, pacer: Pacer) -> float:
    """When a request was let out."""
    await pacer.acquire()
    return loop.time()
