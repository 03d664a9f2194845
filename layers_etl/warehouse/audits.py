"""Settled days that were read again: noted, and what they show of the settling time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.sql import run_script, scope_sql

RECENT_DAYS = 56
"""Eight weeks of audits: what the check and ``status`` speak of."""

_AUDIT_SCHEMA = pl.Schema(
    {
        "project_id": pl.String(),
        "entity_id": pl.String(),
        "platform": pl.String(),
        "since": pl.Date(),
        "until": pl.Date(),
        "read_at": pl.Datetime("us", "UTC"),
    }
)


def note_audits(warehouse: Warehouse, scope: Scope, readings: Sequence[Reading], run_id: str) -> None:
    """Write down that settled windows were read again, once they have landed."""
    if not readings:
        return
    rows = [
        (
            reading.key.project_id,
            reading.key.entity_id,
            reading.key.platform,
            reading.window.since,
            reading.window.until,
            reading.read_at,
        )
        for reading in readings
    ]
    with warehouse.change() as connection:
        register(connection, "incoming_audits", frame_rows(rows, _AUDIT_SCHEMA))
        run_script(connection, scope_sql("note_audits", scope), run_id=run_id)
        connection.unregister("incoming_audits")


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """What the last weeks' audits of one scope on one platform show.

    ``held_by_hours`` is the least settling time by which all that moved would have been read at its last value.
    """

    scope: str
    platform: str | None
    days: int
    moved_days: int
    held_by_hours: int | None

    @property
    def share_at_most(self) -> float:
        """The 95 % upper bound of the share of settled days that move, where none had."""
        return 1 - 0.05 ** (1 / self.days)

    def __str__(self) -> str:
        """A sentence: what was found, and what to do."""
        whose = f"{self.scope} days on {self.platform or 'several platforms'}"
        if not self.moved_days:
            return f"Of {self.days:,} settled {whose} that were read again, none had moved."
        setting = f"{self.platform}=" if self.platform else ""
        return (
            f"{self.moved_days:,} of {self.days:,} settled {whose} that were read again had moved: a settling time of "
            f"{self.held_by_hours} hours would have held (LAYERS_SETTLE_HOURS={setting}{self.held_by_hours})."
        )


def load_audit_findings(warehouse: Readable, scopes: Iterable[Scope]) -> list[AuditFinding]:
    """By scope and platform, over the last :data:`RECENT_DAYS` of audits."""
    return [
        AuditFinding(scope.name, *row)
        for scope in scopes
        for row in warehouse.connection.execute(scope_sql("audit_findings", scope), {"days": RECENT_DAYS}).fetchall()
    ]
