"""Landing: a batch of answers and errors is written in one transaction (rules 2 to 5 of the design)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from layers_etl.domain.freshness import vouched_at
from layers_etl.domain.glimpses import Look, looks
from layers_etl.domain.outcomes import Landed, LandedWindow, sort_errors
from layers_etl.domain.planning import ReadingPlan
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import Scope
from layers_etl.errors import EntityError
from layers_etl.ingest.planning import Knowledge
from layers_etl.ingest.run import Run
from layers_etl.warehouse.audits import note_audits
from layers_etl.warehouse.entities import mark_gone, unmark_gone
from layers_etl.warehouse.readings import Landing, upsert_readings
from layers_etl.warehouse.sources import note_looks

logger = logging.getLogger(__name__)


def land_batch(
    run: Run,
    known: Knowledge,
    plan: ReadingPlan,
    so_far: Landed,
    readings: Sequence[Reading],
    errors: Sequence[EntityError],
) -> Landed:
    """Land ``readings`` and ``errors`` of requests of ``plan``: all of it, or nothing; what landed is returned.

    In one transaction, so that nothing is gone and unreported, or read and still gone, wherever it is killed.
    ``so_far`` is what landed in the run before.
    """
    batch = Landed()
    with run.warehouse.transaction():
        for scope in plan.scopes:
            of_scope = [reading for reading in readings if reading.key.scope is scope]
            if of_scope:
                batch = batch.followed_by(_land_readings(run, known, plan, so_far, scope, of_scope))
        batch = batch.followed_by(_land_errors(run, known, plan, so_far.followed_by(batch), errors))
        run.log.note_windows(len(readings))
    return batch


def _land_readings(
    run: Run, known: Knowledge, plan: ReadingPlan, so_far: Landed, scope: Scope, readings: Sequence[Reading]
) -> Landed:
    warehouse, run_id = run.warehouse, run.log.run_id
    landings = [_landing(run, known, plan, reading) for reading in readings]
    landed = [landing.reading for landing in landings]
    ledger = {key: so_far.coverage.get(key, known.entities[key].coverage) for key in (each.key for each in landed)}
    coverage = upsert_readings(warehouse, scope, landings, ledger, run_id)
    seen = [
        _looks(known, plan, reading, landing.reading.read_at)
        for reading, landing in zip(readings, landings, strict=True)
    ]
    note_looks(warehouse, list(chain.from_iterable(seen)), read_since=run.fresh_since)
    audited = [reading for reading in landed if plan.is_audit(reading.key, reading.window.since)]
    note_audits(warehouse, scope, audited, run_id)
    unmark_gone(warehouse, [key for key in ledger if _is_gone(known, so_far, key)])
    return Landed(tuple(LandedWindow(reading.key, reading.window, len(reading)) for reading in landed), coverage)


def _landing(run: Run, known: Knowledge, plan: ReadingPlan, reading: Reading) -> Landing:
    """Of what a reading shows, the days that were asked for: a glimpse beyond them does not land."""
    entity = known.entities[reading.key]
    part = reading.within(plan.asked_window(reading.key, reading.window.since))
    assert part is not None
    counted_at = run.request.counts_as_read_at(reading)
    return Landing(
        part if part.read_at == counted_at else replace(part, read_at=counted_at),
        entity.currency,
        run.settings.settle_hours.hours(reading.key.platform),
        vouched_at=vouched_at(known.sources.get(entity.source), run.instant),
        accepts_vanishing=run.request.is_backfill,
        ad_account_id=entity.parent_id,
    )


def _looks(known: Knowledge, plan: ReadingPlan, reading: Reading, counted_at: datetime) -> list[Look]:
    """What a reading shows of running days, which do not land."""
    return looks(
        reading,
        known.entities[reading.key].source,
        beyond=plan.asked_window(reading.key, reading.window.since).until,
        looked_at=known.looked_at.get(reading.key),
        seen_at=counted_at,
    )


def _land_errors(
    run: Run, known: Knowledge, plan: ReadingPlan, so_far: Landed, errors: Sequence[EntityError]
) -> Landed:
    found = sort_errors(
        errors,
        plan,
        known.entities,
        is_gone=lambda key: _is_gone(known, so_far, key),
        is_named=run.request.names,
    )
    for error in found.of_audits:
        logger.info("Not read again: %s", error)
    mark_gone(run.warehouse, found.gone, run.instant)
    run.log.note_failures(error for _, error in found.failed)
    return Landed(errors=dict(found.failed), missing=found.missing)


def _is_gone(known: Knowledge, so_far: Landed, key: EntityKey) -> bool:
    """Whether an entity is remembered as gone, and no answer of this run has told otherwise."""
    return known.entities[key].gone and key not in so_far.coverage
