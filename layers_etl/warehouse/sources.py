"""How the copies stand that Layers serves: what readings show of them, and which days settle by that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from layers_etl.domain.days import subtract_windows
from layers_etl.domain.freshness import Evidence, Source, SourceKey, SourceState
from layers_etl.domain.glimpses import Look
from layers_etl.domain.metrics import PRIMITIVES
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.domain.storable import printable_line
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.readings import replace_coverage
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql

_INSTANT = pl.Datetime("us", "UTC")
_KEY_SCHEMA = {"project_id": pl.String(), "ad_account_id": pl.String()}
_LOOK_SCHEMA = pl.Schema(
    {
        **_KEY_SCHEMA,
        "scope": pl.String(),
        "entity_id": pl.String(),
        "day": pl.Date(),
        "seen_at": _INSTANT,
        **{f"seen_{name}": pl.Float64() for name in PRIMITIVES},
    }
)
_SOURCE_SCHEMA = pl.Schema(
    {
        **_KEY_SCHEMA,
        "state": pl.String(),
        "first_read_at": _INSTANT,
        "read_at": _INSTANT,
        "copy_from": _INSTANT,
        "newest_active_day": pl.Date(),
        "seen_running": pl.Int32(),
        "newest_copy_from": _INSTANT,
        "behind_reading_at": _INSTANT,
    }
)
_CHANGE_SCHEMA = pl.Schema(
    {
        "project_id": pl.String(),
        "entity_id": pl.String(),
        "since": pl.Date(),
        "until": pl.Date(),
        "settled": pl.Boolean(),
    }
)


def load_sources(warehouse: Readable) -> dict[SourceKey, Source]:
    """All that were ever read."""
    columns = ", ".join(Source.__dataclass_fields__)
    rows = warehouse.connection.execute(f"SELECT project_id, ad_account_id, {columns} FROM ops.sources").fetchall()
    return {(project_id, account_id): Source(*facts) for project_id, account_id, *facts in rows}


def load_states(warehouse: Readable) -> dict[SourceKey, SourceState]:
    """How each of them stood when it was last read."""
    rows = warehouse.connection.execute("SELECT project_id, ad_account_id, state FROM ops.sources").fetchall()
    return {(project_id, account_id): SourceState(state) for project_id, account_id, state in rows}


def note_looks(warehouse: Warehouse, looks: Sequence[Look], *, read_since: datetime) -> None:
    """Remember what a run, one that reads since that instant, saw of running days, beside what was seen before it."""
    if looks:
        rows = [
            (*look.source, look.key.scope.name, look.key.entity_id, look.day, look.seen_at, *look.numbers)
            for look in looks
        ]
        with warehouse.transaction() as connection:
            register(connection, "incoming_looks", frame_rows(rows, _LOOK_SCHEMA))
            run_script(connection, load_sql("note_looks"), read_since=read_since)
            connection.unregister("incoming_looks")


def load_looked_at(warehouse: Readable, entities: Iterable[EntityKey]) -> dict[EntityKey, date]:
    """The day of the last look at the running one, of those ``entities`` that have any."""
    rows = warehouse.connection.execute(
        "SELECT scope, project_id, entity_id, max(day) FROM ops.running_days WHERE scope IS NOT NULL GROUP BY ALL"
    ).fetchall()
    days = {(scope, project_id, entity_id): day for scope, project_id, entity_id, day in rows}
    found = ((key, days.get((key.scope.name, key.project_id, key.entity_id))) for key in entities)
    return {key: day for key, day in found if day}


def load_evidence(warehouse: Readable, scopes: Iterable[Scope], *, read_since: datetime) -> dict[SourceKey, Evidence]:
    """What the readings of ``scopes`` since an instant show of every source that they read."""
    evidence: dict[SourceKey, Evidence] = {}
    for scope in scopes:
        query = scope_sql("source_evidence", scope)
        rows = warehouse.connection.execute(query, {"read_since": read_since}).fetchall()
        for project_id, account_id, *found in rows:
            key, shown = (project_id, account_id), Evidence(*found)
            evidence[key] = evidence[key].and_also(shown) if key in evidence else shown
    return evidence


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """The ledger of one entity before and after more became known of its copy."""

    key: EntityKey
    before: Sequence[Coverage]
    after: Sequence[Coverage]
    settle_hours: int


def settle_days(warehouse: Warehouse, scope: Scope, changes: Collection[LedgerChange]) -> None:
    """In one transaction: the ledger of ``scope``, and its settled column for the days that this changes."""
    if not changes:
        return
    with warehouse.change() as connection:
        replace_coverage(connection, {change.key: change.after for change in changes})
        rows = [row for change in changes for row in _settled_changes(change)]
        register(connection, "incoming_changes", frame_rows(rows, _CHANGE_SCHEMA))
        run_script(connection, scope_sql("settle_days", scope))
        connection.unregister("incoming_changes")


def _settled_changes(change: LedgerChange) -> Iterable[tuple[Any, ...]]:
    before, after = (
        [window for interval in side if (window := interval.settled_window(change.settle_hours))]
        for side in (change.before, change.after)
    )
    for settled, windows, others in ((True, after, before), (False, before, after)):
        for window in windows:
            for part in subtract_windows(window, others):
                yield change.key.project_id, change.key.entity_id, part.since, part.until, settled


def replace_sources(warehouse: Warehouse, sources: Mapping[SourceKey, tuple[SourceState, Source]]) -> None:
    """Write down how the copies stand, and how many days wait for each."""
    if not sources:
        return
    rows = [
        (*key, state, *(getattr(source, name) for name in list(_SOURCE_SCHEMA)[3:]))
        for key, (state, source) in sources.items()
    ]
    with warehouse.change() as connection:
        register(connection, "incoming_sources", frame_rows(rows, _SOURCE_SCHEMA))
        run_script(connection, load_sql("replace_sources"))
        connection.unregister("incoming_sources")


@dataclass(frozen=True, slots=True)
class StandingSource:
    """An ad account whose copy stands still: nothing of it settles."""

    project_id: str
    ad_account_id: str
    name: str | None
    platform: str | None
    copy_from: datetime | None
    read_at: datetime
    held_days: int

    def __str__(self) -> str:
        """A sentence: what it is, since when, and what to do."""
        since = f"since {self.copy_from:%Y-%m-%d %H:%M}Z" if self.copy_from else "since it was first read"
        return (
            f"The numbers of {printable_line(self.name or self.ad_account_id) or 'what belongs to no known account'} "
            f"({self.ad_account_id or self.project_id}, {self.platform or 'platform unknown'}) have stood still "
            f"{since}; {self.held_days:,} days of it and below it wait to settle. See Layers' status page and the "
            "account's connection there. Every run reads them again; they settle once the numbers move."
        )


def load_standing_sources(warehouse: Readable, wanted: Sequence[str]) -> list[StandingSource]:
    """Those that stand still, by project and account; of the ``wanted`` projects, where that is not empty."""
    rows = warehouse.connection.execute(
        load_sql("standing_sources"), {"wanted": list(wanted), "state": SourceState.STANDING_STILL}
    ).fetchall()
    return [StandingSource(*row) for row in rows]
