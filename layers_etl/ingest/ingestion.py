"""One run of the pipeline against one warehouse: list, read, derive, publish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from layers_etl.domain.days import DayWindow
from layers_etl.domain.entities import Listing
from layers_etl.domain.outcomes import ListingOutcome, ScopeOutcome
from layers_etl.domain.scopes import AD_ACCOUNT, Scope, listed_scopes
from layers_etl.errors import EntityError
from layers_etl.ingest.identity import Connect, layers_client
from layers_etl.ingest.outcomes import PublicationOutcome, incomplete_listing
from layers_etl.ingest.outstanding import find_open_days
from layers_etl.ingest.reading import read_metrics
from layers_etl.ingest.request import RunRequest
from layers_etl.ingest.run_log import RunLog, utc_now
from layers_etl.ingest.runner import InterruptibleRunner
from layers_etl.ingest.session import Session, open_session
from layers_etl.ingest.weekly_reach import WeeklyReachOutcome, WeeklyReachReader
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.marts import DerivedMart, derive_daily_mart
from layers_etl.warehouse.publishing import Publication, publish_warehouse
from layers_etl.warehouse.refusals import note_refused_metrics
from layers_etl.warehouse.sources import load_sources

logger = logging.getLogger(__name__)


class Ingestion:
    """A run in progress. What it learns lands in ``warehouse`` as it goes; :meth:`close` writes down how it ended.

    The API is first reached when something is listed or read, so that deriving and publishing need no key.
    """

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        request: RunRequest,
        *,
        run_id: str,
        now: Callable[[], datetime] = utc_now,
        connect: Connect = layers_client,
    ) -> None:
        """Prepare a run; nothing is read or written yet. ``connect`` makes the client."""
        self.settings = settings
        self.warehouse = warehouse
        self.request = request
        self._run_log = RunLog(warehouse, run_id, now)
        self._connect = connect
        self._runner = InterruptibleRunner()
        self._session: Session | None = None
        self._listings: dict[Scope, ListingOutcome] = {}

    def list_entities(self, scope: Scope) -> ListingOutcome:
        """List ``scope`` in every project and land it; a project whose list fails keeps what was known of it."""
        with self._run_log.noting_the_end():
            session = self._reach_api()
            listings, failures = self._runner.run(_fetch_listings(session, scope))
            left_out = {project_id: listing.left_out for project_id, listing in listings.items() if listing.left_out}
            failures += [incomplete_listing(scope, project_id, items) for project_id, items in left_out.items()]
            entities = [entity for listing in listings.values() for entity in listing]
            with self.warehouse.transaction():
                stored = upsert_entities(
                    self.warehouse, scope, list(listings), entities, session.instant, partly_listed=left_out
                )
                self._run_log.note_failures(failures)
                self._run_log.note_odd_fields(scope, stored, left_out.items())
            # No asset lists the projects; the accounts are the first that hang on their list.
            above = session.unlisted_projects if scope is AD_ACCOUNT else ()
            outcome = ListingOutcome(scope, (*above, *failures))
            self._listings[scope] = outcome
            logger.info("Listed %d %s in %d projects.", len(entities), scope.plural, len(listings))
            return outcome

    def read_metrics(self, scopes: Sequence[Scope], window: DayWindow) -> dict[Scope, ScopeOutcome]:
        """Read and land what ``window`` asks for: see :func:`read_metrics`. Lists what has not been listed."""
        with self._run_log.noting_the_end():
            session = self._reach_api()
            for scope in listed_scopes(scopes):
                if scope not in self._listings:
                    self.list_entities(scope)
            outcomes = read_metrics(session, load_sources(self.warehouse), scopes, window, self._listings)
            note_refused_metrics(self.warehouse, session.client.refused_metrics, session.clock.said)
            return outcomes

    def read_weekly_reach(self, scope: Scope) -> WeeklyReachOutcome:
        """Read and land the weeks of ``scope`` whose own reach is still open: see :class:`WeeklyReachReader`."""
        with self._run_log.noting_the_end():
            return WeeklyReachReader(self._reach_api()).read(scope)

    def derive(self, scope: Scope) -> DerivedMart:
        """Bring the daily mart of ``scope`` in step."""
        with self._run_log.noting_the_end():
            return derive_daily_mart(self.warehouse, scope, self.settings.settle_hours)

    def publish(self) -> PublicationOutcome:
        """Publish the warehouse; nothing is new where the published file already has everything."""
        with self._run_log.noting_the_end():
            self._run_log.record_end()
            open_days = find_open_days(self.warehouse, self.settings, self.instant)
            publication = Publication(
                self._run_log.run_id,
                self._run_log.now(),
                self.instant,
                open_days.oldest,
                open_days.oldest_but_for_doubtful,
            )
            target = self.settings.published_path
            is_new = publish_warehouse(self.warehouse, target, publication)
            logger.info("Published %s." if is_new else "%s already has everything.", target)
            return PublicationOutcome(is_new, open_days)

    def close(self, *, interrupted: bool = False) -> None:
        """Write down how the run ended and let go of the connection to the API.

        ``interrupted`` is whether somebody asked for the end, which may have been between two of its parts.
        """
        try:
            if interrupted:
                self._run_log.interrupt()
            self._run_log.record_end()
        finally:
            if self._session:
                self._runner.run(self._session.client.__aexit__(None, None, None))
            self._runner.close()

    @property
    def run_id(self) -> str:
        """By which ``ops`` knows the run."""
        return self._run_log.run_id

    @property
    def has_reached_the_api(self) -> bool:
        """Whether anything was asked: before that nothing is written."""
        return self._session is not None

    @property
    def instant(self) -> datetime:
        """The instant the run stands for; this machine's clock where it has not reached the API."""
        return self._session.instant if self._session else self._run_log.now()

    @property
    def fresh_since(self) -> datetime:
        """What was read at or after this is this run's own, or that of the run it continues."""
        return self._session.fresh_since if self._session else self._run_log.now()

    def _reach_api(self) -> Session:
        """Once per run, before anything is written."""
        if self._session is None:
            self._session = open_session(
                self.settings, self.warehouse, self.request, self._run_log, self._runner, self._connect
            )
        return self._session


async def _fetch_listings(session: Session, scope: Scope) -> tuple[dict[str, Listing], list[EntityError]]:
    """The listings of ``scope`` by project, and an error for each project whose list could not be had."""
    listings: dict[str, Listing] = {}
    failures: list[EntityError] = []
    for project_id in session.listed_projects:
        try:
            listings[project_id] = await session.client.fetch_entities(scope, project_id)
        except EntityError as error:
            failures.append(error)
    return listings, failures
