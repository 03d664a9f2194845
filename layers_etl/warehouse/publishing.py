"""Publishing: how what a run wrote reaches its readers, wherever they read it (rule 10)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import duckdb

from layers_etl.warehouse.changed_days import note_published_state
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.sql import load_sql, run_script


@dataclass(frozen=True, slots=True)
class Publication:
    """What stands in ``ops.publication``: which state of the data it is, which run made it, when, and up to which day
    it is final.

    The latter also leaving out the days of which the answers leave a doubt (``ops.doubtful_days``).
    """

    state_id: str
    run_id: str
    published_at: datetime
    instant: datetime
    settled_until: date | None
    settled_until_but_for_doubtful: date | None = None


class Published(Readable):
    """What was published, open to be read, with what it says of its ``publication``; None where it says nothing."""

    def __init__(self, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        """Wrap an open connection to what has today's tables."""
        super().__init__(name, connection)
        self.publication = load_publication(connection)


class Publisher(Protocol):
    """A place where the warehouse is published for its readers.

    There may be several; each knows by itself which publication it has, and :mod:`~layers_etl.warehouse.changed_days`
    tells what it lacks.
    """

    @property
    def name(self) -> str:
        """Where it is, for people."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other machines may publish there too."""
        ...

    @property
    def folders(self) -> tuple[str, ...]:
        """Where an open connection goes on reading; empty where it has all that it needs once it is open."""
        ...

    @property
    def attaching(self) -> tuple[str, ...]:
        """The statements by which any DuckDB opens it, read-only, its tables known by ``schema.table``; no password."""
        ...

    def published(self) -> Publication | None:
        """The last publication, if it stands there as it was made; None where it has to be made anew.

        Raises :class:`WarehouseError` where something else is there.
        """
        ...

    def publish(self, build: Warehouse, publication: Publication) -> bool:
        """Give readers all that ``build`` holds, whole or not at all; False, and nothing done, where they have it.

        Raises :class:`StorageError` where it cannot be written, :class:`WarehouseError` where something else is there;
        the last publication stands then.
        """
        ...

    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection | None]:
        """The last publication for people's own SQL, read-only, whichever version wrote it; None before the first.

        Raises :class:`WarehouseError` for one that is damaged or that someone holds open for writing.
        """
        ...

    def open(self) -> AbstractContextManager[Published | None]:
        """The last publication, read-only; None before the first.

        Raises as :meth:`connect` does, and :class:`WarehouseError` for one that is foreign or of another version.
        """
        ...

    def restore(self, build: Path) -> str | None:
        """Make ``build``, a file that is not there, of the last publication, history and all; of which, for people.

        None, and no file, before the first. Raises :class:`DamagedFileError` for one that is not whole.
        """
        ...


def record_publication(build: Warehouse, publication: Publication) -> None:
    """Have the build file say, in one transaction, that it is published as it is now. Every publisher begins so."""
    with build.transaction() as connection:
        run_script(connection, load_sql("record_publication"), **asdict(publication))
        note_published_state(build)


def load_publication(connection: duckdb.DuckDBPyConnection) -> Publication | None:
    """What it says of its own publication; None for what was never published."""
    columns = ", ".join(Publication.__dataclass_fields__)
    rows = connection.execute(f"SELECT {columns} FROM ops.publication").fetchall()
    return Publication(*rows[0]) if rows else None


def load_state_id(warehouse: Readable) -> str:
    """By which the data is known as it is now."""
    return warehouse.connection.execute("SELECT state_id FROM ops.revision").fetchall()[0][0]
