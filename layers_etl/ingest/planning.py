"""What a run asks for of the daily metrics, from what is known, what is requested, and the days: a value, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from random import Random

from layers_etl.domain.auditing import count_audits, sample_audits
from layers_etl.domain.days import DayWindow
from layers_etl.domain.freshness import Source, SourceKey
from layers_etl.domain.glimpses import with_glimpses
from layers_etl.domain.ledger import Ledger
from layers_etl.domain.planning import Entities, Plan, ReadingPlan, in_order_of_need, plan_reads, split_at_now
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.ingest.request import RunRequest
from layers_etl.settings import Settings


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the warehouse knew before a run read anything.

    ``entities`` are all of the scopes that are read, asked for or not; ``sources`` the copies that serve their numbers;
    ``looked_at`` the day of the last look at the running one.
    """

    entities: Entities
    sources: Mapping[SourceKey, Source]
    looked_at: Mapping[EntityKey, date]

    def ledger_after(self, coverage: Ledger) -> Ledger:
        """The ledger of all entities once that of some has become ``coverage``."""
        return {key: coverage.get(key, entity.coverage) for key, entity in self.entities.items()}


def plan_reading(
    known: Knowledge,
    scopes: Sequence[Scope],
    window: DayWindow,
    *,
    request: RunRequest,
    settings: Settings,
    instant: datetime,
    fresh_since: datetime,
    draw: Random,
) -> ReadingPlan:
    """All of ``window`` in a backfill; in a run, what is not settled up to its end (rule 1 of the design).

    Nothing that was read at or after ``fresh_since`` is asked for again by a run. ``draw`` chooses the settled days
    that a run over all entities reads again beside its plan.
    """
    is_run = not request.is_backfill
    wanted, not_begun = split_at_now(window, instant)
    if wanted and is_run:
        wanted = DayWindow(min(settings.start_date, wanted.since), wanted.until)
    plans = {
        scope: plan_reads(
            [entity for key, entity in known.entities.items() if key.scope is scope and request.includes(entity)],
            wanted,
            settings.settle_hours,
            instant=instant,
            fresh_since=fresh_since if is_run else None,
            only_unsettled=is_run,
            dormancy=AD_ACCOUNT in settings.scopes,
        )
        if wanted
        else Plan()
        for scope in scopes
    }
    reads = list(chain.from_iterable(plan.reads for plan in plans.values()))
    audited = count_audits(len(reads), settings.audit_percent) if is_run and not request.is_limited else 0
    audits = sample_audits(known.entities.values(), settings.settle_hours, audited, draw)
    glimpsing = with_glimpses(reads, known.entities, known.sources, settings.settle_hours, instant, fresh_since)
    requests = in_order_of_need(glimpsing, known.entities)
    return ReadingPlan(window, wanted, not_begun, plans, requests, audits=tuple(audits))
