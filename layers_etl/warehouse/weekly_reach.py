"""The API's own weekly reach: which weeks to read, their upsert with history, and where it is not to be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from layers_etl.domain.days import DayWindow
from layers_etl.domain.planning import KnownEntity, PlannedRead
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.readings import Landing, registered
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql

ONE_WEEK = timedelta(weeks=1)

WEEKS_IN_TURN: Final = 13
"""A quarter of a year of older weeks is looked at by every run: of a longer past, the next quarter by the next run."""

LATELY: Final = timedelta(weeks=4)
"""Weeks with days that were read as lately are looked at by every run: in that time a week closes and settles."""


@dataclass(frozen=True, slots=True)
class WeeklyReachRefusal:
    """That an entity's weekly reach is not to be had, by ``code`` and in words."""

    key: EntityKey
    code: str
    message: str


def note_weekly_reach_refusals(
    warehouse: Warehouse, refusals: Sequence[WeeklyReachRefusal], refused_at: datetime
) -> None:
    """Remember ``refusals``, one an entity, as of ``refused_at``."""
    rows = [(one.key.scope.name, one.key.project_id, one.key.entity_id, one.code, one.message) for one in refusals]
    columns = ("scope", "project_id", "entity_id", "code", "message")
    with warehouse.transaction() as connection:
        register(connection, "incoming_refusals", frame_rows(rows, dict.fromkeys(columns, pl.String())))
        run_script(connection, load_sql("note_weekly_reach_refusals"), refused_at=refused_at)
        connection.unregister("incoming_refusals")


def load_open_weeks(
    warehouse: Readable,
    scope: Scope,
    mondays: DayWindow,
    *,
    project_ids: Sequence[str],
    instant: datetime,
    again: bool,
    fresh_since: datetime | None,
    refused_since: datetime | None,
    turn: int,
) -> list[tuple[KnownEntity, PlannedRead]]:
    """The weeks to read among ``mondays`` (half-open, Monday to Monday), contiguous ones of an entity as one request.

    A week is read once it has closed and again once it has settled, in one request with the next week of its entity or,
    where none comes, a week later; with ``again``, also when it was before, but not at
    or after ``fresh_since``. Entities are left out whose weekly reach was not to be had at or after ``refused_since``.
    Weeks of which no day was read :data:`LATELY` are looked at in turns, :data:`WEEKS_IN_TURN` by a run whose number is
    ``turn``; with ``again``, all.
    """
    parts = 1 if again else -(-len(mondays) // (7 * WEEKS_IN_TURN))
    in_turn = mondays.in_turn(turn, parts, unit=7)
    rows = warehouse.connection.execute(
        scope_sql("open_weeks", scope),
        {
            "since": mondays.since,
            "until": mondays.until,
            "project_ids": list(project_ids),
            "instant": instant,
            "again": again,
            "fresh_since": fresh_since,
            "refused_since": refused_since,
            "read_since": instant - LATELY,
            "turn_since": in_turn.since,
            "turn_until": in_turn.until,
        },
    ).fetchall()
    weeks = [
        (KnownEntity(EntityKey(scope, project_id, entity_id, platform), parent_id=ad_account_id), since, until)
        for project_id, entity_id, platform, ad_account_id, since, until in rows
    ]
    return [(entity, PlannedRead(entity.key, DayWindow(since, until))) for entity, since, until in weeks]


def upsert_weekly_reach(warehouse: Warehouse, scope: Scope, landings: Sequence[Landing]) -> None:
    """Land whole weekly answers of one scope in one transaction; what they change goes into history.

    Raises :class:`LayersEtlError`, and writes nothing, if the batch holds a key twice.
    """
    with warehouse.change() as connection, registered(connection, scope, landings):
        run_script(connection, scope_sql("upsert_weekly_reach", scope))
