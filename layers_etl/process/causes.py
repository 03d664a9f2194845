"""What is beneath an exception: the one error a person can act on, however deep other libraries wrapped it."""

from __future__ import annotations

import os
import re
from asyncio import CancelledError
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from layers_etl.errors import ConfigurationError, LayersEtlError, StorageError

_DATABASES: Final = {"duckdb", "_duckdb", "sqlite3"}
_OF_DATA: Final = {"ConversionException", "ConstraintException", "InvalidInputException", "IntegrityError", "DataError"}
"""Errors whose text repeats values, which may say anything."""

_PATH: Final = re.compile(r'"(/[^"\n]+)"')


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those it came from or consists of, outermost first; each once, since contexts may form a circle."""
    unseen = [error]
    seen: set[int] = set()
    while unseen:
        found = unseen.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        unseen.append(found.__cause__ or found.__context__)
        if isinstance(found, BaseExceptionGroup):
            unseen += reversed(found.exceptions)


def describe_root(error: BaseException, *wrappings: type[BaseException]) -> str:
    """The first error beneath that is neither a group nor one of ``wrappings``: its kind, and its reason's first line.

    For what was not foreseen: all that can be said of it without a traceback.
    """
    wraps = (BaseExceptionGroup, *wrappings)
    root = next((found for found in causes_of(error) if not isinstance(found, wraps)), error)
    reason = (str(root).splitlines() or ["no reason given"])[0]
    return f"{type(root).__name__} ({reason})"


def is_interruption(error: BaseException) -> bool:
    """Whether somebody asked for the end: DuckDB and others wrap that into errors of their own."""
    told_to_end = (found for found in causes_of(error) if not isinstance(found, Exception))
    return any(
        not isinstance(found, CancelledError | GeneratorExit | SystemExit | BaseExceptionGroup) for found in told_to_end
    )


def explain(
    error: BaseException, data_dir: Path | None = None, dagster_home: Path | None = None
) -> LayersEtlError | None:
    """The error that a person can act on; None where nothing in it was foreseen. The folders are for its sentence.

    A disk that took no more outranks what was made of it as wrong configuration.
    """
    own = next((found for found in causes_of(error) if isinstance(found, LayersEtlError)), None)
    if own is None or isinstance(own, ConfigurationError):
        return next(filter(None, (_refused_write(found, data_dir, dagster_home) for found in causes_of(error))), own)
    return own


def _refused_write(error: BaseException, data_dir: Path | None, dagster_home: Path | None) -> StorageError | None:
    """What the machine did not take, of the system's errors and of those of databases; None for any other."""
    module = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError):
        path = error.filename
    elif isinstance(error, Exception) and module in _DATABASES and type(error).__name__ not in _OF_DATA:
        named = _PATH.search(str(error))
        path = named[1] if named else None
    else:
        return None
    if isinstance(path, str | bytes):
        folder = Path(os.fsdecode(path)).parent
    else:
        folder = (dagster_home if module == "sqlite3" else None) or data_dir or "the data folder"
    return StorageError.of(error, folder)
