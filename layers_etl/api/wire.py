"""What the API sends, typed. Fields it adds are tolerated; missing or wrong ones are named.

Metrics answers are validated twice at most. Strictly first: plain JSON numbers, in one pass of compiled code, which is
what every sane answer is. Only where that fails, leniently, which decides what is acceptable and names what is not:
numbers in text (``"12.50"``) and whole floats for counts (``38.0``) are, booleans are not. What the strict pass accepts
the lenient one accepts with the same values.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Required, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json
from typing_extensions import TypedDict

from layers_etl.domain.metrics import API_METRICS

MOST_SPEND: Final = 10_000_000_000
"""Per entity and day, in any currency: ten billion is beyond what any advertiser spends even in rupiah, and leaves
room for sums in DECIMAL(18,4)."""

MOST_COUNT: Final = 1_000_000_000_000
"""Per entity and day: a trillion impressions is a hundred times mankind."""

MOST_RATIO: Final = 10_000_000_000_000
"""A thousand times ``MOST_SPEND``, as cpm is by its formula."""

_BRIEF_CHARACTERS: Final = 60

Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Spend = Annotated[float, Field(ge=0, le=MOST_SPEND, allow_inf_nan=False)]
ReportedRatio = Annotated[float, Field(ge=0, le=MOST_RATIO, allow_inf_nan=False)]


def _in_utc(instant: datetime) -> datetime:
    """Instants of the API are UTC; a bare date means its midnight."""
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc)]


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


class ServedWindow(WireModel):
    """The window a metrics answer covers, which may be narrower than the one asked for."""

    since: Instant
    until: Instant
    granularity: str | None = None


class Bucket(TypedDict, total=False):
    """One row of ``series``. Which metrics must be present depends on what was asked: see ``answers``."""

    bucket: Required[date]
    spend: Spend | None
    impressions: Count | None
    clicks: Count | None
    conversions: Count | None
    cpa: ReportedRatio | None
    cpc: ReportedRatio | None
    cpm: ReportedRatio | None
    ctr: ReportedRatio | None
    roas: ReportedRatio | None
    reach: Count | None
    frequency: ReportedRatio | None


class MetricsAnswer(WireModel):
    """``GET …/ads-metrics``: the series of one entity. ``totals`` are not read: sums are made of stored days."""

    scope: str | None = None
    id: str | None = None
    platform: str | None = None
    window: ServedWindow
    series: list[Bucket]


class WrongTypeError(ValueError):
    """A JSON type that is no number (or no date) where the lenient pass would take it for one."""


class NotJsonError(ValueError):
    """A body that is no JSON: cut short, a page of HTML, or with ``NaN`` where JSON has no such thing."""


def parse_metrics_answer(body: bytes) -> MetricsAnswer:
    """The answer to one metrics request.

    Raises :class:`NotJsonError` for a body that is no JSON, and ``ValidationError`` or :class:`WrongTypeError`, which
    :func:`describe_fault` puts into words, for JSON that is not an answer.
    """
    try:
        return MetricsAnswer.model_validate_json(body, strict=True)
    except ValidationError:
        _refuse_coercions(_parse_json(body, allow_nan=True))
        return MetricsAnswer.model_validate_json(body)


def parse_page(body: bytes) -> Page:
    """One page of a listing; errors as of :func:`parse_metrics_answer`."""
    return Page.model_validate(_parse_json(body))


def parse_whoami(body: bytes) -> WhoAmI:
    """The answer of ``/v1/whoami``; errors as of :func:`parse_metrics_answer`."""
    return WhoAmI.model_validate(_parse_json(body))


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
    return f"{field}: {first['msg']} (got {_brief(first['input'])})"


def _parse_json(body: bytes, *, allow_nan: bool = False) -> Any:
    try:
        return from_json(body, allow_inf_nan=allow_nan)
    except ValueError as fault:
        raise NotJsonError(str(fault)) from None


def _refuse_coercions(answer: Any) -> None:
    """Refuse what the lenient pass would quietly turn into numbers and dates: booleans and timestamps."""
    series = cast("dict[str, Any]", answer).get("series") if isinstance(answer, dict) else None
    for position, row in enumerate(cast("list[Any]", series) if isinstance(series, list) else []):
        if not isinstance(row, dict):
            continue
        for name, value in cast("dict[str, Any]", row).items():
            if name in API_METRICS and isinstance(value, bool):
                raise WrongTypeError(f"series.{position}.{name}: a boolean is no number (got {_brief(value)})")
            if name == "bucket" and not isinstance(value, str):
                raise WrongTypeError(f"series.{position}.bucket: no date in text (got {_brief(value)})")


def _brief(value: object) -> str:
    return repr(value)[:_BRIEF_CHARACTERS]
