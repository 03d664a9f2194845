"""Who the key is, which projects it may read, and what of them: a question each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final, TypeVar

from yarl import URL

from layers_etl.api.client import LayersClient
from layers_etl.api.failures import FORBIDDEN_SCOPE
from layers_etl.api.network import find_route
from layers_etl.api.retries import RetryPolicy
from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.entities import Entity, Identity, Listing
from layers_etl.domain.ids import find_same_id, is_among
from layers_etl.domain.readings import EntityKey, Reading, RequestRecord
from layers_etl.domain.scopes import PROJECT, Scope
from layers_etl.errors import ConfigurationError, RefusedError
from layers_etl.settings import Settings, load_network

logger = logging.getLogger(__name__)

T = TypeVar("T")

OnRequest = Callable[[RequestRecord], None]
Connect = Callable[[Settings, OnRequest | None], LayersClient]
"""Makes the client of a run; it calls back once for every request, failed ones too."""


AT_ONCE: Final = RetryPolicy(attempts=2, wait_initial=0.2, wait_jitter=0.2, refusals=1, patience=5.0)
"""For a person who waits for the answer, whatever it is."""


def layers_client(
    settings: Settings, on_request: OnRequest | None = None, retry: RetryPolicy | None = None
) -> LayersClient:
    """A client for the API that ``settings`` name; ``ConfigurationError`` where they cannot be used."""
    return LayersClient(
        base_url=settings.base_url,
        api_key=settings.require_api_key(),
        organization=settings.organization,
        requests_per_minute=settings.requests_per_minute,
        on_request=on_request,
        retry=retry,
        network=load_network(),
    )


def describe_route(settings: Settings) -> str:
    """How the API is reached; ``ConfigurationError`` for an address, a proxy or certificates that cannot be used."""
    route = find_route(URL(settings.base_url), load_network())
    return f"{settings.base_url} is reached {f'through {route.proxy}' if route.proxy else 'without a proxy'}."


def fetch_identity(settings: Settings, retry: RetryPolicy | None = None) -> Identity:
    """Whoami, once; :class:`RefusedError` where the key is not accepted."""
    return _ask(settings, retry, lambda client: client.fetch_identity())


def fetch_project_list(settings: Settings, retry: RetryPolicy | None = None) -> Listing:
    """The list that :func:`choose_projects` chooses from; :class:`RefusedError` where the key may not list projects."""
    return _ask(settings, retry, lambda client: _fetch_project_list(client, settings.project_ids))


def fetch_some(settings: Settings, scope: Scope, project_id: str, retry: RetryPolicy | None = None) -> Listing:
    """The beginning of one listing: whether the key may read it."""
    return _ask(settings, retry, lambda client: client.fetch_some(scope, project_id))


def fetch_spend(settings: Settings, key: EntityKey, day: date, retry: RetryPolicy | None = None) -> list[Reading]:
    """One metric of one entity's day: whether the key may read it."""

    async def ask(client: LayersClient) -> list[Reading]:
        window = DayWindow(day, day + ONE_DAY)
        return [reading async for reading in client.fetch_metrics(key, window, metrics=("spend",))]

    return _ask(settings, retry, ask)


def _ask(settings: Settings, retry: RetryPolicy | None, question: Callable[[LayersClient], Awaitable[T]]) -> T:
    """One question with a client of its own, so that no other's refusal answers it."""

    async def ask() -> T:
        async with layers_client(settings, retry=retry) as client:
            return await question(client)

    return asyncio.run(ask())


async def fetch_wanted_projects(client: LayersClient, project_ids: Sequence[str]) -> Listing:
    """The projects named, whatever their status, or all active ones; as they are known by their ids where the key may
    not list any. ``ConfigurationError`` for one that the key cannot see."""
    try:
        listing = await _fetch_project_list(client, project_ids)
    except RefusedError as refusal:
        if not can_do_without_list(refusal, project_ids):
            raise
        logger.warning("%s. The projects that LAYERS_PROJECT_IDS names are read without it.", refusal)
        return projects_by_id(project_ids)
    return choose_projects(listing, project_ids)


async def _fetch_project_list(client: LayersClient, project_ids: Sequence[str]) -> Listing:
    return await client.fetch_projects(status=None if project_ids else "active")


def can_do_without_list(refusal: RefusedError, project_ids: Sequence[str]) -> bool:
    """Whether a refused list of projects leaves something to read: the key may be good for all but the list."""
    return refusal.code == FORBIDDEN_SCOPE and bool(project_ids)


def choose_projects(listing: Listing, project_ids: Sequence[str]) -> Listing:
    """Those of the list that are named, each by its id with or without its prefix; all where none is.

    One that may be among the items left out is known by its id alone. ``ConfigurationError`` for one that the key
    cannot see.
    """
    if not project_ids:
        return listing
    projects = {project.project_id: project for project in listing}
    found = {project_id: find_same_id(project_id, projects) for project_id in project_ids}
    unknown = [project_id for project_id, same in found.items() if same is None]
    if unknown and not listing.left_out:
        raise ConfigurationError(
            f"LAYERS_PROJECT_IDS names {', '.join(unknown)}, which this key cannot see: correct the id, "
            "or leave the setting empty for all active projects."
        )
    wanted = [projects[same] if same else _known_by_id(project_id) for project_id, same in found.items()]
    return Listing(tuple({project.project_id: project for project in wanted}.values()), listing.left_out)


def projects_by_id(project_ids: Sequence[str]) -> Listing:
    """The projects named, each once, where no list can be had: known by their ids alone."""
    named = (each for number, each in enumerate(project_ids) if not is_among(each, project_ids[:number]))
    return Listing(tuple(map(_known_by_id, named)))


def _known_by_id(project_id: str) -> Entity:
    """A project of which no listing says anything else; what is stored of it stands."""
    return Entity(PROJECT, project_id, project_id, unread_columns=frozenset(PROJECT.details))
