"""What a run did, as values: which days landed, what failed, what was left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from layers_etl.api.retries import UNTRUSTED
from layers_etl.domain.days import DayWindow, describe_days
from layers_etl.domain.entities import OddField
from layers_etl.domain.planning import Plan, PlannedRead
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import Scope
from layers_etl.errors import EntityError, RequestContext
from layers_etl.ingest.outstanding import OpenDays

REASONS_SHOWN: Final = 3
ENTITIES_SHOWN: Final = 3
"""In one sentence; ``ops.failures`` has all."""


@dataclass(frozen=True, slots=True)
class ListingOutcome:
    """What listing one scope gave: the projects whose list could not be had, or not all of it."""

    scope: Scope
    failures: tuple[EntityError, ...] = ()


def incomplete_listing(scope: Scope, project_id: str | None, left_out: Sequence[OddField]) -> EntityError:
    """What is told of a listing with items that could not be told from others: all but these is read."""
    first = left_out[0]
    reason = (
        f"{len(left_out)} of its items had to be left out ({first.field} {first.problem}); the others are read, and "
        "none that was listed before counts as gone. ops.odd_fields has them for Layers' support"
    )
    return EntityError(reason, RequestContext(f"listing {scope.plural.replace('_', ' ')}", project_id), UNTRUSTED)


@dataclass(frozen=True, slots=True)
class FailedRead:
    """A planned request that gave nothing to land."""

    read: PlannedRead
    error: EntityError


@dataclass(slots=True)
class ScopeOutcome:
    """What reading one scope's metrics gave. ``expected`` entities were to be read or already up to date."""

    scope: Scope
    window: DayWindow
    plan: Plan
    expected: int = 0
    windows_landed: int = 0
    rows_landed: int = 0
    reread_dormant: int = 0
    failed: list[FailedRead] = field(default_factory=list[FailedRead])
    unlisted: tuple[EntityError, ...] = ()
    """The listings that could not be had: of the scope, and of the accounts, which every scope hangs on."""
    not_begun: DayWindow | None = None
    unlisted_projects: int = 0
    """Projects of which nothing is known, since their list could not be had."""
    covered_days: frozenset[date] | None = None
    """For a run over some entities only: the days that every entity of the scope has. None: judged by what failed."""

    @property
    def failures(self) -> tuple[EntityError, ...]:
        """Why it is not whole: the listings and the reads that failed."""
        return (*self.unlisted, *(failed.error for failed in self.failed))

    @property
    def failed_days(self) -> frozenset[date]:
        """The days of which nothing could be read: every expected entity failed, or the day has not begun."""
        failures = failures_by_day(self.window, self.failed)
        unread = {
            day
            for day, count in failures.items()
            if count + self.unlisted_projects >= max(self.expected + self.unlisted_projects, 1)
        }
        return frozenset(unread.union(self.not_begun or ()))

    @property
    def landed_days(self) -> frozenset[date]:
        """The days that count as materialized: readable entities have landed, or had before."""
        landed = frozenset(self.window) - self.failed_days
        return landed if self.covered_days is None else landed & self.covered_days


@dataclass(frozen=True, slots=True)
class PublicationOutcome:
    """What publishing gave. ``is_new``: the file lacked something before; ``open_days``: up to where it is final."""

    is_new: bool
    open_days: OpenDays


def describe_failed_reads(outcome: ScopeOutcome) -> str:
    """Why how many of how many entities could not be read, and which: one clause for each reason, most entities first.

    ``Layers answered 503: 3 of 24 campaigns could not be read (Spring Sale (cmp_1), Autumn (cmp_2) and 1 more)``.
    """
    by_reason: dict[str, dict[EntityKey, str]] = defaultdict(dict)
    for failed in outcome.failed:
        by_reason[failed.error.reason][failed.read.key] = failed.error.context.entity
    ordered = sorted(by_reason.items(), key=lambda found: -len(found[1]))
    nouns = outcome.scope.plural.replace("_", " ")
    clauses = [
        f"{reason.rstrip('.')}: {len(entities):,} of {outcome.expected:,} {nouns} could not be read "
        f"({_first_of(list(entities.values()))})"
        for reason, entities in ordered[:REASONS_SHOWN]
    ]
    others = {key for _, entities in ordered[REASONS_SHOWN:] for key in entities}
    return "; ".join([*clauses, *([f"for other reasons, {len(others):,} more"] if others else [])])


def describe_unread_days(outcomes: Iterable[ScopeOutcome]) -> str:
    """Why nothing at all could be read for which days, by scope; empty where that is so of none."""
    return "; ".join(
        f"{_reasons(outcome) or 'these days have not begun'}: nothing could be read for "
        f"{outcome.scope.metrics_table} on {describe_days(outcome.failed_days)}"
        for outcome in outcomes
        if outcome.failed_days
    )


def _reasons(outcome: ScopeOutcome) -> str:
    return _first_of(list(dict.fromkeys(error.reason.rstrip(".") for error in outcome.failures)))


def _first_of(found: Sequence[str]) -> str:
    more = f" and {len(found) - ENTITIES_SHOWN:,} more" if len(found) > ENTITIES_SHOWN else ""
    return ", ".join(found[:ENTITIES_SHOWN]) + more


def failures_by_day(window: DayWindow, failed: Sequence[FailedRead]) -> dict[date, int]:
    """How many entities failed on each day of ``window``."""
    keys_by_day: dict[date, set[str]] = {day: set() for day in window}
    for failure in failed:
        if part := failure.read.window.intersection(window):
            for day in part:
                keys_by_day[day].add(f"{failure.read.key.project_id}/{failure.read.key.entity_id}")
    return {day: len(keys) for day, keys in keys_by_day.items()}
