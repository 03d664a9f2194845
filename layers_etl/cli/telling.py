"""How ``run`` and ``backfill`` end: what they did to standard output, what is wrong or warned of to standard error."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import typer

from layers_etl.cli.output import err, out, tell_logs, tell_retries
from layers_etl.cli.progress import Display
from layers_etl.domain.storable import one_line

if TYPE_CHECKING:
    from layers_etl.cli.launch import LaunchResult
    from layers_etl.ingest.progress import Progress
    from layers_etl.ingest.summary import Warned

Launch = Callable[["Progress"], "LaunchResult"]
"""Launches a run that brings its progress forward."""

SENTENCES_SHOWN: Final = 3
"""Of one promise; all of them are in ops.findings."""


def tell_run(load: Callable[[], Launch], *, quiet: bool) -> None:
    """Have a run launched, show how far it is, tell how it ended, and end with its code.

    ``load`` imports what takes time: something is shown before that. Where ``quiet``, nothing but what is warned of and
    what is wrong.
    """
    with Display(quiet=quiet) as display:
        tell_logs(logging.WARNING, display.say)
        tell_retries(display.note_retry)
        launch = load()
        gc.freeze()  # What has been imported by now stays to the end: no collection need look at it again.
        result = launch(display.progress)
    for line in describe_warnings(result.summary.warnings):
        err.print(one_line(line))
    if result.code:
        err.print(f"layers-etl: {one_line(result.message)}")
    elif not quiet:
        out.print(one_line(result.message))
        for line in describe_what_to_look_at(result.summary.warnings):
            out.print(line)
    raise typer.Exit(result.code)


def describe_warnings(warnings: Sequence[Warned]) -> Iterator[str]:
    """What somebody should act on: a line for each promise that does not hold, by name, and each thing found of it."""
    for warned in warnings:
        for sentence in warned.sentences[:SENTENCES_SHOWN]:
            yield f"warning: {warned.check} of {warned.asset}: {sentence}"
        if len(warned.sentences) > SENTENCES_SHOWN:
            yield f"warning: {warned.check} of {warned.asset}: {len(warned.sentences) - SENTENCES_SHOWN} more"


def describe_what_to_look_at(warnings: Sequence[Warned]) -> Iterator[str]:
    """The promises of which there is nothing to act on, by name in one line, and where to look."""
    quiet = [f"{warned.check} of {warned.asset}" for warned in warnings if not warned.sentences]
    if quiet:
        yield f"Does not hold everywhere, and needs nothing done: {', '.join(quiet)}."
    if warnings:
        yield 'Look at: layers-etl status, or layers-etl sql "FROM ops.findings WHERE NOT passed".'
