"""Reading the API's own weekly reach, cheaply: once when a week has closed and once when it has settled.

Daily numbers need none of it, and an API may have it nowhere, or in weeks of its own: that is written down once, and no
run fails for it. A few entities of each platform go first; where none of them has it, no other is asked.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from layers_etl.domain.days import ONE_DAY, DayWindow, week_start
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import Scope
from layers_etl.errors import (
    EntityError,
    InvalidRequestError,
    NotFoundError,
    RequestContext,
    UntrustedAnswerError,
)
from layers_etl.ingest.fetching import Lander, fetch_windows
from layers_etl.ingest.progress import Phase
from layers_etl.ingest.run import Run
from layers_etl.warehouse.readings import Landing
from layers_etl.warehouse.refusals import REFUSALS_STAND
from layers_etl.warehouse.runs import count_runs
from layers_etl.warehouse.weekly_reach import (
    WeeklyReachRefusal,
    load_open_weeks,
    note_weekly_reach_refusals,
    upsert_weekly_reach,
)

logger = logging.getLogger(__name__)


SCOUTS: Final = 3
"""Entities of a platform that are asked before all others: as many as must agree on a metric (``api/limits.py``)."""

_FINAL: Final = (InvalidRequestError, NotFoundError, UntrustedAnswerError)
"""Errors that the next run would get as well. What passes by itself is simply asked for again."""


@dataclass(frozen=True, slots=True)
class WeeklyReachOutcome:
    """What reading one scope's weeks gave: ``failures`` of those asked for, and how many entities were not asked."""

    scope: Scope
    windows_landed: int
    failures: tuple[EntityError, ...]
    not_asked: int = 0


def read_weekly_reach(run: Run, scope: Scope, *, beside: Iterable[None] = ()) -> WeeklyReachOutcome:
    """Read and land the weeks of ``scope`` whose own reach is open; in a backfill, whole weeks among its days again.

    The steps of ``beside`` are taken by whoever lands them, while answers are still to come. Raises
    :class:`RefusedError` when the key stops being accepted; what had landed until then stays.
    """
    reads = plan_weekly_reach(run, scope)
    scouts, others = _split(reads)
    landed, failures = _fetch(run, scope, scouts)
    hopeless = _hopeless_platforms(scouts, failures)
    asked = [read for read in others if read.key.platform not in hopeless]
    more_landed, more_failures = _fetch(run, scope, asked, beside)
    not_asked = {read.key: hopeless[read.key.platform] for read in others if read.key.platform in hopeless}
    _remember(run, failures | more_failures, not_asked)
    all_failures = (*failures.values(), *more_failures.values())
    return WeeklyReachOutcome(scope, landed + more_landed, all_failures, len(not_asked))


def plan_weekly_reach(run: Run, scope: Scope) -> list[PlannedRead]:
    """The weeks of ``scope`` that are asked for, by what has landed; nothing is sent."""
    mondays = _mondays(run)
    return _plan(run, scope, mondays) if mondays else []


def _mondays(run: Run) -> DayWindow | None:
    """The whole weeks that have closed since the first day, or among the days of a backfill."""
    since, until = run.settings.start_date, run.instant.date()
    if run.request.is_backfill and run.request.window:
        since, until = max(since, run.request.window.since), min(until, run.request.window.until)
    first, end = week_start(since + 6 * ONE_DAY), week_start(until)
    return DayWindow(first, end) if first < end else None


def _plan(run: Run, scope: Scope, mondays: DayWindow) -> list[PlannedRead]:
    request, facts = run.request, run.facts
    weeks = load_open_weeks(
        run.warehouse,
        scope,
        mondays,
        project_ids=facts.read_projects,
        instant=facts.instant,
        again=request.is_backfill,
        fresh_since=facts.fresh_since if facts.continues else None,
        refused_since=None if request.is_backfill else facts.clock.said - REFUSALS_STAND,
        turn=count_runs(run.warehouse),
    )
    # The week's own reach is all that a week is asked for.
    without_reach = {(one.scope, one.platform) for one in run.client.refused_metrics if one.metric == "reach"}
    return [
        read for entity, read in weeks if request.includes(entity) and (scope, read.key.platform) not in without_reach
    ]


def _fetch(
    run: Run, scope: Scope, reads: Sequence[PlannedRead], beside: Iterable[None] = ()
) -> tuple[int, dict[EntityKey, EntityError]]:
    """Fetch and land ``reads``: how many answers landed, and the last error of each entity that had one."""
    keys = {(read.key.project_id, read.key.entity_id): read.key for read in reads}
    landed = 0
    failed: dict[EntityKey, EntityError] = {}

    def land(readings: Sequence[Reading], errors: Sequence[EntityError]) -> None:
        nonlocal landed
        with_reach = [reading for reading in readings if _has_reach(reading)]
        errors = [*errors, *(_no_reach(reading) for reading in readings if not _has_reach(reading))]
        with run.warehouse.transaction():
            if with_reach:
                upsert_weekly_reach(run.warehouse, scope, [_landing(run, reading) for reading in with_reach])
            run.log.note_shortfalls(errors)
            run.log.note_windows(len(with_reach))
        landed += len(with_reach)
        for error in errors:
            failed[keys[error.context.project_id or "", error.context.entity_id or ""]] = error

    if reads:
        run.progress.enter(Phase.REACH, len(reads))
        with Lander(land, len(reads), run.progress, beside=beside) as lander:
            run.wait_for(fetch_windows(run.client, reads, lander, granularity="week"))
    return landed, failed


def _landing(run: Run, reading: Reading) -> Landing:
    settle_hours = run.settings.settle_hours.hours(reading.key.platform)
    counted = replace(reading, read_at=run.request.counts_as_read_at(reading))
    return Landing(counted, currency=None, settle_hours=settle_hours)


def _remember(run: Run, failures: Mapping[EntityKey, EntityError], not_asked: Mapping[EntityKey, EntityError]) -> None:
    """What would be refused again, and what was not asked since others of its platform were."""
    refusals = [
        *(WeeklyReachRefusal(key, error.code, str(error)) for key, error in failures.items() if _is_final(error)),
        *(
            WeeklyReachRefusal(key, error.code, f"Not asked for, since others have none: {error}")
            for key, error in not_asked.items()
            if _is_final(error)
        ),
    ]
    if refusals:
        note_weekly_reach_refusals(run.warehouse, refusals, run.facts.clock.said)
        logger.warning(
            "Weekly reach is not to be had of %d entities (%s); it is asked for again in a week. Nothing else is "
            "missing for it.",
            len(refusals),
            refusals[0].message,
        )


def _split(reads: Sequence[PlannedRead]) -> tuple[list[PlannedRead], list[PlannedRead]]:
    """The reads of the first :data:`SCOUTS` entities of each platform, and all others, in their order."""
    first: dict[str | None, set[EntityKey]] = defaultdict(set)
    scouts: list[PlannedRead] = []
    others: list[PlannedRead] = []
    for read in reads:
        of_platform = first[read.key.platform]
        if len(of_platform) < SCOUTS:
            of_platform.add(read.key)
        (scouts if read.key in of_platform else others).append(read)
    return scouts, others


def _hopeless_platforms(
    scouts: Sequence[PlannedRead], failures: Mapping[EntityKey, EntityError]
) -> dict[str | None, EntityError]:
    """The platforms all of whose scouts failed, and why: for a reason that passes, if any of them did so."""
    by_platform: dict[str | None, set[EntityKey]] = defaultdict(set)
    for read in scouts:
        by_platform[read.key.platform].add(read.key)
    return {
        platform: min((failures[key] for key in keys), key=_is_final)
        for platform, keys in by_platform.items()
        if keys <= failures.keys()
    }


def _is_final(error: EntityError) -> bool:
    return isinstance(error, _FINAL)


def _has_reach(reading: Reading) -> bool:
    """Whether it is of use: weeks that the API does not serve say nothing, but are read."""
    return "reach" in reading.columns or not reading.served


def _no_reach(reading: Reading) -> InvalidRequestError:
    """An answer without reach, which is all that a week is asked for: the API had refused it."""
    key, window = reading.key, reading.window
    context = RequestContext(
        "reading weekly metrics",
        key.project_id,
        key.scope.name,
        key.entity_id,
        window.since,
        window.until,
        reading.request_id,
    )
    return InvalidRequestError("the API refuses the reach of weeks", context, "VALIDATION")
