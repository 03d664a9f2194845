"""Reading the API's own weekly reach, cheaply: once when a week has closed and once when it has settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from layers_etl.domain.days import ONE_DAY, DayWindow, week_start
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import Reading
from layers_etl.domain.scopes import Scope
from layers_etl.errors import EntityError
from layers_etl.ingest.fetching import fetch_in_batches
from layers_etl.ingest.session import Session
from layers_etl.warehouse.readings import Landing
from layers_etl.warehouse.weekly_reach import load_open_weeks, upsert_weekly_reach


@dataclass(frozen=True, slots=True)
class WeeklyReachOutcome:
    """What reading one scope's weeks gave."""

    scope: Scope
    windows_landed: int
    failures: tuple[EntityError, ...]


@dataclass(slots=True)
class WeeklyReachReader:
    """Reads the weeks of one run."""

    session: Session

    def read(self, scope: Scope) -> WeeklyReachOutcome:
        """Read the weeks that are open; in a backfill, the whole weeks among its days again."""
        session, mondays = self.session, self._mondays()
        reads = self._plan(scope, mondays) if mondays else []
        landed = 0
        failed: list[EntityError] = []

        def land(readings: Sequence[Reading], errors: Sequence[EntityError]) -> None:
            nonlocal landed
            with session.warehouse.transaction():
                if readings:
                    upsert_weekly_reach(session.warehouse, scope, [self._landing(reading) for reading in readings])
                session.journal.note_failures(errors)
                session.journal.note_windows(len(readings))
            landed += len(readings)
            failed.extend(errors)

        if reads:
            session.runner.run(fetch_in_batches(session.client, reads, land=land, granularity="week"))
        return WeeklyReachOutcome(scope, landed, tuple(failed))

    def _mondays(self) -> DayWindow | None:
        """The whole weeks that have closed since the first day, or among the days of a backfill."""
        session = self.session
        since, until = session.settings.start_date, session.instant.date()
        if not session.is_run and session.request.window:
            since, until = max(since, session.request.window.since), min(until, session.request.window.until)
        first, end = week_start(since + 6 * ONE_DAY), week_start(until)
        return DayWindow(first, end) if first < end else None

    def _plan(self, scope: Scope, mondays: DayWindow) -> list[PlannedRead]:
        session = self.session
        weeks = load_open_weeks(
            session.warehouse,
            scope,
            mondays,
            project_ids=session.read_projects,
            instant=session.instant,
            again=not session.is_run,
            fresh_since=session.fresh_since if session.continues else None,
        )
        # The week's own reach is all that a week is asked for.
        without_reach = {(one.scope, one.platform) for one in session.client.refused_metrics if one.metric == "reach"}
        return [
            read
            for entity, read in weeks
            if session.request.includes(entity) and (scope, read.key.platform) not in without_reach
        ]

    def _landing(self, reading: Reading) -> Landing:
        settle_hours = self.session.settings.settle_hours.hours(reading.key.platform)
        counted = replace(reading, read_at=self.session.counts_as_read_at(reading))
        return Landing(counted, currency=None, settle_hours=settle_hours)
