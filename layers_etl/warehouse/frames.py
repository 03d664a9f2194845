"""Polars frames to and from DuckDB.

Where pyarrow can be imported, DuckDB takes frames through it, and imports it for that: a twelfth of a second and 46 MB.
The command line therefore goes without (``layers_etl.__main__``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Final

import duckdb
import polars as pl

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _Stream:
    """A frame as Arrow's stream (the PyCapsule interface), and nothing else that DuckDB would know it by."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def register(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    """Have ``frame`` read as a view of that name until it is unregistered."""
    # As a stream, pyarrow would get texts in a layout that it can't filter.
    connection.register(name, frame if find_spec("pyarrow") else _Stream(frame))


def frame_rows(rows: Sequence[Sequence[Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """A frame of ``rows``, each with the values of ``schema`` in its order; instants are aware.

    Polars makes the same of them, and takes ten times as long over lists and instants, which landing is full of.
    """
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pl.DataFrame(
        [_series(name, values, dtype) for (name, dtype), values in zip(schema.items(), columns, strict=True)]
    )


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    match dtype:
        case pl.Datetime():
            # Most of a batch was read in one of a few seconds.
            numbers = {instant: None if instant is None else (instant - _EPOCH) // _MICROSECOND for instant in values}
            return pl.Series(name, [numbers[instant] for instant in values], pl.Int64()).cast(dtype)
        case pl.List():
            return pl.Series(name, [items or None for items in values], dtype).fill_null(pl.Series([[]], dtype=dtype))
        case _:
            return pl.Series(name, values, dtype)


def fetch_frame(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object] | None = None
) -> pl.DataFrame:
    """The rows of ``query``."""
    return pl.DataFrame(connection.sql(query, params=parameters))
