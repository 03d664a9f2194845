"""The API's clock, which decides what has settled: no single answer can put it forward."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LONGEST_LEAD: Final = timedelta(minutes=5)
"""By how much the clock of one server behind the API may be ahead of another's."""


@dataclass(frozen=True, slots=True)
class ServerClock:
    """What the first answer of a run ``said``, and the seconds ``elapsed`` since, by no clock that can be set."""

    said: datetime
    elapsed: Callable[[], float]

    def believed(self, said: datetime) -> datetime:
        """The ``Date`` of a later answer; what this clock shows instead where it can't be that late yet.

        Believed, it would settle its days for good. One that is too early is taken at its word: an answer may come from
        a cache, and a day is only read again for it.
        """
        shown = self.said + timedelta(seconds=self.elapsed())
        return said if said <= shown + LONGEST_LEAD else shown


def start_clock(said: datetime) -> ServerClock:
    """The clock that shows ``said`` now."""
    started = time.monotonic()
    return ServerClock(said, lambda: time.monotonic() - started)
