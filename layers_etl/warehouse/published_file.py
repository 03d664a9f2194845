"""The published file: a whole copy that replaces the last one in one step, so that readers never wait (rule 10)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.errors import FULL, DamagedFileError, StorageError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.databases import connect, keep_small, marks_of_rows, read_whole
from layers_etl.warehouse.files import (
    copy_synced,
    forbid_writing,
    put_in_place,
    set_modified_at,
    unfinished,
    wal_of,
    without_log,
)
from layers_etl.warehouse.publishing import Publication, Published, load_publication, record_publication
from layers_etl.warehouse.schema import SCHEMA_VERSION, has_todays_tables, schema_version
from layers_etl.warehouse.tables import quote

logger = logging.getLogger(__name__)

COARSEST_TIMES: Final = timedelta(seconds=2)
"""To which some file systems round when a file was changed."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """The publisher of one DuckDB file, at ``path``: see :class:`~layers_etl.warehouse.publishing.Publisher`."""

    path: Path

    @property
    def name(self) -> str:
        """Where it is."""
        return str(self.path)

    @property
    def is_shared(self) -> bool:
        """It is this machine's own."""
        return False

    @property
    def folders(self) -> tuple[str, ...]:
        """None: the file is one."""
        return ()

    @property
    def attaching(self) -> tuple[str, ...]:
        """Attaching the one file."""
        return (f"ATTACH {quote(str(self.path.absolute()))} AS layers (READ_ONLY)", "USE layers")

    def published(self) -> Publication | None:
        """What the file says of itself; None where none can be read, or someone else has changed it since.

        Raises :class:`WarehouseError` for a DuckDB file of something else.
        """
        said = self._read_publication()
        return said if said and not self._was_changed_since(said) else None

    def publish(self, build: Warehouse, publication: Publication) -> bool:
        """Replace the file by a copy of ``build``; False, and untouched, where it is what ``build`` is.

        The copy is made while ``build`` is closed (an open one keeps part of itself in its ``.wal``), beside the file,
        synced, and moved over it in one step: a reader sees the old file or the new one, whole. Nobody may write it,
        and it is dated with its publication, so that what is written all the same is noticed. Raises
        :class:`StorageError`, and leaves the last one as it is, where it cannot be written, and :class:`WarehouseError`
        where it is a file of something else, which must not be replaced.
        """
        said = self._read_publication()
        if said and self._was_changed_since(said):
            logger.warning("%s was written by someone else since it was published: it is published anew.", self.path)
        elif said and said.state_id == publication.state_id:
            return False
        record_publication(build, publication)
        try:
            with build.closed_file() as file, unfinished(self.path) as copy:
                copy_synced(file, copy)
                forbid_writing(copy)
                set_modified_at(copy, publication.published_at)
                put_in_place(copy, self.path)
        except OSError as error:
            folder = self.path.parent
            raise StorageError.of(error, folder, FULL) or StorageError(
                f"{self.path} cannot be written ({error.strerror}): see that {folder} is writable and has room for a "
                f"copy of {build.path.name}. What had landed is kept, and the same command takes it up again."
            ) from None
        return True

    @contextlib.contextmanager
    def connect(self) -> Generator[duckdb.DuckDBPyConnection | None]:
        """The file, read-only, as it was published; None where there is none.

        What others left beside it is not replayed. Raises like :func:`~layers_etl.warehouse.databases.connect`.
        """
        if not self.path.exists():
            yield None
            return
        with without_log(self.path) as file, connect(file, read_only=True) as connection:
            yield connection

    @contextlib.contextmanager
    def open(self) -> Generator[Published | None]:
        """The file, read-only, for a moment; None where nothing has been published yet.

        Raises :class:`WarehouseError` for a file that is damaged, foreign, of another version, or held open for
        writing.
        """
        with self.connect() as connection:
            if connection is not None and has_todays_tables(connection, self.path):
                keep_small(connection, marks_of_rows(connection))
                yield Published(self.name, connection)
            else:
                yield None

    def restore(self, build: Path) -> str | None:
        """Make ``build`` of the file, if that is whole, without what others left beside it; what is to be said of it.

        None, and no file, where there is none. Raises :class:`StorageError` where it cannot be copied.
        """
        with self.connect() as connection:
            if connection is None:
                return None
            read_whole(connection, self.path)
            said = load_publication(connection) if self._is_of_today(connection) else None
        try:
            copy_synced(self.path, build)
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be copied in the place of the build file ({error.strerror}): see that "
                f"{build.parent} is writable and has room for a copy of it."
            ) from None
        return self.path.name + (self._describe(said) if said else "")

    def _read_publication(self) -> Publication | None:
        try:
            with self.connect() as connection:
                return load_publication(connection) if connection and self._is_of_today(connection) else None
        except DamagedFileError:
            return None

    def _is_of_today(self, connection: duckdb.DuckDBPyConnection) -> bool:
        return schema_version(connection, self.path) == SCHEMA_VERSION

    def _was_changed_since(self, publication: Publication) -> bool:
        """Whether someone else wrote the file since, with whose instant it is dated, or a log beside it."""
        changed_at = datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        return abs(changed_at - publication.published_at) > COARSEST_TIMES or wal_of(self.path).exists()

    def _describe(self, publication: Publication) -> str:
        changed = ", which someone else has changed since" if self._was_changed_since(publication) else ""
        return f", published {publication.published_at:%Y-%m-%d %H:%M}Z{changed}"
