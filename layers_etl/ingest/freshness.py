"""What settles by what a run's readings show of the copies they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from layers_etl.domain.days import join_days
from layers_etl.domain.freshness import SourceKey, judge, observe, settle
from layers_etl.domain.ledger import Ledger, hold
from layers_etl.domain.planning import Entities
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, Scope
from layers_etl.ingest.contradictions import Contradictions, days_contradicted, find_contradictions
from layers_etl.ingest.run import Run
from layers_etl.warehouse.doubtful_days import accept_witnessed_vanishings, load_held_days
from layers_etl.warehouse.sources import (
    LedgerChange,
    load_evidence,
    load_sources,
    load_states,
    replace_sources,
    settle_days,
)


def settle_by_copies(run: Run, scopes: Sequence[Scope], entities: Entities, ledger: Ledger) -> None:
    """Settle what this run's readings vouch for, and take back what had settled on a copy that moves again.

    ``ledger`` is that of ``entities``, all of the ``scopes`` that were read. What changes is which of its days are
    settled, never which were read.
    """
    warehouse, settling, since = run.warehouse, run.settings.settle_hours, run.fresh_since
    evidence = load_evidence(warehouse, scopes, read_since=since)
    if not evidence:
        return
    went_back = {key for key, found in evidence.items() if found.went_back}
    before, stood = load_sources(warehouse), load_states(warehouse)
    now = {key: observe(before.get(key), found) for key, found in evidence.items()}
    platforms = {entity.source: entity.key.platform for entity in entities.values() if entity.parent_id}
    hours = {key: settling.hours(platforms.get(key)) for key in now}
    with warehouse.transaction():
        accept_witnessed_vanishings(
            warehouse,
            {
                key: source.copy_from - timedelta(hours=hours[key])
                for key, source in now.items()
                if source.copy_from is not None
            },
            read_since=since,
            accounts_are_read=AD_ACCOUNT in run.settings.scopes,
        )
        settled = dict(ledger)
        for scope in scopes:
            doubtful = load_held_days(warehouse, scope)
            changes: list[LedgerChange] = []
            for key, coverage in ledger.items():
                if key.scope is not scope:
                    continue
                source_key = entities[key].source
                below = _sources_below(now, key.project_id) if scope is PROJECT else [source_key]
                vouching = [now[each] for each in below if each in now]
                if not vouching:
                    continue
                settle_hours = settling.hours(key.platform)
                after = settle(
                    coverage,
                    before.get(source_key),
                    vouching,
                    read_since=since,
                    settle_hours=settle_hours,
                    went_back=any(each in went_back for each in below),
                    doubtful=doubtful.get((key.project_id, key.entity_id), ()),
                )
                if after != coverage:
                    changes.append(LedgerChange(key, coverage, after, settle_hours))
                    settled[key] = after
            settle_days(warehouse, scope, changes)
        _hold_contradicted(run, scopes, entities, settled, find_contradictions(warehouse, scopes, now, hours))
        replace_sources(
            warehouse,
            {
                key: (
                    judge(
                        before.get(key),
                        source,
                        settle_hours=hours[key],
                        stood=stood.get(key),
                        rests=evidence[key].rests,
                    ),
                    source,
                )
                for key, source in now.items()
                if source != before.get(key)
            },
        )


def _hold_contradicted(
    run: Run, scopes: Sequence[Scope], entities: Entities, ledger: Ledger, contradictions: Contradictions
) -> None:
    """Hold what was read now of days on which parent and children, as they have settled, can't both be right."""
    if not contradictions:
        return
    for scope in scopes:
        changes: list[LedgerChange] = []
        for key, coverage in ledger.items():
            if key.scope is not scope:
                continue
            settle_hours = run.settings.settle_hours.hours(key.platform)
            after = tuple(coverage)
            for days in join_days(days_contradicted(contradictions, entities[key])):
                after = hold(after, days, read_since=run.fresh_since, settle_hours=settle_hours)
            if after != coverage:
                changes.append(LedgerChange(key, coverage, after, settle_hours))
        settle_days(run.warehouse, scope, changes)


def _sources_below(now: Iterable[SourceKey], project_id: str) -> Sequence[SourceKey]:
    """Those a project's own numbers are sums of: its accounts, where these are read too."""
    of_project = [key for key in now if key[0] == project_id]
    return [key for key in of_project if key[1]] or of_project
