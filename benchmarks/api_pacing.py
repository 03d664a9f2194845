"""Whether the client uses the whole of a rate limit and no more, against a server that enforces it.

Usage: python benchmarks/api_pacing.py [--per-minute 1200] [--seconds 60] [--latency 0.2]

The server counts by minute windows, by a token bucket, or over the last sixty seconds, and tells its state in headers.
Targets: wall time within 5 % of requests / allowance, fewer than 1 % of requests answered 429.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import date

import httpx
from api_overhead import answer_body
from pydantic import SecretStr

from layers_etl.api import LayersClient
from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN

WINDOW = DayWindow(date(2026, 4, 1), date(2026, 4, 8))
PERIOD = 60.0

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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, judged on arrival."""
        self.requests += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        allowed, remaining, reset = self._admit(time.monotonic())
        self.refusals += not allowed
        await asyncio.sleep(self._latency)
        self.in_flight -= 1
        state = {
            "X-RateLimit-Limit": self._limit,
            "X-RateLimit-Remaining": remaining,
            "X-RateLimit-Reset": -int(-reset),
        }
        headers = {name: str(value) for name, value in state.items()} | {"Content-Type": "application/json"}
        if allowed:
            return httpx.Response(200, headers=headers, content=self._body, request=request)
        headers["Retry-After"] = str(-int(-reset // 1))
        body = {"error": {"code": "RATE_LIMITED", "message": "slow down", "requestId": "req_1"}}
        return httpx.Response(429, headers=headers, json=body, request=request)


async def measure(name: str, per_minute: int, requests: int, latency: float) -> None:
    """Read ``requests`` campaigns and print how long it took against how long it should."""
    server = EnforcingServer(KINDS[name](per_minute), per_minute, latency)
    work = ((EntityKey(CAMPAIGN, "prj_1", f"cmp_{number}", "meta_ads"), WINDOW) for number in range(requests))
    started = time.monotonic()
    async with LayersClient(
        base_url="http://127.0.0.1", api_key=SecretStr("key"), requests_per_minute=per_minute, transport=server
    ) as client:
        read = [outcome async for outcome in client.fetch_many(work)]
    seconds, ideal = time.monotonic() - started, requests / per_minute * 60
    print(
        f"{name:15} {len(read)} requests in {seconds:6.2f} s, {seconds / ideal - 1:+.1%} of {ideal:.1f} s;"
        f" {server.refusals} refused ({server.refusals / server.requests:.2%}), {server.most_in_flight} in flight"
    )


async def measure_all(per_minute: int, requests: int, latency: float) -> None:
    """Every kind of limit at the same time, each with its own server and client."""
    await asyncio.gather(*(measure(name, per_minute, requests, latency) for name in KINDS))


def main() -> None:
    """Measure every kind of limit."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--per-minute", type=int, default=1200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--latency", type=float, default=0.2)
    arguments = options.parse_args()
    requests = int(arguments.per_minute * arguments.seconds / 60)
    asyncio.run(measure_all(arguments.per_minute, requests, arguments.latency))


if __name__ == "__main__":
    main()
