"""What the commands say: results to standard output, progress and what went wrong to standard error."""

from __future__ import annotations

import logging
import sys
import warnings

from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from layers_etl.domain.storable import one_line

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


def show_progress(level: int) -> None:
    """From now on what is logged from ``level`` up is told as it comes, on standard error."""
    from stamina.instrumentation import set_on_retry_hooks

    handler = RichHandler(
        level,
        console=err,
        show_path=False,
        show_level=False,
        omit_repeated_times=False,
        log_time_format="[%H:%M:%S]",
        highlighter=NullHighlighter(),
    )
    handler.setFormatter(_OneLine())
    logger = logging.getLogger("layers_etl")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    # What is tried again is counted in ops.requests; only what fails for good is told.
    set_on_retry_hooks([])
    # Dagster's notes to its own developers are not for the people who run this.
    warnings.filterwarnings("ignore", module="dagster")


class _OneLine(logging.Formatter):
    """A record as one line, whatever names it holds; without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The message alone: the handler adds the time."""
        return one_line(record.getMessage())
