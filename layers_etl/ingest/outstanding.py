"""What a run would still read: for the schedule, the status, and the checks."""

from __future__ import annotations

from datetime import date, datetime

from layers_etl.domain.days import DayWindow
from layers_etl.domain.planning import PlannedRead, plan_reads
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.domain.settlement import settled_before
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, load_project_ids
from layers_etl.warehouse.schema import scopes_of


def open_reads(warehouse: Warehouse, settings: Settings, instant: datetime) -> list[PlannedRead] | None:
    """What a run at ``instant`` would ask for of the days that have closed; None where no entity is known yet.

    What answered 404 is left out: it is asked for as long as it is listed, but no day waits for it. Of a scope that was
    added to ``settings`` since the last run, nothing is known: see :func:`scopes_at_hand`.
    """
    today = instant.date()
    if settings.start_date >= today:
        return None
    project_ids = load_project_ids(warehouse, settings.project_ids)
    known = [
        entity.known
        for scope in scopes_at_hand(warehouse, settings)
        for entity in load_known_entities(warehouse, scope, project_ids)
    ]
    if not known:
        return None
    plan = plan_reads(
        [entity for entity in known if not entity.gone],
        DayWindow(settings.start_date, today),
        settings.settle_hours,
        instant=instant,
        fresh_since=None,
        only_unsettled=True,
        dormancy=AD_ACCOUNT in settings.scopes,
    )
    return list(plan.reads)


def scopes_at_hand(warehouse: Warehouse, settings: Settings) -> list[Scope]:
    """The scopes to read that the file has tables for: all but those added to ``settings`` since the last run."""
    present = scopes_of(warehouse.connection)
    return [scope for scope in settings.scopes if scope in present]


def oldest_open_day(warehouse: Warehouse, settings: Settings, instant: datetime) -> date | None:
    """The oldest closed day that a run at ``instant`` would still read; the current day where there is none.

    None, which is the whole past, where the warehouse knows no entity yet, or nothing of a scope that is to be read.
    """
    if len(scopes_at_hand(warehouse, settings)) < len(settings.scopes):
        return None
    reads = open_reads(warehouse, settings, instant)
    return None if reads is None else min((read.window.since for read in reads), default=instant.date())


def overdue_reads(warehouse: Warehouse, settings: Settings, instant: datetime) -> list[PlannedRead]:
    """The part of that which is past its settling time already: what should have been read, and was not."""
    overdue: list[PlannedRead] = []
    for read in open_reads(warehouse, settings, instant) or []:
        until = settled_before(instant, settings.settle_hours.hours(read.key.platform))
        if read.window.since < until:
            overdue.append(PlannedRead(read.key, DayWindow(read.window.since, min(read.window.until, until))))
    return overdue
