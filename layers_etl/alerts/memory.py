"""What people were told already: a file in the data folder, so that it is known even where no warehouse can be opened.

Not in the warehouse: the run that is to be told of may be one that could not open it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock

from layers_etl.domain.alerts import Memory
from layers_etl.warehouse.files import put_in_place, sync, unfinished

logger = logging.getLogger(__name__)

FILE_NAME: Final = "alerts.json"
LONGEST_WAIT: Final = 60.0
"""Seconds for another process that tells at this moment: a few times as long as it may take."""


@contextlib.contextmanager
def sole_teller(data_dir: Path) -> Generator[None]:
    """Keep other processes from telling the same; ``OSError`` where it can't be locked, or another takes too long."""
    with FileLock(data_dir.absolute() / f"{FILE_NAME}.lock", timeout=LONGEST_WAIT, fallback_to_soft=False):
        yield


def load_memory(data_dir: Path) -> Memory:
    """What was told; nothing where there is no file, or none that can be understood."""
    try:
        return msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (OSError, msgspec.MsgspecError):
        logger.warning("%s cannot be read: what was told already may be told again.", data_dir / FILE_NAME)
        return Memory()


def keep_memory(data_dir: Path, memory: Memory) -> None:
    """Remember what was told, whole or not at all; where it cannot be kept, it is told again, which is said."""
    path = data_dir / FILE_NAME
    try:
        with unfinished(path) as temporary:
            temporary.write_bytes(msgspec.json.encode(memory))
            sync(temporary)
            put_in_place(temporary, path)
    except OSError as error:
        logger.warning(
            "%s cannot be written (%s): what was told now may be told again.", path, error.strerror or "no reason given"
        )
