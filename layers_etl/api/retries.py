"""Which failures are worth another try, how often, and after how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from layers_etl.api.failures import RATE_LIMITED
from layers_etl.errors import UnavailableError, UntrustedAnswerError

TIMEOUT = "TIMEOUT"
CONNECTION = "CONNECTION"
"""Our codes where no whole answer came: none in time, or a connection that could not be made or was lost."""

CERTIFICATE = "CERTIFICATE"
PROXY = "PROXY"
"""Our codes where a certificate was not accepted, or a proxy let nobody through."""

MALFORMED = "MALFORMED"
"""Our code for an answer that is no JSON at all: cut, HTML, or of another content type."""

UNTRUSTED = "UNTRUSTED"
"""Our code for well-formed JSON that cannot be believed."""


_FINAL: Final = frozenset({RATE_LIMITED, CERTIFICATE, PROXY})
"""What another try would meet again; refusals for pace have had their own waits."""


LONG_TRY_SECONDS: Final = 5.0
"""As long as a name server is waited for, and packets are sent again by the system meanwhile."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of trying again; seconds throughout.

    ``attempts`` counts sends that ended in a 5xx, a time-out, a cut connection or a body that is no JSON, with
    exponential waits and jitter between them. Refusals for pace (429) are counted apart, ``refusals``, since waiting
    as told is no failure; a told wait beyond ``patience`` is not waited for. An answer that is JSON but cannot be
    believed is asked for once more at most.
    """

    attempts: int = 6
    wait_initial: float = 0.5
    wait_max: float = 30.0
    wait_jitter: float = 1.0
    refusals: int = 10
    patience: float = 900.0

    def before_reached(self, seconds: float) -> RetryPolicy:
        """For a first request that could not even connect, after ``seconds``: three tries within two seconds, or one
        where the system had tried for long itself.

        What is wrong then is more often a setting than the network's bad moment, and somebody waits to hear it.
        """
        attempts = 3 if seconds < LONG_TRY_SECONDS else 1
        return replace(self, attempts=min(self.attempts, attempts), wait_max=min(self.wait_max, 1.0))

    def untold_wait(self, refusals: int) -> float:
        """How long all workers pause after the ``refusals``-th 429 in a row that did not say for how long."""
        return min(self.wait_max, self.wait_initial * 2.0 ** (refusals - 1))


class RetryDecision:
    """Decides for one logical request whether an error is worth another attempt (a hook for stamina)."""

    def __init__(self) -> None:
        """One per logical request: it counts."""
        self._re_asked = False

    def __call__(self, error: Exception) -> bool:
        """Whether to try again after the policy's backoff."""
        if isinstance(error, UnavailableError):
            return error.code not in _FINAL
        if isinstance(error, UntrustedAnswerError) and error.code == MALFORMED:
            return True
        if isinstance(error, UntrustedAnswerError) and not self._re_asked:
            self._re_asked = True
            return True
        return False
