"""What the API sends besides metrics, typed. Fields it adds are tolerated; missing or wrong ones are named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

_BRIEF_CHARACTERS: Final = 60


def in_utc(instant: datetime) -> datetime:
    """Instants of the API are UTC; a bare date means its midnight."""
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


Instant = Annotated[datetime, AfterValidator(in_utc)]


class WireModel(BaseModel):
    """Names are camelCase on the wire; unknown fields are tolerated."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class ErrorBody(WireModel):
    """What is inside the envelope of every 4xx and 5xx."""

    code: str
    message: str = ""
    request_id: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class ErrorEnvelope(WireModel):
    """``{ "error": { code, message, requestId, details? } }``."""

    error: ErrorBody


class WhoAmI(WireModel):
    """``GET /v1/whoami``."""

    organization_id: str
    organization_name: str | None = None
    scopes: list[str] = Field(default_factory=list)
    rate_limit_tier: str | None = None
    kill_switch: bool | None = None
    api_access_revoked: bool | None = None
    api_key_id: str | None = None


class Page(WireModel):
    """One page of a listing. A null or absent ``nextCursor`` ends the list."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class WrongTypeError(ValueError):
    """JSON that is not an answer, as ``field: what (got value)``."""


class NotJsonError(ValueError):
    """A body that is no JSON: cut short, a page of HTML, or with ``NaN`` where JSON has no such thing."""


def parse_page(body: bytes) -> Page:
    """One page of a listing.

    Raises :class:`NotJsonError` for a body that is no JSON, and ``ValidationError``, which :func:`describe_fault` puts
    into words, for JSON that is not a page.
    """
    return Page.model_validate(parse_json(body))


def parse_whoami(body: bytes) -> WhoAmI:
    """The answer of ``/v1/whoami``; errors as of :func:`parse_page`."""
    return WhoAmI.model_validate(parse_json(body))


def parse_error_envelope(body: bytes) -> ErrorEnvelope | None:
    """The envelope of a 4xx or 5xx, or None where something else came (a proxy's page)."""
    try:
        return ErrorEnvelope.model_validate_json(body)
    except ValidationError:
        return None


def describe_fault(fault: ValidationError | WrongTypeError) -> str:
    """The first thing wrong, as ``field: what (got value)``."""
    if isinstance(fault, WrongTypeError):
        return str(fault)
    first = fault.errors(include_url=False, include_context=False)[0]
    field = ".".join(map(str, first["loc"])) or "answer"
    if first["type"] == "missing":
        return f"{field}: missing"
    return f"{field}: {first['msg']} (got {brief(first['input'])})"


def parse_json(body: bytes, *, allow_nan: bool = False) -> Any:
    """The JSON of a body, or :class:`NotJsonError`; ``allow_nan`` where what follows says which number is none."""
    try:
        return json.loads(body, parse_constant=float if allow_nan else _refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise NotJsonError(str(fault)) from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"JSON has no {name}")


def brief(value: object) -> str:
    """A value as an error shows it."""
    return repr(value)[:_BRIEF_CHARACTERS]
