"""Reaching the API: who we are, what time it has, which projects there are, and which run this continues."""

from __future__ import annotations

from asyncio import Runner
from dataclasses import dataclass
from datetime import datetime, timedelta

from layers_etl.api.client import LayersClient
from layers_etl.domain.days import ONE_DAY
from layers_etl.domain.scopes import PROJECT
from layers_etl.errors import ConfigurationError
from layers_etl.ingest.identity import Connect, fetch_wanted_projects
from layers_etl.ingest.journal import Journal
from layers_etl.ingest.request import RunRequest
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_project_ids, upsert_entities
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.runs import RunStart, find_continued_run, forget_requests, record_horizon
from layers_etl.warehouse.settling import apply_settling_times


@dataclass(frozen=True, slots=True)
class Presence:
    """What a run learns when it first reaches the API.

    ``instant`` is the one it stands for; what was read at or after ``fresh_since`` is not asked for again by a run;
    ``continues`` is the interrupted or retried run whose landed answers count as this one's.
    """

    client: LayersClient
    instant: datetime
    fresh_since: datetime
    continues: str | None
    project_ids: tuple[str, ...]


def reach_api(
    settings: Settings, warehouse: Warehouse, request: RunRequest, journal: Journal, runner: Runner, connect: Connect
) -> Presence:
    """Say who we are before anything is written, and begin the run's record.

    Raises :class:`RefusedError` for a key that is not accepted, :class:`ConfigurationError` for settings that don't fit
    what the API says.
    """
    client = connect(settings, journal.sent.append)
    runner.run(client.__aenter__())
    try:
        return _introduce(client, settings, warehouse, request, journal, runner)
    except BaseException:
        runner.run(client.__aexit__(None, None, None))
        raise


def _introduce(
    client: LayersClient,
    settings: Settings,
    warehouse: Warehouse,
    request: RunRequest,
    journal: Journal,
    runner: Runner,
) -> Presence:
    identity = runner.run(client.fetch_identity())
    identity.require_usable()
    projects = runner.run(fetch_wanted_projects(client, settings.project_ids))
    project_ids = tuple(project.project_id for project in projects)
    server_now = identity.server_now or journal.now()
    instant = request.as_of or server_now
    if settings.start_date > instant.date():
        raise ConfigurationError(
            f"LAYERS_START_DATE is {settings.start_date}, after {instant:%Y-%m-%d}, the day the run stands for: "
            "set it to the first day you want in the warehouse."
        )
    claim_for_organization(warehouse, settings.organization or identity.organization_id)
    continued = find_continued_run(warehouse, request.describe(), instant, request.retry_of)
    presence = Presence(
        client,
        instant,
        fresh_since=continued.fresh_since if continued else min(instant, server_now),
        continues=continued.run_id if continued else None,
        project_ids=project_ids,
    )
    journal.begin(
        RunStart(
            journal.run_id,
            request.kind,
            request.describe(),
            instant,
            presence.fresh_since,
            presence.continues,
            journal.now(),
        )
    )
    forget_requests(warehouse, before=journal.now() - timedelta(days=settings.request_log_days))
    record_horizon(warehouse, settings.start_date, instant.date() - ONE_DAY)
    apply_settling_times(warehouse, settings.settle_hours)
    # Unless some are named, the listing is of all active projects: those it no longer holds are marked.
    listed = project_ids if settings.project_ids else {*project_ids, *load_project_ids(warehouse, ())}
    upsert_entities(warehouse, PROJECT, sorted(listed), projects, instant)
    return presence
