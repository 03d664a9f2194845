"""How a run begins: who we are, what time the API has, which projects there are, and which run this continues."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from layers_etl.domain.days import ONE_DAY
from layers_etl.domain.entities import Listing
from layers_etl.domain.scopes import PROJECT
from layers_etl.errors import ConfigurationError
from layers_etl.ingest.clock import LONGEST_LEAD, ServerClock, find_clock, instant_of_run
from layers_etl.ingest.identity import fetch_wanted_projects
from layers_etl.ingest.listing import incomplete_listing
from layers_etl.ingest.run import Facts, Run
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import adopt_stored_ids, load_project_ids, upsert_entities
from layers_etl.warehouse.future import take_back_future
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.refusals import REFUSALS_STAND, recall_refused_metrics
from layers_etl.warehouse.runs import (
    RunStart,
    find_continued_run,
    forget_requests,
    record_horizon,
    take_horizon_back,
)
from layers_etl.warehouse.settling import apply_settling_times

logger = logging.getLogger(__name__)


def begin(run: Run) -> None:
    """Say who we are before anything is written, begin the run's record, and give it its facts.

    Raises :class:`RefusedError` for a key that is not accepted, :class:`ConfigurationError` for settings that don't fit
    what the API says.
    """
    settings, warehouse, client = run.settings, run.warehouse, run.client
    identity = run.wait_for(client.fetch_identity())
    clock = run.wait_for(find_clock(client, identity.server_now, run.log.now()))
    client.keep_time(clock.believed)
    listing = run.wait_for(fetch_wanted_projects(client, settings.project_ids))
    instant = instant_of_run(run.request.as_of, clock.said)
    if settings.start_date > instant.date():
        raise ConfigurationError(
            f"LAYERS_START_DATE is {settings.start_date}, after {instant:%Y-%m-%d}, the day the run stands for: "
            "set it to the first day you want in the warehouse."
        )
    claim_for_organization(
        warehouse,
        settings.organization or identity.organization_id,
        settings.key_kind,
        allow_mixed_keys=settings.allow_mixed_keys,
    )
    start = _start(run, instant, clock)
    run.log.begin(start)
    _heal(warehouse, clock, run.log.now())
    client.recall(recall_refused_metrics(warehouse, since=clock.said - REFUSALS_STAND, until=clock.said + LONGEST_LEAD))
    forget_requests(warehouse, before=run.log.now() - timedelta(days=settings.request_log_days))
    record_horizon(warehouse, settings.start_date, instant.date() - ONE_DAY)
    apply_settling_times(warehouse, settings.settle_hours)
    run.begin_with(_land_projects(run, listing, start, clock))


def _start(run: Run, instant: datetime, clock: ServerClock) -> RunStart:
    """The run as it is written down, with the one it continues."""
    request = run.request
    continued = find_continued_run(run.warehouse, request.describe(), instant, request.retry_of)
    fresh_since = continued.fresh_since if continued else min(instant, clock.said)
    continues = continued.run_id if continued else None
    return RunStart(run.log.run_id, request.kind, request.describe(), instant, fresh_since, continues, run.log.now())


def _land_projects(run: Run, listing: Listing, start: RunStart, clock: ServerClock) -> Facts:
    """Land the list of projects; unless some are named, it is of all active ones: those it lacks now are marked."""
    projects = adopt_stored_ids(run.warehouse, PROJECT, listing.entities)
    listed = tuple(project.project_id for project in projects)
    known = tuple(sorted({*listed, *load_project_ids(run.warehouse, run.settings.project_ids)}))
    unlisted = (incomplete_listing(PROJECT, None, listing.left_out),) if listing.left_out else ()
    with run.warehouse.transaction():
        partly_listed = known if unlisted else ()
        stored = upsert_entities(run.warehouse, PROJECT, known, projects, start.instant, partly_listed=partly_listed)
        run.log.note_failures(unlisted)
        run.log.note_odd_fields(PROJECT, stored, [(None, listing.left_out)])
    read = listed if run.request.is_backfill else known
    return Facts(clock, start.instant, start.fresh_since, start.continues, listed, read, unlisted)


def _heal(warehouse: Warehouse, clock: ServerClock, own_now: datetime) -> None:
    """Take out of an older file what a run for an instant to come, or a wrong clock once believed, left there.

    Only the horizon on the API's word alone; the rest is evidence, which two clocks must contradict: this machine's
    too. Where the API is simulated they never agree.
    """
    last_day = clock.said.date() - ONE_DAY
    horizon_was_ahead = take_horizon_back(warehouse, last_day)
    if horizon_was_ahead and abs(clock.said - own_now) <= LONGEST_LEAD:
        take_back_future(warehouse, clock.said + LONGEST_LEAD)
        logger.warning("The warehouse held readings of an instant that has not come yet: their days are read again.")
