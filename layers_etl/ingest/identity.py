"""Who the key is and what time the API has: asked before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from layers_etl.api.client import LayersClient
from layers_etl.api.retries import RetryPolicy
from layers_etl.domain.entities import Entity, Identity
from layers_etl.domain.readings import RequestRecord
from layers_etl.errors import ConfigurationError
from layers_etl.settings import Settings

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
    )


def fetch_identity(settings: Settings, retry: RetryPolicy | None = None) -> Identity:
    """Whoami, once; :class:`RefusedError` where the key can read nothing."""

    async def ask() -> Identity:
        async with layers_client(settings, retry=retry) as client:
            return await client.fetch_identity()

    identity = asyncio.run(ask())
    identity.require_usable()
    return identity


def fetch_projects(settings: Settings, retry: RetryPolicy | None = None) -> list[Entity]:
    """The projects a run would read."""

    async def ask() -> list[Entity]:
        async with layers_client(settings, retry=retry) as client:
            return await fetch_wanted_projects(client, settings.project_ids)

    return asyncio.run(ask())


async def fetch_wanted_projects(client: LayersClient, project_ids: Sequence[str]) -> list[Entity]:
    """The projects named, whatever their status, or all active ones; ``ConfigurationError`` for one not to be seen."""
    if not project_ids:
        return await client.fetch_projects(status="active")
    projects = {project.project_id: project for project in await client.fetch_projects(status=None)}
    unknown = [project_id for project_id in project_ids if project_id not in projects]
    if unknown:
        raise ConfigurationError(
            f"LAYERS_PROJECT_IDS names {', '.join(unknown)}, which this key cannot see: correct the id, "
            "or leave the setting empty for all active projects."
        )
    return [projects[project_id] for project_id in project_ids]
