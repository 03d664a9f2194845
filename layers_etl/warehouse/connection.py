"""A warehouse that is open: to be read, or by its one writer with transactions that count what they change."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.warehouse.databases import connect
from layers_etl.warehouse.files import wal_of

SHORT_LOG: Final = 16 << 20
"""Bytes that may as well stay in memory."""


class Readable:
    """Today's tables, open to be queried: the writer's file, or what it published, wherever that is.

    ``name`` is where they are, for people; ``connection`` is UTC throughout.
    """

    def __init__(self, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        """Wrap an open connection."""
        self.name = name
        self.connection = connection


class Warehouse(Readable):
    """An open ``build.duckdb``, to be written too. Use :func:`~layers_etl.warehouse.build.open_warehouse`.

    Where it ``is_distrusted``, since a query found it damaged, whoever opens it next reads it whole before going on.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Wrap an open connection to ``path``."""
        super().__init__(str(path), connection)
        self.path = path
        self.is_distrusted = False
        self._in_transaction = False

    @contextlib.contextmanager
    def transaction(self) -> Generator[duckdb.DuckDBPyConnection]:
        """All of the block or nothing of it (rules 3 and 5 of the design); within another, a part of that one."""
        if self._in_transaction:
            yield self.connection
            return
        self.connection.execute("BEGIN TRANSACTION")
        self._in_transaction = True
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        else:
            self.connection.execute("COMMIT")
        finally:
            self._in_transaction = False

    @contextlib.contextmanager
    def change(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A transaction that changes what analysts see: it counts in ``ops.revision``, so that it gets published."""
        with self.transaction() as connection:
            yield connection
            self.count_change()

    def count_change(self) -> None:
        """Within a transaction: what it wrote is to be published."""
        self.connection.execute("UPDATE ops.revision SET revision = revision + 1, state_id = uuid()")

    def fold_long_log(self) -> None:
        """Where much is in the log alone, of which all is held in memory: write it into the file, and open that anew.

        A little is folded in as the file is closed.
        """
        log = wal_of(self.path)
        if log.exists() and log.stat().st_size > SHORT_LOG:
            with self.closed_file():
                pass

    @contextlib.contextmanager
    def closed_file(self) -> Generator[Path]:
        """The file complete on disk and closed (checkpointed, no ``.wal``), opened again after the block."""
        self.connection.execute("CHECKPOINT")
        self.connection.close()
        try:
            yield self.path
        finally:
            self.connection = connect(self.path)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.connection.close()
