"""Reading the daily metrics: plan, fetch, land, judge. Commits as it goes; one entity's failure is its own (rule 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random

from layers_etl.domain.days import DayWindow, describe_days
from layers_etl.domain.freshness import Source, SourceKey
from layers_etl.domain.ids import is_among
from layers_etl.domain.outcomes import Landed, Listings, ScopeOutcome, judge_scope
from layers_etl.domain.planning import Entities, PlannedRead, ReadingPlan, account_by_account, plan_rereads
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.errors import ConfigurationError, EntityError
from layers_etl.ingest.fetching import Land, fetch_in_batches
from layers_etl.ingest.freshness import settle_by_copies
from layers_etl.ingest.landing import land_batch
from layers_etl.ingest.planning import Knowledge, plan_reading
from layers_etl.ingest.request import RunRequest
from layers_etl.ingest.session import Session
from layers_etl.warehouse.entities import load_known_entities
from layers_etl.warehouse.reconciliation import disagreeing_account_days

logger = logging.getLogger(__name__)


def read_metrics(
    session: Session,
    sources: Mapping[SourceKey, Source],
    scopes: Sequence[Scope],
    window: DayWindow,
    listings: Listings,
) -> dict[Scope, ScopeOutcome]:
    """Read and land what ``window`` asks for, an account next to its campaigns (rule 9).

    ``sources`` are the copies as they were known before; ``listings`` tell which projects' entities could not be
    listed. What landed is settled as far as its copies vouch for it, also where reading breaks off. Raises
    :class:`RefusedError` when the key stops being accepted; what had landed until then stays.
    """
    known = _load_knowledge(session, scopes, sources)
    _require_named(session.request, known.entities)
    plan = _plan(session, known, scopes, window)
    landed = Landed()

    def land(readings: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        nonlocal landed
        landed = landed.followed_by(land_batch(session, known, plan, landed, readings, errors))

    try:
        _fetch(session, plan.requests, land)
        plan = _with_rereads(session, known, plan, landed)
        _fetch(session, plan.rereads, land)
    finally:
        ledger = known.ledger_after(landed.coverage)
        settle_by_copies(session, scopes, known.entities, ledger)
    outcomes = {
        scope: judge_scope(scope, plan, landed, ledger, listings, is_limited=session.request.is_limited)
        for scope in scopes
    }
    _note_failed_days(session, outcomes.values())
    return outcomes


def _load_knowledge(session: Session, scopes: Sequence[Scope], sources: Mapping[SourceKey, Source]) -> Knowledge:
    entities = {
        entity.key: entity
        for scope in scopes
        for entity in load_known_entities(session.warehouse, scope, session.read_projects, continued=session.continues)
    }
    return Knowledge(entities, sources)


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


def _plan(session: Session, known: Knowledge, scopes: Sequence[Scope], window: DayWindow) -> ReadingPlan:
    """By the run's own id, so that the settled days it reads again are the same however often it is taken up again."""
    return plan_reading(
        known,
        scopes,
        window,
        request=session.request,
        settings=session.settings,
        instant=session.instant,
        fresh_since=session.fresh_since,
        draw=Random(session.run_log.run_id),  # noqa: S311 - a sample, not a secret
    )


def _with_rereads(session: Session, known: Knowledge, plan: ReadingPlan, landed: Landed) -> ReadingPlan:
    """``plan`` with the dormant campaigns that their accounts contradict, by all that has landed."""
    dormant = plan.scopes[CAMPAIGN].dormant if CAMPAIGN in plan.scopes else ()
    if not (dormant and plan.wanted):
        return plan
    rereads = plan_rereads(
        [replace(entity, coverage=landed.coverage.get(entity.key, entity.coverage)) for entity in dormant],
        disagreeing_account_days(session.warehouse, plan.wanted),
        plan.wanted,
        session.settings.settle_hours,
        instant=session.instant,
        fresh_since=session.fresh_since,
    )
    return replace(plan, rereads=account_by_account(rereads, known.entities))


def _fetch(session: Session, requests: Sequence[PlannedRead], land: Land) -> None:
    """Fetch ``requests`` in their order; ``land`` gets the answers in batches."""
    if requests:
        logger.info("Reading %d windows.", len(requests))
        session.runner.run(fetch_in_batches(session.client, requests, land=land))


def _note_failed_days(session: Session, outcomes: Iterable[ScopeOutcome]) -> None:
    for outcome in outcomes:
        if outcome.failed_days:
            days = describe_days(outcome.failed_days)
            session.run_log.fail(f"Nothing of {outcome.scope.plural} could be read for {days}.")
