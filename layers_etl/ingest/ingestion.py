"""One run of the pipeline against one warehouse: list, plan, read, land, derive, publish."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain
from typing import Final

from layers_etl.api.client import LayersClient
from layers_etl.domain.days import ONE_DAY, DayWindow, join_days, subtract_windows
from layers_etl.domain.entities import Entity
from layers_etl.domain.ledger import record_reading
from layers_etl.domain.planning import Plan, PlannedRead, plan_reads
from layers_etl.domain.readings import EntityKey, Reading, RequestRecord
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT, SCOPES, Scope
from layers_etl.domain.settlement import Coverage, settled_before
from layers_etl.errors import (
    ConfigurationError,
    EntityError,
    NotFoundError,
    RefusedError,
    UntrustedAnswerError,
)
from layers_etl.ingest.identity import fetch_wanted_projects, layers_client
from layers_etl.ingest.outcomes import FailedRead, ListingOutcome, ScopeOutcome
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import (
    load_known_entities,
    load_project_ids,
    mark_gone,
    unmark_gone,
    upsert_entities,
)
from layers_etl.warehouse.marts import DerivedMart, derive_daily_mart
from layers_etl.warehouse.organization import claim_for_organization
from layers_etl.warehouse.publishing import Publication, publish_warehouse
from layers_etl.warehouse.readings import Landing, upsert_readings
from layers_etl.warehouse.reconciliation import disagreeing_account_days
from layers_etl.warehouse.runs import (
    Failure,
    RunStart,
    RunStatus,
    UntrustedAnswer,
    find_continued_run,
    record_end,
    record_failures,
    record_horizon,
    record_progress,
    record_requests,
    record_start,
    record_untrusted_answers,
)
from layers_etl.warehouse.settling import apply_settling_times

logger = logging.getLogger(__name__)

WINDOWS_PER_LANDING: Final = 200
SECONDS_PER_LANDING: Final = 2.0
"""A long run commits as it goes: after so many answers, or so long, whichever comes first."""


def utc_now() -> datetime:
    """This machine's clock; passed in everywhere else."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Presence:
    """What a run learns when it first reaches the API. ``instant`` is the one it stands for."""

    client: LayersClient
    instant: datetime
    fresh_since: datetime
    continues: str | None
    projects: list[str]


@dataclass(slots=True)
class _ScopeState:
    """One scope while it is being read: its outcome, and what is known of its entities."""

    outcome: ScopeOutcome
    ledger: dict[EntityKey, tuple[Coverage, ...]]
    currencies: dict[EntityKey, str | None]
    accounts: dict[EntityKey, str]
    keys: dict[tuple[str, str], EntityKey]
    gone: set[EntityKey]


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
    ) -> None:
        """Prepare a run; nothing is read or written yet."""
        self.settings = settings
        self.warehouse = warehouse
        self.request = request
        self.run_id = run_id
        self.failures: list[Failure] = []
        self._now = now
        self._runner = asyncio.Runner()
        self._presence: _Presence | None = None
        self._listings: dict[Scope, ListingOutcome] = {}
        self._sent: list[RequestRecord] = []
        self._windows_read = 0
        self._end: tuple[RunStatus, str] | None = None

    # What a run does, in order ------------------------------------------------------------------------------------

    def list_entities(self, scope: Scope) -> ListingOutcome:
        """List ``scope`` in every project and land it; a project whose list fails keeps what was known of it."""
        with self._noting_the_end():
            presence = self._reach_api()
            entities, failures = self._runner.run(self._fetch_listings(presence, scope))
            failed_projects = {failure.context.project_id for failure in failures}
            listed_projects = [project for project in presence.projects if project not in failed_projects]
            upsert_entities(
                self.warehouse, scope, listed_projects, entities, presence.instant, below=self.settings.scopes
            )
            self._record(failures)
            outcome = ListingOutcome(scope, len(entities), tuple(failures))
            self._listings[scope] = outcome
            logger.info("Listed %d %s in %d projects.", len(entities), scope.plural, len(listed_projects))
            return outcome

    def read_metrics(self, scopes: Sequence[Scope], window: DayWindow) -> dict[Scope, ScopeOutcome]:
        """Read and land what ``window`` asks for: all of it in a backfill, what is not settled up to its end in a run.

        An account and its campaigns are read next to each other, so that their numbers can be held together (rule 9).
        Raises :class:`RefusedError` when the key stops being accepted; what had landed until then stays.
        """
        with self._noting_the_end():
            presence = self._reach_api()
            for scope in dict.fromkeys((AD_ACCOUNT, *scopes)):
                if scope is not PROJECT and scope not in self._listings:
                    self.list_entities(scope)
            wanted, not_begun = self._bounded(window, presence)
            states = {scope: self._plan(scope, window, wanted, not_begun, presence) for scope in scopes}
            reads = chain.from_iterable(state.outcome.plan.reads for state in states.values())
            self._read(presence, states, list(reads))
            self._read(presence, states, self._reads_of_doubtful_dormant(presence, states, wanted))
            for state in states.values():
                self._judge(state)
            return {scope: state.outcome for scope, state in states.items()}

    def derive(self, scope: Scope) -> DerivedMart:
        """Bring the daily mart of ``scope`` in step."""
        with self._noting_the_end():
            return derive_daily_mart(self.warehouse, scope, self.settings.settle_hours)

    def publish(self) -> bool:
        """Publish the warehouse; False where the published file already has everything."""
        with self._noting_the_end():
            self._flush_requests()
            self._record_end()
            publication = Publication(self.run_id, self._now(), self.instant, self.settled_until())
            target = self.settings.published_path
            published = publish_warehouse(self.warehouse, target, publication)
            logger.info("Published %s." if published else "%s already has everything.", target)
            return published

    def finish(self) -> None:
        """Derive every mart and publish: for runs in which nothing downstream will."""
        for scope in self.settings.scopes:
            self.derive(scope)
        self.publish()

    def close(self) -> None:
        """Write down how the run ended and let go of the connection to the API."""
        try:
            self._flush_requests()
            self._record_end()
        finally:
            if self._presence:
                self._runner.run(self._presence.client.__aexit__(None, None, None))
            self._runner.close()

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        if self._end:
            return self._end[0]
        return RunStatus.INCOMPLETE if self.failures else RunStatus.SUCCEEDED

    @property
    def instant(self) -> datetime:
        """The instant the run stands for; this machine's clock where it has not reached the API."""
        return self._presence.instant if self._presence else self._now()

    def settled_until(self) -> date | None:
        """All days before this one are settled for every entity that is asked for; None where nothing is known yet."""
        return oldest_open_day(self.warehouse, self.settings, self.instant)

    # How --------------------------------------------------------------------------------------------------------

    def _reach_api(self) -> _Presence:
        """Say who we are, once per run, before anything is written; a refused key ends the run here."""
        if self._presence:
            return self._presence
        settings = self.settings
        client = layers_client(settings, on_request=self._sent.append)
        self._runner.run(client.__aenter__())
        try:
            identity = self._runner.run(client.fetch_identity())
            identity.require_usable()
            projects = self._runner.run(fetch_wanted_projects(client, settings.project_ids))
        except BaseException:
            self._runner.run(client.__aexit__(None, None, None))
            raise
        server_now = identity.server_now or self._now()
        as_of = self.request.as_of
        instant = as_of or server_now
        if settings.start_date > instant.date():
            raise ConfigurationError(
                f"LAYERS_START_DATE is {settings.start_date}, after {instant:%Y-%m-%d}, the day the run stands for: "
                "set it to the first day you want in the warehouse."
            )
        claim_for_organization(self.warehouse, settings.organization or identity.organization_id)
        request = self.request.describe()
        continued = find_continued_run(self.warehouse, request, instant, self.request.retry_of)
        fresh_since = continued.fresh_since if continued else min(instant, server_now)
        continues = continued.run_id if continued else None
        record_start(
            self.warehouse,
            RunStart(self.run_id, self.request.kind, request, instant, fresh_since, continues, self._now()),
        )
        record_horizon(self.warehouse, settings.start_date, instant.date() - ONE_DAY)
        apply_settling_times(self.warehouse, settings.scopes, settings.settle_hours)
        upsert_entities(
            self.warehouse, PROJECT, [project.project_id for project in projects], projects, min(instant, server_now)
        )
        self._presence = _Presence(
            client, instant, fresh_since, continues, [project.project_id for project in projects]
        )
        return self._presence

    async def _fetch_listings(self, presence: _Presence, scope: Scope) -> tuple[list[Entity], list[EntityError]]:
        entities: list[Entity] = []
        failures: list[EntityError] = []
        for project_id in presence.projects:
            try:
                entities += await presence.client.fetch_entities(scope, project_id)
            except EntityError as error:
                failures.append(error)
        return entities, failures

    def _bounded(self, window: DayWindow, presence: _Presence) -> tuple[DayWindow | None, DayWindow | None]:
        """The days of ``window`` to ask for, and those that have not begun at the run's instant."""
        tomorrow = presence.instant.date() + ONE_DAY
        begun = window.intersection(DayWindow(date.min, tomorrow))
        not_begun = window.intersection(DayWindow(tomorrow, date.max))
        if begun and self.request.kind is RunKind.RUN:
            begun = DayWindow(min(self.settings.start_date, begun.since), begun.until)
        return begun, not_begun

    def _plan(
        self,
        scope: Scope,
        window: DayWindow,
        wanted: DayWindow | None,
        not_begun: DayWindow | None,
        presence: _Presence,
    ) -> _ScopeState:
        is_run = self.request.kind is RunKind.RUN
        entities = load_known_entities(self.warehouse, scope, presence.projects, continued=presence.continues)
        asked_for = [entity.known for entity in entities if self.request.includes(entity.known)]
        plan = Plan()
        if wanted:
            plan = plan_reads(
                asked_for,
                wanted,
                self.settings.settle_hours,
                instant=presence.instant,
                fresh_since=presence.fresh_since if is_run else None,
                only_unsettled=is_run,
                dormancy=AD_ACCOUNT in self.settings.scopes,
            )
        expected = len({read.key for read in plan.reads}) + len(plan.current)
        outcome = ScopeOutcome(scope, window, plan, expected, not_begun=not_begun)
        return _ScopeState(
            outcome,
            ledger={entity.known.key: entity.known.coverage for entity in entities},
            currencies={entity.known.key: entity.currency for entity in entities},
            gone={entity.known.key for entity in entities if entity.known.gone},
            accounts={entity.known.key: entity.known.parent_id or "" for entity in entities},
            keys={(entity.known.key.project_id, entity.known.key.entity_id): entity.known.key for entity in entities},
        )

    def _read(self, presence: _Presence, states: Mapping[Scope, _ScopeState], reads: list[PlannedRead]) -> None:
        """Fetch and land ``reads``, committing as it goes, an account's entities side by side."""
        if reads:
            reads.sort(key=lambda read: (read.key.project_id, states[read.key.scope].accounts[read.key]))
            logger.info("Reading %d windows.", len(reads))
            self._runner.run(self._fetch_and_land(presence, states, reads))

    async def _fetch_and_land(
        self, presence: _Presence, states: Mapping[Scope, _ScopeState], reads: Sequence[PlannedRead]
    ) -> None:
        loop = asyncio.get_running_loop()
        arrived: list[Reading] = []
        last_landing = loop.time()
        try:
            async for outcome in presence.client.fetch_many_daily((read.key, read.window) for read in reads):
                if isinstance(outcome, Reading):
                    arrived.append(outcome)
                else:
                    self._note_failed_read(states, outcome)
                if len(arrived) >= WINDOWS_PER_LANDING or loop.time() - last_landing >= SECONDS_PER_LANDING:
                    # In a thread, so that answers go on arriving while these are written.
                    await asyncio.to_thread(self._land, states, arrived)
                    arrived, last_landing = [], loop.time()
                    logger.info("%d windows landed, %d entities failed.", self._windows_read, len(self.failures))
        finally:
            self._land(states, arrived)

    def _land(self, states: Mapping[Scope, _ScopeState], readings: Sequence[Reading]) -> None:
        for scope, state in states.items():
            landings: list[Landing] = []
            ledger: dict[EntityKey, tuple[Coverage, ...]] = {}
            for reading in readings:
                key = reading.key
                if key.scope is not scope:
                    continue
                settle_hours = self.settings.settle_hours.hours(key.platform)
                read_at = self._counts_as_read_at(reading, state.ledger[key])
                state.ledger[key] = record_reading(state.ledger[key], reading.window, read_at, settle_hours)
                ledger[key] = state.ledger[key]
                landings.append(Landing(replace(reading, read_at=read_at), state.currencies[key], settle_hours))
            if landings:
                upsert_readings(self.warehouse, scope, landings, ledger, self.run_id)
                unmark_gone(self.warehouse, [key for key in ledger if key in state.gone])
                state.outcome.windows_landed += len(landings)
                state.outcome.rows_landed += sum(landing.reading.buckets.height for landing in landings)
                self._windows_read += len(landings)
        self._flush_requests()
        record_progress(
            self.warehouse, self.run_id, windows_read=self._windows_read, entities_failed=self._entities_failed
        )

    def _counts_as_read_at(self, reading: Reading, coverage: Sequence[Coverage]) -> datetime:
        """The server's clock, but no later than the instant a run was told to stand for, and never back in time.

        Without the first, a run that stands for the past would settle days by today's clock; without the second, a
        server whose clock steps back would put a later observation before an earlier one.
        """
        read_at = min(reading.read_at, self.request.as_of) if self.request.as_of else reading.read_at
        seen_before = [
            interval.read_at
            for interval in coverage
            if interval.read_at and interval.window.intersection(reading.window)
        ]
        return max([read_at, *seen_before])

    def _note_failed_read(self, states: Mapping[Scope, _ScopeState], error: EntityError) -> None:
        context = error.context
        state = states[SCOPES[context.scope or ""]]
        key = state.keys[context.project_id or "", context.entity_id or ""]
        window = DayWindow(context.since or state.outcome.window.since, context.until or state.outcome.window.until)
        if isinstance(error, NotFoundError):
            if key in state.gone:
                return
            mark_gone(self.warehouse, key, self._now())
        state.outcome.failed.append(FailedRead(PlannedRead(key, window), error))
        self._record([error])

    def _reads_of_doubtful_dormant(
        self, presence: _Presence, states: Mapping[Scope, _ScopeState], wanted: DayWindow | None
    ) -> list[PlannedRead]:
        """The safety net of dormancy: where an account and the sum of its campaigns disagree, read them after all."""
        state = states.get(CAMPAIGN)
        if not (state and wanted and state.outcome.plan.dormant):
            return []
        doubtful = disagreeing_account_days(self.warehouse, wanted, observed_since=presence.fresh_since)
        reads: list[PlannedRead] = []
        for entity in state.outcome.plan.dormant:
            days = doubtful.get((entity.key.project_id, entity.parent_id or ""), [])
            reads += [PlannedRead(entity.key, window) for window in join_days(days)]
        state.outcome.reread_dormant = len({read.key for read in reads})
        return reads

    def _judge(self, state: _ScopeState) -> None:
        outcome = state.outcome
        if self.request.is_limited:
            covered = [[interval.window for interval in coverage] for coverage in state.ledger.values()]
            missing = {day for windows in covered for part in subtract_windows(outcome.window, windows) for day in part}
            outcome.covered_days = frozenset(outcome.window) - missing
        if outcome.failed_days:
            days = ", ".join(map(str, join_days(outcome.failed_days)))
            self._end = (RunStatus.FAILED, f"Nothing of {outcome.scope.plural} could be read for {days}.")

    def _record(self, errors: Iterable[EntityError]) -> None:
        failures: list[Failure] = []
        untrusted: list[UntrustedAnswer] = []
        for error in errors:
            context, at = error.context, self._now()
            place = (context.scope, context.project_id, context.entity_id, context.since, context.until)
            failures.append(Failure(at, *place, error.code, error.status, context.request_id, str(error)))
            if isinstance(error, UntrustedAnswerError):
                body = error.body.decode("utf-8", errors="replace")
                untrusted.append(UntrustedAnswer(at, *place, context.request_id, error.reason, body))
            logger.warning("%s", error)
        record_failures(self.warehouse, self.run_id, failures)
        record_untrusted_answers(self.warehouse, self.run_id, untrusted)
        self.failures += failures

    @property
    def _entities_failed(self) -> int:
        return len({(failure.scope, failure.project_id, failure.entity_id) for failure in self.failures})

    def _flush_requests(self) -> None:
        sent, self._sent[:] = list(self._sent), []
        record_requests(self.warehouse, self.run_id, sent)

    def _record_end(self) -> None:
        if self._presence:
            record_progress(
                self.warehouse, self.run_id, windows_read=self._windows_read, entities_failed=self._entities_failed
            )
            record_end(self.warehouse, self.run_id, self.status, self._now(), self._end[1] if self._end else None)

    @contextlib.contextmanager
    def _noting_the_end(self) -> Generator[None]:
        """Remember the first error that ends the run, for ``ops.runs``; it goes on up."""
        try:
            yield
        except RefusedError as error:
            self._end = self._end or (RunStatus.REFUSED, str(error))
            raise
        except Exception as error:
            self._end = self._end or (RunStatus.FAILED, str(error))
            raise
        except BaseException:
            self._end = self._end or (RunStatus.INTERRUPTED, "Interrupted; the same request takes it up again.")
            raise


def open_reads(warehouse: Warehouse, settings: Settings, instant: datetime) -> list[PlannedRead] | None:
    """What a run at ``instant`` would ask for of the days that have closed; None where no entity is known yet."""
    today = instant.date()
    if settings.start_date >= today:
        return None
    project_ids = load_project_ids(warehouse, settings.project_ids)
    known = [entity.known for scope in settings.scopes for entity in load_known_entities(warehouse, scope, project_ids)]
    if not known:
        return None
    plan = plan_reads(
        known,
        DayWindow(settings.start_date, today),
        settings.settle_hours,
        instant=instant,
        fresh_since=None,
        only_unsettled=True,
        dormancy=AD_ACCOUNT in settings.scopes,
    )
    return list(plan.reads)


def oldest_open_day(warehouse: Warehouse, settings: Settings, instant: datetime) -> date | None:
    """The oldest closed day that a run at ``instant`` would still read; the current day where there is none.

    None where the warehouse knows no entity yet.
    """
    reads = open_reads(warehouse, settings, instant)
    return None if reads is None else min((read.window.since for read in reads), default=instant.date())


def overdue_reads(warehouse: Warehouse, settings: Settings, instant: datetime) -> list[PlannedRead]:
    """The part of that which is past its settling time already: what should have been read, and was not."""
    overdue: list[PlannedRead] = []
    for read in open_reads(warehouse, settings, instant) or []:
        until = settled_before(instant, settings.settle_hours.hours(read.key.platform))
        if read.window.since < until:
            overdue.append(PlannedRead(read.key, DayWindow(read.window.since, min(read.window.until, until))))
    return overdue
