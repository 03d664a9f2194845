"""Answers in place of the handler's, and what is wrong with the envelope of a refusal."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Final, cast

from layers_etl.sandbox.effects.payloads import refuse, with_fields
from layers_etl.sandbox.errors import validation
from layers_etl.sandbox.exchange import Answer, Call, Handler, JsonObject, refusal
from layers_etl.sandbox.routes import asked_window

_CODES: Final[Mapping[int, str]] = {
    400: "VALIDATION",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN_SCOPE",
    404: "NOT_FOUND",
    422: "VALIDATION",
    429: "RATE_LIMITED",
}


def status(call: Call, _: Handler, *, status: int = 503, code: str | None = None, message: str = "Injected.") -> Answer:
    """An error envelope with any `status`.

    `code` None is the one that the vendor's table gives for the status; `message` is for people.
    """
    return refuse(call, status, code or _CODES.get(status, "INTERNAL"), message)


def rate_limited(call: Call, _: Handler, *, retry_after: int | None = 1, as_date: bool = False) -> Answer:
    """A 429 that says when to come back.

    `retry_after` is in seconds, with `as_date` sent as an HTTP date on the sandbox's clock; None: the header is absent.
    """
    answer = refuse(call, 429, "RATE_LIMITED", "Rate limit exceeded.")
    if retry_after is None:
        return answer
    instant = format_datetime(call.now + timedelta(seconds=retry_after), usegmt=True)
    return answer.sent_with(Retry_After=instant if as_date else str(retry_after))


def platform_error(call: Call, _: Handler, *, status: int = 502, platform_code: str = "190") -> Answer:
    """PLATFORM_ERROR: the ad platform refused Layers.

    `status` is the HTTP status, `platform_code` the platform's own code in the details.
    """
    message = "The ad platform refused the request."
    return refuse(call, status, "PLATFORM_ERROR", message, {"platformCode": platform_code})


def metric_unavailable(call: Call, handler: Handler, *, metric: str = "reach", platform: str = "apple_ads") -> Answer:
    """VALIDATION for entities of `platform` whenever `metric` is asked for."""
    answer = handler(call)
    if answer.payload.get("platform") != platform or metric not in call.values("metrics"):
        return answer
    return refusal(validation(f"Metric '{metric}' is not available for {platform}."), call.request_id)


def refused_metric(call: Call, handler: Handler, *, metric: str = "reach") -> Answer:
    """VALIDATION whenever `metric` is asked for; the message quotes it, and names no platform."""
    if metric not in call.values("metrics"):
        return handler(call)
    return refusal(validation(f"Metric '{metric}' is not available for this entity."), call.request_id)


def window_too_long(call: Call, handler: Handler, *, days: int = 31) -> Answer:
    """VALIDATION for windows of more than `days`."""
    return _limited(call, handler, days, f"The window may span at most {days} days.")


def window_out_of_reach(call: Call, handler: Handler, *, days: int = 7) -> Answer:
    """VALIDATION for windows of more than `days`, in words that hold a metric's name though it is not about one."""
    return _limited(call, handler, days, f"The window is out of reach: at most {days} days.")


def odd_details(call: Call, handler: Handler, *, details: object = None, null_message: bool = False) -> Answer:
    """The error envelope of every refusal with `details` of any JSON value.

    With `null_message` its message is null too. A rule of `status` added after it is a refusal for it to act on.
    """
    answer = handler(call)
    error = cast("JsonObject", answer.payload.get("error", {}))
    message = {"message": None} if null_message else {}
    return with_fields(answer, error={**error, "details": details, **message})


def _limited(call: Call, handler: Handler, days: int, message: str) -> Answer:
    window = asked_window(call)
    if window.end_day - window.first_day <= days:
        return handler(call)
    return refusal(validation(message), call.request_id)


EFFECTS: Final = (
    status,
    rate_limited,
    platform_error,
    metric_unavailable,
    refused_metric,
    window_too_long,
    window_out_of_reach,
    odd_details,
)
