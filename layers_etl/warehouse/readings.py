"""Answers in: the upsert that keeps every superseded value, and the ledger with it."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import polars as pl

from layers_etl.domain.ledger import record_reading
from layers_etl.domain.mismatches import find_mismatches
from layers_etl.domain.readings import EntityKey, Reading, frame_readings
from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import REPORT_IT, LayersEtlError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.frames import frame_rows, register
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
        "ad_account_id": pl.String(),
        "platform": pl.String(),
        "currency": pl.String(),
        "settle_hours": pl.Int32(),
        "request_id": pl.String(),
        "served": pl.Boolean(),
        "has_conversion_value": pl.Boolean(),
        "has_reach": pl.Boolean(),
        "has_frequency": pl.Boolean(),
        "unread_days": pl.List(pl.Date()),
        "accepts_vanishing": pl.Boolean(),
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
        "held": pl.Boolean(),
    }
)

_SETTLED_SCHEMA = pl.Schema(
    {"project_id": pl.String(), "entity_id": pl.String(), "since": pl.Date(), "until": pl.Date()}
)

_DOUBT_SCHEMA = pl.Schema(
    {
        "project_id": pl.String(),
        "entity_id": pl.String(),
        "day": pl.Date(),
        "field": pl.String(),
        "reason": pl.String(),
    }
)

Ledger = Mapping[EntityKey, Sequence[Coverage]]


@dataclass(frozen=True, slots=True)
class Landing:
    """One reading with what the write needs beside it. ``reading.read_at`` is the instant it counts as read.

    ``currency`` and ``ad_account_id`` are those of the entity now: days that it spent in another account keep theirs.
    ``vouched_at`` is up to when readings of its source count (None: as late as they were made). What is not
    ``accepts_vanishing`` leaves activity that it no longer holds where it stands, in doubt.
    """

    reading: Reading
    currency: str | None
    settle_hours: int
    vouched_at: datetime | None = None
    accepts_vanishing: bool = True
    ad_account_id: str | None = None


def upsert_readings(
    warehouse: Warehouse, scope: Scope, landings: Sequence[Landing], ledger: Ledger, run_id: str
) -> dict[EntityKey, tuple[Coverage, ...]]:
    """Land whole answers of one scope in one transaction; the new coverage of every entity among them.

    ``ledger`` is the coverage before. A complete answer replaces its window; what it changes or no longer holds goes
    into history (rules 2 and 3); days that cannot be taken as they came are noted in ``ops.doubtful_days``. Raises
    :class:`LayersEtlError`, and writes nothing, if the batch holds a key twice.
    """
    with warehouse.change() as connection, registered(connection, scope, landings) as buckets:
        run_script(connection, scope_sql("find_doubtful_days", scope))
        recorded = _record(landings, ledger, _load_doubts(connection))
        settled = {landing.reading.key: landing.settle_hours for landing in landings}
        register(connection, "incoming_settled", _settled_windows(recorded, settled))
        register(connection, "incoming_doubts", _doubts(landings))
        run_script(connection, scope_sql("upsert_readings", scope), run_id=run_id)
        run_script(connection, load_sql("note_doubtful_days"), scope=scope.name)
        replace_coverage(connection, recorded)
        connection.unregister("incoming_settled")
        connection.unregister("incoming_doubts")
        register(connection, "incoming_mismatches", find_mismatches(buckets))
        run_script(connection, load_sql("note_mismatches"), scope=scope.name)
        connection.unregister("incoming_mismatches")
    return recorded


def _load_doubts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], set[date]]:
    doubts: dict[tuple[str, str], set[date]] = defaultdict(set)
    for project_id, entity_id, day in connection.execute("SELECT project_id, entity_id, day FROM doubts").fetchall():
        doubts[project_id, entity_id].add(day)
    return doubts


def _record(
    landings: Sequence[Landing], ledger: Ledger, doubts: Mapping[tuple[str, str], set[date]]
) -> dict[EntityKey, tuple[Coverage, ...]]:
    recorded: dict[EntityKey, tuple[Coverage, ...]] = {}
    for landing in landings:
        reading, key = landing.reading, landing.reading.key
        recorded[key] = record_reading(
            recorded.get(key, tuple(ledger[key])),
            reading.window,
            reading.read_at,
            landing.settle_hours,
            vouched_at=landing.vouched_at,
            not_read=reading.unread_days,
            doubtful=[day for day in doubts.get((key.project_id, key.entity_id), ()) if day in reading.window],
        )
    return recorded


def replace_coverage(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Within a transaction: the whole ledger of the entities of ``ledger``."""
    register(connection, "incoming_coverage", _coverage(ledger))
    run_script(connection, load_sql("replace_coverage"))
    connection.unregister("incoming_coverage")


@contextlib.contextmanager
def registered(
    connection: duckdb.DuckDBPyConnection, scope: Scope, landings: Sequence[Landing]
) -> Generator[pl.DataFrame]:
    """``landings`` as the views ``incoming_windows`` and ``incoming_buckets`` that the upserts read; their buckets.

    Raises :class:`LayersEtlError` if they hold a key twice.
    """
    buckets = frame_readings([landing.reading for landing in landings])
    register(connection, "incoming_windows", _windows(landings))
    register(connection, "incoming_buckets", buckets.rename({"reading": "window_id"}))
    try:
        duplicate = connection.execute(load_sql("duplicate_buckets")).fetchall()
        if duplicate:
            raise LayersEtlError(
                f"Two answers of one batch hold the same day of {scope.name} {duplicate[0]}, which is a bug: "
                f"{REPORT_IT}."
            )
        yield buckets
    finally:
        connection.unregister("incoming_windows")
        connection.unregister("incoming_buckets")


def _windows(landings: Sequence[Landing]) -> pl.DataFrame:
    return frame_rows(
        [
            (
                window_id,
                landing.reading.key.project_id,
                landing.reading.key.entity_id,
                landing.reading.window.since,
                landing.reading.window.until,
                landing.reading.read_at,
                landing.ad_account_id,
                landing.reading.key.platform or landing.reading.platform,
                landing.currency,
                landing.settle_hours,
                landing.reading.request_id,
                landing.reading.served,
                *(not landing.reading or name in landing.reading.columns for name in ("roas", "reach", "frequency")),
                sorted(landing.reading.unread_days),
                landing.accepts_vanishing,
            )
            for window_id, landing in enumerate(landings)
        ],
        _WINDOW_SCHEMA,
    )


def _coverage(ledger: Ledger) -> pl.DataFrame:
    return frame_rows(
        [
            (
                key.scope.name,
                key.project_id,
                key.entity_id,
                interval.window.since,
                interval.window.until,
                interval.read_at,
                interval.lag_hours,
                interval.held or None,
            )
            for key, intervals in ledger.items()
            for interval in intervals
        ],
        _COVERAGE_SCHEMA,
    )


def _settled_windows(ledger: Ledger, settle_hours: Mapping[EntityKey, int]) -> pl.DataFrame:
    return frame_rows(
        [
            (key.project_id, key.entity_id, window.since, window.until)
            for key, intervals in ledger.items()
            for interval in intervals
            if (window := interval.settled_window(settle_hours[key]))
        ],
        _SETTLED_SCHEMA,
    )


def _doubts(landings: Iterable[Landing]) -> pl.DataFrame:
    return frame_rows(
        [
            (landing.reading.key.project_id, landing.reading.key.entity_id, doubt.day, doubt.field, doubt.reason)
            for landing in landings
            for doubt in landing.reading.doubts
        ],
        _DOUBT_SCHEMA,
    )
