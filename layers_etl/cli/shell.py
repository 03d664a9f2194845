"""``layers-etl sql``: SQL on the published file, one query or many, in whichever format is wanted.

The file is opened read-only and in UTC, whatever the machine's time zone.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Final

import duckdb

from layers_etl.cli.formats import Format
from layers_etl.errors import ConfigurationError
from layers_etl.process.causes import is_interruption
from layers_etl.process.terminal import write_data
from layers_etl.warehouse.publishing import Publisher
from layers_etl.warehouse.sql import load_sql
from layers_etl.warehouse.tables import quote

try:
    import readline as _readline
except ImportError:  # Windows has none; the prompt then works without a history.
    line_editor: ModuleType | None = None
else:
    line_editor = _readline

HISTORY: Final = Path("~/.layers_etl_sql_history")
HISTORY_LINES: Final = 1000

PROMPT: Final = "layers> "
CONTINUED: Final = "   ...> "
ROWS_AT_THE_PROMPT: Final = 40
UNBOUNDED: Final = 1_000_000_000
"""Where the output is read by a program, nothing of it is left out."""

HELP: Final = """\
End a statement with ; (it may span lines). It sees the file as it was when the prompt opened.
  .tables        what there is, and what it holds
  .schema NAME   the columns of a table or view
  .reload        open the newest published file
  .quit          leave (or Ctrl-D)"""


_COPY_OPTIONS: Final = {
    Format.CSV: "FORMAT csv, HEADER",
    Format.JSON: "FORMAT json, ARRAY true",
    Format.PARQUET: "FORMAT parquet",
}


def run_query(publisher: Publisher, query: str, wanted: Format, output: Path | None) -> None:
    """Run the statements of ``query`` and write what the last one gives to ``output``, or to standard output.

    Raises :class:`ConfigurationError` for what the SQL has wrong, a missing file, or an output that can't be written.
    """
    if wanted is Format.PARQUET and output is None and sys.stdout.isatty():
        raise ConfigurationError("Parquet is not for a terminal: name a file with --output, or pipe it on.")
    with _open(publisher) as connection, _one_sentence():
        result = _run(connection, query)
        if result is None:
            return
        if output is None:
            _print(result, wanted, connection)
        else:
            _save(result, wanted, connection, output)


def prompt(publisher: Publisher, read_line: Callable[[str], str] = input) -> None:
    """Read statements from a person until they leave; a mistake costs one statement."""
    with _history():
        _say(f"{publisher.name}, read-only. .help tells what there is besides SQL.")
        while _session(publisher, read_line):
            pass


def _session(publisher: Publisher, read_line: Callable[[str], str]) -> bool:
    """One opening of the file; True to open it anew."""
    with _open(publisher) as connection:
        while (statement := _read_statement(read_line)) is not None:
            if statement == ".reload":
                return True
            try:
                with _one_sentence():
                    _answer(connection, statement)
            except ConfigurationError as error:
                sys.stderr.write(f"{error}\n")
            except (KeyboardInterrupt, RuntimeError) as error:
                if not is_interruption(error):  # Which DuckDB makes a RuntimeError of.
                    raise
                sys.stderr.write("Interrupted.\n")
    return False


def _read_statement(read_line: Callable[[str], str]) -> str | None:
    """What was typed, up to the ``;`` that ends it; None to leave. Ctrl-C forgets it."""
    lines: list[str] = []
    while True:
        try:
            line = read_line(CONTINUED if lines else PROMPT)
        except KeyboardInterrupt:
            _say()
            lines = []
            continue
        except EOFError:
            _say()
            return None
        if not lines and line.startswith("."):
            return None if line.split()[0] in (".quit", ".exit") else line.strip()
        lines += [line] if line.strip() or lines else []
        if lines and _is_complete("\n".join(lines)):
            return "\n".join(lines)


def _is_complete(text: str) -> bool:
    """Whether the last ``;`` ends a statement, and is not within a string or a comment."""
    if not text.rstrip().endswith(";"):
        return False
    try:
        duckdb.extract_statements(text)
    except duckdb.ParserException as error:
        return "unterminated" not in str(error)
    return True


def _answer(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    command, _, argument = statement.partition(" ")
    if command == ".tables":
        _show(connection.sql(load_sql("shell_tables")))
    elif command == ".schema" and argument:
        _show(connection.sql(load_sql("shell_schema"), params=[argument.strip().rstrip(";")]))
    elif command.startswith("."):
        _say(HELP)
    elif (result := _run(connection, statement)) is not None:
        _show(result)


def _run(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation | None:
    """Run all statements; what the last one gives, None if that is nothing to show."""
    result: duckdb.DuckDBPyRelation | None = None
    for statement in connection.extract_statements(query):
        result = connection.sql(statement.query)
    return result


def _print(result: duckdb.DuckDBPyRelation, wanted: Format, connection: duckdb.DuckDBPyConnection) -> None:
    if wanted is Format.TABLE:
        _show(result)
        return
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "result"
        _copy(result, wanted, connection, written)
        with written.open("rb") as file:
            write_data(file)


def _say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")


def _show(result: duckdb.DuckDBPyRelation) -> None:
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        result.show(max_width=width, max_rows=ROWS_AT_THE_PROMPT)
    else:
        result.show(max_width=UNBOUNDED, max_rows=UNBOUNDED, max_col_width=UNBOUNDED)


def _save(result: duckdb.DuckDBPyRelation, wanted: Format, connection: duckdb.DuckDBPyConnection, output: Path) -> None:
    """Whole or not at all."""
    partial = output.with_name(output.name + ".partial")
    try:
        if wanted is Format.TABLE:
            with partial.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
                _show(result)
        else:
            _copy(result, wanted, connection, partial)
        partial.replace(output)
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written ({error.strerror}): choose another --output.") from None
    finally:
        partial.unlink(missing_ok=True)


def _copy(
    result: duckdb.DuckDBPyRelation,  # noqa: ARG001 - the query names it
    wanted: Format,
    connection: duckdb.DuckDBPyConnection,
    target: Path,
) -> None:
    """DuckDB writes its own types best: decimals to the digit, days and instants in ISO order with their offset."""
    connection.execute(f"COPY (FROM result) TO {quote(str(target))} ({_COPY_OPTIONS[wanted]})")


@contextlib.contextmanager
def _open(publisher: Publisher) -> Generator[duckdb.DuckDBPyConnection]:
    with _one_sentence(), publisher.connect() as connection:
        if connection is None:
            raise ConfigurationError(f"There is no {publisher.name} yet: the first run publishes it.")
        yield connection


@contextlib.contextmanager
def _one_sentence() -> Generator[None]:
    """DuckDB's errors without their drawing of where in the query they are."""
    try:
        yield
    except duckdb.Error as error:
        message = str(error).split("\n\nLINE ")[0]
        raise ConfigurationError(" ".join(message.split())) from None


@contextlib.contextmanager
def _history() -> Generator[None]:
    """What was typed before is at hand, and what is typed now will be; not for a user without a home."""
    try:
        history = HISTORY.expanduser()
    except RuntimeError:
        history = None
    if line_editor is None or history is None:
        yield
        return
    with contextlib.suppress(OSError):
        line_editor.read_history_file(history)
    try:
        yield
    finally:
        line_editor.set_history_length(HISTORY_LINES)
        with contextlib.suppress(OSError):
            line_editor.write_history_file(history)
