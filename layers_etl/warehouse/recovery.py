"""How a build file comes to be: begun, or begun again in the place of one that is lost or damaged.

A damaged file costs what was read since the last publication, never the history before it, and no one has to be there
when it is found.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from layers_etl.domain.scopes import Scope
from layers_etl.errors import DamagedFileError, StorageError
from layers_etl.warehouse.databases import connect, connect_published, read_whole
from layers_etl.warehouse.files import copy_synced, put_in_place, set_aside, sync, unfinished, wal_of
from layers_etl.warehouse.schema import SCHEMA_VERSION, migrate, schema_version

logger = logging.getLogger(__name__)

COARSEST_TIMES: Final = timedelta(seconds=2)
"""To which some file systems round when a file was changed."""


def open_build(path: Path, published: Path | None, scopes: Iterable[Scope]) -> duckdb.DuckDBPyConnection:
    """Open ``path`` to be written, begun anew where it is missing or damaged. Only for whoever holds the lock.

    Where the process that had it last did not close it (a kill, a power cut), all of it is read before it is believed:
    what it lost shows at once, and not once it has been published. Raises :class:`WarehouseError` where it cannot be
    opened, and :class:`DamagedFileError` where there is no whole file to go on from.
    """
    if not path.exists():
        _begin(path, published, scopes)
    marker = in_use_marker(path)
    was_left_open = marker.exists()
    marker.touch()
    sync(marker)
    try:
        return _open(path, read_it_whole=was_left_open)
    except DamagedFileError as damage:
        _begin(path, published, scopes, damage)
        return connect(path)
    except BaseException:
        if not was_left_open:
            marker.unlink(missing_ok=True)
        raise


def in_use_marker(path: Path) -> Path:
    """The file that is there while a process has the build file open, and after one that was killed."""
    return path.with_name(f"{path.name}.open")


def changed_since_publication(published: Path, published_at: datetime) -> bool:
    """Whether someone else wrote the file after its publication, with whose instant it is dated, or a log beside it."""
    changed_at = datetime.fromtimestamp(published.stat().st_mtime, UTC)
    return abs(changed_at - published_at) > COARSEST_TIMES or wal_of(published).exists()


def _begin(path: Path, published: Path | None, scopes: Iterable[Scope], damage: DamagedFileError | None = None) -> None:
    """In the place of a file that is missing, or of one that has a ``damage`` and is kept aside.

    Nothing is changed before the new one is whole.
    """
    with unfinished(path) as temporary:
        if published and published.exists():
            try:
                source = f"{published.name}{_copy_published(published, temporary)}"
            except DamagedFileError as also:
                raise _no_file_to_go_on_from(path, damage, also) from None
        else:
            _make_empty(temporary, scopes)
            source = None
        # Of a file that is gone the log may be left: what it lacked is of no use to the one that takes its place.
        aside = set_aside(path, datetime.now(UTC))
        put_in_place(temporary, path)
    if damage:
        whence = (
            f"Going on from {source}: what was read since is read again"
            if source
            else "Nothing was published yet: everything is read anew"
        )
        logger.warning("%s. It is kept as %s. %s.", damage, aside.name, whence)
    elif source:
        logger.warning("%s is missing: going on from a copy of %s.", path, source)


def _no_file_to_go_on_from(
    path: Path, damage: DamagedFileError | None, of_published: DamagedFileError
) -> DamagedFileError:
    if damage:
        return DamagedFileError(
            f"{damage}; {of_published}. Neither was changed: put back a backup of either, or move both away, and the "
            "next run reads everything anew."
        )
    return DamagedFileError(
        f"{of_published}, and there is no {path.name} to go on from: put back a backup of either, or move it away, and "
        "the next run reads everything anew. Nothing was changed."
    )


def _copy_published(published: Path, copy: Path) -> str:
    """Copy the published file, if it is whole, without what others left beside it; what is to be said of it."""
    with connect_published(published) as connection:
        read_whole(connection, published)
        description = _describe_publication(connection, published)
    try:
        copy_synced(published, copy)
    except OSError as error:
        raise StorageError(
            f"{published} cannot be copied in the place of the build file ({error.strerror}): see that "
            f"{copy.parent} is writable and has room for a copy of it."
        ) from None
    return description


def _describe_publication(connection: duckdb.DuckDBPyConnection, published: Path) -> str:
    if schema_version(connection, published) != SCHEMA_VERSION:
        return ""
    rows = connection.execute("SELECT published_at FROM ops.publication").fetchall()
    if not rows:
        return ""
    (published_at,) = rows[0]
    changed = ", which someone else has changed since" if changed_since_publication(published, published_at) else ""
    return f", published {published_at:%Y-%m-%d %H:%M}Z{changed}"


def _make_empty(path: Path, scopes: Iterable[Scope]) -> None:
    """A file with all tables, closed and synced: a kill on the way leaves none under the name that counts."""
    with connect(path) as connection:
        migrate(connection, path, scopes)
        connection.execute("CHECKPOINT")
    sync(path)


def _open(path: Path, *, read_it_whole: bool) -> duckdb.DuckDBPyConnection:
    connection = connect(path)
    try:
        if read_it_whole:
            read_whole(connection, path)
    except BaseException:
        # What is kept aside is the file as it was found: nothing of its log is written into it.
        with contextlib.suppress(duckdb.Error):
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.close()
        raise
    return connection
