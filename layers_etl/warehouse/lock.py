"""One process at a time has the build file: by a lock of the operating system, which no kill leaves behind."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from layers_etl.errors import WarehouseError

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_WAIT_NOTICES: Final = 30.0

MOMENT: Final = 1.0
"""Seconds for which whoever only looks may have the lock: no reason to tell anyone of waiting."""


@contextlib.contextmanager
def hold_lock(path: Path) -> Generator[None]:
    """Keep every other process from writing ``path``; wait, and say so, while another run has it.

    Within another such block of the same thread it is held already. Raises :class:`WarehouseError` where the file
    system has no locks, or this user may not take this one.
    """
    lock = _lock_of(path)
    waited = False
    while True:
        with _explaining(path):
            try:
                lock.acquire(timeout=SECONDS_BETWEEN_WAIT_NOTICES if waited else MOMENT)
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


@contextlib.contextmanager
def lock_if_free(path: Path) -> Generator[bool]:
    """Whether nobody has ``path``, and no one gets it within the block. False where this user may not tell.

    Creates nothing: where no run has ever made the lock, there is none to wait for.
    """
    lock = _lock_of(path)
    if not Path(lock.lock_file).exists():
        yield True
        return
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock_of(path: Path) -> FileLock:
    # One for all who ask within a process, so that what a command holds the run within it holds too. A file system
    # without locks must say so: one made of a file that is there would outlive a kill.
    lock_file = path.absolute().with_name(f"{path.name}.lock")
    return FileLock(lock_file, is_singleton=True, fallback_to_soft=False)


@contextlib.contextmanager
def _explaining(path: Path) -> Generator[None]:
    try:
        yield
    except PermissionError as error:
        raise WarehouseError(
            f"{path}.lock cannot be opened ({error.strerror}): it belongs to another user. Run as that user, or give "
            f"this one write access to {path.parent} and what is in it."
        ) from None
    except OSError as error:
        raise WarehouseError(
            f"{path.parent} cannot lock files ({error.strerror}), which keeps two runs from writing at once: put the "
            "data folder on a local disk (LAYERS_DATA_DIR)."
        ) from None
