"""Days of which the last answer could not be taken as it was: kept apart, told, and asked for again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from layers_etl.domain.days import DayWindow, describe_days, join_days
from layers_etl.domain.entities import named
from layers_etl.domain.freshness import SourceKey
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import frame_rows, register
from layers_etl.warehouse.schema import scopes_of
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql

_DAY_SCHEMA = pl.Schema({"scope": pl.String(), "project_id": pl.String(), "entity_id": pl.String(), "day": pl.Date()})


@dataclass(frozen=True, slots=True)
class DoubtfulDay:
    """A row of ``ops.doubtful_days``, with the entity's name and whether it was first doubted in the run that looks."""

    scope: str
    entity_id: str
    name: str | None
    day: date
    kind: str
    reason: str
    first_seen_at: datetime
    is_new: bool

    def describe(self, days: str) -> str:
        """``campaign Spring Sale (cmp_1) 2026-03-01 to 2026-03-04: spend: … (unbelievable since 2026-03-02)``."""
        return (
            f"{self.scope.replace('_', ' ')} {named(self.name, self.entity_id)} {days}: {self.reason} "
            f"({self.kind} since {self.first_seen_at:%Y-%m-%d})"
        )

    def __str__(self) -> str:
        """The same of its own day."""
        return self.describe(str(self.day))


def describe_doubts(doubtful: Iterable[DoubtfulDay]) -> list[str]:
    """A sentence for each doubt, in their order; the days of one entity that have the same are told as ranges."""
    alike: dict[DoubtfulDay, list[date]] = defaultdict(list)
    for each in doubtful:
        alike[replace(each, day=date.min)].append(each.day)
    return [one.describe(describe_days(days)) for one, days in alike.items()]


def load_doubtful_days(warehouse: Readable, scope: Scope, *, read_since: datetime) -> list[DoubtfulDay]:
    """Those of ``scope`` that are open by it, newest doubts first; new are those first doubted since an instant."""
    rows = warehouse.connection.execute(
        load_sql("doubtful_days"), {"scope": scope.name, "read_since": read_since}
    ).fetchall()
    return [DoubtfulDay(*row) for row in rows]


def load_held_days(warehouse: Readable, scope: Scope) -> dict[tuple[str, str], set[date]]:
    """The days of ``scope`` that stay held whatever their copy shows, by project and entity."""
    days: dict[tuple[str, str], set[date]] = defaultdict(set)
    rows = warehouse.connection.execute(load_sql("doubtful_days_held"), {"scope": scope.name}).fetchall()
    for project_id, entity_id, day in rows:
        days[project_id, entity_id].add(day)
    return days


def load_doubtful_windows(warehouse: Readable) -> dict[tuple[str, str, str], list[DayWindow]]:
    """All that are open by a doubt, by scope, project and entity."""
    days: dict[tuple[str, str, str], list[date]] = defaultdict(list)
    rows = warehouse.connection.execute(
        "SELECT scope, project_id, entity_id, day FROM ops.doubtful_days WHERE field IS NULL"
    ).fetchall()
    for scope, project_id, entity_id, day in rows:
        days[scope, project_id, entity_id].append(day)
    return {key: join_days(found) for key, found in days.items()}


def accept_witnessed_vanishings(
    warehouse: Warehouse, standing_since: Mapping[SourceKey, datetime], *, read_since: datetime, accounts_are_read: bool
) -> int:
    """Take the days as gone whose vanishing a second witness confirms (``witnessed_vanishings.sql``); how many were.

    ``standing_since``: a doubt that began no later than this, by source, has stood long enough in a copy that moves.
    """
    with warehouse.transaction() as connection:
        rows = [(*key, instant) for key, instant in standing_since.items()]
        schema = pl.Schema(
            {"project_id": pl.String(), "ad_account_id": pl.String(), "standing_since": pl.Datetime("us", "UTC")}
        )
        register(connection, "vanished_sources", frame_rows(rows, schema))
        found = connection.execute(
            load_sql("witnessed_vanishings"), {"read_since": read_since, "accounts_are_read": accounts_are_read}
        ).fetchall()
        connection.unregister("vanished_sources")
        if found:
            register(connection, "witnessed_days", frame_rows(found, _DAY_SCHEMA))
            for scope in scopes_of(connection):
                run_script(connection, scope_sql("accept_vanishing", scope))
            connection.unregister("witnessed_days")
            warehouse.count_change()
    return len(found)
