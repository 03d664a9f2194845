"""What the commands say: results to standard output, progress and what went wrong to standard error."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from layers_etl.domain.storable import one_line

if TYPE_CHECKING:
    from layers_etl.cli.launch import LaunchResult

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


def tell_run(launch: Callable[[], LaunchResult]) -> None:
    """Have a run launched, tell how it goes and how it ended, and end with its code."""
    show_progress(logging.INFO)
    gc.freeze()  # What has been imported by now stays to the end: no collection need look at it again.
    result = launch()
    for warning in result.warnings:
        err.print(f"warning: {one_line(warning)}")
    if result.code:
        err.print(f"layers-etl: {one_line(result.message)}")
    else:
        out.print(one_line(result.message))
    raise typer.Exit(result.code)
