"""Opening a lake: DuckDB attaches it, beside the build file or alone."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Generator, Iterator
from typing import Final

import duckdb

from layers_etl.domain.lake import Lake
from layers_etl.errors import FULL, ConfigurationError, LakeError, StorageError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.extensions import find_extension
from layers_etl.warehouse.lock import hold_lock
from layers_etl.warehouse.tables import quote

NAME: Final = "lake"
"""Under which it is attached."""

_ABSENT: Final = "creating a new DuckLake is explicitly disabled"
_REASON: Final = 400
"""Characters of what DuckDB, Postgres or the object store say: enough to tell what is wrong."""

_TAKEN: Final = "could not set lock"


@contextlib.contextmanager
def open_lake(lake: Lake) -> Generator[duckdb.DuckDBPyConnection | None]:
    """The lake by itself, read-only, in UTC, its tables known by ``schema.table``; None where nobody has made it.

    Raises :class:`LakeError` where it cannot be reached, :class:`ConfigurationError` where a package is missing.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        with explaining(lake, "read"):
            is_there = attach(connection, lake, read_only=True)
            if is_there:
                connection.execute(f"USE {NAME}")
        yield connection if is_there else None


@contextlib.contextmanager
def hold_publication(lake: Lake) -> Generator[Callable[[], None]]:
    """Keep every other process from publishing to ``lake``; what is given raises :class:`LakeError` once that is lost.

    DuckLake alone does not keep two of them apart: of two transactions that each find nothing to replace and write the
    same key, both commit.
    """
    _require_packages(lake)
    if lake.catalog.file:
        lake.catalog.file.parent.mkdir(parents=True, exist_ok=True)
        with hold_lock(lake.catalog.file):
            yield lambda: None
    else:
        from layers_etl.warehouse.lake.server import hold_advisory_lock

        with hold_advisory_lock(lake) as ensure_held:
            yield ensure_held


@contextlib.contextmanager
def attached(build: Warehouse, lake: Lake) -> Generator[duckdb.DuckDBPyConnection]:
    """A connection that has the lake beside the build file, to be written; the lake is made where nobody has."""
    attach(build.connection, lake, read_only=False)
    try:
        # A connection beside the build file's own: what becomes of it on the way is nothing to that.
        with build.connection.cursor() as connection, rolling_back(connection):
            yield connection
    finally:
        build.connection.execute(f"DETACH {NAME}")


@contextlib.contextmanager
def rolling_back(connection: duckdb.DuckDBPyConnection) -> Generator[None]:
    """End the transaction that an error leaves open.

    Said aloud, whatever comes of it: a connection that is closed within a transaction whose server is gone takes the
    whole process with it (DuckDB 1.5.5: an exception in a destructor).
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def attach(connection: duckdb.DuckDBPyConnection, lake: Lake, *, read_only: bool) -> bool:
    """Attach it as :data:`NAME`; False where it is not there to be read. Raises DuckDB's own errors."""
    if read_only and lake.catalog.file and not lake.catalog.file.exists():
        return False
    _require_packages(lake)
    for name in _extensions(lake):
        connection.execute(f"LOAD {quote(str(find_extension(name)))}")
    if lake.is_in_bucket:
        connection.execute(_secret(lake))
    try:
        connection.execute(_attach_statement(lake, _patient_server(lake), read_only=read_only))
    except duckdb.Error as error:
        if read_only and _ABSENT in str(error):
            return False
        raise
    return True


def attaching(lake: Lake) -> tuple[str, ...]:
    """The statements by which a DuckDB that has nothing of ours opens the lake, read-only."""
    return (
        *(f"INSTALL {name}" for name in _extensions(lake)),
        *((_secret(lake),) if lake.is_in_bucket else ()),
        _attach_statement(lake, lake.catalog.server, read_only=True),
        f"USE {NAME}",
    )


def catalog_of(lake: Lake) -> str:
    """Where DuckLake's own tables can be queried while it is attached."""
    return f"__ducklake_metadata_{NAME}" + (f".{lake.catalog.schema}" if lake.catalog.schema else "")


@contextlib.contextmanager
def explaining(lake: Lake, done: str) -> Generator[None]:
    """DuckDB's errors as one sentence: that ``lake`` cannot be ``done`` (read, published to), why, and what to do."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise _explained(error, lake, done) from None


def _explained(error: Exception, lake: Lake, done: str) -> LakeError | StorageError:
    said = str(error).strip() or type(error).__name__
    reason = " ".join(said.split())[:_REASON]
    if not lake.is_in_bucket and (full := StorageError.of(error, lake.data, FULL)):
        return full
    if _TAKEN in said.lower():
        return LakeError(
            f"The lake {lake.name} cannot be {done} while another process has its catalog open, which is a file: close "
            "it there and try again. A catalog in Postgres has room for all."
        )
    return LakeError(
        f"The lake {lake.name} cannot be {done} ({reason}): see that its catalog and {lake.data} can be reached with "
        "what PGPASSWORD or ~/.pgpass and the AWS variables or ~/.aws say, and try again."
    )


def _require_packages(lake: Lake) -> None:
    """``ConfigurationError`` where the extra is not installed: the lake is for those who asked for it."""
    missing = [f"duckdb-extension-{name.replace('_', '-')}" for name in _extensions(lake) if not find_extension(name)]
    if lake.catalog.server is not None and not importlib.util.find_spec("psycopg"):
        missing.append("psycopg")
    if missing:
        raise ConfigurationError(
            f"LAYERS_WAREHOUSE takes packages that are not installed for DuckDB {duckdb.__version__} "
            f"({', '.join(missing)}): pip install 'layers-etl[lake]'."
        )


def _extensions(lake: Lake) -> Iterator[str]:
    yield "ducklake"
    if lake.catalog.server is not None:
        yield "postgres_scanner"
    if lake.is_in_bucket:
        yield "httpfs"
        yield "aws"


def _attach_statement(lake: Lake, server: str | None, *, read_only: bool) -> str:
    address = f"ducklake:{lake.catalog.file}" if lake.catalog.file else f"ducklake:postgres:{server}"
    return f"ATTACH {quote(address)} AS {NAME} ({', '.join(_options(lake, read_only=read_only))})"


def _patient_server(lake: Lake) -> str | None:
    if lake.catalog.file:
        return None
    from layers_etl.warehouse.lake.server import connection_string

    return connection_string(lake)


def _options(lake: Lake, *, read_only: bool) -> Iterator[str]:
    if lake.catalog.schema:
        yield f"METADATA_SCHEMA {quote(lake.catalog.schema)}"
    if read_only:
        yield "READ_ONLY"
        yield "CREATE_IF_NOT_EXISTS false"
    else:
        yield f"DATA_PATH {quote(lake.data + '/')}"
        yield "DATA_INLINING_ROW_LIMIT 0"


def _secret(lake: Lake) -> str:
    """Whatever AWS' own programs would use; the endpoint, which DuckDB does not take from there, by ours."""
    options = ["TYPE s3", "PROVIDER credential_chain", f"SCOPE {quote(lake.data)}"]
    if lake.endpoint:
        scheme, _, host = lake.endpoint.rpartition("://")
        options += [f"ENDPOINT {quote(host)}", "URL_STYLE 'path'", f"USE_SSL {scheme != 'http'}"]
    return f"CREATE OR REPLACE TEMPORARY SECRET {NAME} ({', '.join(options)})"
