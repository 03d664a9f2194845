"""The client of a test's run: it does not wait for long, and may listen in on its answers or change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

import httpx

from layers_etl.api import LayersClient, RetryPolicy, Timeouts
from layers_etl.api.transport import AiohttpTransport
from layers_etl.ingest.identity import Connect, OnRequest
from layers_etl.settings import Settings

IMPATIENT: Final = RetryPolicy(attempts=2, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001)

Interception = Callable[[httpx.Request, httpx.Response, bytes], bytes]
"""From a request, its answer and the body of that to the body to hand on."""


class InterceptingTransport(httpx.AsyncBaseTransport):
    """The real transport, with ``intercept`` between it and whoever asks."""

    def __init__(self, intercept: Interception) -> None:
        self._intercept = intercept
        self._real = AiohttpTransport(Timeouts(), connections=8)

    async def __aenter__(self) -> Self:
        await self._real.__aenter__()
        return self

    async def aclose(self) -> None:
        await self._real.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._real.handle_async_request(request)
        body = self._intercept(request, answer, await answer.aread())
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(answer.status_code, headers=headers, stream=httpx.ByteStream(body), request=request)


def connecting(
    *, intercept: Interception | None = None, retry: RetryPolicy = IMPATIENT, timeouts: Timeouts | None = None
) -> Connect:
    """Makes the client of each run, with a transport of its own."""

    def connect(settings: Settings, on_request: OnRequest | None) -> LayersClient:
        return LayersClient(
            base_url=settings.base_url,
            api_key=settings.require_api_key(),
            requests_per_minute=settings.requests_per_minute,
            on_request=on_request,
            retry=retry,
            timeouts=timeouts,
            transport=InterceptingTransport(intercept) if intercept else None,
        )

    return connect
