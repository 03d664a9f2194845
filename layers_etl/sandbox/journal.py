"""The log of requests received, for tests that count what was asked."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from layers_etl.sandbox.exchange import Query

_CAPACITY: Final = 200_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request to `/v1` and the status it was answered with; `at` is the sandbox's clock."""

    method: str
    path: str
    query: Query
    status: int
    at: datetime
    request_id: str


class Journal:
    """The latest requests, oldest first; bounded, so that a demo may run for weeks."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: deque[RequestRecord] = deque(maxlen=_CAPACITY)

    def add(self, record: RequestRecord) -> None:
        """Note a request that was answered."""
        self._records.append(record)

    def records(self) -> list[RequestRecord]:
        """A copy of the log."""
        return list(self._records.copy())

    def clear(self) -> None:
        """Forget all requests."""
        self._records.clear()
