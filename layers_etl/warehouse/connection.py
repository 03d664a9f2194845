"""The writer's file: one process at a time has it, opened, checked and brought to today's tables here.

DuckDB lets one process write a file and no other even read it meanwhile, so analysts never open this file; they open
the published copy (``publishing.py``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

import duckdb
from filelock import FileLock, Timeout

from layers_etl.domain.scopes import Scope
from layers_etl.errors import WarehouseError
from layers_etl.warehouse.schema import SCHEMA_VERSION, migrate, schema_version

logger = logging.getLogger(__name__)

LOCK_SUFFIX: Final = ".lock"
TEMPORARY_SUFFIX: Final = ".publishing"
WAL_SUFFIX: Final = ".wal"
"""DuckDB's own, for what a file lacks until its next checkpoint; one left behind is replayed into the next file."""

SECONDS_BETWEEN_WAIT_NOTICES: Final = 30.0


class Warehouse:
    """An open ``build.duckdb``. Use :func:`open_warehouse`; ``connection`` is UTC throughout."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Wrap an open connection to ``path``."""
        self.path = path
        self.connection = connection
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
        self.connection.execute("UPDATE ops.revision SET revision = revision + 1")

    @contextlib.contextmanager
    def closed_file(self) -> Generator[Path]:
        """The file complete on disk and closed (checkpointed, no ``.wal``), opened again after the block."""
        self.connection.execute("CHECKPOINT")
        self.connection.close()
        try:
            yield self.path
        finally:
            self.connection = _connect(self.path)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.connection.close()


@contextlib.contextmanager
def open_warehouse(path: Path, scopes: Iterable[Scope], *, published: Path | None = None) -> Generator[Warehouse]:
    """Own ``path`` for the length of the block, as the only writer; wait, and say so, while another run has it.

    Creates the file, from a copy of the ``published`` one where that is all there is; brings older ones to today's
    tables and sweeps what a killed run left behind.
    Raises :class:`WarehouseError` where the folder can't be written, or the file is corrupt, foreign or too new.
    """
    ensure_folder(path.parent)
    with hold_lock(path):
        for leftover in path.parent.glob(f"*{TEMPORARY_SUFFIX}"):
            leftover.unlink(missing_ok=True)
        if published and published.exists() and not path.exists():
            _begin_from(published, path)
        warehouse = Warehouse(path, _connect(path))
        try:
            migrate(warehouse.connection, path, scopes)
            yield warehouse
        finally:
            warehouse.close()


@contextlib.contextmanager
def open_published(path: Path) -> Generator[Warehouse | None]:
    """The published file, read-only, for a moment; None where nothing has been published yet.

    Raises :class:`WarehouseError` for a file that is corrupt, foreign, of another version, or held open for writing.
    """
    if not path.exists():
        yield None
        return
    with _connect(path, read_only=True) as connection:
        version = schema_version(connection, path)
        if version is not None and version != SCHEMA_VERSION:
            raise WarehouseError(
                f"{path} was published by another version of layers_etl (tables of version {version}, not "
                f"{SCHEMA_VERSION}): the next run publishes it anew."
            )
        yield Warehouse(path, connection) if version else None


@contextlib.contextmanager
def open_newest(build: Path, published: Path) -> Generator[Warehouse | None]:
    """The build file, read-only, if no run is writing it; else the published one; None where there is neither.

    The build file is newer where the last run was killed before it published. Where this user may not lock it, it is
    left alone too.
    """
    lock = FileLock(build.with_name(build.name + LOCK_SUFFIX))
    newest = published
    if build.exists():
        with contextlib.suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            newest = build
    try:
        with open_published(newest) as warehouse:
            yield warehouse
    finally:
        lock.release()


def ensure_folder(folder: Path) -> None:
    """Create the data folder; :class:`WarehouseError` where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WarehouseError(
            f"The data folder {folder} cannot be written ({error.strerror}): "
            "give this user write access to it, or set LAYERS_DATA_DIR to another folder."
        ) from None


@contextlib.contextmanager
def hold_lock(path: Path) -> Generator[None]:
    """Keep every other process from writing ``path``; wait, and say so, while another run has it."""
    lock = FileLock(path.with_name(path.name + LOCK_SUFFIX))
    waited = False
    while True:
        try:
            lock.acquire(timeout=SECONDS_BETWEEN_WAIT_NOTICES if waited else 0)
            break
        except Timeout:
            logger.warning("Another run is writing %s; waiting for it to finish.", path)
            waited = True
    if waited:
        logger.warning("The other run has finished; going on.")
    try:
        yield
    finally:
        lock.release()


def replace_by_copy(target: Path, source: Path) -> None:
    """Put a whole copy of ``source``, a closed file, in the place of ``target`` in one step, synced.

    Raises ``OSError``, and leaves ``target`` as it is, where the folder cannot be written.
    """
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    try:
        shutil.copyfile(source, temporary)
        _sync(temporary)
        temporary.chmod(0o644)
        # Left by a client that had the file open for writing and died, it would be replayed into the new one.
        target.with_name(target.name + WAL_SUFFIX).unlink(missing_ok=True)
        temporary.replace(target)
        _sync(target.parent)
    except OSError:
        # On a full disk half a copy is what the next run would lack.
        temporary.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _begin_from(published: Path, path: Path) -> None:
    """A lost build file costs what was read since the last publication, not the history before it."""
    with _connect(published, read_only=True) as connection:
        schema_version(connection, published)
    try:
        replace_by_copy(path, published)
    except OSError as error:
        raise WarehouseError(
            f"{path} is missing and {published.name} cannot be copied in its place ({error.strerror}): see that "
            f"{path.parent} is writable and has room for a copy of it."
        ) from None
    logger.warning("%s is missing: going on from a copy of %s.", path, published.name)


def _connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
        connection.execute("SET TimeZone = 'UTC'")
    except duckdb.Error as error:
        raise _explained(error, path) from None
    return connection


def _explained(error: duckdb.Error, path: Path) -> WarehouseError:
    reason = str(error).splitlines()[0]
    if "lock" in reason.lower():
        return WarehouseError(
            f"Another program has {path} open ({reason}): close it there. "
            "Analysts open the published warehouse.duckdb beside it, which never blocks anyone."
        )
    if not os.access(path, os.W_OK):
        return WarehouseError(f"{path} cannot be written: give this user write access to it.")
    return WarehouseError(
        f"{path} cannot be opened as a DuckDB file ({reason}): nothing was changed. Put back a backup, or move it "
        f"away, with {path}{WAL_SUFFIX}, if there is one, which belongs to this file alone: the next run makes it anew "
        "from the other one of build.duckdb and warehouse.duckdb."
    )
