"""Spacing of requests: the whole allowance of the key and no more, all workers together.

Requests leave one by one through a turnstile, evenly spaced. How many are in flight at once is not set anywhere: it is
the allowance times the latency, by itself. A 429 shuts the gate for everyone for exactly as long as told; then one
request goes alone, and only its answer lets the others follow, so that a wait that was too short costs one refusal.

What answers say of the limit in their headers may slow the pace below the allowance, by a minute in all; after that
they have to be borne out by a 429 before they may again. So headers that cry wolf cost a minute, and true ones, where
others use the same key, at most one refusal for each minute of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

TIERS: Final = {"standard": 120, "pilot": 1_200, "partner": 6_000}
"""Read-light requests per minute (layers-api.md, Rate limits)."""

UNKNOWN_TIER: Final = TIERS["standard"]

USED_SHARE: Final = 0.98
"""Of the allowance. The rest absorbs the jitter with which evenly sent requests arrive: a server that counts whole
minutes would otherwise now and then see one request too many."""

CATCH_UP_SECONDS: Final = 0.25
"""How far the schedule may lag behind and still be made up for, so that a busy event loop loses no allowance; less
where the server says that it would let through fewer requests at once than that makes."""

CATCH_UP_SHARE: Final = 0.5
"""Of the requests that the server would let through at once; the rest is for those on their way."""

LIMIT_PERIOD_SECONDS: Final = 60.0
"""Limits are per minute; a reset that lies further away speaks of something else and is not used."""

MOST_SLOWED_SECONDS: Final = LIMIT_PERIOD_SECONDS
"""How much longer than the allowance alone requests wait for what headers say, before one must be refused."""

LONGEST_TOLD_SECONDS: Final = 366 * 86_400.0
"""A wait that is told is not taken for longer than this: nobody waits for it, and sentences name it."""

EASED_SHARE: Final = 0.95
LEAST_EASED_SHARE: Final = 0.5
RECOVERY: Final = 0.005
"""A refusal slows the pace to 95 %, never below half; each answered request takes back 0.5 % of what is missing."""

EARLIEST_EPOCH_SECONDS: Final = 1e9
"""A reset beyond this is an instant (2001 or later), below it is seconds left."""

NAP_SECONDS: Final = 1.0
"""Longest sleep before looking again: an answer may have changed what the wait is for."""


class HeldTooLongError(Exception):
    """The API told everyone to wait for longer than this run has patience."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` are what is left of the wait."""
        super().__init__(f"told to wait {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class BucketState:
    """What a response says of the rate limit: ``remaining`` requests until ``reset_seconds`` from then."""

    remaining: int
    reset_seconds: float

    @property
    def spacing(self) -> float:
        """Seconds between requests that make the remaining ones last until the reset.

        A token bucket that tells when it is full again gets the time to stay half full; a counter per minute gets its
        rest spread evenly. Resets are whole seconds, rounded either way: one is taken off so that rounding alone
        never slows the pace.
        """
        if self.reset_seconds > LIMIT_PERIOD_SECONDS + 1:
            return 0.0
        return max(0.0, self.reset_seconds - 1) / (self.remaining + 1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast requests may leave: so many a minute, and none for ``shut_seconds`` more, where the API said so."""

    requests_per_minute: float
    shut_seconds: float = 0.0


class Pacer:
    """Lets requests of one event loop out at the pace of the allowance.

    ``acquire`` before sending, ``release`` with its ticket once the answer is in (or will never be), ``refused`` for a
    429, ``accepted`` for anything else that was answered.
    """

    def __init__(self, requests_per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives monotonic seconds."""
        self._clock = clock
        self._interval = 0.0
        self._eased_share = 1.0
        self._due: float | None = None
        self.set_allowance(requests_per_minute)
        self._turnstile = asyncio.Lock()
        self._slowing_left = MOST_SLOWED_SECONDS
        self._spacing = 0.0
        self._room = math.inf
        self._begun = False
        self._last_sent = -math.inf
        self._closed_until = -math.inf
        self._unserved_since: float | None = None
        self._tickets = 0
        self._probe_due = False
        self._probe: int | None = None
        self._probe_over = asyncio.Event()
        self._probe_over.set()

    def set_allowance(self, requests_per_minute: float) -> None:
        """Pace for ``requests_per_minute`` from the next request on, whose turn the pace until now has set already."""
        if requests_per_minute <= 0:
            raise ValueError("the allowance must be positive")
        interval = LIMIT_PERIOD_SECONDS / (requests_per_minute * USED_SHARE)
        if self._due is not None:
            self._due += (interval - self._interval) / self._eased_share
        self._interval = interval

    @property
    def pace(self) -> Pace:
        """As it is now. May be asked by any thread."""
        per_minute = LIMIT_PERIOD_SECONDS / self._interval * self._eased_share
        return Pace(per_minute, max(0.0, self._closed_until - self._clock()))

    async def acquire(self, *, patience: float = math.inf) -> int:
        """Wait for a turn and return its ticket; :class:`HeldTooLongError` if told waits exceed ``patience`` s.

        It is their sum for as long as no request at all is let through: a server that says "a little longer" for ever
        is not waited for by one request after another.
        """
        async with self._turnstile:
            asked_at = self._clock()
            while True:
                await self._probe_over.wait()
                now = self._clock()
                waited = now - self._unserved_since if self._unserved_since is not None else 0.0
                if (held := self._closed_until - now) > 0 and waited + held > patience:
                    raise HeldTooLongError(held)
                if self._due is None:
                    self._due = now
                by_allowance = max(self._due, self._closed_until, asked_at)
                by_headers = min(self._last_sent + self._spacing, by_allowance + self._slowing_left)
                wait = max(by_allowance, by_headers) - now
                if wait <= 0:
                    break
                await asyncio.sleep(min(wait, NAP_SECONDS))
            if by_headers > by_allowance:
                self._slowing_left = max(0.0, self._slowing_left - (now - by_allowance))
            room = self._room if self._slowing_left else math.inf
            catch_up = min(CATCH_UP_SECONDS, self._interval * room * CATCH_UP_SHARE)
            self._due = max(self._due, now - catch_up) + self._interval / self._eased_share
            self._last_sent = now
            self._tickets += 1
            if self._probe_due:
                self._probe_due = False
                self._probe = self._tickets
                self._probe_over.clear()
            return self._tickets

    def release(self, ticket: int) -> None:
        """The request of ``ticket`` is over, however it ended."""
        if ticket == self._probe:
            self._probe = None
            self._probe_over.set()

    def accepted(self, state: BucketState | None) -> None:
        """A request was let through; ``state`` is what its response says of the limit, if anything.

        The first one made a connection on its way, so that it arrived late: the next must not follow it too closely.
        """
        if not self._begun:
            self._begun = True
            self._due = max(self._due or -math.inf, self._clock() + self._interval)
        self._unserved_since = None
        self._eased_share += (1 - self._eased_share) * RECOVERY
        if state is not None:
            self._spacing = state.spacing
            self._room = state.remaining

    def refused(self, wait_seconds: float) -> None:
        """A request was answered 429: nothing is sent for ``wait_seconds``, then one request goes alone."""
        now = self._clock()
        if self._unserved_since is None:
            self._unserved_since = now
        self._slowing_left = MOST_SLOWED_SECONDS
        if now >= self._closed_until:
            self._eased_share = max(LEAST_EASED_SHARE, self._eased_share * EASED_SHARE)
        self._closed_until = max(self._closed_until, now + wait_seconds)
        self._due = max(self._due or now, self._closed_until)
        self._spacing = 0.0
        self._probe_due = True


@lru_cache(maxsize=64)
def parse_http_date(text: str | None) -> datetime | None:
    """An HTTP date (``Sat, 18 Apr 2026 06:00:00 GMT``) as an aware instant, or None if it is none."""
    if not text:
        return None
    try:
        instant = parsedate_to_datetime(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Seconds to wait from a ``Retry-After`` of seconds or of an HTTP date; None if absent or neither.

    ``now`` is the server's clock where it sent one, since its date is meant by that clock.
    """
    if text is None:
        return None
    seconds = _finite(text)
    if seconds is None and (until := parse_http_date(text)):
        seconds = (until - now).total_seconds()
    return None if seconds is None else min(max(0.0, seconds), LONGEST_TOLD_SECONDS)


def parse_bucket_state(headers: Mapping[str, str], *, now: datetime) -> BucketState | None:
    """The rate limit's state, or None where the headers are absent or make no sense.

    ``X-RateLimit-Reset`` is read as seconds left, or as an epoch instant if it is too large for that (inferred).
    ``X-RateLimit-Limit`` is not used: it may mean the allowance or the burst, and what is left until the reset says
    all that matters.
    """
    remaining = _finite(headers.get("x-ratelimit-remaining"))
    reset = _finite(headers.get("x-ratelimit-reset"))
    if remaining is None or remaining < 0 or reset is None:
        return None
    seconds = reset - now.timestamp() if reset > EARLIEST_EPOCH_SECONDS else reset
    return BucketState(int(remaining), max(0.0, seconds))


def _finite(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
