"""From an answer that is not the one asked for to the error it means.

Errors are told apart by the envelope's ``code``, never by its message (layers-api.md, Errors); the status decides only
where no envelope came. The one place that reads messages is :func:`find_refused_metric` and its sibling
:func:`find_longest_window`, since the envelope's ``details`` need not name what a VALIDATION is about.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, cast

from layers_etl.api.wire import ErrorEnvelope
from layers_etl.domain.entities import KEY_SCOPES
from layers_etl.domain.metrics import PRIMITIVES
from layers_etl.domain.storable import printable_line
from layers_etl.errors import (
    ApiError,
    EntityError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    RequestContext,
    UnavailableError,
)

RATE_LIMITED: Final = "RATE_LIMITED"
FORBIDDEN_SCOPE: Final = "FORBIDDEN_SCOPE"
_KILL_SWITCH: Final = "KILL_SWITCH"
_UNAUTHENTICATED: Final = "UNAUTHENTICATED"
_UNAUTHORIZED: Final = 401
_TOO_MANY_REQUESTS: Final = 429
_REQUEST_TIMEOUT: Final = 408
_DAYS_FIELDS: Final = frozenset({"maxdays", "maxwindowdays", "maxrangedays", "limitdays"})
_QUOTE: Final = r"[\"'`\u2018\u2019\u201c\u201d]"
_QUOTED: Final = re.compile(rf"{_QUOTE}(\w+){_QUOTE}")
_WINDOW_WORDS: Final = re.compile(rf"\b(window|range|span|days?)\b|(?:^|: |{_QUOTE})(since|until)\b", re.IGNORECASE)
"""``since`` and ``until`` are parameters only where they are quoted or what the message begins with."""
_DAYS: Final = re.compile(r"(\d{1,6})[ -]?days?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An answer with a status other than 200 to 299. ``location`` is the header of a redirect."""

    status: int
    envelope: ErrorEnvelope | None
    location: str | None = None

    @property
    def code(self) -> str:
        """The envelope's code, or ``HTTP_<status>`` where none came."""
        return self.envelope.code if self.envelope else f"HTTP_{self.status}"

    @property
    def is_refusal(self) -> bool:
        """Whether the key, its scopes or its organisation are refused: no later request of the kind can succeed."""
        return self.status == _UNAUTHORIZED or self.code in (_UNAUTHENTICATED, FORBIDDEN_SCOPE, _KILL_SWITCH)

    @property
    def is_rate_limit(self) -> bool:
        """Whether all workers are told to wait; a platform's own limit (PLATFORM_ERROR) is not ours."""
        limited = self.code == RATE_LIMITED or (self.status == _TOO_MANY_REQUESTS and self.code != "PLATFORM_ERROR")
        return limited and not self.is_refusal

    def error(self, context: RequestContext, organization: str | None = None) -> ApiError:
        """The error of the tree in ``layers_etl.errors`` that this is; ``organization`` is the one acted for."""
        status, code = self.status, self.code
        message = self.envelope.message if self.envelope else ""
        details = self.envelope.details if self.envelope else {}
        if self.is_refusal:
            return RefusedError(_why_refused(code, message, organization), context, code, status)
        if self.is_rate_limit:
            return UnavailableError("the rate limit refused it again after every wait", context, RATE_LIMITED, status)
        if code == "NOT_FOUND" or (status == 404 and self.envelope):
            named = f" (LAYERS_ORGANIZATION is {organization})" if organization else ""
            reason = _sentence(f"gone, or not in this organisation{named}", message)
            return NotFoundError(reason, context, code, status)
        if code == "VALIDATION":
            return InvalidRequestError(_sentence("the API does not accept it", message), context, code, status, details)
        transient = status >= 500 or status in (_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT)
        if code == "PLATFORM_ERROR":
            platform_code = printable_line(str(details.get("platformCode", "not given")))
            reason = _sentence(f"the ad platform refused Layers (platform code {platform_code})", message)
            return (UnavailableError if transient else EntityError)(reason, context, code, status)
        if transient:
            return UnavailableError(_sentence(f"the API answered {status}", message), context, code, status)
        if self.location is not None:
            where = printable_line(self.location)
            reason = f"a redirect to {where} came back, which is never followed with the key; check LAYERS_BASE_URL"
            return EntityError(reason, context, code, status)
        if self.envelope is None:
            reason = f"a {status} came back that is not in the API's form; check LAYERS_BASE_URL"
            return EntityError(reason, context, code, status)
        return EntityError(_sentence(f"the API answered {status} {code}", message), context, code, status)


def find_refused_metric(error: InvalidRequestError, asked: Collection[str]) -> str | None:
    """Which of the metrics ``asked`` a VALIDATION is about: one that its message quotes, or that ``details`` hold.

    Never by a word in prose, which may mean anything ("out of reach"), nor by details that hold all that was asked,
    which only repeat the question. Never a primitive: an entity without its spend has not been read, whatever the
    reason.
    """
    dispensable = [name for name in asked if name not in PRIMITIVES]
    quoted = [word for word in _QUOTED.findall(error.reason) if word in dispensable]
    held = list(dict.fromkeys(value for _, value in _walk(error.details) if value in dispensable))
    if len(held) > 1 and len(held) == len(dispensable):
        held = []
    return next(chain(quoted, held), None)


def find_longest_window(error: InvalidRequestError) -> int | None:
    """How many days a VALIDATION allows: None if it is not about the window, 0 if it does not say how many."""
    details = list(_walk(error.details))
    for name, value in details:
        if name.lower().replace("_", "") in _DAYS_FIELDS and type(value) is int and value > 0:
            return value
    about_window = any(isinstance(value, str) and value in ("since", "until", "window") for _, value in details)
    if not about_window and not _WINDOW_WORDS.search(error.reason):
        return None
    told = _DAYS.search(error.reason)
    return int(told.group(1)) if told else 0


def _walk(details: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every scalar of nested JSON, however deep, with the name of the field that holds it."""
    unseen: list[tuple[str, Any]] = [("", details)]
    while unseen:
        name, value = unseen.pop()
        if isinstance(value, dict):
            unseen += reversed(cast("dict[str, Any]", value).items())
        elif isinstance(value, list):
            unseen += [(name, item) for item in reversed(cast("list[Any]", value))]
        else:
            yield name, value


def _why_refused(code: str, message: str, organization: str | None) -> str:
    """What is refused, in the API's words, which name the scope, and what to do about it."""
    said = _sentence(code, message.rstrip("."))
    if code == FORBIDDEN_SCOPE:
        needed = ", ".join(KEY_SCOPES)
        other = (
            f", or correct LAYERS_ORGANIZATION ({organization}), which takes its parent's key" if organization else ""
        )
        return (
            f"the API key may not do this ({said}); a run needs {needed}: add what is missing in the Layers dashboard"
            f"{other}"
        )
    if code == _KILL_SWITCH:
        return f"the organisation is suspended ({said}) until someone resumes it in Layers; then run again"
    return f"the API key is malformed, unknown or revoked ({said}); set a valid LAYERS_API_KEY"


def _sentence(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else reason
