"""The errors the API answers with, by the codes of the vendor's table."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class ApiError(Exception):
    """An answer in the error envelope: HTTP status, machine-readable code, message for people, optional details."""

    status: int
    code: str
    message: str
    details: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def unauthenticated(message: str) -> ApiError:
    """401: the key is missing, malformed, unknown or revoked."""
    return ApiError(401, "UNAUTHENTICATED", message)


def forbidden(message: str) -> ApiError:
    """403: the key is good but may not do this."""
    return ApiError(403, "FORBIDDEN_SCOPE", message)


def suspended() -> ApiError:
    """503: the organisation is suspended until someone resumes it."""
    return ApiError(503, "KILL_SWITCH", "This organization is suspended. Contact support to resume it.")


def validation(message: str, status: int = 400) -> ApiError:
    """400 or, on some endpoints, 422: a bad parameter, or a metric not available for the scope or platform asked."""
    return ApiError(status, "VALIDATION", message)


def not_found(what: str) -> ApiError:
    """404: gone, never there, or another organisation's; the three are told alike so that existence does not leak."""
    return ApiError(404, "NOT_FOUND", f"{what} not found.")


def rate_limited(retry_after: int) -> ApiError:
    """429: the bucket is empty for another `retry_after` seconds."""
    message = f"Rate limit exceeded. Retry after {retry_after} seconds."
    return ApiError(429, "RATE_LIMITED", message, headers={"Retry-After": str(retry_after)})


def internal() -> ApiError:
    """500: a defect of the sandbox itself."""
    return ApiError(500, "INTERNAL", "Something went wrong on our side.")
