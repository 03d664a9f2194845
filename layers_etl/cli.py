"""The command line. Thin: parses, calls, prints, and ends with the agreed code."""

from __future__ import annotations

import io
import logging
import os
import platform
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler
from typer.core import TyperCommand

from layers_etl.domain.days import DayWindow, parse_instant
from layers_etl.domain.storable import one_line
from layers_etl.errors import REPORT_IT, ConfigurationError, ExitCode
from layers_etl.process import interruption
from layers_etl.process.causes import causes_of, describe_root, explain, is_interruption
from layers_etl.process.terminal import ensure_all_was_taken, write_data
from layers_etl.settings import load_settings, read_settings
from layers_etl.shell import Format

if TYPE_CHECKING:
    from layers_etl.launch import LaunchResult

app = typer.Typer(
    name="layers-etl",
    help="Keep a local DuckDB warehouse of Layers' paid-ads performance true.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
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

INTERRUPTED = 130
"""What Typer makes of ``KeyboardInterrupt``."""


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
        if Path(__file__).parent in Path(frame.filename).parents
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


Day = Annotated[str, typer.Option(metavar="DAY", help="UTC day like 2026-04-01.")]


@app.command()
def doctor() -> None:
    """Say what is right, what is wrong, and what to do: key, tier, what it may read, data folder, clock."""
    from layers_etl.doctor import Verdict, examine

    _show_progress(logging.ERROR)
    worst = 0
    for finding in examine(read_settings(), datetime.now(UTC)):
        mark = {Verdict.GOOD: "ok   ", Verdict.NOTE: "note ", Verdict.BAD: "WRONG"}[finding.verdict]
        out.print(f"{mark}  {finding.subject}: {one_line(finding.sentence)}")
        worst = max(worst, finding.code)
    ensure_all_was_taken()
    raise typer.Exit(worst)


@app.command()
def run(
    as_of: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Instant the run stands for, like 2026-04-01T06:00:00Z; default: now."),
    ] = None,
) -> None:
    """Read every day that is not settled yet, derive the marts, publish."""
    from layers_etl.launch import launch_run

    instant = _instant(as_of) if as_of else None
    _launch(lambda: launch_run(load_settings(), instant))


@app.command()
def backfill(
    since: Day,
    until: Annotated[str, typer.Option(metavar="DAY", help="Day after the last one to read.")],
    campaign: Annotated[list[str] | None, typer.Option(metavar="ID", help="This campaign only; repeatable.")] = None,
    ad_account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="This ad account and its campaigns only; repeatable.")
    ] = None,
) -> None:
    """Read every day from SINCE until UNTIL (exclusive) again, settled or not, derive the marts, publish."""
    from layers_etl.launch import launch_backfill

    first, end = _day(since), _day(until)
    if first >= end:
        raise ConfigurationError(f"--until {end} is not after --since {first}; it is the day after the last to read.")
    _launch(lambda: launch_backfill(load_settings(), DayWindow(first, end), campaign or (), ad_account or ()))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")] = False,  # noqa: FBT002
    as_of: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="As it stands at this instant; default: now.")
    ] = None,
) -> None:
    """Show by account what is settled, provisional and missing, and how the last run went."""
    from layers_etl.console import print_status, status_document
    from layers_etl.ingest.status import examine_status
    from layers_etl.warehouse.connection import open_newest

    settings = load_settings()
    with open_newest(settings.build_path, settings.published_path) as warehouse:
        if warehouse is None:
            raise ConfigurationError(f"There is no warehouse in {settings.data_dir} yet: the first run makes it.")
        standing = examine_status(warehouse, settings, _instant(as_of) if as_of else datetime.now(UTC))
    if as_json:
        write_data(io.BytesIO(f"{status_document(standing)}\n".encode()))
    else:
        print_status(standing, out)
    ensure_all_was_taken()


@app.command()
def backtest() -> None:
    """Say how well the projected settled values would have done on this warehouse, against not projecting."""
    from layers_etl.console import print_backtest
    from layers_etl.ingest.outstanding import scopes_at_hand
    from layers_etl.warehouse.connection import open_newest
    from layers_etl.warehouse.projections import backtest_scope

    settings = load_settings()
    with open_newest(settings.build_path, settings.published_path) as warehouse:
        if warehouse is None:
            raise ConfigurationError(f"There is no warehouse in {settings.data_dir} yet: the first run makes it.")
        for scope in scopes_at_hand(warehouse, settings):
            print_backtest(scope.name, backtest_scope(warehouse, scope, settings.settle_hours), out)
    ensure_all_was_taken()


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="Statements; without any, a prompt, or what is piped in.")] = None,
    result_format: Annotated[
        Format | None, typer.Option("--format", help="Default: that of the output's name, else a table.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Write the result to this file.")] = None,
) -> None:
    """Ask the published warehouse in SQL: read-only, in UTC."""
    from layers_etl.shell import choose_format, prompt, run_query

    published = load_settings().published_path
    if query is None and sys.stdin.isatty():
        with interruption.left_to_python():
            prompt(published)
    else:
        with interruption.interruptible():
            statements = sys.stdin.read() if query is None else query
            run_query(published, statements, choose_format(result_format, output), output)
        ensure_all_was_taken()


class _WithManual(TyperCommand):
    """A command whose help ends with the sandbox's manual, which takes its import: made only when it is asked for."""

    def get_help(self, ctx: Any) -> str:
        """The usual help, then the manual."""
        from layers_etl.sandbox.manual import describe

        return f"{super().get_help(ctx)}\n\n{describe()}"


@app.command(cls=_WithManual)
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8400,
    now: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Where its clock stands still; default: the real time.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the world.")] = 7,
    projects: Annotated[int, typer.Option(min=1, help="Projects.")] = 1,
    accounts: Annotated[int, typer.Option(min=1, help="Ad accounts per project.")] = 3,
    campaigns: Annotated[int, typer.Option(min=1, help="Campaigns per account.")] = 8,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Enforce this rate limit; default: none is enforced.")
    ] = None,
) -> None:
    """Serve a simulated Layers API on this machine: what the demo and the tests talk to."""
    from layers_etl.sandbox.server import serve
    from layers_etl.sandbox.world import WorldConfig

    config = WorldConfig(seed=seed, projects=projects, accounts=accounts, campaigns=campaigns)
    try:
        with interruption.left_to_python():
            serve(config, port=port, now=_instant(now) if now else None, requests_per_minute=requests_per_minute)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used ({error.strerror}): choose another with --port."
        ) from None


@app.command()
def demo() -> None:
    """Live through two weeks of simulated daily runs against the sandbox; needs no key."""
    from layers_etl.demo import live_through_two_weeks

    _show_progress(logging.WARNING)
    live_through_two_weeks(out)


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000) -> None:
    """Open the Dagster UI on the same warehouse, with its scheduler."""
    import dagster as dg

    from layers_etl.defs.dead_runs import fail_dead_runs
    from layers_etl.defs.instance import WORKSPACE, prepare_dagster_home

    found = read_settings()
    settings = found.require()
    home = prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance, settings.build_path, datetime.now(UTC))
    dagster = Path(sys.executable).with_name("dagster")
    arguments = [str(dagster), "dev", "--port", str(port), "--workspace", str(WORKSPACE)]
    # In its own folder: of the working one Dagster would read the .env itself, and let it go before the environment.
    os.chdir(home)
    os.execve(dagster, arguments, {**found.environment(), "DAGSTER_HOME": str(home)})


def _launch(launch: Callable[[], LaunchResult]) -> None:
    _show_progress(logging.INFO)
    result = launch()
    for warning in result.warnings:
        err.print(f"warning: {one_line(warning)}")
    if result.code:
        err.print(f"layers-etl: {one_line(result.message)}")
    else:
        out.print(one_line(result.message))
    raise typer.Exit(result.code)


def _show_progress(level: int) -> None:
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


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not a day like 2026-04-01.") from None


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not an instant like 2026-04-01T06:00:00Z.") from None
