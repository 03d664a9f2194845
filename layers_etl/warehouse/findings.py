"""What checks found, kept: for ``status``, for analysts, and to know what is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.sql import load_sql, run_script


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """What was found of one check of ``asset``: whether it passed, or failed the run, or only warns.

    ``message`` and ``remedy`` are for people; ``facts`` are JSON values by name.
    """

    asset: str
    check_name: str
    passed: bool
    is_error: bool
    message: str | None
    remedy: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StandingFinding(CheckFinding):
    """What stands of one check: ``since`` which run's instant, and when it was last found."""

    since: datetime
    found_at: datetime


_INCOMING: Final = pl.Schema(
    {
        "asset": pl.String(),
        "check_name": pl.String(),
        "passed": pl.Boolean(),
        "is_error": pl.Boolean(),
        "message": pl.String(),
        "remedy": pl.String(),
        "facts": pl.String(),
    }
)
_HELD: Final = pl.Schema({"asset": pl.String(), "check_name": pl.String()})


def record_findings(
    warehouse: Warehouse,
    findings: Sequence[CheckFinding],
    held: Sequence[tuple[str, str]],
    *,
    run_id: str,
    instant: datetime,
) -> None:
    """Keep what a run for ``instant`` found, and forget checks that are not among those ``held``, by asset and name.

    What is found as it stood is nothing new to publish.
    """
    rows = [
        (
            each.asset,
            each.check_name,
            each.passed,
            each.is_error,
            each.message,
            each.remedy,
            msgspec.json.encode(each.facts).decode(),
        )
        for each in findings
    ]
    with warehouse.transaction() as connection:
        stood = _content(warehouse)
        register(connection, "incoming_findings", frame_rows(rows, _INCOMING))
        register(connection, "held_checks", frame_rows(list(held), _HELD))
        run_script(connection, load_sql("upsert_findings"), run_id=run_id, instant=instant)
        connection.unregister("incoming_findings")
        connection.unregister("held_checks")
        if _content(warehouse) != stood:
            warehouse.count_change()


def load_findings(warehouse: Readable) -> list[StandingFinding]:
    """All that stands: errors first, then warnings, then what holds; the oldest of each first."""
    rows = warehouse.connection.execute(load_sql("load_findings")).fetchall()
    return [StandingFinding(*row[:6], facts=msgspec.json.decode(row[6]), since=row[7], found_at=row[8]) for row in rows]


def is_broken(warehouse: Readable, asset: str, check_name: str) -> bool:
    """Whether the last run that held this check found its promise broken."""
    query = "SELECT count(*) FROM ops.findings WHERE asset = ? AND check_name = ? AND NOT passed"
    return warehouse.connection.execute(query, [asset, check_name]).fetchall()[0][0] > 0


def _content(warehouse: Readable) -> list[tuple[object, ...]]:
    """What analysts see change: all but when it was last found, and by which run."""
    return warehouse.connection.execute("SELECT * EXCLUDE (found_at, run_id) FROM ops.findings ORDER BY ALL").fetchall()
