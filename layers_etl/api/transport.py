"""Bytes over the wire: one GET, one whole answer. The seam for tests, and the only module that knows aiohttp.

aiohttp, and nothing between: of what an HTTP client adds (redirects, cookies, authentication flows, proxies from the
environment) nothing is wanted here, and httpx's requests and responses around the same aiohttp cost as much time again
as aiohttp itself (``benchmarks/api_overhead.py``). Hence no redirect can be followed with the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
from yarl import URL

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
        self._timeout = aiohttp.ClientTimeout(
            total=timeouts.total, sock_connect=timeouts.connect, sock_read=timeouts.read
        )
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Bind to the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        assert self._session is not None
        await self._session.close()

    async def get(self, url: str, headers: Mapping[str, str]) -> Response:
        """One GET; :class:`NoAnswerError` if no whole answer comes."""
        assert self._session is not None, "used inside its own `async with`"
        begun: Response | None = None
        try:
            async with self._session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer:
                begun = Response(answer.status, answer.headers, b"")
                return Response(answer.status, answer.headers, await answer.read())
        except TimeoutError as failure:
            code, cause = TIMEOUT, type(failure).__name__
        except (aiohttp.ClientError, OSError) as failure:
            code, cause = CONNECTION, type(failure).__name__
        # Raised outside the handlers, so that not even its context leads to an exception with the request's headers.
        raise NoAnswerError(code, cause, begun)
