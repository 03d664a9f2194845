"""How a build file comes to be: begun, or begun again in the place of one that is lost or damaged.

A damaged file costs what was read since the last publication, never the history before it, and no one has to be there
when it is found.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from layers_etl.domain.scopes import Scope
from layers_etl.errors import DamagedFileError, LakeError
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.databases import connect, read_whole
from layers_etl.warehouse.files import LEFT_BEHIND, put_in_place, set_aside, sync, unfinished
from layers_etl.warehouse.lineage import has_more_than, knows
from layers_etl.warehouse.publishing import Publisher
from layers_etl.warehouse.schema import migrate

logger = logging.getLogger(__name__)


def open_build(path: Path, publishers: Sequence[Publisher], scopes: Iterable[Scope]) -> duckdb.DuckDBPyConnection:
    """Open ``path`` to be written, begun anew where it is missing or damaged. Only for whoever holds the lock.

    Where the process that had it last did not close it (a kill, a power cut), all of it is read before it is believed:
    what it lost shows at once, and not once it has been published. Raises :class:`WarehouseError` where it cannot be
    opened, and :class:`DamagedFileError` where there is no whole file to go on from.
    """
    if not path.exists():
        _begin(path, publishers, scopes)
    marker = in_use_marker(path)
    was_left_open = marker.exists()
    marker.touch()
    sync(marker)
    try:
        return _open(path, read_it_whole=was_left_open)
    except DamagedFileError as damage:
        _begin(path, publishers, scopes, damage)
        return connect(path)
    except BaseException:
        if not was_left_open:
            marker.unlink(missing_ok=True)
        raise


def find_ahead(warehouse: Readable, publishers: Iterable[Publisher]) -> Publisher | None:
    """Where another machine has published what ``warehouse`` knows nothing of, if anywhere.

    One that cannot be reached is left for later: nothing is ever published over what it has.
    """
    for publisher in publishers:
        if publisher.is_shared:
            try:
                with publisher.open() as published:
                    if published and published.publication and not knows(warehouse, published.publication):
                        return publisher
            except LakeError as error:
                logger.warning("%s Going on with %s meanwhile.", error, warehouse.name)
    return None


def give_way(path: Path, publisher: Publisher) -> None:
    """Put what was published by another machine in the place of ``path``, a closed build file that it went before.

    Where the file holds anything that was not published it is kept; what it had read of open days is read again.
    """
    with connect(path, read_only=True) as connection, publisher.open() as published:
        is_lost = published is not None and has_more_than(Readable(str(path), connection), published)
    with unfinished(path) as temporary:
        source = publisher.restore(temporary)
        kept = f" It is kept as {set_aside(path, datetime.now(UTC), LEFT_BEHIND).name}." if is_lost else ""
        put_in_place(temporary, path)
    logger.warning("Another machine has published since %s was written: going on from %s.%s", path, source, kept)


def in_use_marker(path: Path) -> Path:
    """The file that is there while a process has the build file open, and after one that was killed."""
    return path.with_name(f"{path.name}.open")


def _begin(
    path: Path, publishers: Sequence[Publisher], scopes: Iterable[Scope], damage: DamagedFileError | None = None
) -> None:
    """In the place of a file that is missing, or of one that has a ``damage`` and is kept aside.

    Nothing is changed before the new one is whole.
    """
    with unfinished(path) as temporary:
        try:
            source = _restore(temporary, publishers)
        except DamagedFileError as also:
            raise _no_file_to_go_on_from(path, damage, also) from None
        if source is None:
            _make_empty(temporary, scopes)
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


def _restore(target: Path, publishers: Sequence[Publisher]) -> str | None:
    """Make ``target`` of what was published last, wherever; of which, for people. None where nothing ever was.

    Of one place alone it is told whether it is damaged; of several, the newest that stands whole is taken.
    """
    if len(publishers) > 1:
        found = [(said.published_at, number) for number, each in enumerate(publishers) if (said := each.published())]
        publishers = [publishers[max(found)[1]]] if found else publishers
    for publisher in publishers:
        if source := publisher.restore(target):
            return source
    return None


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
