"""Answers in: the upsert that keeps every superseded value, and the ledger with it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from layers_etl.domain.mismatches import find_mismatches
from layers_etl.domain.readings import EntityKey, Reading, frame_readings
from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import LayersEtlError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql

_INSTANT = pl.Datetime("us", "UTC")

_WINDOW_SCHEMA = pl.Schema(
    {
        "window_id": pl.Int64(),
        "project_id": pl.String(),
        "entity_id": pl.String(),
        "since": pl.Date(),
        "until": pl.Date(),
        "read_at": _INSTANT,
        "platform": pl.String(),
        "currency": pl.String(),
        "settle_hours": pl.Int32(),
        "request_id": pl.String(),
        "served": pl.Boolean(),
    }
)

_COVERAGE_SCHEMA = pl.Schema(
    {
        "scope": pl.String(),
        "project_id": pl.String(),
        "entity_id": pl.String(),
        "since": pl.Date(),
        "until": pl.Date(),
        "read_at": _INSTANT,
        "lag_hours": pl.Int32(),
    }
)


@dataclass(frozen=True, slots=True)
class Landing:
    """One reading with what the write needs beside it. ``reading.read_at`` is the instant it counts as read."""

    reading: Reading
    currency: str | None
    settle_hours: int


def upsert_readings(
    warehouse: Warehouse,
    scope: Scope,
    landings: Sequence[Landing],
    ledger: Mapping[EntityKey, Sequence[Coverage]],
    run_id: str,
) -> None:
    """Land whole answers of one scope in one transaction; ``ledger`` is the new coverage of every entity among them.

    A complete answer replaces its window; what it changes or no longer holds goes into history (rules 2 and 3).
    Raises :class:`LayersEtlError`, and writes nothing, if the batch holds a key twice.
    """
    with warehouse.change() as connection, registered(connection, scope, landings) as buckets:
        run_script(connection, scope_sql("upsert_readings", scope), run_id=run_id)
        connection.register("incoming_coverage", _coverage(ledger))
        run_script(connection, load_sql("replace_coverage"))
        connection.unregister("incoming_coverage")
        mismatches = find_mismatches(buckets)
        if mismatches.height:
            connection.register("incoming_mismatches", mismatches)
            connection.execute(load_sql("note_mismatches"), {"scope": scope.name})
            connection.unregister("incoming_mismatches")


@contextlib.contextmanager
def registered(
    connection: duckdb.DuckDBPyConnection, scope: Scope, landings: Sequence[Landing]
) -> Generator[pl.DataFrame]:
    """``landings`` as the views ``incoming_windows`` and ``incoming_buckets`` that the upserts read; their buckets.

    Raises :class:`LayersEtlError` if they hold a key twice.
    """
    buckets = frame_readings([landing.reading for landing in landings])
    connection.register("incoming_windows", _windows(landings))
    connection.register("incoming_buckets", buckets.rename({"reading": "window_id"}))
    try:
        duplicate = connection.execute(load_sql("duplicate_buckets")).fetchall()
        if duplicate:
            raise LayersEtlError(f"Two answers of one batch hold the same day of {scope.name} {duplicate[0]}: a bug.")
        yield buckets
    finally:
        connection.unregister("incoming_windows")
        connection.unregister("incoming_buckets")


def _windows(landings: Sequence[Landing]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (
                window_id,
                landing.reading.key.project_id,
                landing.reading.key.entity_id,
                landing.reading.window.since,
                landing.reading.window.until,
                landing.reading.read_at,
                landing.reading.key.platform or landing.reading.platform,
                landing.currency,
                landing.settle_hours,
                landing.reading.request_id,
                landing.reading.served,
            )
            for window_id, landing in enumerate(landings)
        ],
        schema=_WINDOW_SCHEMA,
        orient="row",
    )


def _coverage(ledger: Mapping[EntityKey, Sequence[Coverage]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (
                key.scope.name,
                key.project_id,
                key.entity_id,
                interval.window.since,
                interval.window.until,
                interval.read_at,
                interval.lag_hours,
            )
            for key, intervals in ledger.items()
            for interval in intervals
        ],
        schema=_COVERAGE_SCHEMA,
        orient="row",
    )
