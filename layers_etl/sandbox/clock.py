"""The sandbox's clock: the real time, or an instant at which it stands still."""

from datetime import UTC, datetime


class Clock:
    """Tells the simulated instant, in UTC.

    Without `now` it follows the real time; with it, it stands still there until it is set again. Setting is a single
    assignment, so the server's thread may read while another sets.
    """

    def __init__(self, now: datetime | None = None) -> None:
        """Start at `now` (aware), or follow the real time; ValueError on a naive instant."""
        self._fixed = None if now is None else _utc(now)

    def now(self) -> datetime:
        """The current simulated instant, aware, in UTC."""
        return self._fixed or datetime.now(UTC)

    def set(self, now: datetime) -> None:
        """Stand still at `now` (aware; may lie before the present one); ValueError on a naive instant."""
        self._fixed = _utc(now)


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; the sandbox's clock runs in UTC")
    return instant.astimezone(UTC)
