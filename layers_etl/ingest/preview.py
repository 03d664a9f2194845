"""What a run would ask for, at most: planned as a run plans, on a copy of the warehouse; only listings are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from layers_etl.domain.days import DayWindow
from layers_etl.domain.planning import PlannedRead
from layers_etl.domain.scopes import WEEKLY_REACH_SCOPES, listed_scopes
from layers_etl.ingest.beginning import begin
from layers_etl.ingest.listing import list_entities
from layers_etl.ingest.progress import Phase, Progress
from layers_etl.ingest.publisher import publishers_of
from layers_etl.ingest.reading import plan_metrics
from layers_etl.ingest.request import (
    RunRequest,
    require_closed_day,
    require_days_begun,
    require_days_of_warehouse,
)
from layers_etl.ingest.run import Run
from layers_etl.ingest.weekly_reach import plan_weekly_reach
from layers_etl.settings import Settings
from layers_etl.warehouse.runs import close_interrupted_runs
from layers_etl.warehouse.scratch import assume_activity, open_scratch


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run over ``window`` would ask for.

    ``day_requests`` are windows of daily metrics, by scope; ``reach_requests`` those of weekly reach, at most, as if
    every day had activity; ``listing_requests`` were sent for this, and would be again. ``rows`` are the days of
    entities that are asked for: each is at most a row. At ``requests_per_minute``, the key's pace, all of it takes
    ``minutes``. ``failures`` are the lists that could not be had, a sentence each: what hangs on them is not counted.
    """

    window: DayWindow
    day_requests: Mapping[str, int]
    reach_requests: int
    listing_requests: int
    rows: int
    requests_per_minute: float
    minutes: float
    failures: tuple[str, ...]


def preview(settings: Settings, request: RunRequest, progress: Progress) -> Preview:
    """Plan what ``request`` would read now.

    Nothing is written but a copy that is gone in the end. Raises what a run would raise before it reads:
    :class:`RefusedError`, :class:`ConfigurationError`, :class:`WarehouseError`.
    """
    if request.window:
        require_days_of_warehouse(settings, request.window)
    progress.enter(Phase.WAITING)
    with open_scratch(settings.build_path, settings.scopes, publishers=publishers_of(settings)) as scratch:
        close_interrupted_runs(scratch)
        run = Run(settings, scratch, request, run_id="dry-run", progress=progress)
        try:
            return _preview(run)
        finally:
            run.close()


def _preview(run: Run) -> Preview:
    run.progress.enter(Phase.LISTING)
    begin(run)
    scopes = run.settings.scopes
    run.progress.enter(Phase.LISTING, len(listed_scopes(scopes)) * len(run.facts.listed_projects))
    listings = [list_entities(run, scope) for scope in listed_scopes(scopes)]
    run.progress.enter(Phase.PLANNING)
    window = _window(run)
    _, plan = plan_metrics(run, scopes, window)
    reach = _plan_reach(run, plan.requests)
    reads = (*plan.requests, *plan.audits)
    requests = Counter(read.key.scope.name for read in reads)
    listed, pace = len(run.log.sent), run.client.pace.requests_per_minute
    return Preview(
        window,
        dict(sorted(requests.items())),
        reach,
        listed,
        sum(len(read.window) for read in reads),
        pace,
        (listed + requests.total() + reach) / pace,
        tuple(str(failure) for listing in listings for failure in listing.failures),
    )


def _window(run: Run) -> DayWindow:
    """The days named, all of which are the warehouse's and have begun; a run's are all that have closed."""
    if window := run.request.window:
        require_days_begun(window, run.facts.clock.said)
        return window
    require_closed_day(run.settings, run.instant)
    return DayWindow(run.settings.start_date, run.instant.date())


def _plan_reach(run: Run, requests: tuple[PlannedRead, ...]) -> int:
    """How many windows of weekly reach would be asked for once ``requests`` had landed."""
    scopes = [scope for scope in WEEKLY_REACH_SCOPES if scope in run.settings.scopes]
    for scope in scopes:
        asked = [read for read in requests if read.key.scope is scope]
        assume_activity(run.warehouse, scope, asked, run.instant)
    return sum(len(plan_weekly_reach(run, scope)) for scope in scopes)


def describe_preview(preview: Preview) -> str:
    """A sentence or two."""
    counts = [f"{count:,} for {scope} days" for scope, count in preview.day_requests.items()]
    if preview.reach_requests:
        counts.append(f"at most {preview.reach_requests:,} for weekly reach")
    counts.append(f"{preview.listing_requests:,} for who the key is and the lists")
    took = f"{preview.minutes:,.0f} minutes" if preview.minutes >= 1 else "less than a minute"
    return (
        f"{preview.window}: would send {', '.join(counts)}; at most {preview.rows:,} rows; at the key's pace of "
        f"{preview.requests_per_minute:,.0f} requests a minute {took}. Nothing was written."
    )
