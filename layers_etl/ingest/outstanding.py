"""What a run would still read: for the schedule, the status, and the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from layers_etl.domain.days import DayWindow, subtract_windows
from layers_etl.domain.planning import KnownEntity, PlannedRead, plan_reads
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.domain.settlement import SettlingTimes, settled_before
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.doubtful_days import load_doubtful_windows
from layers_etl.warehouse.entities import load_known_entities, load_project_ids
from layers_etl.warehouse.schema import scopes_of


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What a run at ``instant`` would ask for of the days that have closed, and the entities as they are known by then.

    What answered 404 is left out: it is asked for as long as it is listed, but no day waits for it. ``is_whole`` is
    whether that is all: not where no entity is known yet, or nothing of a scope, or no day has closed.
    """

    instant: datetime
    entities: Sequence[KnownEntity]
    reads: Sequence[PlannedRead]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class OpenDays:
    """The oldest closed day that a run would still read; the current day where there is none, None for the whole past.

    ``oldest_but_for_doubtful`` leaves out the days whose answers leave a doubt.
    """

    oldest: date | None = None
    oldest_but_for_doubtful: date | None = None


def find_outstanding(warehouse: Readable, settings: Settings, instant: datetime) -> Outstanding:
    """Plan what is open at ``instant``, of every entity that the settings ask for."""
    scopes = scopes_at_hand(warehouse, settings)
    project_ids = load_project_ids(warehouse, settings.project_ids)
    entities = [entity for scope in scopes for entity in load_known_entities(warehouse, scope, project_ids)]
    today = instant.date()
    if settings.start_date >= today:
        return Outstanding(instant, entities, (), is_whole=False)
    plan = plan_reads(
        [entity for entity in entities if not entity.gone],
        DayWindow(settings.start_date, today),
        settings.settle_hours,
        instant=instant,
        fresh_since=None,
        only_unsettled=True,
        dormancy=AD_ACCOUNT in settings.scopes,
    )
    is_whole = bool(entities) and len(scopes) == len(settings.scopes)
    return Outstanding(instant, entities, plan.reads, is_whole)


def scopes_at_hand(warehouse: Readable, settings: Settings) -> list[Scope]:
    """The scopes to read that the file has tables for: all but those added to ``settings`` since the last run."""
    present = scopes_of(warehouse.connection)
    return [scope for scope in settings.scopes if scope in present]


def find_open_days(warehouse: Readable, outstanding: Outstanding) -> OpenDays:
    """Up to where all is settled."""
    if not outstanding.is_whole:
        return OpenDays()
    today, doubtful = outstanding.instant.date(), load_doubtful_windows(warehouse)
    undoubted = chain.from_iterable(
        subtract_windows(read.window, doubtful.get((read.key.scope.name, read.key.project_id, read.key.entity_id), []))
        for read in outstanding.reads
    )
    return OpenDays(
        min((read.window.since for read in outstanding.reads), default=today),
        min((part.since for part in undoubted), default=today),
    )


def find_overdue(outstanding: Outstanding, settling: SettlingTimes) -> list[PlannedRead]:
    """The part that is past its settling time already: what should have been read, and was not.

    Days that were read late enough, and wait for their copy to move, are none of these.
    """
    coverage = {entity.key: entity.coverage for entity in outstanding.entities}
    overdue: list[PlannedRead] = []
    for read in outstanding.reads:
        settle_hours = settling.hours(read.key.platform)
        due = read.window.intersection(DayWindow(date.min, settled_before(outstanding.instant, settle_hours)))
        late_enough = [late for each in coverage[read.key] if (late := each.window_read_late_enough(settle_hours))]
        overdue += [PlannedRead(read.key, part) for part in (subtract_windows(due, late_enough) if due else [])]
    return overdue
