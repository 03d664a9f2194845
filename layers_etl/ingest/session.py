"""Reaching the API: who we are, what time it has, which projects there are, and which run this continues."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from layers_etl.api.client import LayersClient
from layers_etl.domain.days import ONE_DAY, format_instant
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import PROJECT
from layers_etl.errors import ConfigurationError, EntityError
from layers_etl.ingest.clock import LONGEST_LEAD, ServerClock, find_clock
from layers_etl.ingest.identity import Connect, fetch_wanted_projects, layers_client
from layers_etl.ingest.outcomes import incomplete_listing
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run_log import RunLog, utc_now
from layers_etl.ingest.runner import InterruptibleRunner
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import adopt_stored_ids, load_project_ids, upsert_entities
from layers_etl.warehouse.future import take_back_future
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.refusals import recall_refused_metrics
from layers_etl.warehouse.runs import (
    RunStart,
    find_continued_run,
    forget_requests,
    record_horizon,
    take_horizon_back,
)
from layers_etl.warehouse.settling import apply_settling_times

logger = logging.getLogger(__name__)

REFUSALS_STAND: Final = timedelta(weeks=1)
"""How long a metric that was refused is not asked for: what a platform does not have today it may have some day."""


@dataclass(frozen=True, slots=True)
class Session:
    """What every part of a run works with, once the API has been reached.

    ``instant`` is the one the run stands for; what was read at or after ``fresh_since`` is not asked for again by a
    run; ``continues`` is the interrupted or retried run whose landed answers count as this one's. ``listed_projects``
    are those whose entities are listed; ``read_projects`` those whose metrics are read: in a run, also archived
    ones, until what was begun of them has settled. ``unlisted_projects`` tell what the list of projects did not.
    """

    settings: Settings
    warehouse: Warehouse
    request: RunRequest
    run_log: RunLog
    runner: InterruptibleRunner
    client: LayersClient
    clock: ServerClock
    instant: datetime
    fresh_since: datetime
    continues: str | None
    listed_projects: tuple[str, ...]
    read_projects: tuple[str, ...]
    unlisted_projects: tuple[EntityError, ...] = ()

    @property
    def is_run(self) -> bool:
        """Whether only what is not settled is asked for."""
        return self.request.kind is RunKind.RUN

    def counts_as_read_at(self, reading: Reading) -> datetime:
        """When it was made, but no later than the instant a run was told to stand for.

        Otherwise a run that stands for the past would settle days by today's clock.
        """
        return min(reading.read_at, self.request.as_of or reading.read_at)


def instant_of_run(as_of: datetime | None, api_now: datetime) -> datetime:
    """The instant a run stands for; :class:`ConfigurationError` for one that the API's clock has not reached.

    A few minutes ahead are those by which clocks differ: then it is what the API's clock says.
    """
    if as_of and as_of > api_now + LONGEST_LEAD:
        raise ConfigurationError(
            f"{format_instant(as_of)} has not come yet (the API's clock says {format_instant(api_now)}): "
            "a run stands for now or for an instant in the past."
        )
    return min(as_of or api_now, api_now)


def fetch_time(settings: Settings) -> datetime:
    """What the API's clock says; :class:`RefusedError` where the key can read nothing."""

    async def ask() -> datetime:
        async with layers_client(settings) as client:
            identity = await client.fetch_identity()
            return (await find_clock(client, identity.server_now, utc_now())).said

    return asyncio.run(ask())


def open_session(
    settings: Settings,
    warehouse: Warehouse,
    request: RunRequest,
    run_log: RunLog,
    runner: InterruptibleRunner,
    connect: Connect,
) -> Session:
    """Say who we are before anything is written, and begin the run's record.

    Raises :class:`RefusedError` for a key that is not accepted, :class:`ConfigurationError` for settings that don't fit
    what the API says.
    """
    client = connect(settings, run_log.sent.append)
    if proxy := client.route.proxy:
        logger.info("Reaching the API through %s.", proxy)
    runner.run(client.__aenter__())
    try:
        return _introduce(client, settings, warehouse, request, run_log, runner)
    except BaseException:
        runner.run(client.__aexit__(None, None, None))
        raise


def _introduce(
    client: LayersClient,
    settings: Settings,
    warehouse: Warehouse,
    request: RunRequest,
    run_log: RunLog,
    runner: InterruptibleRunner,
) -> Session:
    identity = runner.run(client.fetch_identity())
    clock = runner.run(find_clock(client, identity.server_now, run_log.now()))
    client.keep_time(clock.believed)
    listing = runner.run(fetch_wanted_projects(client, settings.project_ids))
    projects = adopt_stored_ids(warehouse, PROJECT, listing.entities)
    listed_projects = tuple(project.project_id for project in projects)
    instant = instant_of_run(request.as_of, clock.said)
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
    continued = find_continued_run(warehouse, request.describe(), instant, request.retry_of)
    fresh_since = continued.fresh_since if continued else min(instant, clock.said)
    continues = continued.run_id if continued else None
    run_log.begin(
        RunStart(run_log.run_id, request.kind, request.describe(), instant, fresh_since, continues, run_log.now())
    )
    _heal(warehouse, clock, run_log.now())
    client.recall(recall_refused_metrics(warehouse, since=clock.said - REFUSALS_STAND, until=clock.said + LONGEST_LEAD))
    forget_requests(warehouse, before=run_log.now() - timedelta(days=settings.request_log_days))
    record_horizon(warehouse, settings.start_date, instant.date() - ONE_DAY)
    apply_settling_times(warehouse, settings.settle_hours)
    known_projects = tuple(sorted({*listed_projects, *load_project_ids(warehouse, settings.project_ids)}))
    unlisted = (incomplete_listing(PROJECT, None, listing.left_out),) if listing.left_out else ()
    with warehouse.transaction():
        # Unless some are named, the listing is of all active projects: those it no longer holds are marked.
        partly_listed = known_projects if unlisted else ()
        stored = upsert_entities(warehouse, PROJECT, known_projects, projects, instant, partly_listed=partly_listed)
        run_log.note_failures(unlisted)
        run_log.note_odd_fields(PROJECT, stored, [(None, listing.left_out)])
    return Session(
        settings,
        warehouse,
        request,
        run_log,
        runner,
        client,
        clock,
        instant,
        fresh_since,
        continues,
        listed_projects,
        known_projects if request.kind is RunKind.RUN else listed_projects,
        unlisted,
    )


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
