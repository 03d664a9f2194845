"""The sequence of a run, told once: list, read, derive, judge, publish.

Dagster's asset and the command line tell its steps on; who derives and publishes is decided here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from layers_etl.domain.days import DayWindow
from layers_etl.domain.outcomes import ListingOutcome
from layers_etl.domain.scopes import WEEKLY_REACH_SCOPES, Scope, listed_scopes
from layers_etl.ingest.beginning import begin
from layers_etl.ingest.checks import Check, Evidence, judge, record
from layers_etl.ingest.deriving import Deriving
from layers_etl.ingest.listing import list_entities
from layers_etl.ingest.outstanding import Outstanding, find_outstanding
from layers_etl.ingest.progress import Phase
from layers_etl.ingest.publishing import publish
from layers_etl.ingest.reading import read_metrics
from layers_etl.ingest.run import Run
from layers_etl.ingest.steps import Derived, Judged, Listed, MetricsRead, Published, Step, WeeklyReachRead
from layers_etl.ingest.weekly_reach import read_weekly_reach


@dataclass(frozen=True, slots=True)
class Work:
    """What one run is to do. Of what it lists or reads, marts and published file follow, whoever asked for what.

    ``listed``, ``read`` and ``weekly_reach`` are the scopes to list, and to read daily metrics of, in ``window``, and
    weekly reach; ``checks`` are the promises to hold in the end. ``brings_up_to_date`` is whether marts and published
    file are wanted where nothing is listed or read.
    """

    listed: Sequence[Scope] = ()
    read: Sequence[Scope] = ()
    weekly_reach: Sequence[Scope] = ()
    window: DayWindow | None = None
    checks: Sequence[Check] = ()
    brings_up_to_date: bool = True


def refresh(run: Run, work: Work) -> Iterator[Step]:
    """Do ``work``; each step is told once it is committed.

    What landed is derived and published even where reading breaks off: the error follows the steps.
    """
    told: list[Step] = []
    deriving = Deriving(run)
    try:
        for step in _noting_the_end(run, _read(run, work, deriving)):
            told.append(step)
            yield step
    except Exception:
        if run.has_begun:
            yield from bring_up_to_date(run, deriving)
        raise
    if work.brings_up_to_date or run.has_begun:
        yield from bring_up_to_date(run, deriving, partial(_judge, run, work, told))
    else:
        yield _judge(run, work, told, _find_outstanding(run))


def _read(run: Run, work: Work, deriving: Deriving) -> Iterator[Step]:
    # A week's reach is asked for with its days: no sum of these gives it.
    weekly_reach = [scope for scope in WEEKLY_REACH_SCOPES if scope in work.read or scope in work.weekly_reach]
    needed = {*work.listed, *(listed_scopes(work.read) if work.read else ())}
    listed = [scope for scope in listed_scopes(run.settings.scopes) if scope in needed]
    if listed or work.read or weekly_reach:
        run.progress.enter(Phase.LISTING)
        begin(run)
        run.progress.enter(Phase.LISTING, len(listed) * len(run.facts.listed_projects))
    listings: dict[Scope, ListingOutcome] = {}
    for scope in listed:
        listings[scope] = list_entities(run, scope)
        yield Listed(listings[scope])
    if work.read and work.window:
        run.progress.enter(Phase.PLANNING)
        for outcome in read_metrics(run, work.read, work.window, listings).values():
            yield MetricsRead(outcome)
    for scope in weekly_reach:
        run.progress.enter(Phase.REACH)
        # All days have landed by now; the last scope has the most entities, and so the most time.
        beside = deriving.begin() if scope is weekly_reach[-1] else ()
        yield WeeklyReachRead(read_weekly_reach(run, scope, beside=beside))


def bring_up_to_date(
    run: Run, deriving: Deriving, judge_run: Callable[[Outstanding], Judged] | None = None
) -> Iterator[Step]:
    """Derive every mart, hold the promises where that is asked for, and publish, with what was found of them.

    Whatever is found, or goes wrong in finding it, marts and published file have what landed.
    """
    yield from _noting_the_end(run, _derive(run, deriving))
    outstanding = _find_outstanding(run)
    try:
        if judge_run:
            yield judge_run(outstanding)
    except Exception:
        yield from _noting_the_end(run, _publish(run, outstanding))
        raise
    yield from _noting_the_end(run, _publish(run, outstanding))


def _derive(run: Run, deriving: Deriving) -> Iterator[Step]:
    run.progress.enter(Phase.DERIVING)
    for scope, mart in deriving.finish():
        yield Derived(scope, mart)
    # Publishing does it anyway; of a long one, done before the checks, these have the memory.
    run.warehouse.fold_long_log()


def _publish(run: Run, outstanding: Outstanding) -> Iterator[Step]:
    run.progress.enter(Phase.PUBLISHING)
    yield Published(publish(run, outstanding))


def _find_outstanding(run: Run) -> Outstanding:
    return find_outstanding(run.warehouse, run.settings, run.instant)


def _judge(run: Run, work: Work, told: Sequence[Step], outstanding: Outstanding) -> Judged:
    run.progress.enter(Phase.CHECKING)
    findings = tuple(judge(work.checks, _evidence(run, told, outstanding)))
    record(run, findings)
    return Judged(findings)


def _noting_the_end(run: Run, steps: Iterator[Step]) -> Iterator[Step]:
    """The steps; an error that ends them is how the run ended."""
    while True:
        with run.log.noting_the_end():
            step = next(steps, None)
        if step is None:
            return
        yield step


def _evidence(run: Run, told: Sequence[Step], outstanding: Outstanding) -> Evidence:
    return Evidence(
        run,
        outstanding,
        {step.outcome.scope: step.outcome for step in told if isinstance(step, Listed)},
        {step.outcome.scope: step.outcome for step in told if isinstance(step, MetricsRead)},
        {step.outcome.scope: step.outcome for step in told if isinstance(step, WeeklyReachRead)},
    )
