"""Rate limits: a token bucket per key, on the real monotonic clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, floor
from time import monotonic
from typing import Final

from layers_etl.sandbox.errors import rate_limited


class Tier(StrEnum):
    """The tiers of keys, from the smallest allowance up."""

    STANDARD = "standard"
    PILOT = "pilot"
    PARTNER = "partner"


ALLOWANCES: Final[Mapping[Tier, int]] = {Tier.STANDARD: 120, Tier.PILOT: 1_200, Tier.PARTNER: 6_000}
"""Read-light requests a minute."""


def tier_of(requests_per_minute: int) -> Tier:
    """The largest tier whose allowance is not more than that, or the smallest tier."""
    fitting = [tier for tier, allowance in ALLOWANCES.items() if allowance <= requests_per_minute]
    return fitting[-1] if fitting else Tier.STANDARD


@dataclass
class TokenBucket:
    """Holds up to `burst` requests and gains `per_minute` of them a minute; starts full."""

    per_minute: int
    burst: int
    clock: Callable[[], float] = monotonic
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Fill the bucket."""
        self._tokens = self.burst
        self._filled_at = self.clock()

    def take(self) -> None:
        """Take one request; RATE_LIMITED, with the whole seconds until there is one, if there is none."""
        self._refill()
        if self._tokens < 1:
            raise rate_limited(max(1, ceil((1 - self._tokens) * 60 / self.per_minute)))
        self._tokens -= 1

    def headers(self) -> dict[str, str]:
        """The state of the bucket; the reset is the number of whole seconds until it is full."""
        self._refill()
        return _headers(self.per_minute, floor(self._tokens), ceil((self.burst - self._tokens) * 60 / self.per_minute))

    def _refill(self) -> None:
        now = self.clock()
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.per_minute / 60)
        self._filled_at = now


class RateLimiter:
    """Announces limits on every response and, if given an allowance, enforces it for each key.

    Without an allowance each key is announced its tier's, and none is ever refused.
    """

    def __init__(self, requests_per_minute: int | None = None, burst: int | None = None) -> None:
        """Enforce `requests_per_minute` (None: do not), allowing `burst` at once (None: a minute's allowance)."""
        self.requests_per_minute = requests_per_minute
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def tier(self, own: Tier) -> Tier:
        """The tier to announce for a key whose own tier that is."""
        return own if self.requests_per_minute is None else tier_of(self.requests_per_minute)

    def take(self, key_id: str) -> None:
        """Count a request of the key; RATE_LIMITED if its bucket is empty."""
        if self.requests_per_minute is not None:
            self._bucket(key_id, self.requests_per_minute).take()

    def headers(self, key_id: str, tier: Tier) -> dict[str, str]:
        """The rate-limit headers for the key."""
        if self.requests_per_minute is None:
            return _headers(ALLOWANCES[tier], ALLOWANCES[tier], 0)
        return self._bucket(key_id, self.requests_per_minute).headers()

    def _bucket(self, key_id: str, per_minute: int) -> TokenBucket:
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._buckets[key_id] = TokenBucket(per_minute, self._burst or per_minute)
        return bucket


def _headers(limit: int, remaining: int, reset: int) -> dict[str, str]:
    return {
        "X-RateLimit-Endpoint-Class": "read-light",
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }
