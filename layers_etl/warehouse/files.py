"""What is done to files, so that each is whole whatever happens: made beside its place, synced, moved there at once.

Some file systems (SMB, bind mounts, NFS) cannot set modes or times, or sync a folder: there each is done as well as it
can be, and what was written stands all the same.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Final

from layers_etl.errors import TAKES_NO_MORE, StorageError, WarehouseError

WAL_SUFFIX: Final = ".wal"
"""DuckDB's own, for what a file lacks until its next checkpoint; one left behind is replayed into the next file."""

UNFINISHED_SUFFIX: Final = ".unfinished"
"""Of a file that is being made beside the place it is for."""

DAMAGED: Final = ".damaged-"
"""Between a damaged file's name and the time at which it was set aside."""

LEFT_BEHIND: Final = ".left-behind-"
"""The same, of a whole file that another machine's numbers went before."""

_LEFTOVERS: Final = (f"*{UNFINISHED_SUFFIX}*", "*.publishing")
"""What a killed run leaves; the second in versions that made nothing but publications beside their place."""

_CANNOT_SYNC: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_READ: Final = 0o444


def ensure_folder(folder: Path) -> None:
    """Create the data folder; :class:`WarehouseError` where it cannot be written, :class:`StorageError` if full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if refused := StorageError.of(error, folder, TAKES_NO_MORE):
            raise refused from None
        raise WarehouseError(
            f"The data folder {folder} cannot be written ({error.strerror}): "
            "give this user write access to it, or set LAYERS_DATA_DIR to another folder."
        ) from None


def sweep(folder: Path) -> None:
    """Remove what killed runs left unfinished. Only for whoever holds the lock."""
    for pattern in _LEFTOVERS:
        for leftover in folder.glob(pattern):
            leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def unfinished(target: Path) -> Generator[Path]:
    """A name beside ``target`` to make it under; what has not been moved away by the end of the block is removed.

    On a full disk half a copy is what the next run would lack.
    """
    temporary = target.with_name(target.name + UNFINISHED_SUFFIX)
    try:
        yield temporary
    finally:
        for path in (temporary, wal_of(temporary)):
            path.unlink(missing_ok=True)


def copy_synced(source: Path, copy: Path) -> None:
    """A copy of ``source``, a closed file, that is on the disk when this returns; its mode is that of a new file."""
    shutil.copyfile(source, copy)
    sync(copy)


def put_in_place(finished: Path, target: Path) -> None:
    """Move a synced file over ``target`` in one step, and see that the folder remembers it."""
    # Left by a client that had the file open for writing and died, it would be replayed into the new one.
    wal_of(target).unlink(missing_ok=True)
    finished.replace(target)
    with contextlib.suppress(OSError):
        sync(target.parent)


def set_aside(path: Path, at: datetime, why: str = DAMAGED) -> Path:
    """Rename a file, and its ``.wal`` with it, to where nothing will touch them; its new name, which says ``why``."""
    stem = f"{path.name}{why}{at:%Y%m%dT%H%M%SZ}"
    aside = path.with_name(stem)
    number = 1
    while aside.exists() or wal_of(aside).exists():
        number += 1
        aside = path.with_name(f"{stem}-{number}")
    # The log first: left behind by a kill, it would be replayed into the file that takes the other's place.
    for found, kept in ((wal_of(path), wal_of(aside)), (path, aside)):
        if found.exists():
            found.rename(kept)
    return aside


def forbid_writing(path: Path) -> None:
    """Leave those who may read it, by the umask, the right to read and nobody that to write."""
    with contextlib.suppress(OSError):
        path.chmod(path.stat().st_mode & _READ)


def set_modified_at(path: Path, instant: datetime) -> None:
    """Date the file."""
    with contextlib.suppress(OSError):
        os.utime(path, (instant.timestamp(), instant.timestamp()))


def sync(path: Path) -> None:
    """Have a file or folder on the disk, as far as its file system can tell."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def without_log(path: Path) -> Generator[Path]:
    """A path by which DuckDB reads the file alone.

    A client that wrote into a published file leaves a ``.wal`` beside it, which would be replayed for every reader, by
    any link too: until the next run takes it away, a copy is what has none beside it.
    """
    if not wal_of(path).exists():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copyfile(path, Path(folder) / path.name))


def wal_of(path: Path) -> Path:
    """Where DuckDB keeps what ``path`` lacks until its next checkpoint."""
    return path.with_name(path.name + WAL_SUFFIX)
