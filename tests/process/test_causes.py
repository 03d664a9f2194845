"""From whatever other libraries made of it to the one error a person can act on."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from layers_etl.errors import (
    ConfigurationError,
    ExitCode,
    LayersEtlError,
    RefusedError,
    RequestContext,
    StorageError,
    WarehouseError,
)
from layers_etl.process.causes import causes_of, describe_root, explain, is_interruption

DATA = Path("/srv/data")
HOME = Path("/srv/dagster")


def caught(raise_it: Callable[[], object]) -> BaseException:
    """What it raises."""
    try:
        raise_it()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it raised nothing")


def os_error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


WRAPPED: dict[str, Callable[[BaseException], BaseException]] = {
    "itself": lambda error: error,
    "a cause": lambda error: caught(lambda: _raise_from(error)),
    "a context": lambda error: caught(lambda: _raise_after(error)),
    "suppressed": lambda error: caught(lambda: _raise_from_none(error)),
    "a group": lambda error: BaseExceptionGroup("unhandled", [ValueError("other"), error]),
    "a group in a group": lambda error: BaseExceptionGroup("a", [BaseExceptionGroup("b", [error])]),
}


def _raise_from(error: BaseException) -> None:
    raise RuntimeError("wrapped") from error


def _raise_after(error: BaseException) -> None:
    try:
        raise error  # noqa: TRY301 - it is this that is tried
    except BaseException:  # noqa: BLE001 - whatever it is
        raise RuntimeError("while handling")  # noqa: B904 - as some do


def _raise_from_none(error: BaseException) -> None:
    try:
        raise error  # noqa: TRY301 - it is this that is tried
    except BaseException:  # noqa: BLE001 - whatever it is
        raise RuntimeError("instead") from None


FULL = {
    "the system's own": os_error(errno.ENOSPC),
    "DuckDB at a commit": duckdb.TransactionException(
        'TransactionContext Error: Failed to commit: Could not write file "/srv/data/b.duckdb.wal": '
        "No space left on device"
    ),
    "DuckDB offloading": duckdb.OutOfMemoryException("Out of Memory Error: failed to offload data block of size 256"),
    "DuckDB given up": duckdb.FatalException(
        "FATAL Error: Failed: database has been invalidated because of a previous fatal error.\n"
        'Original error: "Could not write file "/srv/data/b.duckdb": No space left on device"'
    ),
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_is_found_however_deep_it_is_and_whoever_says_it(what: str, wrapped: str) -> None:
    found = explain(WRAPPED[wrapped](FULL[what]), DATA, HOME)
    assert isinstance(found, StorageError)
    assert found.exit_code is ExitCode.INCOMPLETE
    assert str(found).startswith("The disk of /srv/data is full (")
    assert "make room there. What had landed is kept" in str(found)


def test_a_full_disk_of_dagsters_storage_names_its_folder() -> None:
    found = explain(sqlite3.OperationalError("database or disk is full"), DATA, HOME)
    assert str(found).startswith("The disk of /srv/dagster is full")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS])
def test_what_the_machine_does_not_take_is_told_each_in_its_words_with_the_folder(number: int) -> None:
    found = explain(os_error(number, "/mnt/other/file"), DATA, HOME)
    assert isinstance(found, StorageError)
    assert "/mnt/other" in str(found) and os.strerror(number) in str(found)
    words = {str(explain(os_error(other), DATA)).split("(")[0] for other in (errno.ENOSPC, errno.EDQUOT, errno.EIO)}
    assert len(words) == 3


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no space left on device"),
        duckdb.ConversionException("Could not convert string 'no space left on device' to INT32"),
        os_error(errno.ENOENT),
        RefusedError("no space left on device", RequestContext("asking"), "UNAUTHENTICATED"),
    ],
)
def test_words_that_data_or_an_api_may_say_are_no_full_disk(error: Exception) -> None:
    found = explain(error, DATA)
    assert not isinstance(found, StorageError)
    assert found is (error if isinstance(error, LayersEtlError) else None)


def test_a_full_disk_outranks_what_was_made_of_it_as_wrong_configuration() -> None:
    error = WarehouseError("cannot be written: give this user write access")
    error.__context__ = os_error(errno.ENOSPC)
    assert isinstance(explain(error, DATA), StorageError)
    assert explain(ConfigurationError("no"), DATA) is not None
    assert not isinstance(explain(ConfigurationError("no"), DATA), StorageError)


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_an_interruption_is_found_however_deep_it_is(wrapped: str) -> None:
    assert is_interruption(WRAPPED[wrapped](KeyboardInterrupt()))
    assert not is_interruption(WRAPPED[wrapped](ValueError()))


def test_time_outs_are_no_interruption() -> None:
    error = TimeoutError()
    error.__cause__ = asyncio.CancelledError()
    assert not is_interruption(error)


def test_contexts_in_a_circle_end() -> None:
    one, two = ValueError(1), ValueError(2)
    one.__context__, two.__context__ = two, one
    assert list(causes_of(one)) == [one, two]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("first line\nsecond line"), "ValueError (first line)"),
        (ValueError(), "ValueError (no reason given)"),
        (WRAPPED["a group in a group"](KeyError("inner")), "KeyError ('inner')"),
    ],
)
def test_what_nobody_foresaw_is_told_by_kind_and_first_line(error: BaseException, said: str) -> None:
    assert describe_root(error) == said


def test_what_others_wrap_around_an_error_is_passed_over_unless_nothing_is_beneath() -> None:
    wrapped = caught(lambda: _raise_from(ValueError("beneath")))
    assert describe_root(wrapped, RuntimeError) == "ValueError (beneath)"
    assert describe_root(RuntimeError("alone"), RuntimeError) == "RuntimeError (alone)"
