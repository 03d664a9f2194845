"""What a run would still read: for the schedule, the status, and the checks."""

from __future__ import annotations

from datetime import date, datetime

from layers_etl.domain.days import DayWindow
from layers_etl.domain.planning import PlannedRead, plan_reads
from layers_etl.domain.scopes import AD_ACCOUNT
from layers_etl.domain.settlement import settled_before
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, load_project_ids


def open_reads(warehouse: Warehouse, settings: Settings, instant: datetime) -> list[PlannedRead] | None:
    """What a run at ``instant`` would ask for of the days that have closed; None where no entity is known yet."""
    today = instant.date()
    if settings.start_date >= today:
        return None
    project_ids = load_project_ids(warehouse, settings.project_ids)
    known = [entity.known for scope in settings.scopes for entity in load_known_entities(warehouse, scope, project_ids)]
    if not known:
        return None
    plan = plan_reads(
        known,
        DayWindow(settings.start_date, today),
        settings.settle_hours,
        instant=instant,
        fresh_since=None,
        only_unsettled=True,
        dormancy=AD_ACCOUNT in settings.scopes,
    )
    return list(plan.reads)


def oldest_open_day(warehouse: Warehouse, settings: Settings, instant: datetime) -> date | None:
    """The oldest closed day that a run at ``instant`` would still read; the current day where there is none.

    None where the warehouse knows no entity yet.
    """
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
