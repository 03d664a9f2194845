"""A small HTTP server on loopback whose every answer a test scripts, byte for byte where it must."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from layers_etl.api import LayersClient, RetryPolicy, Timeouts
from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey, RequestRecord
from layers_etl.domain.scopes import CAMPAIGN

KEY = "lp_live_verysecretkey"
IMPATIENT = RetryPolicy(attempts=4, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001, refusals=4)
UNHURRIED = Timeouts(total=8)
"""Nothing times out for a machine's being slow; tests of stalls are in a hurry of their own."""
CAMPAIGN_KEY = EntityKey(CAMPAIGN, "prj_1", "cmp_1", "meta_ads")
WEEK = DayWindow(date(2026, 3, 30), date(2026, 4, 6))


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """Parameters, each with all its values."""
        return parse_qs(urlsplit(self.target).query)

    @property
    def window(self) -> DayWindow:
        """The days asked for."""
        since, until = (date.fromisoformat(self.query[name][0][:10]) for name in ("since", "until"))
        return DayWindow(since, until)


@dataclass(frozen=True)
class Reply:
    """What to send: JSON (or ``raw`` bytes); ``cut_at`` drops the connection after so many bytes of the body.

    ``pause`` is how many seconds pass before each byte of the body.
    """

    json: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    raw: bytes | None = None
    cut_at: int | None = None
    stall: float = 0.0
    pause: float = 0.0

    def head_and_body(self) -> tuple[bytes, bytes]:
        """As sent."""
        body = self.raw if self.raw is not None else json.dumps(self.json).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | self.headers
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode(errors="surrogateescape"), body


class Server:
    """``asked`` are all requests so far, in order; ``answer`` decides each reply."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._answer = answer

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it is closed or cut."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *rest = head.strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
                asked = Asked(first.split(" ")[1], headers)
                self.asked.append(asked)
                reply = self._answer(asked)
                await asyncio.sleep(reply.stall)
                head_bytes, body = reply.head_and_body()
                writer.write(head_bytes)
                if reply.pause:
                    await trickle(writer, body, reply.pause)
                else:
                    writer.write(body[: reply.cut_at])
                await writer.drain()
                if reply.cut_at is not None:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def trickle(writer: asyncio.StreamWriter, body: bytes, pause: float) -> None:
    """``body`` byte by byte, until nobody listens any more."""
    for byte in body:
        await asyncio.sleep(pause)
        writer.write(bytes([byte]))
        await writer.drain()


@dataclass
class Talk:
    """A client and the server it talks to; ``records`` are the client's own."""

    client: LayersClient
    server: Server
    records: list[RequestRecord]


@asynccontextmanager
async def talking(answer: Callable[[Asked], Reply], **settings: Any) -> AsyncGenerator[Talk]:
    """A client in conversation with a server that answers by ``answer``."""
    server, records = Server(answer), list[RequestRecord]()
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    options: dict[str, Any] = {
        "base_url": server.url,
        "api_key": SecretStr(KEY),
        "requests_per_minute": 10_000_000,
        "retry": IMPATIENT,
        "timeouts": UNHURRIED,
        "on_request": records.append,
    }
    async with LayersClient(**(options | settings)) as client:
        yield Talk(client, server, records)
    listener.close()


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """The replies one after another, the last for ever."""
    remaining = list(replies)
    return lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]


def bucket(day: date, **changes: Any) -> dict[str, Any]:
    """A sane bucket; ``changes`` make it otherwise."""
    sane = {"spend": 142.5, "impressions": 9000, "clicks": 300, "conversions": 38, "roas": 3.4, "reach": 7000}
    ratios = {"cpa": 3.75, "cpc": 0.475, "cpm": 15.8333, "ctr": 0.0333, "frequency": 1.29}
    return {"bucket": day.isoformat()} | sane | ratios | changes


def answer_for(asked: Asked, *, served: DayWindow | None = None, **changes: Any) -> Reply:
    """A sane answer to a metrics request, or one with other ``changes`` at its top."""
    window = served or asked.window
    step = timedelta(days=7) if asked.query["granularity"] == ["week"] else timedelta(days=1)
    days = [window.since + n * step for n in range(len(window) // step.days)]
    echo = {"since": f"{window.since}T00:00:00Z", "until": f"{window.until}T00:00:00Z"}
    keep = {"bucket", *asked.query["metrics"]}
    series = [{name: value for name, value in bucket(day).items() if name in keep} for day in days]
    body = {"scope": asked.query["scope"][0], "id": asked.query["id"][0], "platform": "meta_ads", "window": echo}
    return Reply(body | {"series": series, "totals": {}} | changes, headers={"X-Request-Id": "req_answer"})


def error(status: int, code: str, message: str = "no", headers: dict[str, str] | None = None, **details: Any) -> Reply:
    """The API's envelope."""
    envelope = {"code": code, "message": message, "requestId": "req_error", "details": details}
    return Reply({"error": envelope}, status, headers or {})


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run one coroutine on a fresh event loop; what hangs ends, even where the machine is busy."""

    def run_one(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(60):
                return await coroutine

        return asyncio.run(bounded())

    return run_one
