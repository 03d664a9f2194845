"""Whether the client uses the whole of a rate limit and no more, against a server that enforces it.

Usage: python benchmarks/api_pacing.py [--per-minute 1200] [--seconds 60] [--latency 0.2] [--burst 5 …]

The server counts by minute windows, by a token bucket, or over the last sixty seconds, and tells its state in headers.
With --burst it is the sandbox instead, over HTTP, with a token bucket of that many requests, one bucket after another.
Targets: wall time within 5 % of requests / allowance, fewer than 1 % of requests answered 429.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date
from itertools import cycle, islice

import httpx
import msgspec
from api_overhead import answer_body
from pydantic import SecretStr

from layers_etl.api import LayersClient
from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.sandbox.server import DEFAULT_KEY, SandboxServer
from layers_etl.sandbox.world import ORGANIZATION

WINDOW = DayWindow(date(2026, 4, 1), date(2026, 4, 8))
PERIOD = 60.0
TOO_MANY_REQUESTS = 429

Verdict = tuple[bool, int, float]
"""Whether the request is let through, how many more are, and the seconds until that is reset."""


def minute_windows(limit: int) -> Callable[[float], Verdict]:
    """``limit`` requests in each minute of the clock."""
    used: dict[int, int] = {}

    def admit(now: float) -> Verdict:
        minute = int(now // PERIOD)
        taken = used.get(minute, 0)
        left = PERIOD - now % PERIOD
        if taken >= limit:
            return False, 0, left
        used[minute] = taken + 1
        return True, limit - taken - 1, left

    return admit


def token_bucket(limit: int) -> Callable[[float], Verdict]:
    """Refilled evenly; holds a sixth of a minute's requests."""
    capacity, rate = max(1.0, limit / 6), limit / PERIOD
    tokens, last = capacity, 0.0

    def admit(now: float) -> Verdict:
        nonlocal tokens, last
        tokens, last = min(capacity, tokens + (now - last) * rate), now
        if tokens < 1:
            return False, 0, (1 - tokens) / rate
        tokens -= 1
        return True, int(tokens), (capacity - tokens) / rate

    return admit


def sliding_minute(limit: int) -> Callable[[float], Verdict]:
    """``limit`` requests in any sixty seconds."""
    times: deque[float] = deque()

    def admit(now: float) -> Verdict:
        while times and times[0] <= now - PERIOD:
            times.popleft()
        left = times[0] + PERIOD - now if times else 0.0
        if len(times) >= limit:
            return False, 0, left
        times.append(now)
        return True, limit - len(times), left

    return admit


KINDS = {"minute windows": minute_windows, "token bucket": token_bucket, "sliding minute": sliding_minute}


class EnforcingServer(httpx.AsyncBaseTransport):
    """Answers after ``latency`` seconds, or with 429 what exceeds the limit."""

    def __init__(self, admit: Callable[[float], Verdict], limit: int, latency: float) -> None:
        """``admit`` decides, by the monotonic clock."""
        self.requests = self.refusals = self.in_flight = self.most_in_flight = 0
        self._admit, self._limit, self._latency = admit, limit, latency
        self._body = answer_body(WINDOW)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - all are one
        """One request, judged on arrival."""
        self.requests += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        allowed, remaining, reset = self._admit(time.monotonic())
        self.refusals += not allowed
        await asyncio.sleep(self._latency)
        self.in_flight -= 1
        state = {"limit": self._limit, "remaining": remaining, "reset": -int(-reset)}
        said = {f"x-ratelimit-{name}": str(value) for name, value in state.items()}
        if allowed:
            return httpx.Response(200, headers=said, content=self._body)
        error = {"error": {"code": "RATE_LIMITED", "message": "slow down", "requestId": "req_1"}}
        headers = {**said, "retry-after": str(-int(-reset // 1))}
        return httpx.Response(TOO_MANY_REQUESTS, headers=headers, content=msgspec.json.encode(error))


async def measure(name: str, per_minute: int, requests: int, latency: float) -> None:
    """Read ``requests`` campaigns and print how long it took against how long it should."""
    server = EnforcingServer(KINDS[name](per_minute), per_minute, latency)
    keys = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{number}", "meta_ads") for number in range(requests)]
    client = LayersClient(
        base_url="http://127.0.0.1", api_key=SecretStr("key"), requests_per_minute=per_minute, transport=server
    )
    seconds = await read_all(client, keys)
    in_flight = f", {server.most_in_flight} in flight"
    print(f"{name:20} {verdict(requests, per_minute, seconds, server.refusals, server.requests)}{in_flight}")


async def measure_sandbox(per_minute: int, requests: int, burst: int) -> None:
    """The same over HTTP against the sandbox's own limiter."""
    with SandboxServer(requests_per_minute=per_minute, burst=burst) as sandbox:
        project = sandbox.world.projects(ORGANIZATION)[0].id
        campaigns = list(sandbox.world.campaigns(project, sandbox.clock.now()))
        keys = [EntityKey(CAMPAIGN, project, one.id, one.platform) for one in islice(cycle(campaigns), requests)]
        client = LayersClient(base_url=sandbox.url, api_key=SecretStr(DEFAULT_KEY), requests_per_minute=per_minute)
        seconds = await read_all(client, keys)
        answers = sandbox.requests()
    refused = sum(answer.status == TOO_MANY_REQUESTS for answer in answers)
    name = f"sandbox, burst {burst}"
    print(f"{name:20} {verdict(requests, per_minute, seconds, refused, len(answers))}")


async def read_all(client: LayersClient, keys: Sequence[EntityKey]) -> float:
    """How long the client takes to read ``keys``, in seconds."""
    started = time.monotonic()
    async with client:
        read = [outcome async for outcome in client.fetch_many((key, WINDOW) for key in keys)]
    assert len(read) == len(keys)
    return time.monotonic() - started


def verdict(requests: int, per_minute: int, seconds: float, refused: int, sent: int) -> str:
    """What was measured, against the targets."""
    ideal = requests / per_minute * PERIOD
    return (
        f"{requests} requests in {seconds:6.2f} s, {seconds / ideal - 1:+.1%} of {ideal:.1f} s;"
        f" {refused} refused ({refused / sent:.2%})"
    )


async def measure_all(per_minute: int, requests: int, latency: float) -> None:
    """Every kind of limit at the same time, each with its own server and client."""
    await asyncio.gather(*(measure(name, per_minute, requests, latency) for name in KINDS))


def main() -> None:
    """Measure every kind of limit, or the sandbox's."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--per-minute", type=int, default=1200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--latency", type=float, default=0.2)
    options.add_argument("--burst", type=int, nargs="+", default=[])
    arguments = options.parse_args()
    requests = int(arguments.per_minute * arguments.seconds / PERIOD)
    for burst in arguments.burst:
        asyncio.run(measure_sandbox(arguments.per_minute, requests, burst))
    if not arguments.burst:
        asyncio.run(measure_all(arguments.per_minute, requests, arguments.latency))


if __name__ == "__main__":
    main()
