"""The ASGI application: from a request to the wire, the same way for every endpoint.

Authenticate, count against the rate limit, let the faults act, answer; whatever comes of it carries a request id, the
state of the rate limit and the sandbox's date, and every refusal is in the error envelope.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from itertools import count

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from layers_etl.sandbox.auth import ApiKey, acting_organization, authenticate, require
from layers_etl.sandbox.clock import Clock
from layers_etl.sandbox.control import Controls
from layers_etl.sandbox.errors import ApiError, internal, not_found
from layers_etl.sandbox.exchange import Answer, Call, refusal
from layers_etl.sandbox.faults import Faults
from layers_etl.sandbox.journal import Journal, RequestRecord
from layers_etl.sandbox.ratelimit import RateLimiter, Tier
from layers_etl.sandbox.routes import ROUTES, Endpoint
from layers_etl.sandbox.routes import Route as ApiRoute
from layers_etl.sandbox.world import World

_log = logging.getLogger(__name__)


def create_app(
    world: World,
    clock: Clock,
    *,
    limiter: RateLimiter | None = None,
    faults: Faults | None = None,
    journal: Journal | None = None,
) -> Starlette:
    """The API over a world and a clock; by default no limits are enforced and nothing goes wrong."""
    faults = faults or Faults(world.config.seed)
    journal = journal or Journal()
    gateway = Gateway(world, clock, limiter or RateLimiter(), faults, journal)
    return Starlette(
        routes=[
            *(Route(route.path, gateway.responder(route), methods=["GET"]) for route in ROUTES),
            *Controls(world, clock, faults, journal).routes(),
        ],
        exception_handlers={HTTPException: gateway.refuse},
    )


class Gateway:
    """What stands between the wire and the endpoints."""

    def __init__(self, world: World, clock: Clock, limiter: RateLimiter, faults: Faults, journal: Journal) -> None:
        """Answer from that world at that clock."""
        self._world = world
        self._clock = clock
        self._limiter = limiter
        self._faults = faults
        self._journal = journal
        self._ordinals = count(1)

    def responder(self, route: ApiRoute) -> Callable[[Request], Awaitable[Response]]:
        """The Starlette endpoint for a route."""

        async def respond(request: Request) -> Response:
            now, request_id = self._clock.now(), self._request_id()
            key = None
            try:
                key = authenticate(request.headers.get("authorization"))
                self._limiter.take(key.id)
                organization_id = acting_organization(key, request.headers.get("x-layers-organization"))
                require(key, route.permission)
                call = Call(
                    path=request.url.path,
                    path_parameters=request.path_params,
                    query=tuple(request.query_params.multi_items()),
                    key=key,
                    tier=self._limiter.tier(key.tier),
                    organization_id=organization_id,
                    now=now,
                    request_id=request_id,
                )
                answer = self._faults.around(call, partial(self._handle, route.endpoint))(call)
            except ApiError as error:
                answer = refusal(error, request_id)
            except Exception:  # noqa: BLE001 - the last line of defence: clients are promised the envelope on every 5xx
                _log.exception("the sandbox failed on %s", request.url.path)
                answer = refusal(internal(), request_id)
            return self._wire(request, answer, key, now, request_id)

        return respond

    async def refuse(self, request: Request, error: Exception) -> Response:
        """The envelope for what the router itself refuses: unknown paths, and methods other than GET."""
        refused = not_found(f"Route '{request.method} {request.url.path}'")
        if isinstance(error, HTTPException) and error.status_code != refused.status:
            refused = ApiError(error.status_code, "VALIDATION", error.detail, headers=error.headers or {})
        request_id = self._request_id()
        return self._wire(request, refusal(refused, request_id), None, self._clock.now(), request_id)

    def _handle(self, endpoint: Endpoint, call: Call) -> Answer:
        """The endpoint's answer; a refusal is one too, so that faults can act on it."""
        try:
            return Answer(endpoint(self._world, call))
        except ApiError as error:
            return refusal(error, call.request_id)

    def _wire(
        self, request: Request, answer: Answer, key: ApiKey | None, now: datetime, request_id: str
    ) -> "WireResponse":
        """The response for an answer, noted in the journal."""
        self._journal.add(
            RequestRecord(
                request.method,
                request.url.path,
                tuple(request.query_params.multi_items()),
                answer.status,
                now,
                request_id,
            )
        )
        # Those without a good key are shown the state of a bucket that is never drawn from.
        limits = self._limiter.headers(key.id, key.tier) if key else self._limiter.headers("", Tier.STANDARD)
        date = format_datetime(now, usegmt=True)
        return WireResponse(answer, {"X-Request-Id": request_id, "Date": date, **limits, **answer.headers})

    def _request_id(self) -> str:
        return f"req_{next(self._ordinals):026X}"


class WireResponse(Response):
    """An answer sent as it says: late, in pieces, or cut off within its body."""

    def __init__(self, answer: Answer, headers: Mapping[str, str]) -> None:
        """Encode the answer; the announced length is that of the whole body even if it is to be cut off."""
        super().__init__(answer.encoded(), answer.status, headers, answer.content_type)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. After a cut the server closes the connection, for the body is not complete."""
        if self._answer.delay:
            await asyncio.sleep(self._answer.delay)
        if self._answer.cut_after is None and self._answer.piece_size is None:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)[: self._answer.cut_after]
        size = self._answer.piece_size or len(body) or 1
        for begin in range(0, len(body), size):
            await send({"type": "http.response.body", "body": body[begin : begin + size], "more_body": True})
            await asyncio.sleep(self._answer.piece_delay)
        if self._answer.cut_after is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
