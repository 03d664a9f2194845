"""``layers-etl sql``: SQL on the published file, one query or many, in whichever format is wanted.

The file is opened read-only and in UTC, whatever the machine's time zone, and nothing else is: no other file is read or
written, nothing is loaded from anywhere, and no setting changes.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

import duckdb

from layers_etl.cli.formats import Format
from layers_etl.cli.tables import lay_out
from layers_etl.errors import ConfigurationError
from layers_etl.process.causes import is_interruption
from layers_etl.process.terminal import write_data
from layers_etl.warehouse.extensions import find_extension
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
HELP: Final = """\
End a statement with ; (it may span lines). It sees the file as it was when the prompt opened.
  .tables        what there is, and what it holds
  .schema NAME   the columns of a table or view
  .reload        open the newest published file
  .quit          leave (or Ctrl-D)
help, exit and quit do the same without a dot."""

WORDS: Final = {"help": ".help", "exit": ".quit", "quit": ".quit", ".exit": ".quit"}
"""What people type, and the command that it stands for."""

_EXPLAINED: Final = ["explain_key", "explain_value"]

_WRITING: Final = (
    duckdb.StatementType.ATTACH,
    duckdb.StatementType.COPY,
    duckdb.StatementType.COPY_DATABASE,
    duckdb.StatementType.EXPORT,
)

_COPY_OPTIONS: Final = {
    Format.CSV: "FORMAT csv, HEADER",
    Format.JSON: "FORMAT json, ARRAY true",
    Format.PARQUET: "FORMAT parquet",
    Format.XLSX: "FORMAT xlsx, HEADER true",
}


def run_query(publisher: Publisher, query: str, wanted: Format, output: Path | None) -> None:
    """Run the statements of ``query`` and write what the last one gives to ``output``, or to standard output.

    Raises :class:`ConfigurationError` for what the SQL has wrong, a missing file, or an output that can't be written.
    """
    if wanted.is_binary and output is None and sys.stdout.isatty():
        raise ConfigurationError(f"{wanted} is not for a terminal: name a file with --output, or pipe it on.")
    with tempfile.TemporaryDirectory() as folder:
        target = output.absolute().with_name(output.name + ".partial") if output else Path(folder) / "result"
        with _open(publisher, wanted, target) as connection, _one_sentence():
            result = _run(connection, query)
            if result is None:
                return
            if output:
                _save(result, wanted, target, output)
            else:
                _print(result, wanted, target)


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
        if not lines and (command := _command(line)):
            return None if command == ".quit" else command
        lines += [line] if line.strip() or lines else []
        if lines and _is_complete("\n".join(lines)):
            return "\n".join(lines)


def _command(line: str) -> str | None:
    """The command that a line is, with its argument; None for one of SQL."""
    typed = line.strip()
    word = typed.rstrip(";").rstrip().lower()
    return WORDS.get(word) or (typed if typed.startswith(".") else None)


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
    """Run all statements; what the last one gives, None if that is nothing to show.

    ``ConfigurationError`` for one that writes a file: where a lake has its own it could.
    """
    result: duckdb.DuckDBPyRelation | None = None
    for statement in connection.extract_statements(query):
        if statement.type in _WRITING:
            raise ConfigurationError("Nothing is written from here: to have a result in a file, use --output.")
        result = connection.sql(statement.query)
    return result


def _print(result: duckdb.DuckDBPyRelation, wanted: Format, target: Path) -> None:
    if wanted is Format.TABLE:
        _show(result)
        return
    _copy(result, wanted, target)
    with target.open("rb") as file:
        write_data(file)


def _say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")


def _show(result: duckdb.DuckDBPyRelation) -> None:
    """For people; what a terminal has no room for is left out, and told."""
    if result.columns == _EXPLAINED:
        for _, drawn in result.fetchall():
            _say(drawn)
        return
    types = [str(kind) for kind in result.types]
    if not sys.stdout.isatty():
        _say_all(lay_out(result.columns, types, result.fetchall()).lines)
        return
    rows = result.limit(ROWS_AT_THE_PROMPT + 1).fetchall()
    count = len(rows) if len(rows) <= ROWS_AT_THE_PROMPT else result.aggregate("count(*)").fetchall()[0][0]
    rows = rows[:ROWS_AT_THE_PROMPT]
    table = lay_out(result.columns, types, rows, shutil.get_terminal_size().columns)
    _say_all(table.lines)
    _say(_describe_extent(len(rows), count, table.columns, len(types)))


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        _say(line)


def _describe_extent(rows: int, all_rows: int, columns: int, all_columns: int) -> str:
    """How much of a result is shown, and how to get the rest."""
    noun = "row" if all_rows == 1 else "rows"
    if (rows, columns) == (all_rows, all_columns):
        return f"{all_rows:,} {noun}"
    of_columns = f", {columns} of {all_columns} columns" if columns < all_columns else ""
    of_rows = f"{rows:,} of {all_rows:,} {noun}" if rows < all_rows else f"{all_rows:,} {noun}"
    return f"{of_rows}{of_columns} shown; all of it: layers-etl sql --output FILE.csv"


def _save(result: duckdb.DuckDBPyRelation, wanted: Format, partial: Path, output: Path) -> None:
    """Whole or not at all."""
    try:
        if wanted is Format.TABLE:
            with partial.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
                _show(result)
        else:
            _copy(result, wanted, partial)
        partial.replace(output)
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written ({error.strerror}): choose another --output.") from None
    finally:
        partial.unlink(missing_ok=True)


def _copy(result: duckdb.DuckDBPyRelation, wanted: Format, target: Path) -> None:
    """DuckDB writes its own types best: decimals to the digit, days and instants in ISO order with their offset."""
    options = f"{_COPY_OPTIONS[wanted]}, USE_TMP_FILE false"
    result.query("result", f"COPY (FROM result) TO {quote(str(target))} ({options})")


@contextlib.contextmanager
def _open(
    publisher: Publisher, wanted: Format = Format.TABLE, target: Path | None = None
) -> Generator[duckdb.DuckDBPyConnection]:
    """What is published, for good closed to all that is not reading it, but for writing to ``target``."""
    with _one_sentence(), publisher.connect() as connection:
        if connection is None:
            raise ConfigurationError(f"There is no {publisher.name} yet: the first run publishes it.")
        if wanted is Format.XLSX:
            connection.execute(f"LOAD {quote(str(find_excel_extension()))}")
        if target:
            connection.execute(f"SET allowed_paths = [{quote(str(target))}]")
        if publisher.folders:
            connection.execute(f"SET allowed_directories = [{', '.join(map(quote, publisher.folders))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def find_excel_extension() -> Path:
    """DuckDB's extension for Excel files; ``ConfigurationError`` where it is not installed."""
    if path := find_extension("excel"):
        return path
    raise ConfigurationError(
        f"Excel files take a package that is not installed: pip install duckdb-extension-excel=={duckdb.__version__}, "
        "or write .csv, which Excel opens too."
    )


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
