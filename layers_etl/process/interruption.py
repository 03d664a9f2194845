"""What SIGINT and SIGTERM do to a command: it ends, with one sentence, in whichever phase they strike.

Where there is nothing to put in order, which is almost everywhere, a signal ends the process on the spot: an exception
can be lost in an import, a finaliser or another library, and killed at any instant the warehouse is whole. Only a run,
which is to be written down as interrupted, is :func:`interruptible`.

Imports next to nothing: it has to stand before anything is imported that takes time.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import Any, Final, NoReturn

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

SENTENCE: Final = "layers-etl: interrupted. What had landed is kept; the same command takes it up again."

_SHELLS_OFFSET: Final = 128
"""What a shell adds to the number of the signal that ended a process."""

_MOST_SIGNALS: Final = 65536


class _Inbox:
    """The signals that came within :func:`interruptible`, oldest first.

    Python itself writes the number of each into the descriptor, whoever's handler it then meets: Dagster puts its own
    over ours while it runs our code.
    """

    def __init__(self) -> None:
        self._came: list[int] = []
        self._reading: int | None = None

    @contextlib.contextmanager
    def opened(self) -> Generator[None]:
        """Take signals down for the length of the block; they are known after it, too."""
        self._came = []
        self._reading, writing = os.pipe()
        for descriptor in (self._reading, writing):
            os.set_blocking(descriptor, False)
        told_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(told_before)
            self.came()
            os.close(writing)
            os.close(self._reading)
            self._reading = None

    def came(self) -> list[int]:
        """All of them so far."""
        if self._reading is not None:
            with contextlib.suppress(BlockingIOError):
                self._came += [number for number in os.read(self._reading, _MOST_SIGNALS) if number in SIGNALS]
        return self._came


_inbox = _Inbox()
_decided: Final[list[int]] = []
"""The code to end with, once that is so."""


def end_at_once() -> None:
    """From now on either signal ends the process, with the sentence and the code that a shell expects."""
    sys.unraisablehook = _strike_again
    atexit.register(_let_go_of_all)  # The first, so that it is called last.
    for number in SIGNALS:
        signal.signal(number, _end)


def end_as_decided(code: int) -> None:
    """All is said and done: a signal while Python ends changes nothing of ``code``."""

    def end(_: int, __: FrameType | None) -> NoReturn:
        os._exit(code)

    for number in SIGNALS:
        signal.signal(number, end)
    _decided.append(code)


@contextlib.contextmanager
def interruptible() -> Generator[None]:
    """Within the block the first signal raises ``KeyboardInterrupt``, so that things can be put in order.

    A second one does not wait for that.
    """
    before = [signal.getsignal(number) for number in SIGNALS]
    with _inbox.opened():
        try:
            for number in SIGNALS:
                signal.signal(number, _raise)
            yield
        finally:
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)


@contextlib.contextmanager
def left_to_python() -> Generator[None]:
    """Within the block each Ctrl-C raises ``KeyboardInterrupt``: for what sees to it itself, a prompt or a server."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def was_interrupted() -> bool:
    """Whether a signal came in the last :func:`interruptible` block, or the one that is under way."""
    return bool(_inbox.came())


def exit_code() -> int:
    """What an interrupted command ends with: 130 after SIGINT, 143 after SIGTERM."""
    return _SHELLS_OFFSET + next(iter(_inbox.came()), signal.SIGINT)


def _raise(number: int, frame: FrameType | None) -> None:
    if len(_inbox.came()) > 1:
        _end(number, frame)
    raise KeyboardInterrupt


def _end(number: int, _: FrameType | None) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f"{SENTENCE}\n".encode())
    os._exit(_SHELLS_OFFSET + next(iter(_inbox.came()), number))


def _let_go_of_all() -> None:
    """Threads are joined, and libraries have done what they want done in the end: the rest Python would take down
    object by object, for a tenth of a second after a run, where the system lets go of all at once."""
    if _decided:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_decided[-1])


def _strike_again(lost: Any) -> None:
    """An interrupt that met a finaliser would be lost there; other errors there are nobody's business."""
    if not isinstance(lost.exc_value, Exception):
        _end(signal.SIGINT, None)
