"""Which requests of a plan look at the running day as well: activity on it proves that the copy moves (rule 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from layers_etl.domain.days import ONE_DAY, DayWindow, subtract_windows
from layers_etl.domain.freshness import Source, SourceKey, vouched_at
from layers_etl.domain.planning import Entities, KnownEntity, PlannedRead
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT
from layers_etl.domain.settlement import SettlingTimes, settled_before


def with_glimpses(
    reads: Sequence[PlannedRead],
    entities: Entities,
    sources: Mapping[SourceKey, Source],
    settling: SettlingTimes,
    instant: datetime,
) -> list[PlannedRead]:
    """``reads`` with a look at the running day for every account of which a day may settle now, if its copy moves.

    In the account's own newest request; in those of all that is read below it, where the account itself is not.
    """
    waiting: set[SourceKey] = set()
    accounts_read: set[SourceKey] = set()
    newest: dict[EntityKey, DayWindow] = {}
    for read in reads:
        entity = entities[read.key]
        source = entity.source
        newest[read.key] = max(newest.get(read.key, read.window), read.window)
        if read.key.scope is AD_ACCOUNT:
            accounts_read.add(source)
        if source not in waiting and _waits(read, entity, sources.get(source), settling, instant):
            waiting.add(source)
    tomorrow = instant.date() + ONE_DAY
    return [
        replace(read, glimpse_until=tomorrow)
        if read.window == newest[read.key]
        and read.window.until < tomorrow
        and (source := entities[read.key].source) in waiting
        and (read.key.scope is AD_ACCOUNT or source not in accounts_read)
        else read
        for read in reads
    ]


def _waits(
    read: PlannedRead, entity: KnownEntity, source: Source | None, settling: SettlingTimes, instant: datetime
) -> bool:
    """Whether a day of ``read`` would settle by time, but not by what is known of its copy."""
    settle_hours = settling.hours(read.key.platform)
    due_until = settled_before(instant, settle_hours)
    vouched_until = settled_before(min(instant, vouched_at(source, instant)), settle_hours)
    if vouched_until >= due_until:
        return False
    due = read.window.intersection(DayWindow(vouched_until, due_until))
    settled = [part for interval in entity.coverage if (part := interval.settled_window(settle_hours))]
    return bool(due and subtract_windows(due, settled))
