"""Looks at the running day, for proof that the copy moves (rule 1): which requests take one, and what it shows.

Activity on it proves that the copy was made since it began. Looked at twice, it tells a newer copy from an older one
between two runs of a day, when nothing that lands has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from layers_etl.domain.days import ONE_DAY, DayWindow, subtract_windows
from layers_etl.domain.freshness import Source, SourceKey, vouched_at
from layers_etl.domain.planning import Entities, KnownEntity, PlannedRead
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import AD_ACCOUNT
from layers_etl.domain.settlement import SettlingTimes, unvouched_days


@dataclass(frozen=True, slots=True)
class Look:
    """What an entity's answer showed of a day: of the running one, or of that which was it at the look before.

    ``numbers`` are those of :data:`~layers_etl.domain.metrics.PRIMITIVES`, None for unknown.
    """

    key: EntityKey
    source: SourceKey
    day: date
    seen_at: datetime
    numbers: tuple[float | None, ...]


def looks(
    reading: Reading, source: SourceKey, *, beyond: date, looked_at: date | None, seen_at: datetime
) -> list[Look]:
    """What ``reading`` shows of the days from ``beyond`` on, which do not land, and of the one ``looked_at`` before.

    Of those that do not land the last, which is running, and the last that is active.
    """
    days = {looked_at} if looked_at else set[date]()
    glimpse = reading.within(DayWindow(beyond, date.max))
    if glimpse is not None:  # One without a bucket is one, too.
        last = glimpse.window.until - ONE_DAY
        days |= {last, glimpse.newest_active_day or last}
    return [
        Look(reading.key, source, day, seen_at, numbers)
        for day in sorted(days)
        if (numbers := reading.primitives_on(day)) is not None
    ]


def with_glimpses(
    reads: Sequence[PlannedRead],
    entities: Entities,
    sources: Mapping[SourceKey, Source],
    settling: SettlingTimes,
    instant: datetime,
    fresh_since: datetime,
) -> list[PlannedRead]:
    """``reads`` with a look at the running day for every account of which a day may settle now, if its copy moves.

    In the account's own newest request; in those of all that is read below it, where the account itself is not, nor
    was since ``fresh_since``. Of accounts that are read up to the running day anyway, whether or not a day may settle:
    it is one bucket more.
    """
    waiting: set[SourceKey] = set()
    accounts_read = {
        entity.source
        for entity in entities.values()
        if entity.key.scope is AD_ACCOUNT
        and any(interval.window_read_since(fresh_since) for interval in entity.coverage)
    }
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
        and ((source := entities[read.key].source) in waiting or _costs_a_bucket(read, instant))
        and (read.key.scope is AD_ACCOUNT or source not in accounts_read)
        else read
        for read in reads
    ]


def _costs_a_bucket(read: PlannedRead, instant: datetime) -> bool:
    return read.key.scope is AD_ACCOUNT and read.window.until == instant.date()


def _waits(
    read: PlannedRead, entity: KnownEntity, source: Source | None, settling: SettlingTimes, instant: datetime
) -> bool:
    """Whether a day of ``read`` would settle by time, but not by what is known of its copy."""
    settle_hours = settling.hours(read.key.platform)
    unvouched = unvouched_days(vouched_at(source, instant), instant, settle_hours)
    if unvouched is None:
        return False
    due = read.window.intersection(unvouched)
    settled = [part for interval in entity.coverage if (part := interval.settled_window(settle_hours))]
    return bool(due and subtract_windows(due, settled))
