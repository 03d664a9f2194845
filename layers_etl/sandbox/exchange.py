"""A request as the API understands it, and an answer on its way to the wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from layers_etl.sandbox.auth import ApiKey
from layers_etl.sandbox.errors import ApiError
from layers_etl.sandbox.ratelimit import Tier

JsonObject = dict[str, object]
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request: the path with what was read from it, the query, who asks and when."""

    path: str
    path_parameters: Mapping[str, str]
    query: Query
    key: ApiKey
    tier: Tier
    organization_id: str
    now: datetime
    request_id: str

    def value(self, name: str) -> str | None:
        """The parameter's value, the last one if it is repeated; None if absent."""
        return next((value for key, value in reversed(self.query) if key == name), None)

    def values(self, name: str) -> list[str]:
        """All values of an array parameter, in order."""
        return [value for key, value in self.query if key == name]

    def asking(self, **parameters: str) -> "Call":
        """The same call with those parameters in place of its own."""
        kept = tuple((key, value) for key, value in self.query if key not in parameters)
        return replace(self, query=(*kept, *parameters.items()))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: what it says and, where a fault has been at it, how it is sent.

    `body` stands in for the encoded payload, `delay` is in seconds, and the connection breaks after `cut_after` bytes
    of the body. With a `piece_size` the body is sent in pieces of so many bytes, `piece_delay` seconds apart.
    """

    payload: JsonObject
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content_type: str = "application/json"
    body: bytes | None = None
    delay: float = 0
    cut_after: int | None = None
    piece_size: int | None = None
    piece_delay: float = 0

    def encoded(self) -> bytes:
        """The bytes of the body."""
        return msgspec.json.encode(self.payload) if self.body is None else self.body

    def sent_with(self, **headers: str) -> "Answer":
        """The same answer with more headers; underscores stand for hyphens."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **extra})


Handler = Callable[[Call], Answer]


def refusal(error: ApiError, request_id: str) -> Answer:
    """The error envelope every 4xx and 5xx is sent in."""
    body: JsonObject = {"code": error.code, "message": error.message, "requestId": request_id}
    if error.details is not None:
        body["details"] = dict(error.details)
    return Answer({"error": body}, error.status, error.headers)
