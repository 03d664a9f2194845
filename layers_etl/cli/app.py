"""The command line as a whole: what it is made of, and how it ends. Thin, as its commands are: parse, call, print."""

from __future__ import annotations

import logging
import platform
import sys
import threading
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from layers_etl.cli.attach import attach
from layers_etl.cli.backfill import backfill
from layers_etl.cli.backtest import backtest
from layers_etl.cli.completion import PROGRAM, answer_shells, completion
from layers_etl.cli.demo import demo
from layers_etl.cli.dev import dev
from layers_etl.cli.doctor import doctor
from layers_etl.cli.output import err, out
from layers_etl.cli.report import report
from layers_etl.cli.run import run
from layers_etl.cli.sandbox import WithManual, sandbox
from layers_etl.cli.sql import sql
from layers_etl.cli.status import status
from layers_etl.domain.storable import one_line
from layers_etl.errors import REPORT_IT, ExitCode
from layers_etl.process import interruption
from layers_etl.process.causes import causes_of, describe_root, explain, is_interruption

app = typer.Typer(
    name=PROGRAM,
    help="Keep a local DuckDB warehouse of Layers' paid-ads performance true.",
    epilog="Exit codes: 0 all well; 1 not all of it is there or right; 2 wrong use or configuration; 3 refused by the "
    "API. Settings come from the environment and .env: layers-etl doctor shows them, docs/operating.md has them all.",
    context_settings={"help_option_names": ["--help", "-h"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# In the order of the help, each with its line there, which 80 columns hold.
app.command(short_help="Say what is right, what is wrong, and what to do.")(doctor)
app.command(short_help="Read what is not settled yet, derive the marts, publish.")(run)
app.command(short_help="Read every day of a range again, settled or not.")(backfill)
app.command(short_help="Show what is settled and missing, and how the last run went.")(status)
app.command(short_help="Say how good the projections would have been on your data.")(backtest)
app.command(short_help="Ask the published warehouse in SQL: read-only, in UTC.")(sql)
app.command(short_help="Print the lines by which others open what is published.")(attach)
app.command(short_help="Write one page that shows what the ads did.")(report)
app.command(short_help="Serve a simulated Layers API on this machine.", cls=WithManual)(sandbox)
app.command(short_help="Live through two weeks of simulated mornings; needs no key.")(demo)
app.command(short_help="Open the Dagster UI on the same warehouse.")(dev)
app.command(short_help="Print what has bash, zsh or fish complete all this.")(completion)
answer_shells()

INTERRUPTED = 130
"""What Typer makes of ``KeyboardInterrupt``."""

_PACKAGE: Final = Path(__file__).parents[1]


def main() -> None:
    """Every failure is one plain sentence and its exit code, never a traceback. ``layers_etl.__main__`` begins here."""
    _silence_libraries()
    try:
        app()
    except SystemExit as ending:
        if ending.code == INTERRUPTED:
            _end_interrupted()
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, its user gets a sentence
        if is_interruption(error):
            _end_interrupted()
        known = explain(error)
        err.print(f"layers-etl: {one_line(str(known) if known else _describe_unexpected(error))}")
        sys.exit(known.exit_code if known else ExitCode.INCOMPLETE)


def _end_interrupted() -> NoReturn:
    err.print(interruption.SENTENCE)
    sys.exit(interruption.exit_code())


def _silence_libraries() -> None:
    """What libraries tell where nobody listens, with tracebacks, is not for the people who run this."""
    logging.raiseExceptions = False
    logging.lastResort = None
    threading.excepthook = _let_go


def _let_go(_: object) -> None:
    pass


def _describe_unexpected(error: BaseException) -> str:
    """Names the place in this project as well: nobody gets to see a traceback."""
    ours = [
        f"{Path(frame.filename).name}:{frame.lineno}"
        for found in causes_of(error)
        for frame in traceback.extract_tb(found.__traceback__)
        if _PACKAGE in Path(frame.filename).parents
    ]
    return (
        f"{describe_root(error)} at {ours[-1] if ours else 'an unknown place'}, which layers_etl did not expect. "
        f"What had landed is kept. Try the same command again; if it stays, {REPORT_IT}."
    )


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it
    if wanted:
        versions = ", ".join(f"{name} {version(name)}" for name in ("dagster", "duckdb"))
        out.print(f"layers-etl {version('layers-etl')} (Python {platform.python_version()}, {versions})")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Keep a local DuckDB warehouse of Layers' paid-ads performance true."""
