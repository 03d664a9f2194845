"""How ``run`` and ``backfill`` end: what they did to standard output, what is wrong or warned of to standard error."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from layers_etl.cli.arguments import How
from layers_etl.cli.output import err, out, tell_logs, tell_retries, write_document
from layers_etl.cli.progress import Display
from layers_etl.domain.storable import one_line
from layers_etl.errors import ExitCode, LayersEtlError

if TYPE_CHECKING:
    from layers_etl.cli.launch import LaunchResult
    from layers_etl.ingest.preview import Preview
    from layers_etl.ingest.progress import Progress
    from layers_etl.ingest.summary import RunSummary, Warned

SENTENCES_SHOWN: Final = 3
"""Of one promise; all of them are in ops.findings."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its code and a sentence, and what there is to tell of it: a run's ``summary``, or the
    ``preview`` of one; neither where it ended before there was any."""

    command: str
    code: ExitCode
    message: str
    summary: RunSummary | None = None
    preview: Preview | None = None


def tell_run(command: str, load: Callable[[], Callable[[Progress], LaunchResult]], how: How) -> NoReturn:
    """Have a run launched, show how far it is, tell how it ended, and end with its code.

    ``load`` imports what takes time: something is shown before that.
    """

    def launch(progress: Progress) -> Ended:
        # What is imported stays to the end: to look for garbage in it takes time, now and ever after.
        gc.disable()
        # As it is imported it reads the machine's certificates: a while in which others can be imported.
        Thread(target=import_module, args=("aiohttp",), daemon=True).start()
        run = load()
        gc.freeze()
        gc.enable()
        result = run(progress)
        return Ended(command, result.code, result.message, summary=result.summary)

    _tell(command, launch, how)


def tell_preview(command: str, load: Callable[[], Callable[[Progress], Preview]], how: How) -> NoReturn:
    """Tell what a run would ask for, in the same way; its code is 1 where not all could be listed."""

    def plan(progress: Progress) -> Ended:
        from layers_etl.ingest.preview import describe_preview

        preview = load()(progress)
        code = ExitCode.INCOMPLETE if preview.failures else ExitCode.OK
        message = " ".join(f"{sentence}." for sentence in preview.failures) or describe_preview(preview)
        return Ended(command, code, message, preview=preview)

    _tell(command, plan, how)


def _tell(command: str, do: Callable[[Progress], Ended], how: How) -> NoReturn:
    try:
        with Display(quiet=how.quiet) as display:
            tell_logs(logging.WARNING, display.say)
            tell_retries(display.note_retry)
            ended = do(display.progress)
    except LayersEtlError as error:
        if how.as_json:
            write_document(Ended(command, error.exit_code, str(error)))
        raise
    warnings = ended.summary.warnings if ended.summary else ()
    for line in describe_warnings(warnings):
        err.print(one_line(line))
    if ended.code:
        err.print(f"layers-etl: {one_line(ended.message)}")
    if how.as_json:
        write_document(ended)
    elif ended.preview or not how.quiet:
        for line in _describe(ended):
            out.print(one_line(line))
    raise typer.Exit(ended.code)


def _describe(ended: Ended) -> Iterator[str]:
    """What was done, or would be, as far as it came; then where to look."""
    from layers_etl.ingest.preview import describe_preview
    from layers_etl.ingest.summary import describe_summary

    if ended.preview:
        yield describe_preview(ended.preview)
    elif ended.summary and ended.summary.published is not None:
        yield describe_summary(ended.summary)
        yield from describe_what_to_look_at(ended.summary.warnings, falls_short=bool(ended.code))


def describe_warnings(warnings: Sequence[Warned]) -> Iterator[str]:
    """What somebody should act on: a line for each promise that does not hold, by name, and each thing found of it."""
    for warned in warnings:
        for sentence in warned.sentences[:SENTENCES_SHOWN]:
            yield f"warning: {warned.check} of {warned.asset}: {sentence}"
        if len(warned.sentences) > SENTENCES_SHOWN:
            yield f"warning: {warned.check} of {warned.asset}: {len(warned.sentences) - SENTENCES_SHOWN} more"


def describe_what_to_look_at(warnings: Sequence[Warned], *, falls_short: bool = False) -> Iterator[str]:
    """The promises of which there is nothing to act on, by name in one line, and where to look, if there is a reason.

    Also where the run ``falls_short``.
    """
    quiet = [f"{warned.check} of {warned.asset}" for warned in warnings if not warned.sentences]
    if quiet:
        yield f"Does not hold everywhere, and needs nothing done: {', '.join(quiet)}."
    if warnings or falls_short:
        yield 'Look at: layers-etl status, or layers-etl sql "FROM ops.findings WHERE NOT passed".'
