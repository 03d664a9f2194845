"""Polars frames to and from DuckDB.

Where pyarrow can be imported, DuckDB takes frames through it, and imports it for that: a twelfth of a second and 46 MB.
The command line therefore goes without (``layers_etl.__main__``).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import duckdb
import polars as pl


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


def fetch_frame(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object] | None = None
) -> pl.DataFrame:
    """The rows of ``query``."""
    return pl.DataFrame(connection.sql(query, params=parameters))
