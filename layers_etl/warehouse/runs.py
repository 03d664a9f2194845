"""The record of runs: what each was asked for, what it could not read, what it sent."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from itertools import accumulate
from operator import attrgetter
from typing import Final

import duckdb
import polars as pl

from layers_etl.domain.readings import RequestRecord
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.sql import load_sql, run_script
from layers_etl.warehouse.tables import MOST_ODD_FIELDS

RESUME_WITHIN: Final = timedelta(hours=12)
"""An interrupted run is taken up again, and a failed one by its retry, within half a day; later, they read afresh."""

MOST_BODY_BYTES: Final = 4 * 1024 * 1024
"""Of the untrusted answers of one run: where thousands can't be believed, dozens show why."""


class RunStatus(enum.StrEnum):
    """How a run stands, as in ``ops.runs.status``."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run as it begins. ``request`` says in words what was asked; equal words are the same request."""

    run_id: str
    kind: str
    request: str
    instant: datetime
    fresh_since: datetime
    continues: str | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """An entity, listing or window that could not be read: a row of ``ops.failures``."""

    failed_at: datetime
    scope: str | None
    project_id: str | None
    entity_id: str | None
    since: date | None
    until: date | None
    code: str
    status: int | None
    request_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class UntrustedAnswer:
    """An answer put aside whole: a row of ``ops.untrusted_answers``."""

    received_at: datetime
    scope: str | None
    project_id: str | None
    entity_id: str | None
    since: date | None
    until: date | None
    request_id: str | None
    reason: str
    body: str | None


@dataclass(frozen=True, slots=True)
class ListedOddly:
    """A field of a listed item that was put aside or repaired: a row of ``ops.odd_fields``."""

    noted_at: datetime
    scope: str
    project_id: str | None
    entity_id: str | None
    field: str
    problem: str
    value: str


def close_interrupted_runs(warehouse: Warehouse) -> list[str]:
    """Mark runs that were killed while writing, and return their ids.

    Whoever holds the warehouse is the only writer: a run still marked running is dead.
    """
    with warehouse.transaction() as connection:
        rows = connection.execute(
            "UPDATE ops.runs SET status = ? WHERE status = ? RETURNING run_id",
            [RunStatus.INTERRUPTED, RunStatus.RUNNING],
        ).fetchall()
    return [run_id for (run_id,) in rows]


@dataclass(frozen=True, slots=True)
class ContinuedRun:
    """The run that this one continues: an interrupted one of the same request, or one it is told to retry."""

    run_id: str
    fresh_since: datetime


def find_continued_run(
    warehouse: Readable, request: str, instant: datetime, retry_of: str | None
) -> ContinuedRun | None:
    """The run to continue, of half a day at most: ``retry_of`` unless it succeeded, else the last of the same
    ``request`` if it was interrupted."""
    rows = warehouse.connection.execute(
        load_sql("find_continued_run"),
        {
            "retry_of": retry_of,
            "request": request,
            "succeeded": RunStatus.SUCCEEDED,
            "interrupted": RunStatus.INTERRUPTED,
            "earliest": instant - RESUME_WITHIN,
            "latest": instant + RESUME_WITHIN,
        },
    ).fetchall()
    return ContinuedRun(*rows[0]) if rows else None


def record_start(warehouse: Warehouse, start: RunStart) -> None:
    """Write the run down before it does anything, so that a kill is noticed."""
    with warehouse.transaction() as connection:
        connection.execute(
            load_sql("record_start"),
            {
                "run_id": start.run_id,
                "kind": start.kind,
                "request": start.request,
                "instant": start.instant,
                "fresh_since": start.fresh_since,
                "continues": start.continues,
                "started_at": start.started_at,
                "status": RunStatus.RUNNING,
            },
        )


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest row of ``ops.runs``."""

    run_id: str
    kind: str
    request: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    windows_read: int
    entities_failed: int
    message: str | None


def load_last_run(warehouse: Readable) -> LastRun | None:
    """The run that started last; None where there was none."""
    columns = ", ".join(LastRun.__dataclass_fields__)
    rows = warehouse.connection.execute(f"SELECT {columns} FROM ops.runs ORDER BY started_at DESC LIMIT 1").fetchall()
    return LastRun(*rows[0]) if rows else None


def count_runs(warehouse: Readable) -> int:
    """How many there were, this one too: what is held or looked at in turns has its next turn by this."""
    return warehouse.connection.execute("SELECT count(*) FROM ops.runs").fetchall()[0][0]


def load_failures(warehouse: Readable, run_id: str) -> list[Failure]:
    """What a run could not read, in the order it was given up."""
    columns = ", ".join(Failure.__dataclass_fields__)
    rows = warehouse.connection.execute(
        f"SELECT {columns} FROM ops.failures WHERE run_id = ? ORDER BY failed_at", [run_id]
    ).fetchall()
    return [Failure(*row) for row in rows]


def record_horizon(warehouse: Warehouse, first_day: date, last_day: date) -> None:
    """From which day to which the warehouse is meant to know every entity; no run takes days back."""
    with warehouse.transaction() as connection:
        stored = connection.execute("SELECT max(last_day) FROM ops.horizon").fetchall()[0][0]
        connection.execute("DELETE FROM ops.horizon")
        connection.execute(
            "INSERT INTO ops.horizon (first_day, last_day) VALUES (?, ?)",
            [first_day, max(last_day, stored or last_day)],
        )


def take_horizon_back(warehouse: Warehouse, last_day: date) -> bool:
    """End the horizon at ``last_day``, the last that has closed; True where it reached further.

    A run that stood for an instant to come, or a wrong clock that was believed, would keep it there for good.
    """
    with warehouse.transaction() as connection:
        rows = connection.execute("UPDATE ops.horizon SET last_day = $1 WHERE last_day > $1 RETURNING 1", [last_day])
        return bool(rows.fetchall())


def record_progress(warehouse: Warehouse, run_id: str, *, windows_read: int, entities_failed: int) -> None:
    """Bring the counts up to date."""
    with warehouse.transaction() as connection:
        connection.execute(
            "UPDATE ops.runs SET windows_read = ?, entities_failed = ? WHERE run_id = ?",
            [windows_read, entities_failed, run_id],
        )


def record_end(
    warehouse: Warehouse, run_id: str, status: RunStatus, finished_at: datetime, message: str | None = None
) -> None:
    """Write down how the run ended."""
    with warehouse.transaction() as connection:
        connection.execute(
            "UPDATE ops.runs SET status = ?, finished_at = ?, message = ? WHERE run_id = ?",
            [status, finished_at, message, run_id],
        )


_PLACE_SCHEMA = {
    "scope": pl.String(),
    "project_id": pl.String(),
    "entity_id": pl.String(),
    "since": pl.Date(),
    "until": pl.Date(),
}

_FAILURE_SCHEMA = {
    "run_id": pl.String(),
    "failed_at": pl.Datetime("us", "UTC"),
    **_PLACE_SCHEMA,
    "code": pl.String(),
    "status": pl.Int32(),
    "request_id": pl.String(),
    "message": pl.String(),
}

_UNTRUSTED_ANSWER_SCHEMA = {
    "run_id": pl.String(),
    "received_at": pl.Datetime("us", "UTC"),
    **_PLACE_SCHEMA,
    "request_id": pl.String(),
    "reason": pl.String(),
    "body": pl.String(),
}

_ODD_FIELD_SCHEMA = {
    "run_id": pl.String(),
    "noted_at": pl.Datetime("us", "UTC"),
    "scope": pl.String(),
    "project_id": pl.String(),
    "entity_id": pl.String(),
    "field": pl.String(),
    "problem": pl.String(),
    "value": pl.String(),
}

_REQUEST_SCHEMA = {
    "run_id": pl.String(),
    "path": pl.String(),
    **_PLACE_SCHEMA,
    "started_at": pl.Datetime("us", "UTC"),
    "status": pl.Int32(),
    "code": pl.String(),
    "attempts": pl.Int32(),
    "bytes_received": pl.Int64(),
    "waited_seconds": pl.Float64(),
    "wire_seconds": pl.Float64(),
    "request_id": pl.String(),
}


def record_failures(warehouse: Warehouse, run_id: str, failures: Sequence[Failure]) -> None:
    """Append to ``ops.failures``; published, so that analysts see what is missing."""
    if failures:
        with warehouse.change() as connection:
            _append(connection, "ops.failures", _FAILURE_SCHEMA, _rows(run_id, failures))


def record_untrusted_answers(warehouse: Warehouse, run_id: str, answers: Sequence[UntrustedAnswer]) -> None:
    """Append to ``ops.untrusted_answers``; without their bodies once the run has :data:`MOST_BODY_BYTES` of these."""
    if answers:
        with warehouse.change() as connection:
            kept = connection.execute(
                "SELECT coalesce(sum(strlen(body)), 0) FROM ops.untrusted_answers WHERE run_id = ?", [run_id]
            ).fetchall()[0][0]
            sizes = accumulate(len((answer.body or "").encode()) for answer in answers)
            bounded = [
                answer if kept + size <= MOST_BODY_BYTES else replace(answer, body=None)
                for answer, size in zip(answers, sizes, strict=True)
            ]
            _append(connection, "ops.untrusted_answers", _UNTRUSTED_ANSWER_SCHEMA, _rows(run_id, bounded))


def record_odd_fields(warehouse: Warehouse, run_id: str, found: Sequence[ListedOddly]) -> None:
    """Append to ``ops.odd_fields``, up to :data:`MOST_ODD_FIELDS` a run. Not worth publishing by itself: most of it is
    the same every morning."""
    if found:
        with warehouse.transaction() as connection:
            noted = connection.execute("SELECT count(*) FROM ops.odd_fields WHERE run_id = ?", [run_id]).fetchall()
            bounded = found[: max(0, MOST_ODD_FIELDS - noted[0][0])]
            _append(connection, "ops.odd_fields", _ODD_FIELD_SCHEMA, _rows(run_id, bounded))


def record_requests(warehouse: Warehouse, run_id: str, requests: Sequence[RequestRecord]) -> None:
    """Append to ``ops.requests``."""
    if requests:
        with warehouse.transaction() as connection:
            _append(connection, "ops.requests", _REQUEST_SCHEMA, _rows(run_id, requests))


def _rows(
    run_id: str, records: Sequence[Failure | ListedOddly | RequestRecord | UntrustedAnswer]
) -> list[tuple[object, ...]]:
    """The run and each record's fields. ``dataclasses.astuple`` copies them deeply, which took a third of landing."""
    if not records:
        return []
    values = attrgetter(*(field.name for field in fields(records[0])))
    return [(run_id, *values(record)) for record in records]


def _append(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    schema: Mapping[str, pl.DataType],
    rows: Sequence[tuple[object, ...]],
) -> None:
    """As one frame: a statement for each row takes a hundred times as long."""
    register(connection, "incoming_records", frame_rows(rows, schema))
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming_records")
    connection.unregister("incoming_records")


def forget_requests(warehouse: Warehouse, *, before: datetime) -> None:
    """Take requests made, their ids, failures, and answers and fields put aside, before an instant out of ``ops``."""
    with warehouse.transaction() as connection:
        run_script(connection, load_sql("forget_requests"), before=before)
