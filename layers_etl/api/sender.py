"""One logical request: paced, sent, retried, judged, recorded."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeVar, cast

import httpx
import stamina
from pydantic import SecretStr

from layers_etl.api.answers import ContradictionError
from layers_etl.api.connections import CertificateError
from layers_etl.api.failures import FORBIDDEN_SCOPE, RATE_LIMITED, ErrorResponse
from layers_etl.api.pacing import HeldTooLongError, Pacer, parse_bucket_state, parse_http_date, parse_retry_after
from layers_etl.api.retries import (
    CERTIFICATE,
    CONNECTION,
    MALFORMED,
    PROXY,
    TIMEOUT,
    UNTRUSTED,
    RetryDecision,
    RetryPolicy,
)
from layers_etl.api.wire import NotJsonError, WrongTypeError, parse_error_envelope
from layers_etl.domain.readings import RequestRecord
from layers_etl.domain.storable import printable_line
from layers_etl.errors import (
    ApiError,
    ContradictedAnswerError,
    RefusedError,
    RequestContext,
    UnavailableError,
    UntrustedAnswerError,
)

T = TypeVar("T")

KEPT_BODY_BYTES: Final = 64 * 1024
"""How much of an answer that cannot be believed is kept for ``ops``."""

MOST_METRICS_BYTES: Final = 8 * 1024 * 1024
"""Of a metrics answer, unpacked. Ten years of days with eleven metrics are 1 to 2 MiB; as many answers as may be under
way at once still fit in half a gigabyte."""

MOST_PAGE_BYTES: Final = 32 * 1024 * 1024
"""Of any other answer, unpacked: 160 KiB for each of the 200 items of a page. Pages come one after another."""

MOST_ERROR_BYTES: Final = 1024 * 1024
"""Of an answer that is not a 2xx, unpacked: an envelope, or a proxy's page."""

MOST_HEADER_CHARACTERS: Final = 1000
"""Of a header's value, and of a request id wherever it stands: they end up in sentences and in ``ops``."""

_NOTHING: Final = httpx.ByteStream(b"")
"""What a GET sends. Without a stream, httpx looks for headers of its own to add, which takes longer than all else."""

_CODES: Final[dict[type[httpx.TransportError], str]] = {
    CertificateError: CERTIFICATE,
    httpx.ProxyError: PROXY,
    httpx.TimeoutException: TIMEOUT,
}
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-layers-request-id")
_HIDDEN: Final = "[api key]"
_MEDIA_TYPE_CHARACTERS: Final = 100
_SUCCESSES: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Request:
    """A GET: ``target`` is path and query as sent, ``context`` what an error shall say of it.

    An answer of more than ``most_bytes``, unpacked, is not read to its end and not believed. Where it
    ``may_be_forbidden``, a key that lacks its scope may still be of use for others.
    """

    target: str
    context: RequestContext
    most_bytes: int = MOST_PAGE_BYTES
    may_be_forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx that arrived whole. ``server_now`` is its ``Date``; ``read_at`` that, or our clock where it sent none."""

    body: bytes = field(repr=False)
    request: Request
    request_id: str | None
    read_at: datetime
    server_now: datetime | None

    def untrusted(self, reason: str) -> UntrustedAnswerError:
        """The error for an answer that is JSON and cannot be believed; it keeps the body, bounded."""
        return self._put_aside(f"the answer cannot be trusted, nothing of it was used: {reason}", UNTRUSTED)

    def contradicted(self, fault: ContradictionError) -> ContradictedAnswerError:
        """The error for an answer that its own totals contradict; it keeps the body, bounded."""
        aside = self.untrusted(str(fault))
        return ContradictedAnswerError(
            aside.reason, aside.context, aside.code, aside.status, aside.body, fault.metric, fault.rows, fault.is_full
        )

    def malformed(self, reason: str) -> UntrustedAnswerError:
        """The error for a body that is no JSON; it keeps it, bounded."""
        return self._put_aside(reason, MALFORMED)

    def _put_aside(self, reason: str, code: str) -> UntrustedAnswerError:
        context = replace(self.request.context, request_id=self.request_id)
        return UntrustedAnswerError(reason, context, code, None, self.body[:KEPT_BODY_BYTES])


@dataclass(frozen=True, slots=True)
class Response:
    """What arrived, whatever its status. Names of ``headers`` are in lower case; not ``whole`` if it is too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    whole: bool = True


@dataclass(slots=True)
class _Tally:
    """What one logical request has cost so far."""

    attempts: int = 0
    bytes_received: int = 0
    wire_seconds: float = 0.0
    status: int | None = None
    request_id: str | None = None

    def begin_attempt(self) -> None:
        """Count another attempt; what the one before brought stands no longer."""
        self.attempts += 1
        self.status = self.request_id = None


class Sender:
    """Sends requests over one transport with one key at one pace."""

    def __init__(
        self,
        *,
        origin: str,
        api_key: SecretStr,
        organization: str | None,
        transport: httpx.AsyncBaseTransport,
        pacer: Pacer,
        retry: RetryPolicy,
        on_request: Callable[[RequestRecord], None] | None,
    ) -> None:
        """``origin`` is what targets are appended to; it is trusted to be https or loopback: the client has checked."""
        self._origin = httpx.URL(origin)
        self._api_key = api_key
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "layers-etl"}
        self._organization = organization
        if organization:
            self._headers["X-Layers-Organization"] = organization
        self._transport = transport
        self._pacer = pacer
        self._retry = retry
        self._on_request = on_request
        self._refusal: RefusedError | None = None
        self._was_reached = False

    async def get(self, request: Request, parse: Callable[[Answer], T]) -> T:
        """Send ``request`` until ``parse`` accepts an answer or the bounds of the policy are reached.

        Raises the errors of ``layers_etl.errors``; once the key was refused, every later call raises
        :class:`RefusedError` without sending. ``parse`` may raise ``NotJsonError``, ``WrongTypeError``
        or ``UntrustedAnswerError``.
        """
        tally = _Tally()
        started_at, started = datetime.now(UTC), time.perf_counter()
        code: str | None = "CANCELLED"
        try:
            result = await self._get_with_retries(request, parse, tally)
            code = None
            return result
        except ApiError as error:
            code = error.code
            raise
        finally:
            if self._on_request is not None:
                elapsed = time.perf_counter() - started
                self._on_request(_record(request, tally, code, started_at, elapsed))

    async def _get_with_retries(self, request: Request, parse: Callable[[Answer], T], tally: _Tally) -> T:
        decision = RetryDecision()
        try:
            return _believe(await self._attempt(request, tally), parse)
        except ApiError as error:
            first_failure = error
        policy = self._retry if self._was_reached else self._retry.before_reached(tally.wire_seconds)
        attempts = stamina.retry_context(
            on=decision,
            attempts=policy.attempts,
            timeout=None,
            wait_initial=policy.wait_initial,
            wait_max=policy.wait_max,
            wait_jitter=policy.wait_jitter,
        )
        async for attempt in attempts:
            with attempt:
                # What went well at once, as nearly everything does, never gets here: this costs as much as a request.
                if attempt.num == 1:
                    raise first_failure
                return _believe(await self._attempt(request, tally), parse)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, request: Request, tally: _Tally) -> Answer:
        """One answer with a 2xx; 429s are waited for, by everyone, as often as the policy allows."""
        for refusals in range(1, self._retry.refusals + 1):
            response = await self._send(request, tally)
            server_now = parse_http_date(response.headers.get("date"))
            now = server_now or datetime.now(UTC)
            error_response = None if response.status in _SUCCESSES else _parse_error_response(response)
            if error_response is None or not error_response.is_rate_limit:
                self._pacer.accepted(parse_bucket_state(response.headers, now=now))
            if error_response is None:
                answer = Answer(response.body, request, tally.request_id, now, server_now)
                if not response.whole:
                    raise answer.untrusted(f"it is longer than {request.most_bytes // 2**20} MiB")
                _check_content_type(answer, response.headers)
                return answer
            if error_response.envelope and error_response.envelope.request_id:
                tally.request_id = error_response.envelope.request_id
            error = error_response.error(replace(request.context, request_id=tally.request_id), self._organization)
            if isinstance(error, RefusedError) and not (request.may_be_forbidden and error.code == FORBIDDEN_SCOPE):
                self._refusal = error
            if not error_response.is_rate_limit:
                raise error
            told = parse_retry_after(response.headers.get("retry-after"), now=now)
            self._pacer.refused(self._retry.untold_wait(refusals) if told is None else told)
            if refusals == self._retry.refusals:
                raise error
        raise AssertionError("the last refusal raises")

    async def _send(self, request: Request, tally: _Tally) -> Response:
        """One send and its whole answer, whatever its status; transport failures become UnavailableError."""
        self._check_not_refused(request)
        try:
            ticket = await self._pacer.acquire(patience=self._retry.patience)
        except HeldTooLongError as held:
            reason = f"the rate limit is shut for {held.seconds:.0f} s more, longer than a run waits; run again later"
            raise UnavailableError(reason, request.context, RATE_LIMITED, tally.status) from None
        started = time.perf_counter()
        try:
            self._check_not_refused(request)
            return await self._receive(request, tally)
        except httpx.TransportError as failure:
            self._was_reached |= isinstance(failure, httpx.ReadTimeout | httpx.ReadError)
            context = replace(request.context, request_id=tally.request_id)
            raise _no_answer(context, tally.status, failure) from None
        finally:
            tally.wire_seconds += time.perf_counter() - started
            self._pacer.release(ticket)

    async def _receive(self, request: Request, tally: _Tally) -> Response:
        """One answer, noted as far as it comes, and as if the key were in none of it, should a server repeat it."""
        tally.begin_attempt()
        key = self._api_key.get_secret_value()
        headers = {**self._headers, "Authorization": f"Bearer {key}"}
        target = {"target": request.target.encode("ascii")}
        answer = await self._transport.handle_async_request(
            httpx.Request("GET", self._origin, headers=headers, stream=_NOTHING, extensions=target)
        )
        self._was_reached = True
        said = {
            name.lower(): printable_line(value.replace(key, _HIDDEN), MOST_HEADER_CHARACTERS)
            for name, value in answer.headers.items()
        }
        tally.status, tally.request_id = answer.status_code, _find_request_id(said)
        most = request.most_bytes if answer.status_code in _SUCCESSES else MOST_ERROR_BYTES
        body, whole = await _read_body(cast("httpx.AsyncByteStream", answer.stream), most)
        tally.bytes_received += len(body)
        return Response(answer.status_code, said, _without(key, body), whole)

    def _check_not_refused(self, request: Request) -> None:
        if self._refusal is not None:
            raise RefusedError(self._refusal.reason, request.context, self._refusal.code, self._refusal.status)


def _no_answer(context: RequestContext, status: int | None, failure: httpx.TransportError) -> UnavailableError:
    code = next((code for kind, code in _CODES.items() if isinstance(failure, kind)), CONNECTION)
    return UnavailableError(str(failure), context, code, status)


def _without(key: str, body: bytes) -> bytes:
    """The body as if the key were not in it, nor in the escapes that JSON has for its characters."""
    hidden = _HIDDEN.encode("ascii")
    body = body.replace(key.encode("ascii"), hidden)
    return _in_any_spelling(key).sub(hidden, body) if b"\\" in body else body


@lru_cache(1)
def _in_any_spelling(key: str) -> re.Pattern[bytes]:
    spellings = (rb"(?:\\?%s|(?i:\\u%04x))" % (re.escape(sign.encode("ascii")), ord(sign)) for sign in key)
    return re.compile(b"".join(spellings))


async def _read_body(stream: httpx.AsyncByteStream, most: int) -> tuple[bytes, bool]:
    """As much of a body as came, and whether it ended within ``most`` bytes; where not, ``most`` bytes of it."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in stream:
            parts.append(part)
            size += len(part)
            if size > most:
                return b"".join(parts)[:most], False
        return b"".join(parts), True
    except httpx.DecodingError:
        return b"".join(parts), False
    finally:
        await stream.aclose()


def _believe(answer: Answer, parse: Callable[[Answer], T]) -> T:
    try:
        return parse(answer)
    except NotJsonError as fault:
        raise answer.malformed(f"the body is no JSON ({fault})") from None
    except RecursionError:
        raise answer.untrusted("it is nested deeper than anything the API has to say") from None
    except WrongTypeError as fault:
        raise answer.untrusted(str(fault)) from None


def _find_request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


def _check_content_type(answer: Answer, headers: Mapping[str, str]) -> None:
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise answer.malformed(f"the body is {media_type[:_MEDIA_TYPE_CHARACTERS]}, not JSON")


def _parse_error_response(response: Response) -> ErrorResponse:
    location = response.headers.get("location") if response.status in _REDIRECTS else None
    return ErrorResponse(response.status, parse_error_envelope(response.body), location)


def _record(request: Request, tally: _Tally, code: str | None, started_at: datetime, elapsed: float) -> RequestRecord:
    context = request.context
    return RequestRecord(
        path=request.target.partition("?")[0],
        scope=context.scope,
        project_id=context.project_id,
        entity_id=context.entity_id,
        since=context.since,
        until=context.until,
        started_at=started_at,
        status=tally.status,
        code=code,
        attempts=tally.attempts,
        bytes_received=tally.bytes_received,
        waited_seconds=max(0.0, elapsed - tally.wire_seconds),
        wire_seconds=tally.wire_seconds,
        request_id=tally.request_id,
    )
