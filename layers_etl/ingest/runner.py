"""The event loop of a run, which ends in order when the process is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine, Generator
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class InterruptibleRunner:
    """One event loop, of which SIGINT and SIGTERM cancel what it runs, whichever handlers stand.

    ``KeyboardInterrupt`` follows. asyncio itself sees to that for SIGINT alone, and only where Python's own
    handler stands. Any other, like Dagster's, raises within whichever task or callback is at work, where it may be
    lost, and what had arrived with it.
    """

    def __init__(self) -> None:
        """The loop is made when it is first needed."""
        self._runner = asyncio.Runner()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What it returns, once it has ended."""
        if threading.current_thread() is not threading.main_thread():
            return self._runner.run(coroutine)
        returned: list[T] = []

        async def run_and_keep() -> None:
            # Asked for a handler that is not its own, Python has it describe itself: asyncio's with its task, and that
            # with what it returned, a listing entity by entity.
            returned.append(await coroutine)

        with _handlers_of_asyncio(), contextlib.closing(coroutine):
            self._runner.run(run_and_keep())
        return returned[0]

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()


@contextlib.contextmanager
def _handlers_of_asyncio() -> Generator[None]:
    """Python's own handler for SIGINT, which asyncio replaces by its own, and that for SIGTERM too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _as_interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_interrupt(_: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)
    handler(signal.SIGINT, frame)
