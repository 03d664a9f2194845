"""Reading metrics: plan, fetch, land. Commits as it goes; one entity's failure is its own."""

from __future__ import annotations

import logging
from asyncio import Runner
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import chain

from layers_etl.domain.days import ONE_DAY, DayWindow, join_days, subtract_windows
from layers_etl.domain.ledger import record_reading
from layers_etl.domain.planning import Plan, PlannedRead, plan_reads
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, SCOPES, Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import ConfigurationError, EntityError, NotFoundError
from layers_etl.ingest.fetching import fetch_in_batches
from layers_etl.ingest.journal import Journal
from layers_etl.ingest.outcomes import FailedRead, ListingOutcome, ScopeOutcome
from layers_etl.ingest.presence import Presence
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, mark_gone, unmark_gone
from layers_etl.warehouse.readings import Landing, upsert_readings
from layers_etl.warehouse.reconciliation import disagreeing_account_days

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _ScopeState:
    """One scope while it is being read: its outcome, and what is known of its entities."""

    outcome: ScopeOutcome
    ledger: dict[EntityKey, tuple[Coverage, ...]]
    currencies: dict[EntityKey, str | None]
    accounts: dict[EntityKey, str]
    keys: dict[tuple[str, str], EntityKey]
    gone: set[EntityKey]
    landed: dict[EntityKey, list[DayWindow]] = field(default_factory=dict[EntityKey, list[DayWindow]])
    errors: dict[EntityKey, EntityError] = field(default_factory=dict[EntityKey, EntityError])


@dataclass(slots=True)
class MetricsReader:
    """Reads the days of one run. Everything it is given is the run's."""

    settings: Settings
    warehouse: Warehouse
    request: RunRequest
    journal: Journal
    presence: Presence
    runner: Runner

    def read(
        self, scopes: Sequence[Scope], window: DayWindow, listings: Mapping[Scope, ListingOutcome]
    ) -> dict[Scope, ScopeOutcome]:
        """Read and land what ``window`` asks for, an account next to its campaigns (rule 9).

        All of it in a backfill; in a run, what is not settled up to its end. ``listings`` tell which projects' entities
        could not be listed. Raises :class:`RefusedError` when the key stops being accepted; what had landed until then
        stays.
        """
        wanted, not_begun = self._bounded(window)
        states = {scope: self._plan(scope, window, wanted, not_begun) for scope in scopes}
        self._require_named(states)
        self._fetch(states, chain.from_iterable(state.outcome.plan.reads for state in states.values()))
        self._fetch(states, self._reads_of_doubtful_dormant(states, wanted))
        for scope, state in states.items():
            self._judge(state)
            if scope in listings:
                state.outcome.unlisted_projects = len(
                    {failure.context.project_id for failure in listings[scope].failures}
                    - {key.project_id for key in state.ledger}
                )
            self._note_failed_days(state.outcome)
        return {scope: state.outcome for scope, state in states.items()}

    def _bounded(self, window: DayWindow) -> tuple[DayWindow | None, DayWindow | None]:
        """The days of ``window`` to ask for, and those that have not begun at the run's instant."""
        tomorrow = self.presence.instant.date() + ONE_DAY
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
    ) -> _ScopeState:
        is_run = self.request.kind is RunKind.RUN
        entities = load_known_entities(
            self.warehouse, scope, self.presence.project_ids, continued=self.presence.continues
        )
        asked_for = [entity.known for entity in entities if self.request.includes(entity.known)]
        plan = Plan()
        if wanted:
            plan = plan_reads(
                asked_for,
                wanted,
                self.settings.settle_hours,
                instant=self.presence.instant,
                fresh_since=self.presence.fresh_since if is_run else None,
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

    def _require_named(self, states: Mapping[Scope, _ScopeState]) -> None:
        """Whatever a limited request names must be there: reading nothing instead would pass for success."""
        for scope, named in ((CAMPAIGN, self.request.campaign_ids), (AD_ACCOUNT, self.request.ad_account_ids)):
            known = {key.entity_id for key in states[scope].ledger} if scope in states else set[str]()
            if unknown := sorted(named - known):
                noun = scope.name.replace("_", " ")
                raise ConfigurationError(
                    f"No {noun} {', '.join(unknown)} is known to the projects that are read: correct the id (they are "
                    f"listed in ads.{scope.plural}), or add {scope.name} to LAYERS_SCOPES."
                )

    def _fetch(self, states: Mapping[Scope, _ScopeState], reads: Iterable[PlannedRead]) -> None:
        """Fetch and land ``reads``, an account's entities side by side."""
        ordered = sorted(reads, key=lambda read: (read.key.project_id, states[read.key.scope].accounts[read.key]))
        if ordered:
            logger.info("Reading %d windows.", len(ordered))
            self.runner.run(
                fetch_in_batches(
                    self.presence.client,
                    ordered,
                    land=lambda readings: self._land(states, readings),
                    note_failure=lambda error: self._note_failed_read(states, error),
                )
            )

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
                state.landed.setdefault(key, []).append(reading.window)
                landings.append(Landing(replace(reading, read_at=read_at), state.currencies[key], settle_hours))
            if landings:
                upsert_readings(self.warehouse, scope, landings, ledger, self.journal.run_id)
                unmark_gone(self.warehouse, [key for key in ledger if key in state.gone])
                state.outcome.windows_landed += len(landings)
                state.outcome.rows_landed += sum(len(landing.reading) for landing in landings)
                self.journal.note_windows(len(landings))

    def _counts_as_read_at(self, reading: Reading, coverage: Sequence[Coverage]) -> datetime:
        """The server's clock, but no later than the instant a run was told to stand for, and never back in time.

        Without the first, a run that stands for the past would settle days by today's clock; without the second, a
        server whose clock steps back would put a later observation before an earlier one.
        """
        read_at = min(reading.read_at, self.request.as_of) if self.request.as_of else reading.read_at
        seen_before = [
            interval.read_no_earlier_than(shared.until - ONE_DAY)
            for interval in coverage
            if (shared := interval.window.intersection(reading.window))
        ]
        return max([read_at, *seen_before])

    def _note_failed_read(self, states: Mapping[Scope, _ScopeState], error: EntityError) -> None:
        context = error.context
        state = states[SCOPES[context.scope or ""]]
        key = state.keys[context.project_id or "", context.entity_id or ""]
        if isinstance(error, NotFoundError):
            if key in state.gone:
                return
            mark_gone(self.warehouse, key, self.presence.instant)
        state.errors[key] = error
        self.journal.note_failures([error])

    def _reads_of_doubtful_dormant(
        self, states: Mapping[Scope, _ScopeState], wanted: DayWindow | None
    ) -> list[PlannedRead]:
        """The safety net of dormancy: where an account and the sum of its campaigns disagree, read them after all."""
        state = states.get(CAMPAIGN)
        if not (state and wanted and state.outcome.plan.dormant):
            return []
        doubtful = disagreeing_account_days(self.warehouse, wanted, observed_since=self.presence.fresh_since)
        reads: list[PlannedRead] = []
        for entity in state.outcome.plan.dormant:
            just_read = [
                window
                for interval in state.ledger[entity.key]
                if (window := interval.window_read_since(self.presence.fresh_since))
            ]
            for days in join_days(doubtful.get((entity.key.project_id, entity.parent_id or ""), [])):
                reads += [PlannedRead(entity.key, window) for window in subtract_windows(days, just_read)]
        state.outcome.reread_dormant = len({read.key for read in reads})
        return reads

    def _judge(self, state: _ScopeState) -> None:
        outcome = state.outcome
        # An error ends its entity's read: what of the planned window had not landed until then is not read either.
        outcome.failed += [
            FailedRead(PlannedRead(read.key, part), state.errors[read.key])
            for read in outcome.plan.reads
            if read.key in state.errors
            for part in subtract_windows(read.window, state.landed.get(read.key, []))
        ]
        if self.request.is_limited:
            covered = [[interval.window for interval in coverage] for coverage in state.ledger.values()]
            missing = {day for windows in covered for part in subtract_windows(outcome.window, windows) for day in part}
            outcome.covered_days = frozenset(outcome.window) - missing

    def _note_failed_days(self, outcome: ScopeOutcome) -> None:
        if outcome.failed_days:
            days = ", ".join(map(str, join_days(outcome.failed_days)))
            self.journal.fail(f"Nothing of {outcome.scope.plural} could be read for {days}.")
