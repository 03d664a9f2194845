"""HTTP: httpx's transport interface, carried out by aiohttp. The seam for tests.

aiohttp, because httpx's own transport costs twenty times as much. Called directly, because of what
``httpx.AsyncClient`` adds (redirects, cookies, authentication flows, the environment) nothing is wanted here, and it
costs as much time again (``benchmarks/api_overhead.py``). Hence no redirect can be followed with the key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
import httpx
from yarl import URL

from layers_etl.api.connections import FAILURES, explain
from layers_etl.api.network import DIRECT, Route

MOST_COMPRESSED_BYTES: Final = 32 * 1024 * 1024
"""Of one body as sent: no compressed body is longer than what it may unpack to, unless it is made of nothing."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total`` bounds one send from its first byte to the last of the answer, stalled or trickling."""

    connect: float = 10.0
    total: float = 45.0


class AiohttpTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 with kept connections; bodies come decompressed, part by part as they are read, so that whoever reads
    decides how much of one is enough. Certificates are always verified; no host is exempt.

    A request's URL says where to, its extension ``target`` (bytes, percent-encoded) what is asked for there: httpx
    takes longer to parse a URL of eleven metrics than for everything else it does.
    """

    def __init__(self, timeouts: Timeouts, *, connections: int, route: Route = DIRECT) -> None:
        """``connections`` bounds how many are open; nothing is opened before the block is entered."""
        self._timeouts = timeouts
        self._connections = connections
        self._route = route
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Bind to the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._route.tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeouts.total, sock_connect=self._timeouts.connect),
        )
        return self

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body still to be read; an ``httpx.TransportError`` if none comes, or later not all of it."""
        assert self._session is not None, "used inside its own `async with`"
        proxy = self._route.proxy
        url = URL(f"{str(request.url).rstrip('/')}{request.extensions['target'].decode('ascii')}", encoded=True)
        try:
            answer = await self._session.request(
                request.method,
                url,
                headers=request.headers.multi_items(),
                allow_redirects=False,
                proxy=proxy.address if proxy else None,
                proxy_headers=proxy.headers if proxy else None,
            )
        except FAILURES as error:
            failure = explain(error, request.url, self._route)
        else:
            body = _Body(answer, request.url, self._route)
            return httpx.Response(answer.status, headers=answer.raw_headers, stream=body, request=request)
        raise failure


class _Body(httpx.AsyncByteStream):
    """What is left of an answer, in parts of bounded size; an ``httpx.DecodingError`` where too much comes for them."""

    def __init__(self, answer: aiohttp.ClientResponse, target: httpx.URL, route: Route) -> None:
        self._answer = answer
        self._target = target
        self._route = route

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        try:
            while part := await content.readany():
                if content.total_raw_bytes > MOST_COMPRESSED_BYTES:
                    raise httpx.DecodingError(f"more than {MOST_COMPRESSED_BYTES} bytes as sent")
                yield part
        except FAILURES as error:
            failure = explain(error, self._target, self._route)
        else:
            return
        raise failure

    async def aclose(self) -> None:
        """Let the connection go: to the next request where the body was read to its end, else for good."""
        self._answer.close()
