"""Reading the API's own weekly reach, cheaply: once when a week has closed and once when it has settled."""

from __future__ import annotations

from asyncio import Runner
from collections.abc import Sequence
from dataclasses import dataclass, replace

from layers_etl.domain.days import ONE_DAY, DayWindow, week_start
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import Scope
from layers_etl.errors import EntityError
from layers_etl.ingest.fetching import fetch_in_batches
from layers_etl.ingest.journal import Journal
from layers_etl.ingest.presence import Presence
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.readings import Landing
from layers_etl.warehouse.weekly_reach import load_open_weeks, upsert_weekly_reach


@dataclass(frozen=True, slots=True)
class WeeklyReachOutcome:
    """What reading one scope's weeks gave."""

    scope: Scope
    windows_planned: int
    windows_landed: int
    failures: tuple[EntityError, ...]


@dataclass(slots=True)
class WeeklyReachReader:
    """Reads the weeks of one run. Everything it is given is the run's."""

    settings: Settings
    warehouse: Warehouse
    request: RunRequest
    journal: Journal
    presence: Presence
    runner: Runner

    def read(self, scope: Scope) -> WeeklyReachOutcome:
        """Read the weeks that are open; in a backfill, the whole weeks among its days again."""
        mondays = self._mondays()
        reads = self._plan(scope, mondays) if mondays else []
        landed = 0
        failures: list[EntityError] = []

        def land(readings: Sequence[Reading]) -> None:
            nonlocal landed
            landed += len(readings)
            landings = [self._landing(reading) for reading in readings]
            if landings:
                upsert_weekly_reach(self.warehouse, scope, landings)
                self.journal.note_windows(len(landings))

        if reads:
            fetching = fetch_in_batches(
                self.presence.client, reads, land=land, note_failure=failures.append, granularity="week"
            )
            self.runner.run(fetching)
        self.journal.note_failures(failures)
        return WeeklyReachOutcome(scope, len(reads), landed, tuple(failures))

    def _mondays(self) -> DayWindow | None:
        """The whole weeks that have closed since the first day, or among the days of a backfill."""
        since, until = self.settings.start_date, self.presence.instant.date()
        if self.request.kind is RunKind.BACKFILL and self.request.window:
            since, until = max(since, self.request.window.since), min(until, self.request.window.until)
        first, end = week_start(since + 6 * ONE_DAY), week_start(until)
        return DayWindow(first, end) if first < end else None

    def _plan(self, scope: Scope, mondays: DayWindow) -> list[PlannedRead]:
        weeks = load_open_weeks(
            self.warehouse,
            scope,
            mondays,
            project_ids=self.presence.project_ids,
            instant=self.presence.instant,
            again=self.request.kind is RunKind.BACKFILL,
            fresh_since=self.presence.fresh_since if self.presence.continues else None,
        )
        return [read for entity, read in weeks if self.request.includes(entity)]

    def _landing(self, reading: Reading) -> Landing:
        read_at = min(reading.read_at, self.request.as_of or reading.read_at)
        settle_hours = self.settings.settle_hours.hours(reading.key.platform)
        return Landing(replace(reading, read_at=read_at), currency=None, settle_hours=settle_hours)
