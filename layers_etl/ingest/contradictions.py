"""Days that wait since a parent and its children can't both be right: one of them may be of an older copy.

What vouches for a campaign is that the copy of its account moves, which mostly is the same one. Where the two do not
add up, one of them was perhaps served from an older copy: what was read of their day settles nothing, for as long as a
copy may stand still. A parent that never is the sum of its children settles in its time all the same: its residual is
shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from layers_etl.domain.days import DayWindow
from layers_etl.domain.freshness import LONGEST_STANDSTILL, Source, SourceKey
from layers_etl.domain.planning import KnownEntity
from layers_etl.domain.scopes import PROJECT, Scope
from layers_etl.domain.settlement import settled_before
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.reconciliation import ParentKey, contradicted_days, disagreeing_days
from layers_etl.warehouse.reconciliation_views import Reconciliation, reconciliations_of

HABIT: Final = timedelta(weeks=1)
"""A parent that contradicts its children on a day of the week before the first that could wait does so by habit."""

Contradictions = Mapping[Reconciliation, Mapping[ParentKey, Sequence[date]]]
"""The days that wait."""


def find_contradictions(
    warehouse: Readable, scopes: Sequence[Scope], sources: Mapping[SourceKey, Source], hours: Mapping[SourceKey, int]
) -> Contradictions:
    """Of all that was read; ``sources`` are the copies as the run's readings show them, ``hours`` their times."""
    could_wait = {key: _days_that_could_wait(source, hours[key]) for key, source in sources.items()}
    return {
        each: waiting
        for each in reconciliations_of(scopes)
        if (waiting := _waiting_days(warehouse, each, _by_parent(each.parent, could_wait)))
    }


def days_contradicted(contradictions: Contradictions, entity: KnownEntity) -> set[date]:
    """Those that ``entity`` has to do with, as a parent or as a child."""
    key, days = entity.key, set[date]()
    for reconciliation, of_parents in contradictions.items():
        if key.scope is reconciliation.parent:
            days.update(of_parents.get((key.project_id, key.entity_id), ()))
        elif key.scope is reconciliation.child:
            parent = (key.project_id, key.project_id) if reconciliation.parent is PROJECT else entity.source
            days.update(of_parents.get(parent, ()))
    return days


def _days_that_could_wait(source: Source, settle_hours: int) -> DayWindow | None:
    """Read late enough now; not those that were so when they were first read: no copy is as old by chance."""
    due_until = settled_before(source.read_at, settle_hours)
    since = max(due_until - LONGEST_STANDSTILL, settled_before(source.first_read_at, settle_hours))
    return DayWindow(since, due_until) if since < due_until else None


def _by_parent(parent: Scope, windows: Mapping[SourceKey, DayWindow | None]) -> Mapping[ParentKey, DayWindow]:
    """Those of each parent; of a project, that of the account of which the fewest days could wait."""
    by_parent: dict[ParentKey, DayWindow] = {}
    for (project_id, account_id), window in windows.items():
        key = (project_id, project_id if parent is PROJECT else account_id)
        if window and (key not in by_parent or len(window) < len(by_parent[key])):
            by_parent[key] = window
    return by_parent


def _waiting_days(
    warehouse: Readable, reconciliation: Reconciliation, could_wait: Mapping[ParentKey, DayWindow]
) -> Mapping[ParentKey, Sequence[date]]:
    if not could_wait:
        return {}
    since, until = min(each.since for each in could_wait.values()), max(each.until for each in could_wait.values())
    if not disagreeing_days(warehouse, reconciliation, DayWindow(since, until)):
        return {}
    found = contradicted_days(warehouse, reconciliation, DayWindow(since - HABIT, until))
    return {
        parent: waiting
        for parent in found.keys() & could_wait.keys()
        if min(found[parent]) >= could_wait[parent].since
        and (waiting := [day for day in found[parent] if day in could_wait[parent]])
    }
