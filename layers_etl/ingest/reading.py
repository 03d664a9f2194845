"""Reading metrics: plan, fetch, land. Commits as it goes; one entity's failure is its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from http import HTTPStatus
from itertools import chain
from random import Random

from layers_etl.domain.auditing import count_audits, sample_audits
from layers_etl.domain.days import ONE_DAY, DayWindow, describe_days, join_days, subtract_windows
from layers_etl.domain.freshness import Source, SourceKey
from layers_etl.domain.ids import is_among
from layers_etl.domain.planning import Known, Plan, PlannedRead, open_windows, plan_reads
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, SCOPES, Scope
from layers_etl.domain.settlement import Coverage
from layers_etl.errors import ConfigurationError, EntityError, NotFoundError
from layers_etl.ingest.fetching import fetch_in_batches
from layers_etl.ingest.freshness import settle_by_copies, source_of, vouched_at, with_glimpses
from layers_etl.ingest.outcomes import FailedRead, ListingOutcome, ScopeOutcome
from layers_etl.ingest.session import Session
from layers_etl.warehouse.audits import note_audits
from layers_etl.warehouse.entities import KnownEntity, load_known_entities, mark_gone, unmark_gone
from layers_etl.warehouse.readings import Landing, upsert_readings
from layers_etl.warehouse.reconciliation import disagreeing_account_days
from layers_etl.warehouse.sources import note_running_days

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _ScopeState:
    """One scope while it is being read: its outcome, and what is known of its entities.

    ``gone`` are remembered as gone; of these, ``missing`` answered 404 once more, which is nothing new.
    """

    outcome: ScopeOutcome
    entities: dict[tuple[str, str], KnownEntity]
    ledger: dict[EntityKey, tuple[Coverage, ...]]
    gone: set[EntityKey]
    reads: list[PlannedRead] = field(default_factory=list[PlannedRead])
    landed: dict[EntityKey, list[DayWindow]] = field(default_factory=dict[EntityKey, list[DayWindow]])
    errors: dict[EntityKey, EntityError] = field(default_factory=dict[EntityKey, EntityError])
    missing: set[EntityKey] = field(default_factory=set[EntityKey])
    audits: set[tuple[EntityKey, date]] = field(default_factory=set[tuple[EntityKey, date]])
    _planned: dict[EntityKey, list[DayWindow]] = field(default_factory=dict[EntityKey, list[DayWindow]])

    def add(self, reads: Sequence[PlannedRead]) -> None:
        """Plan more."""
        self.reads += reads
        for read in reads:
            self._planned.setdefault(read.key, []).append(read.window)

    def add_audit(self, read: PlannedRead) -> None:
        """Read settled days again: beside the plan, and no failure where that can't be done."""
        self.audits.add((read.key, read.window.since))
        self._planned.setdefault(read.key, []).append(read.window)

    def is_audit(self, key: EntityKey, day: date | None) -> bool:
        """Whether ``day`` belongs to what was asked for beside the plan."""
        return day is not None and any(
            day in window and (key, window.since) in self.audits for window in self._planned.get(key, ())
        )

    def planned(self, reading: Reading) -> DayWindow:
        """The window that was asked for, of which ``reading`` is a part, or reaches beyond it."""
        return next(window for window in self._planned[reading.key] if reading.window.since in window)

    def entity(self, key: EntityKey) -> KnownEntity:
        """What is known of one entity."""
        return self.entities[key.project_id, key.entity_id]


def _beyond(reading: Reading, day: date) -> date | None:
    """The newest active day of what a reading shows from ``day`` on."""
    glimpse = reading.within(DayWindow(day, date.max))
    return glimpse.newest_active_day if glimpse else None


@dataclass(slots=True)
class MetricsReader:
    """Reads the days of one run. ``sources`` is what was known of the copies before it."""

    session: Session
    sources: Mapping[SourceKey, Source]

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
        try:
            planned = list(chain.from_iterable(state.reads for state in states.values()))
            audits = self._plan_audits(states, len(planned))
            self._fetch(states, [*self._with_glimpses(states, planned), *audits])
            self._fetch(states, self._reads_of_doubtful_dormant(states, wanted))
        finally:
            self._settle(states)
        for scope, state in states.items():
            self._judge(state)
            self._note_unlisted(state, scope, listings)
            self._note_failed_days(state.outcome)
        return {scope: state.outcome for scope, state in states.items()}

    def _bounded(self, window: DayWindow) -> tuple[DayWindow | None, DayWindow | None]:
        """The days of ``window`` to ask for, and those that have not begun at the run's instant."""
        tomorrow = self.session.instant.date() + ONE_DAY
        begun = window.intersection(DayWindow(date.min, tomorrow))
        not_begun = window.intersection(DayWindow(tomorrow, date.max))
        if begun and self.session.is_run:
            begun = DayWindow(min(self.session.settings.start_date, begun.since), begun.until)
        return begun, not_begun

    def _plan(
        self,
        scope: Scope,
        window: DayWindow,
        wanted: DayWindow | None,
        not_begun: DayWindow | None,
    ) -> _ScopeState:
        session = self.session
        entities = load_known_entities(session.warehouse, scope, session.read_projects, continued=session.continues)
        plan = Plan()
        if wanted:
            plan = plan_reads(
                [entity.known for entity in entities if session.request.includes(entity.known)],
                wanted,
                session.settings.settle_hours,
                instant=session.instant,
                fresh_since=session.fresh_since if session.is_run else None,
                only_unsettled=session.is_run,
                dormancy=AD_ACCOUNT in session.settings.scopes,
            )
        state = _ScopeState(
            ScopeOutcome(scope, window, plan, not_begun=not_begun),
            entities={(entity.known.key.project_id, entity.known.key.entity_id): entity for entity in entities},
            ledger={entity.known.key: entity.known.coverage for entity in entities},
            gone={entity.known.key for entity in entities if entity.known.gone},
        )
        state.add(plan.reads)
        return state

    def _require_named(self, states: Mapping[Scope, _ScopeState]) -> None:
        """Whatever a limited request names must be there: reading nothing instead would pass for success."""
        request = self.session.request
        for scope, named in ((CAMPAIGN, request.campaign_ids), (AD_ACCOUNT, request.ad_account_ids)):
            known = {key.entity_id for key in states[scope].ledger} if scope in states else set[str]()
            if unknown := sorted(name for name in named if not is_among(name, known)):
                noun = scope.name.replace("_", " ")
                raise ConfigurationError(
                    f"No {noun} {', '.join(unknown)} is known to the projects that are read: correct the id (they are "
                    f"listed in ads.{scope.plural}), or add {scope.name} to LAYERS_SCOPES."
                )

    def _plan_audits(self, states: Mapping[Scope, _ScopeState], requests: int) -> list[PlannedRead]:
        """Settled days to read again beside the plan of a run; the same ones however often it is taken up again."""
        session = self.session
        if not session.is_run or session.request.is_limited:
            return []
        count = count_audits(requests, session.settings.audit_percent)
        known = self._entities(states).values()
        draw = Random(session.run_log.run_id)  # noqa: S311 - a sample, not a secret
        audits = sample_audits(known, session.settings.settle_hours, count, draw)
        for audit in audits:
            states[audit.key.scope].add_audit(audit)
        return audits

    def _with_glimpses(self, states: Mapping[Scope, _ScopeState], reads: Sequence[PlannedRead]) -> list[PlannedRead]:
        session = self.session
        return with_glimpses(
            reads, self._entities(states), self.sources, session.settings.settle_hours, session.instant
        )

    def _fetch(self, states: Mapping[Scope, _ScopeState], reads: Iterable[PlannedRead]) -> None:
        """Fetch and land ``reads``, an account's entities side by side."""
        ordered = sorted(
            reads,
            key=lambda read: (read.key.project_id, states[read.key.scope].entity(read.key).known.parent_id or ""),
        )
        if ordered:
            logger.info("Reading %d windows.", len(ordered))
            self.session.runner.run(
                fetch_in_batches(
                    self.session.client, ordered, land=lambda readings, errors: self._land(states, readings, errors)
                )
            )

    def _land(
        self, states: Mapping[Scope, _ScopeState], readings: Sequence[Reading], errors: Sequence[EntityError]
    ) -> None:
        """In one transaction, so that nothing is gone and unreported, or read and still gone, wherever it is killed."""
        with self.session.warehouse.transaction():
            for scope, state in states.items():
                self._land_readings(state, [reading for reading in readings if reading.key.scope is scope])
            self._land_errors(states, errors)
            self.session.run_log.note_windows(len(readings))

    def _land_readings(self, state: _ScopeState, readings: Sequence[Reading]) -> None:
        session, scope = self.session, state.outcome.scope
        landings: list[Landing] = []
        audited: list[Reading] = []
        running_days: dict[SourceKey, date] = {}
        for reading in readings:
            key = reading.key
            planned = state.planned(reading)
            source = source_of(state.entity(key).known)
            if glimpse := _beyond(reading, planned.until):
                running_days |= {source: glimpse}
            part = reading.within(planned)
            assert part is not None
            landing = replace(part, read_at=session.counts_as_read_at(reading))
            if (key, planned.since) in state.audits:
                audited.append(landing)
            else:
                state.landed.setdefault(key, []).append(landing.window)
            landings.append(
                Landing(
                    landing,
                    state.entity(key).currency,
                    session.settings.settle_hours.hours(key.platform),
                    vouched_at=vouched_at(self.sources.get(source), session.instant),
                    accepts_vanishing=not session.is_run,
                    ad_account_id=state.entity(key).known.parent_id,
                )
            )
        if landings:
            ledger = {landing.reading.key: state.ledger[landing.reading.key] for landing in landings}
            state.ledger |= upsert_readings(session.warehouse, scope, landings, ledger, session.run_log.run_id)
            note_running_days(session.warehouse, running_days, max(landing.reading.read_at for landing in landings))
            note_audits(session.warehouse, scope, audited, session.run_log.run_id)
            unmark_gone(session.warehouse, [key for key in ledger if key in state.gone])
            state.gone -= ledger.keys()
            state.outcome.windows_landed += len(landings)
            state.outcome.rows_landed += sum(len(landing.reading) for landing in landings)

    def _land_errors(self, states: Mapping[Scope, _ScopeState], errors: Sequence[EntityError]) -> None:
        gone: list[EntityKey] = []
        failed: list[EntityError] = []
        for error in errors:
            context = error.context
            state = states[SCOPES[context.scope or ""]]
            entity = state.entities[context.project_id or "", context.entity_id or ""].known
            if state.is_audit(entity.key, context.since):
                logger.info("Not read again: %s", error)
                continue
            # A project that is no longer ours to read may answer with either.
            if isinstance(error, NotFoundError) or (entity.project_archived and error.status == HTTPStatus.FORBIDDEN):
                if entity.key not in state.gone:
                    gone.append(entity.key)
                elif not self.session.request.names(entity.key):
                    state.missing.add(entity.key)
                    continue
            state.errors[entity.key] = error
            failed.append(error)
        mark_gone(self.session.warehouse, gone, self.session.instant)
        self.session.run_log.note_failures(failed)

    def _settle(self, states: Mapping[Scope, _ScopeState]) -> None:
        """Settle what the copies vouch for, by all that landed."""
        ledger = {key: coverage for state in states.values() for key, coverage in state.ledger.items()}
        changed = settle_by_copies(self.session, list(states), self._entities(states), ledger)
        for key, coverage in changed.items():
            states[key.scope].ledger[key] = coverage

    def _entities(self, states: Mapping[Scope, _ScopeState]) -> dict[EntityKey, Known]:
        return {entity.known.key: entity.known for state in states.values() for entity in state.entities.values()}

    def _reads_of_doubtful_dormant(
        self, states: Mapping[Scope, _ScopeState], wanted: DayWindow | None
    ) -> list[PlannedRead]:
        """The safety net of dormancy: where an account and the sum of its campaigns disagree, read them after all.

        On any day that is not settled: what could not be read is asked for again until it could.
        """
        state = states.get(CAMPAIGN)
        if not (state and wanted and state.outcome.plan.dormant):
            return []
        session = self.session
        doubtful = {
            account: join_days(days) for account, days in disagreeing_account_days(session.warehouse, wanted).items()
        }
        reads: list[PlannedRead] = []
        for entity in state.outcome.plan.dormant:
            still_open = open_windows(
                replace(entity, coverage=state.ledger[entity.key]),
                wanted,
                settle_hours=session.settings.settle_hours.hours(entity.key.platform),
                instant=session.instant,
                fresh_since=session.fresh_since,
                only_unsettled=True,
            )
            for days in doubtful.get((entity.key.project_id, entity.parent_id or ""), []):
                reads += [PlannedRead(entity.key, part) for window in still_open if (part := window.intersection(days))]
        state.outcome.reread_dormant = len({read.key for read in reads})
        state.add(reads)
        return reads

    def _judge(self, state: _ScopeState) -> None:
        outcome = state.outcome
        outcome.expected = len({read.key for read in state.reads} - state.missing) + len(outcome.plan.current)
        # An error ends its entity's read: what of the planned window had not landed until then is not read either.
        outcome.failed += [
            FailedRead(PlannedRead(read.key, part), state.errors[read.key])
            for read in state.reads
            if read.key in state.errors
            for part in subtract_windows(read.window, state.landed.get(read.key, []))
        ]
        if self.session.request.is_limited:
            covered = [[interval.window for interval in coverage] for coverage in state.ledger.values()]
            missing = {day for windows in covered for part in subtract_windows(outcome.window, windows) for day in part}
            outcome.covered_days = frozenset(outcome.window) - missing

    def _note_unlisted(self, state: _ScopeState, scope: Scope, listings: Mapping[Scope, ListingOutcome]) -> None:
        failures = {listed: listings[listed].failures for listed in (AD_ACCOUNT, scope) if listed in listings}
        state.outcome.unlisted = tuple(chain.from_iterable(failures.values()))
        unlisted = {failure.context.project_id for failure in failures.get(scope, ())}
        state.outcome.unlisted_projects = len(unlisted - {key.project_id for key in state.ledger})

    def _note_failed_days(self, outcome: ScopeOutcome) -> None:
        if outcome.failed_days:
            days = describe_days(outcome.failed_days)
            self.session.run_log.fail(f"Nothing of {outcome.scope.plural} could be read for {days}.")
