"""The sequence of a run, told once: list, read, derive, publish, judge.

Dagster's asset and the command line tell its steps on; who derives and publishes is decided here alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import WEEKLY_REACH_SCOPES, Scope, listed_scopes
from layers_etl.ingest.checks import Check, Evidence, judge
from layers_etl.ingest.ingestion import Ingestion
from layers_etl.ingest.steps import Derived, Judged, Listed, MetricsRead, Published, Step, WeeklyReachRead


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


def refresh(run: Ingestion, work: Work) -> Iterator[Step]:
    """Do ``work``; each step is told once it is committed.

    What landed is derived and published even where reading breaks off: the error follows the steps.
    """
    told: list[Step] = []
    try:
        for step in _read(run, work):
            told.append(step)
            yield step
    except Exception:
        if run.has_reached_the_api:
            yield from bring_up_to_date(run)
        raise
    if work.brings_up_to_date or run.has_reached_the_api:
        yield from bring_up_to_date(run)
    yield Judged(tuple(judge(work.checks, _evidence(run, told))))


def _read(run: Ingestion, work: Work) -> Iterator[Step]:
    needed = {*work.listed, *(listed_scopes(work.read) if work.read else ())}
    for scope in listed_scopes(run.settings.scopes):
        if scope in needed:
            yield Listed(run.list_entities(scope))
    if work.read and work.window:
        for outcome in run.read_metrics(work.read, work.window).values():
            yield MetricsRead(outcome)
    for scope in WEEKLY_REACH_SCOPES:
        # A week's reach is asked for with its days: no sum of these gives it.
        if scope in work.read or scope in work.weekly_reach:
            yield WeeklyReachRead(run.read_weekly_reach(scope))


def bring_up_to_date(run: Ingestion) -> Iterator[Step]:
    """Derive every mart and publish: marts and published file have what landed."""
    for scope in run.settings.scopes:
        yield Derived(scope, run.derive(scope))
    yield Published(run.publish())


def _evidence(run: Ingestion, told: Sequence[Step]) -> Evidence:
    return Evidence(
        run,
        {step.outcome.scope: step.outcome for step in told if isinstance(step, Listed)},
        {step.outcome.scope: step.outcome for step in told if isinstance(step, MetricsRead)},
        {step.outcome.scope: step.outcome for step in told if isinstance(step, WeeklyReachRead)},
    )
