"""What a run's readings show of the copies they came from, and what settles by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from layers_etl.domain.days import ONE_DAY, DayWindow, subtract_windows
from layers_etl.domain.freshness import COPY_LAG, LONGEST_STANDSTILL, Source, SourceKey, judge, observe, settle
from layers_etl.domain.planning import Known, PlannedRead
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, Scope
from layers_etl.domain.settlement import Coverage, SettlingTimes, settled_before
from layers_etl.ingest.session import Session
from layers_etl.warehouse.doubtful_days import accept_witnessed_vanishings, load_held_days
from layers_etl.warehouse.sources import (
    LedgerChange,
    load_evidence,
    load_sources,
    replace_sources,
    settle_days,
)

Entities = Mapping[EntityKey, Known]
Ledger = Mapping[EntityKey, tuple[Coverage, ...]]


def source_of(entity: Known) -> SourceKey:
    """The ad account by whose copy the entity's numbers are served."""
    return entity.key.project_id, entity.parent_id or ""


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
        source = source_of(entity)
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
        and (source := source_of(entities[read.key])) in waiting
        and (read.key.scope is AD_ACCOUNT or source not in accounts_read)
        else read
        for read in reads
    ]


def _waits(read: PlannedRead, entity: Known, source: Source | None, settling: SettlingTimes, instant: datetime) -> bool:
    """Whether a day of ``read`` would settle by time, but not by what is known of its copy."""
    settle_hours = settling.hours(read.key.platform)
    due_until = settled_before(instant, settle_hours)
    vouched_until = settled_before(min(instant, vouched_at(source, instant)), settle_hours)
    if vouched_until >= due_until:
        return False
    due = read.window.intersection(DayWindow(vouched_until, due_until))
    settled = [part for interval in entity.coverage if (part := interval.settled_window(settle_hours))]
    return bool(due and subtract_windows(due, settled))


def vouched_at(known: Source | None, instant: datetime) -> datetime:
    """Up to when a reading made at ``instant`` counts, before anything that it shows is taken into account."""
    proven = known.copy_from if known else None
    return (proven or instant - LONGEST_STANDSTILL) + COPY_LAG


def settle_by_copies(session: Session, scopes: Sequence[Scope], entities: Entities, ledger: Ledger) -> Ledger:
    """Settle what this run's readings vouch for, and take back what had settled on a copy that moves again.

    ``ledger`` is that of ``entities``, all of the ``scopes`` that were read; what of it changed is returned.
    """
    warehouse, settling, since = session.warehouse, session.settings.settle_hours, session.fresh_since
    evidence = load_evidence(warehouse, scopes, read_since=since)
    if not evidence:
        return {}
    before = load_sources(warehouse)
    now = {key: observe(before.get(key), found) for key, found in evidence.items()}
    platforms = {source_of(entity): entity.key.platform for entity in entities.values() if entity.parent_id}
    hours = {key: settling.hours(platforms.get(key)) for key in now}
    changed: dict[EntityKey, tuple[Coverage, ...]] = {}
    with warehouse.transaction():
        accept_witnessed_vanishings(
            warehouse,
            {
                key: source.copy_from - timedelta(hours=hours[key])
                for key, source in now.items()
                if source.copy_from is not None
            },
            read_since=since,
            accounts_are_read=AD_ACCOUNT in session.settings.scopes,
        )
        for scope in scopes:
            doubtful = load_held_days(warehouse, scope)
            changes: list[LedgerChange] = []
            for key, coverage in ledger.items():
                if key.scope is not scope:
                    continue
                source_key = source_of(entities[key])
                sources = _sources_below(now, key.project_id) if scope is PROJECT else [now.get(source_key)]
                vouching = [source for source in sources if source]
                if not vouching:
                    continue
                settle_hours = settling.hours(key.platform)
                after = settle(
                    coverage,
                    before.get(source_key),
                    vouching,
                    read_since=since,
                    settle_hours=settle_hours,
                    doubtful=doubtful.get((key.project_id, key.entity_id), ()),
                )
                if after != coverage:
                    changes.append(LedgerChange(key, coverage, after, settle_hours))
                    changed[key] = after
            settle_days(warehouse, scope, changes)
        replace_sources(
            warehouse,
            {
                key: (judge(before.get(key), source, settle_hours=hours[key]), source)
                for key, source in now.items()
                if source != before.get(key)
            },
        )
    return changed


def _sources_below(now: Mapping[SourceKey, Source], project_id: str) -> Iterable[Source]:
    """Those a project's own numbers are sums of: its accounts, where these are read too."""
    of_project = {account_id: source for (project, account_id), source in now.items() if project == project_id}
    accounts = [source for account_id, source in of_project.items() if account_id]
    return accounts or of_project.values()
