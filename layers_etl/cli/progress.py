"""How a run shows how far it is: on a terminal in one line that is drawn again, else in a dated line now and then.

It shows from the first moment on, so it imports next to nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from rich.cells import set_cell_size

from layers_etl.domain.storable import one_line
from layers_etl.ingest.progress import Phase, Progress, Stand
from layers_etl.process.interruption import SENTENCE
from layers_etl.process.terminal import Stream

SECONDS_BETWEEN_DRAWINGS: Final = 0.2
SECONDS_BETWEEN_LINES: Final = 30.0
"""Where there is no terminal. What is over sooner leaves no line."""

SECONDS_OF_RATE: Final = 30.0
"""Over which the rate is taken: what was long ago says nothing of what is left."""

LONGEST_IN_SECONDS: Final = 99.5

WIDEST: Final = len(SENTENCE)
"""Columns of the drawn line: what is said where a signal ends the process on the spot covers it."""

BAR: Final = 20
AT_THE_PACE: Final = 0.9
"""Share of the key's pace from which on that is what is waited for."""

SLOWEST: Final = 1 / 86_400
"""A second: of what takes a day each nobody wants to know how long all of it takes."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A request that is sent again ``until`` when, by the clock of whoever shows it, and why."""

    until: float
    reason: str


def describe_stand(stand: Stand, *, seconds: float, per_second: float | None, waits_for: str = "") -> str:
    """A sentence of one phase: how far it is, how fast, how long that still takes, and what it waits for.

    ``seconds`` is how long the phase has lasted; ``per_second`` the requests answered of late, None if not known yet.
    """
    if not stand.expected:
        return f"{stand.phase}: {waits_for or f'for {describe_seconds(seconds)}'}"
    done = min(stand.done, stand.expected)
    parts = [
        f"{done:,} of {stand.expected:,} requests",
        *_describe_speed(stand.expected - done, per_second, " a minute"),
    ]
    return f"{stand.phase}: {', '.join([*parts, waits_for] if waits_for else parts)}"


def draw_stand(stand: Stand, *, seconds: float, per_second: float | None, waits_for: str = "") -> str:
    """The same, with a bar, for a line that is drawn again."""
    if not stand.expected:
        return f"{stand.phase} {waits_for or (describe_seconds(seconds) if seconds >= 1 else '')}"
    done = min(stand.done, stand.expected)
    filled = BAR * done // stand.expected
    counted = f"{stand.phase} [{'#' * filled}{'-' * (BAR - filled)}] {done:,}/{stand.expected:,}"
    # What does not fit is cut, and why it waits says more than how fast it was.
    speed = _describe_speed(stand.expected - done, per_second, "/min")
    return "  ".join(filter(None, [counted, waits_for, *speed]))


def _describe_speed(left: int, per_second: float | None, a_minute: str) -> list[str]:
    if not left or per_second is None or per_second < SLOWEST:
        return []
    return [f"{per_second * 60:,.0f}{a_minute}", f"{describe_seconds(left / per_second)} left"]


def describe_seconds(seconds: float) -> str:
    """``2 h 5 min``, ``3 min``, ``12 s``: as exact as it matters."""
    if seconds < LONGEST_IN_SECONDS:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Display:
    """Shows the :attr:`progress` of one run for the length of a block, on standard error.

    Dagster puts a log of its own in the place of that while it executes: what is shown here goes where it went before.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is shown before the block, and within it nothing but what is said, where it is ``quiet``."""
        self.progress = Progress(self._phase_begins)
        self._quiet = quiet
        self._clock = clock
        self._is_terminal = sys.stderr.isatty()
        self._stream = Stream(os.dup(2), sys.stderr)
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show_on, name="progress", daemon=True)
        self._drawn = 0
        self._shown = self.progress.stand.phase
        self._begun_at = self._clock()
        self._answers: deque[tuple[float, int]] = deque()
        self._retry: Retry | None = None

    def __enter__(self) -> Self:
        """Show the first line at once."""
        if not self._quiet:
            self._draw() if self._is_terminal else self._write(self._shown)
            self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._ended.set()
        with self._lock:
            self._clear()

    def say(self, line: str) -> None:
        """A line that stays, above what is drawn."""
        self._write(one_line(line))

    def note_retry(self, seconds: float, reason: str) -> None:
        """A request is sent again in so many seconds."""
        self._retry = Retry(self._clock() + seconds, one_line(reason))

    def _show_on(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_DRAWINGS if self._is_terminal else SECONDS_BETWEEN_LINES):
            if self._is_terminal:
                self._draw()
            else:
                self._write(self._describe(describe_stand))

    def _phase_begins(self) -> None:
        """Told by the run: what took a while gets its line, where no terminal shows it."""
        if self._quiet:
            return
        with self._lock:
            seconds = self._clock() - self._begun_at
            if not self._is_terminal and seconds >= SECONDS_BETWEEN_LINES:
                self._write(f"{self._shown} took {describe_seconds(seconds)}")
            self._shown, self._begun_at = self.progress.stand.phase, self._clock()
            self._answers.clear()
            if self._is_terminal:
                self._draw()

    def _draw(self) -> None:
        with self._lock:
            if not self._ended.is_set():
                self._drawn = min(shutil.get_terminal_size().columns - 1, WIDEST)
                self._stream.draw(set_cell_size(self._describe(draw_stand), self._drawn))

    def _write(self, line: str) -> None:
        with self._lock:
            self._clear()
            self._stream.write(f"{line}\n" if self._is_terminal else f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {line}\n")

    def _clear(self) -> None:
        if self._drawn:
            self._stream.draw(" " * self._drawn)
            self._drawn = 0

    def _describe(self, describe: Callable[..., str]) -> str:
        stand, now = self.progress.stand, self._clock()
        with self._lock:
            self._answers.append((now, stand.done))
            while now - self._answers[0][0] > SECONDS_OF_RATE:
                self._answers.popleft()
            since, done = self._answers[0]
        per_second = (stand.done - done) / (now - since) if now - since >= 1 else None
        waits_for = self._describe_wait(stand, per_second, now)
        return describe(stand, seconds=now - self._begun_at, per_second=per_second, waits_for=waits_for)

    def _describe_wait(self, stand: Stand, per_second: float | None, now: float) -> str:
        if self._retry and self._retry.until > now:
            return f"tries again in {describe_seconds(self._retry.until - now)}: {self._retry.reason}"
        pace = self.progress.pace() if self.progress.pace else None
        if pace and pace.shut_seconds >= 1:
            return f"the API has asked for a pause: {describe_seconds(pace.shut_seconds)}"
        if (
            pace
            and per_second
            and stand.phase in _SENDING
            and per_second * 60 >= AT_THE_PACE * pace.requests_per_minute
        ):
            return "at the key's pace"
        return ""


_SENDING: Final = frozenset({Phase.LISTING, Phase.READING, Phase.REACH})
