"""Listing: which entities there are, landed by project; a project whose list fails keeps what was known of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from layers_etl.api.retries import UNTRUSTED
from layers_etl.domain.entities import Listing, OddField
from layers_etl.domain.outcomes import ListingOutcome
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.errors import EntityError, RequestContext
from layers_etl.ingest.run import Run
from layers_etl.warehouse.entities import upsert_entities

logger = logging.getLogger(__name__)


def list_entities(run: Run, scope: Scope) -> ListingOutcome:
    """List ``scope`` in every project and land it.

    Raises :class:`RefusedError` where the key may not list it.
    """
    listings, failures = run.wait_for(_fetch_listings(run, scope))
    left_out = {project_id: listing.left_out for project_id, listing in listings.items() if listing.left_out}
    failures += [incomplete_listing(scope, project_id, items) for project_id, items in left_out.items()]
    entities = [entity for listing in listings.values() for entity in listing]
    with run.warehouse.transaction():
        stored = upsert_entities(run.warehouse, scope, list(listings), entities, run.instant, partly_listed=left_out)
        run.log.note_failures(failures)
        run.log.note_odd_fields(scope, stored, left_out.items())
    logger.info("Listed %d %s in %d projects.", len(entities), scope.plural, len(listings))
    # No asset lists the projects; the accounts are the first that hang on their list.
    above = run.facts.unlisted_projects if scope is AD_ACCOUNT else ()
    return ListingOutcome(scope, (*above, *failures))


def incomplete_listing(scope: Scope, project_id: str | None, left_out: Sequence[OddField]) -> EntityError:
    """What is told of a listing with items that could not be told from others: all but these is read."""
    first = left_out[0]
    reason = (
        f"{len(left_out)} of its items had to be left out ({first.field} {first.problem}); the others are read, and "
        "none that was listed before counts as gone. ops.odd_fields has them for Layers' support"
    )
    return EntityError(reason, RequestContext(f"listing {scope.nouns}", project_id), UNTRUSTED)


async def _fetch_listings(run: Run, scope: Scope) -> tuple[dict[str, Listing], list[EntityError]]:
    """The listings of ``scope`` by project, and an error for each project whose list could not be had."""
    listings: dict[str, Listing] = {}
    failures: list[EntityError] = []
    for project_id in run.facts.listed_projects:
        try:
            listings[project_id] = await run.client.fetch_entities(scope, project_id)
        except EntityError as error:
            failures.append(error)
        run.progress.answered()
    return listings, failures
