"""Answers of the simulated API, rewritten on their way: what a test wants to be odd, and all else as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Self

import httpx

from layers_etl.api import LayersClient, RetryPolicy, Timeouts
from layers_etl.api.transport import AiohttpTransport
from layers_etl.ingest.identity import Connect, OnRequest
from layers_etl.settings import Settings

Rewrite = Callable[[str, Any], Any]
"""From a path without its query, and the JSON of a 200, to the JSON to put in its place."""

IMPATIENT = RetryPolicy(attempts=2, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001)


class RewritingTransport(httpx.AsyncBaseTransport):
    """The real transport, and ``rewrite`` over the bodies of its 200s."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._real = AiohttpTransport(Timeouts(), connections=8)

    async def __aenter__(self) -> Self:
        await self._real.__aenter__()
        return self

    async def aclose(self) -> None:
        await self._real.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._real.handle_async_request(request)
        body = await answer.aread()
        if answer.status_code == 200:
            path = request.extensions["target"].decode().partition("?")[0]
            body = json.dumps(self._rewrite(path, json.loads(body))).encode()
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(answer.status_code, headers=headers, stream=httpx.ByteStream(body), request=request)


def rewriting(rewrite: Rewrite) -> Connect:
    """Makes the client of a run whose answers are rewritten."""

    def connect(settings: Settings, on_request: OnRequest | None) -> LayersClient:
        return LayersClient(
            base_url=settings.base_url,
            api_key=settings.require_api_key(),
            requests_per_minute=settings.requests_per_minute,
            on_request=on_request,
            retry=IMPATIENT,
            transport=RewritingTransport(rewrite),
        )

    return connect


def with_items(part: str, change: Callable[[int, dict[str, Any]], Any]) -> Rewrite:
    """Every item of the listings whose path ends in ``part``, by its position, changed; None takes it out."""

    def rewrite(path: str, answer: Any) -> Any:
        if not path.endswith(part):
            return answer
        changed = [change(position, item) for position, item in enumerate(answer["items"])]
        return answer | {"items": [item for item in changed if item is not None]}

    return rewrite
