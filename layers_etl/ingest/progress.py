"""How far a run is: written by the run as it goes, read at any moment by whoever shows it. Imports next to nothing."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layers_etl.api.pacing import Pace


class Phase(enum.StrEnum):
    """What a run is at; its value is what people read."""

    STARTING = "starting"
    WAITING = "waiting for another run"
    LISTING = "listing"
    PLANNING = "planning"
    READING = "reading"
    REACH = "weekly reach"
    DERIVING = "deriving"
    CHECKING = "checking"
    PUBLISHING = "publishing"


@dataclass(frozen=True, slots=True)
class Stand:
    """How far one phase is: ``done`` requests of ``expected`` were answered. None are expected where it sends none, or
    it is not known yet how many."""

    phase: Phase
    done: int = 0
    expected: int = 0


class Progress:
    """The stand of one run. Any thread may read it; only the run's own brings it forward."""

    def __init__(self, on_phase: Callable[[], None] = lambda: None) -> None:
        """``on_phase`` is called as each phase begins, by the run itself: it has to be quick."""
        self._on_phase = on_phase
        self._phase = Phase.STARTING
        self._done = self._expected = 0
        self.pace: Callable[[], Pace] | None = None
        """How fast requests may leave now; None before the run has a connection."""

    @property
    def stand(self) -> Stand:
        """How far it is."""
        return Stand(self._phase, self._done, self._expected)

    def enter(self, phase: Phase, expected: int = 0) -> None:
        """``phase`` begins, with as many requests to come; or goes on, with as many more."""
        if phase is self._phase:
            self._expected += expected
            return
        self._phase, self._done, self._expected = phase, 0, expected
        self._on_phase()

    def answered(self) -> None:
        """One more request was answered."""
        self._done += 1
