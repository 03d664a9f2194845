"""Reading the daily metrics: plan, fetch, land, judge. Commits as it goes; one entity's failure is its own (rule 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from layers_etl.domain.days import DayWindow, describe_days
from layers_etl.domain.ids import is_among
from layers_etl.domain.outcomes import Landed, Listings, ScopeOutcome, judge_scope
from layers_etl.domain.planning import Entities, PlannedRead, ReadingPlan, in_order_of_need, plan_rereads
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.errors import ConfigurationError, EntityError
from layers_etl.ingest.fetching import Land, Lander, fetch_windows
from layers_etl.ingest.freshness import settle_by_copies
from layers_etl.ingest.landing import land_batch
from layers_etl.ingest.planning import Knowledge, plan_reading
from layers_etl.ingest.progress import Phase
from layers_etl.ingest.request import RunRequest
from layers_etl.ingest.run import Run
from layers_etl.warehouse.entities import load_known_entities
from layers_etl.warehouse.reconciliation import RECONCILED_WEEKS, disagreeing_days
from layers_etl.warehouse.reconciliation_views import OF_ACCOUNTS
from layers_etl.warehouse.refusals import note_refused_metrics
from layers_etl.warehouse.sources import load_looked_at, load_sources

logger = logging.getLogger(__name__)


def read_metrics(run: Run, scopes: Sequence[Scope], window: DayWindow, listings: Listings) -> dict[Scope, ScopeOutcome]:
    """Read and land what ``window`` asks for, an account next to its campaigns (rule 9).

    ``listings`` tell which projects' entities could not be listed. What landed is settled as far as its copies vouch
    for it, also where reading breaks off. Raises :class:`RefusedError` when the key stops being accepted; what had
    landed until then stays.
    """
    known, plan = plan_metrics(run, scopes, window)
    landed = Landed()

    def land(readings: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        nonlocal landed
        landed = landed.followed_by(land_batch(run, known, plan, landed, readings, errors))

    try:
        _fetch(run, plan.requests, land)
        plan = _with_rereads(run, known, plan, landed)
        _fetch(run, plan.rereads, land)
        # Of days anywhere in the past: with others in a batch, the whole table would be looked through for each.
        _fetch(run, plan.audits, land)
    finally:
        ledger = known.ledger_after(landed.coverage)
        settle_by_copies(run, scopes, known.entities, ledger)
    note_refused_metrics(run.warehouse, run.client.refused_metrics, run.facts.clock.said)
    outcomes = {
        scope: judge_scope(scope, plan, landed, ledger, listings, is_limited=run.request.is_limited) for scope in scopes
    }
    _note_failed_days(run, outcomes.values())
    return outcomes


def plan_metrics(run: Run, scopes: Sequence[Scope], window: DayWindow) -> tuple[Knowledge, ReadingPlan]:
    """What is known, and what of ``window`` is asked for by that; nothing is sent.

    Raises :class:`ConfigurationError` where the request names an entity that is not known.
    """
    known = _load_knowledge(run, scopes)
    _require_named(run.request, known.entities)
    return known, _plan(run, known, scopes, window)


def _load_knowledge(run: Run, scopes: Sequence[Scope]) -> Knowledge:
    entities = {
        entity.key: entity
        for scope in scopes
        for entity in load_known_entities(run.warehouse, scope, run.facts.read_projects, continued=run.facts.continues)
    }
    return Knowledge(entities, load_sources(run.warehouse), load_looked_at(run.warehouse, entities))


def _require_named(request: RunRequest, entities: Entities) -> None:
    """Whatever a limited request names must be there: reading nothing instead would pass for success."""
    for scope, named in ((CAMPAIGN, request.campaign_ids), (AD_ACCOUNT, request.ad_account_ids)):
        known = {key.entity_id for key in entities if key.scope is scope}
        if unknown := sorted(name for name in named if not is_among(name, known)):
            noun = scope.name.replace("_", " ")
            raise ConfigurationError(
                f"No {noun} {', '.join(unknown)} is known to the projects that are read: correct the id (they are "
                f"listed in ads.{scope.plural}), or add {scope.name} to LAYERS_SCOPES."
            )


def _plan(run: Run, known: Knowledge, scopes: Sequence[Scope], window: DayWindow) -> ReadingPlan:
    """By the run's own id, so that the settled days it reads again are the same however often it is taken up again."""
    return plan_reading(
        known,
        scopes,
        window,
        request=run.request,
        settings=run.settings,
        instant=run.instant,
        fresh_since=run.fresh_since,
        draw=Random(run.log.run_id),  # noqa: S311 - a sample, not a secret
    )


def _with_rereads(run: Run, known: Knowledge, plan: ReadingPlan, landed: Landed) -> ReadingPlan:
    """``plan`` with the dormant campaigns that their accounts contradict, by all that has landed."""
    dormant = plan.scopes[CAMPAIGN].dormant if CAMPAIGN in plan.scopes else ()
    if not (dormant and plan.wanted):
        return plan
    # Further back nothing was read, and runs of eight weeks have asked already.
    first_read = min((read.window.since for read in plan.requests), default=plan.wanted.until)
    since = max(plan.wanted.since, min(first_read, plan.wanted.until - RECONCILED_WEEKS))
    rereads = plan_rereads(
        [replace(entity, coverage=landed.coverage.get(entity.key, entity.coverage)) for entity in dormant],
        disagreeing_days(run.warehouse, OF_ACCOUNTS, DayWindow(since, plan.wanted.until)),
        plan.wanted,
        run.settings.settle_hours,
        instant=run.instant,
        fresh_since=run.fresh_since,
    )
    return replace(plan, rereads=in_order_of_need(rereads, known.entities))


def _fetch(run: Run, requests: Sequence[PlannedRead], land: Land) -> None:
    """Fetch ``requests`` in their order; ``land`` gets the answers in batches."""
    if requests:
        logger.info("Reading %d windows.", len(requests))
        run.progress.enter(Phase.READING, len(requests))
        with Lander(land, len(requests), run.progress) as lander:
            run.wait_for(fetch_windows(run.client, requests, lander))


def _note_failed_days(run: Run, outcomes: Iterable[ScopeOutcome]) -> None:
    for outcome in outcomes:
        if outcome.failed_days:
            days = describe_days(outcome.failed_days)
            run.log.fail(f"Nothing of {outcome.scope.plural} could be read for {days}.")
