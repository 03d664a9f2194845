"""Dagster's event log in SQLite, with connections that are kept: its own opens an engine anew for every statement.

A run over a range writes two events per day and asset, planned and materialized, each of them in several statements;
Dagster's own storage spends 30 to 40 ms on the two. They come in batches, which Dagster's own stores one by one. The
files are the same, and so is everything that reads them: either storage may be named in ``dagster.yaml`` at any time,
and both may be at work beside each other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster import AssetKey, EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, Pool, QueuePool

logger = logging.getLogger(__name__)

MOST_KEPT: Final = 8
"""Files that are kept open, those used last: the index, a run, and what is looked at in the UI beside it."""

EVENTS_AT_ONCE: Final = 500
"""The most of a batch, whose transaction keeps others from writing for up to half a second."""


class _File(NamedTuple):
    """Which file it is, whatever its name: a log that was removed may have been begun anew by another process."""

    device: int
    number: int


class _Kept(NamedTuple):
    """The engine that has a file open."""

    file: _File
    engine: Engine


class _Batch:
    """What is open while a batch is stored: a transaction for each file, and the last event of each asset."""

    def __init__(self, transactions: contextlib.ExitStack) -> None:
        """``transactions`` end with the batch."""
        self.last_of_assets: dict[AssetKey | None, tuple[Connection, EventLogEntry, int]] = {}
        self._transactions = transactions
        self._connections: dict[str, Connection] = {}

    def connection(self, shard: str, begin: Callable[[str], AbstractContextManager[Connection]]) -> Connection:
        """The one that the batch has on a file; ``begin`` is how it gets one."""
        if shard not in self._connections:
            self._connections[shard] = self._transactions.enter_context(begin(shard))
        return self._connections[shard]


class KeptEventLogStorage(SqliteEventLogStorage):
    """As Dagster's own in all but how it connects: a connection per file, the last few of them kept, and what the
    index has been seen to have remembered.

    What was committed survives the death of the process; the last of it may be lost with the machine's power, which
    costs marks in the UI and no number: what is settled is decided by the warehouse. Not for use across a fork; Dagster
    starts every process that has an instance anew.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """``base_dir`` is the folder of the files, one for each run and the index of all."""
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._prepared: dict[str, _File] = {}
        self._tables: set[str] = set()
        self._has_newer_columns = False
        self._batch: _Batch | None = None
        self._one_at_a_time = threading.RLock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(  # pyright: ignore[reportIncompatibleMethodOverride] - as Dagster overrides its own
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> SqliteEventLogStorage:
        """What ``dagster.yaml`` asks for; Dagster's own, with a warning, where its version connects otherwise.

        Dagster hands over events in batches where its environment says so, which it does from here on.
        """
        ScriptDirectory.from_config = _keep_migrations  # pyright: ignore[reportAttributeAccessIssue] - as its docstring says
        try:
            storage = cls(inst_data=inst_data, **config_value)
            with storage.index_connection():
                os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_AT_ONCE))
                return storage
        except (AttributeError, TypeError) as error:
            logger.warning("This version of Dagster keeps its event log differently (%s): runs take longer.", error)
            return SqliteEventLogStorage(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table, which Dagster asks for every check: one that it has it keeps."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        """The same of the columns that migrations added, which Dagster asks for every event of an asset."""
        self._has_newer_columns = self._has_newer_columns or super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_newer_columns

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """In one transaction for each file; of what an asset's row keeps, its last event, only the last is written."""
        with self._one_at_a_time, contextlib.ExitStack() as transactions:
            batch = self._batch = _Batch(transactions)
            transactions.callback(setattr, self, "_batch", None)
            for entry in events:
                self.store_event(entry)
            for last in batch.last_of_assets.values():
                super()._store_asset_event(*last)

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        if self._batch:
            self._batch.last_of_assets[event.get_dagster_event().asset_key] = (conn, event, event_id)
        else:
            super()._store_asset_event(conn, event, event_id)

    def wipe(self) -> None:
        """Remove everything; what is open is closed first."""
        self._close_all()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open, as the instance ends."""
        super().dispose()
        self._close_all()

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Generator[Connection]:
        """A transaction on the file of a run, or of the index; one at a time in a process, as Dagster has it.

        Within a batch it is the batch's, and ends with it.
        """
        with self._one_at_a_time:
            if self._batch:
                yield self._batch.connection(shard, self._transaction)
            else:
                with self._transaction(shard) as connection:
                    yield connection

    @contextlib.contextmanager
    def _transaction(self, shard: str) -> Generator[Connection]:
        """What fails is not used again: the next transaction begins with a connection of its own."""
        engine = self._open(shard)
        try:
            with engine.connect() as connection:
                before = _changes(connection)
                with connection.begin():
                    yield connection
                changed = _changes(connection) > before
        except BaseException:
            self._close(shard)
            raise
        if changed:
            self._tell_watchers(shard)

    def _open(self, shard: str) -> Engine:
        found = _identify(self.path_for_shard(shard))
        kept = self._kept.get(shard)
        if kept and kept.file == found:
            self._kept.move_to_end(shard)
            return kept.engine
        self._close(shard)
        if found is None or self._prepared.get(shard) != found:
            self._initdb(self._engine(shard, NullPool))
            found = _identify(self.path_for_shard(shard))
            assert found, "Dagster has just made it"
            self._prepared[shard] = found
        engine = self._engine(shard, QueuePool, pool_size=1, max_overflow=0)
        event.listen(engine, "connect", _trust_the_operating_system)
        self._kept[shard] = _Kept(found, engine)
        while len(self._kept) > MOST_KEPT:
            self._close(next(iter(self._kept)))
        return engine

    def _engine(self, shard: str, pool: type[Pool], **options: int) -> Engine:
        return create_engine(
            self.conn_string_for_shard(shard),
            poolclass=pool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            hide_parameters=True,  # A statement that fails is told, and its parameters are pages of JSON.
            **options,
        )

    def _tell_watchers(self, shard: str) -> None:
        """The UI follows a run by its file's changes, and while a connection is open they go to the log beside it."""
        with contextlib.suppress(OSError):  # A file that was removed meanwhile has nobody who follows it.
            os.utime(self.path_for_shard(shard))

    def _close(self, shard: str) -> None:
        if kept := self._kept.pop(shard, None):
            kept.engine.dispose()

    def _close_all(self) -> None:
        with self._one_at_a_time:
            for shard in list(self._kept):
                self._close(shard)


_read_migrations: Final = ScriptDirectory.from_config
_migrations: Final[dict[str | None, ScriptDirectory]] = {}


def _keep_migrations(config: Config) -> ScriptDirectory:
    """What Alembic reads of Dagster's migrations, read once in a process.

    It reads them for each file that is opened, and again for each that is made: forty modules, five times in a run.
    """
    location = config.get_main_option("script_location")
    if location not in _migrations:
        _migrations[location] = _read_migrations(config)
    return _migrations[location]


def _identify(path: str) -> _File | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - at every statement, where Path costs as much again
    except FileNotFoundError:
        return None
    return _File(found.st_dev, found.st_ino)


def _changes(connection: Connection) -> int:
    """Rows that the connection has changed since it was opened."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw.total_changes


def _trust_the_operating_system(raw: sqlite3.Connection, _: object) -> None:
    """No wait for the disk at each commit: in its write-ahead mode SQLite stays consistent without."""
    raw.execute("PRAGMA synchronous = NORMAL")
