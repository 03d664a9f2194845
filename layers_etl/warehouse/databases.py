"""Opening DuckDB files, and telling a damaged one from one that only cannot be opened here and now."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.errors import FULL, DamagedFileError, LayersEtlError, StorageError, WarehouseError
from layers_etl.warehouse.sql import load_sql

DAMAGE: Final = "Corrupt database file"
"""What DuckDB says of a block that is not what was written."""

OUR_MEMORY: Final = 224 * 10**6
"""Bytes that DuckDB may hold for us; beyond that it lets go of what it keeps of the file, and uses the disk. No
statement of ours needs more: what is large is worked on in parts (``stretches.py``)."""

MARKS_OF_A_ROW: Final = 8
"""Bytes beside that for each row of a table whose rows are rewritten. Once one of 2,048 was deleted, DuckDB holds a
mark for every one of them from when it first reads them until the file is closed, and cannot let go of it."""

LONGEST_LOG: Final = "128MB"
"""Of the ``.wal``, before DuckDB folds it into the file on its own, at its 16 MB in the midst of landing: that rewrites
what was touched each time, where a run does it once for all before its checks."""

OUR_THREADS: Final = 4
"""At most: each needs memory of its own."""

_TAKEN: Final = ("could not set lock", "conflicting lock", "being used by another process", "different configuration")
_NOT_NOW: Final = tuple(
    os.strerror(number).lower() for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS)
)
_BY_DAMAGE: Final = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
_NEWER: Final = ("storage version greater", "trying to read a database file with version number")


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a file, in UTC. Raises :class:`DamagedFileError`, or another :class:`LayersEtlError` that says why not."""
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
        connection.execute("SET TimeZone = 'UTC'")
        if not read_only:
            keep_small(connection, marks_of_rows(connection))
            connection.execute(f"SET checkpoint_threshold = '{LONGEST_LOG}'")
    except duckdb.Error as error:
        raise _explained(error, path, os.R_OK if read_only else os.R_OK | os.W_OK) from None
    return connection


def keep_small(connection: duckdb.DuckDBPyConnection, marks: int = 0) -> None:
    """Bound what our own statements take of the machine, beside the bytes of :func:`marks_of_rows`; people's SQL may
    have all of it."""
    connection.execute(f"SET memory_limit = '{OUR_MEMORY + marks}B'")
    connection.execute(f"SET threads = {min(OUR_THREADS, os.cpu_count() or 1)}")


@contextlib.contextmanager
def allowing(connection: duckdb.DuckDBPyConnection, memory: int) -> Generator[None]:
    """So many bytes instead, for the length of the block."""
    ((usual,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    connection.execute(f"SET memory_limit = '{memory}B'")
    try:
        yield
    finally:
        connection.execute(f"SET memory_limit = '{usual}'")


def marks_of_rows(connection: duckdb.DuckDBPyConnection) -> int:
    """Bytes that DuckDB may come to hold for good of the tables whose rows are rewritten, in an open file."""
    return MARKS_OF_A_ROW * connection.execute(load_sql("rewritten_rows")).fetchall()[0][0]


def read_whole(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read every block of every table once; :class:`DamagedFileError` where one is not what was written.

    DuckDB checks a block when it reads it, so a torn one is found by the first query that needs it, which can be
    months later, and after it was published in the place of a whole one.
    """
    try:
        for (read_table,) in connection.execute(load_sql("read_whole")).fetchall():
            connection.execute(read_table).fetchall()
    except duckdb.Error as error:
        raise _explained(error, path, os.R_OK) from None


def _explained(error: duckdb.Error, path: Path, needed: int) -> LayersEtlError:
    reason = str(error).splitlines()[0]
    said = reason.lower()
    if any(words in said for words in _TAKEN):
        return WarehouseError(
            f"Another program has {path} open ({reason}): close it there. "
            "Analysts open the published warehouse.duckdb beside it, which never blocks anyone."
        )
    if refused := StorageError.of(error, path.parent, FULL):
        return refused
    if any(words in said for words in _NOT_NOW):
        return StorageError(f"{path} cannot be opened at this moment ({reason}): see to that, and try again.")
    if any(words in said for words in _NEWER):
        return WarehouseError(f"{path} was written by a newer DuckDB ({reason}): upgrade layers_etl.")
    if path.is_dir() or not os.access(path, needed) or not isinstance(error, _BY_DAMAGE):
        return WarehouseError(f"{path} cannot be opened ({reason}): give this user access to it.")
    return DamagedFileError(f"{path} is damaged and cannot be read as a DuckDB file ({reason})")
