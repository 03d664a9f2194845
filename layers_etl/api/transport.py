"""Bytes over the wire: one GET, one whole answer. The seam for tests, and the only module that knows httpx.

httpx's requests and responses over the aiohttp transport, which is five times as fast as httpx's own. The transport is
called directly: of what ``httpx.AsyncClient`` adds (redirects, cookies, authentication flows, proxies from the
environment) nothing is wanted here, and it costs as much time again (``benchmarks/api_overhead.py``). Hence no redirect
can be followed with the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

TIMEOUT: Final = "TIMEOUT"
CONNECTION: Final = "CONNECTION"
"""Our codes where no whole answer came: none in time, or a connection that could not be made or was lost."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total`` bounds one send from its first byte to the last of the answer, however it trickles."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that arrived whole, whatever its status. Names of ``headers`` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class NoAnswerError(Exception):
    """No whole answer came. ``status`` and ``headers`` are those of an answer that broke off within its body."""

    def __init__(self, code: str, cause: str, begun: Response | None = None) -> None:
        """``cause`` names the underlying exception; it is not kept itself, since it may hold the request headers."""
        super().__init__(cause)
        self.code = code
        self.cause = cause
        self.begun = begun


class Transport(Protocol):
    """What the client needs of the network."""

    async def __aenter__(self) -> Self:
        """Bind to the running event loop."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the connections."""
        ...

    async def get(self, url: str, headers: Mapping[str, str], /) -> Response:
        """One GET of an ``url`` that is percent-encoded already; :class:`NoAnswerError` if no whole answer comes."""
        ...


class HttpTransport:
    """HTTP/1.1 with kept connections. Certificates are always verified; no host is exempt."""

    def __init__(self, timeouts: Timeouts, *, connections: int) -> None:
        """``connections`` bounds how many are open; nothing is opened before the block is entered."""
        limit = httpx.Timeout(timeouts.read, connect=timeouts.connect)
        self._extensions = {"timeout": limit.as_dict()}
        self._total_seconds = timeouts.total
        self._connections = connections
        self._inner: AiohttpTransport | None = None

    async def __aenter__(self) -> Self:
        """Bind to the running event loop."""
        self._inner = AiohttpTransport(limits=httpx.Limits(max_connections=self._connections))
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        assert self._inner is not None
        await self._inner.__aexit__(kind, error, trace)

    async def get(self, url: str, headers: Mapping[str, str]) -> Response:
        """One GET; :class:`NoAnswerError` if no whole answer comes."""
        assert self._inner is not None, "used inside its own `async with`"
        request = httpx.Request("GET", url, headers=headers, extensions=self._extensions)
        begun: Response | None = None
        try:
            async with asyncio.timeout(self._total_seconds):
                answer = await self._inner.handle_async_request(request)
                begun = Response(answer.status_code, answer.headers, b"")
                try:
                    return Response(answer.status_code, answer.headers, await answer.aread())
                finally:
                    await answer.aclose()
        except (httpx.TransportError, aiohttp.ClientError, OSError) as failure:
            code, cause = _diagnosis(failure)
        # Raised outside the handlers, so that not even its context leads to an exception with the request's headers.
        raise NoAnswerError(code, cause, begun)


def _diagnosis(failure: Exception) -> tuple[str, str]:
    """Our code, and the name of what lies beneath."""
    cause = failure.__cause__ or failure
    # httpx-aiohttp calls every lost connection a connect time-out; aiohttp's own exception knows better.
    lost = isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, TimeoutError)
    in_time = lost or not isinstance(failure, TimeoutError | httpx.TimeoutException)
    return (CONNECTION if in_time else TIMEOUT), type(cause).__name__
