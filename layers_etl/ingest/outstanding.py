"""What a run would still read: for the schedule, the status, and the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from layers_etl.domain.days import DayWindow, subtract_windows
from layers_etl.domain.planning import KnownEntity, PlannedRead, plan_reads
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.domain.settlement import settled_before
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.doubtful_days import load_doubtful_windows
from layers_etl.warehouse.entities import load_known_entities, load_project_ids
from layers_etl.warehouse.schema import scopes_of


def open_reads(warehouse: Readable, settings: Settings, instant: datetime) -> list[PlannedRead] | None:
    """What a run at ``instant`` would ask for of the days that have closed; None where no entity is known yet.

    What answered 404 is left out: it is asked for as long as it is listed, but no day waits for it. Of a scope that was
    added to ``settings`` since the last run, nothing is known: see :func:`scopes_at_hand`.
    """
    known = load_known(warehouse, settings)
    return plan_open_reads(known, settings, instant) if known else None


def load_known(warehouse: Readable, settings: Settings) -> list[KnownEntity]:
    """Every entity that the settings ask for, as far as it is known."""
    project_ids = load_project_ids(warehouse, settings.project_ids)
    return [
        entity
        for scope in scopes_at_hand(warehouse, settings)
        for entity in load_known_entities(warehouse, scope, project_ids)
    ]


def plan_open_reads(known: Sequence[KnownEntity], settings: Settings, instant: datetime) -> list[PlannedRead] | None:
    """:func:`open_reads` of these entities; None where no day has closed yet."""
    today = instant.date()
    if settings.start_date >= today:
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


def scopes_at_hand(warehouse: Readable, settings: Settings) -> list[Scope]:
    """The scopes to read that the file has tables for: all but those added to ``settings`` since the last run."""
    present = scopes_of(warehouse.connection)
    return [scope for scope in settings.scopes if scope in present]


@dataclass(frozen=True, slots=True)
class OpenDays:
    """The oldest closed day that a run would still read; the current day where there is none.

    None, which is the whole past, where the warehouse knows no entity yet, or nothing of a scope that is to be read.
    ``oldest_but_for_doubtful`` leaves out the days whose answers leave a doubt.
    """

    oldest: date | None = None
    oldest_but_for_doubtful: date | None = None


def find_open_days(warehouse: Readable, settings: Settings, instant: datetime) -> OpenDays:
    """Up to where all is settled at ``instant``, for every entity that is asked for."""
    if len(scopes_at_hand(warehouse, settings)) < len(settings.scopes):
        return OpenDays()
    reads = open_reads(warehouse, settings, instant)
    if reads is None:
        return OpenDays()
    today, doubtful = instant.date(), load_doubtful_windows(warehouse)
    undoubted = chain.from_iterable(
        subtract_windows(read.window, doubtful.get((read.key.scope.name, read.key.project_id, read.key.entity_id), []))
        for read in reads
    )
    return OpenDays(
        min((read.window.since for read in reads), default=today),
        min((part.since for part in undoubted), default=today),
    )


def oldest_open_day(warehouse: Readable, settings: Settings, instant: datetime) -> date | None:
    """The oldest day that a run at ``instant`` would still read, as of :class:`OpenDays`."""
    return find_open_days(warehouse, settings, instant).oldest


def overdue_reads(warehouse: Readable, settings: Settings, instant: datetime) -> list[PlannedRead]:
    """The part of that which is past its settling time already: what should have been read, and was not.

    Days that were read late enough, and wait for their copy to move, are none of these.
    """
    known = load_known(warehouse, settings)
    coverage = {entity.key: entity.coverage for entity in known}
    overdue: list[PlannedRead] = []
    for read in plan_open_reads(known, settings, instant) or []:
        settle_hours = settings.settle_hours.hours(read.key.platform)
        due = read.window.intersection(DayWindow(date.min, settled_before(instant, settle_hours)))
        late_enough = [late for each in coverage[read.key] if (late := each.window_read_late_enough(settle_hours))]
        overdue += [PlannedRead(read.key, part) for part in (subtract_windows(due, late_enough) if due else [])]
    return overdue
