"""The writer's file: one process at a time has it, opened, checked and brought to today's tables here.

DuckDB lets one process write a file and no other even read it meanwhile, so analysts never open this file; they open
the published copy (``publishing.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path

import duckdb

from layers_etl.domain.scopes import Scope
from layers_etl.errors import WarehouseError
from layers_etl.warehouse.databases import connect, connect_published
from layers_etl.warehouse.files import ensure_folder, sweep
from layers_etl.warehouse.lock import hold_lock, lock_if_free
from layers_etl.warehouse.recovery import in_use_marker, open_build
from layers_etl.warehouse.schema import SCHEMA_VERSION, migrate, schema_version


class Warehouse:
    """An open ``build.duckdb``. Use :func:`open_warehouse`; ``connection`` is UTC throughout.

    Where it ``is_distrusted``, since a query found it damaged, whoever opens it next reads it whole before going on.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Wrap an open connection to ``path``."""
        self.path = path
        self.connection = connection
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


@contextlib.contextmanager
def open_warehouse(path: Path, scopes: Iterable[Scope], *, published: Path | None = None) -> Generator[Warehouse]:
    """Own ``path`` for the length of the block, as the only writer; wait, and say so, while another run has it.

    Creates the file, from a copy of the ``published`` one where that is all there is, and in the place of a damaged one
    too, which is kept; brings older ones to today's tables and sweeps what a killed run left behind.
    Raises :class:`WarehouseError` where the folder can't be written, or the file is foreign, too new, or damaged
    together with the published one.
    """
    ensure_folder(path.parent)
    scopes = tuple(scopes)
    with hold_lock(path):
        sweep(path.parent)
        warehouse = Warehouse(path, open_build(path, published, scopes))
        try:
            migrate(warehouse.connection, path, scopes)
            yield warehouse
        finally:
            warehouse.close()
            if not warehouse.is_distrusted:
                in_use_marker(path).unlink(missing_ok=True)


@contextlib.contextmanager
def open_published(path: Path) -> Generator[Warehouse | None]:
    """The published file, read-only, for a moment; None where nothing has been published yet.

    Raises :class:`WarehouseError` for a file that is damaged, foreign, of another version, or held open for writing.
    """
    if not path.exists():
        yield None
        return
    with connect_published(path) as connection:
        yield _read_only(path, connection)


@contextlib.contextmanager
def open_newest(build: Path, published: Path) -> Generator[Warehouse | None]:
    """The build file, read-only, if no run is writing it; else the published one; None where there is neither.

    The build file is newer where the last run was killed before it published. Where this user may not lock or read it,
    or it is damaged, it is left alone too. Creates nothing.
    """
    with lock_if_free(build) as free:
        if connection := _connect_if_readable(build) if free else None:
            with connection:
                yield _read_only(build, connection)
        else:
            with open_published(published) as warehouse:
                yield warehouse


def _connect_if_readable(path: Path) -> duckdb.DuckDBPyConnection | None:
    if path.exists():
        with contextlib.suppress(WarehouseError):
            return connect(path, read_only=True)
    return None


def _read_only(path: Path, connection: duckdb.DuckDBPyConnection) -> Warehouse | None:
    version = schema_version(connection, path)
    if version is not None and version != SCHEMA_VERSION:
        raise WarehouseError(
            f"{path} was written by an older version of layers_etl (tables version {version}, not {SCHEMA_VERSION}): "
            "the next run brings it forward."
        )
    return Warehouse(path, connection) if version else None
