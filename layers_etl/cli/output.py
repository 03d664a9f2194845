"""What the commands say: results to standard output, progress and what went wrong to standard error."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Callable

from rich.console import Console

from layers_etl.domain.storable import one_line
from layers_etl.process.terminal import write_data

PIPED_WIDTH = 160
"""Columns of a table where there is no terminal to ask."""


def _console(*, stderr: bool, is_terminal: bool) -> Console:
    """What is printed is data: no markup, and no codes for colours, so that no code at all need reach a terminal."""
    return Console(
        stderr=stderr,
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None,
        width=None if is_terminal else PIPED_WIDTH,
    )


out = _console(stderr=False, is_terminal=sys.stdout.isatty())
err = _console(stderr=True, is_terminal=sys.stderr.isatty())


def tell_logs(level: int, tell: Callable[[str], None]) -> None:
    """From now on ``tell`` is given what is logged from ``level`` up, a line each, without a traceback."""
    logger = logging.getLogger("layers_etl")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Telling(level, tell))
    logger.propagate = False
    # Dagster's notes to its own developers are not for the people who run this.
    warnings.filterwarnings("ignore", module="dagster")


def tell_retries(tell: Callable[[float, str], None] = lambda _seconds, _reason: None) -> None:
    """From now on ``tell`` is given of every request that is sent again in how many seconds, and why.

    They are counted in ops.requests, and what fails for good is told anyway: without ``tell`` nobody hears of them.
    """
    from stamina.instrumentation import RetryDetails, set_on_retry_hooks

    def hook(details: RetryDetails) -> None:
        tell(details.wait_for, str(details.caused_by))

    set_on_retry_hooks([hook])


class _Telling(logging.Handler):
    def __init__(self, level: int, tell: Callable[[str], None]) -> None:
        super().__init__(level)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """A record as one line, whatever names it holds."""
        self._tell(one_line(record.getMessage()))


def write_document(value: object) -> None:
    """``value`` as one JSON document on standard output; instants and days as ISO 8601."""
    import msgspec

    document = msgspec.json.format(msgspec.json.encode(value), indent=2)
    write_data(io.BytesIO(document + b"\n"))
