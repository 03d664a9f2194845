"""What a run tells as it goes: each step once it is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from layers_etl.domain.outcomes import ListingOutcome, ScopeOutcome
from layers_etl.domain.scopes import Scope
from layers_etl.ingest.checks import Finding
from layers_etl.ingest.publishing import PublicationOutcome
from layers_etl.ingest.weekly_reach import WeeklyReachOutcome
from layers_etl.warehouse.marts import DerivedMart

PUBLISHED: Final = "published_warehouse"
LAKE: Final = "published_lake"
"""The asset that the published file is; all others have the names of their tables."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The entities of one scope, in every project whose list could be had."""

    outcome: ListingOutcome

    @property
    def asset(self) -> str:
        """What it brought up to date."""
        return self.outcome.scope.plural


@dataclass(frozen=True, slots=True)
class MetricsRead:
    """The daily metrics of one scope."""

    outcome: ScopeOutcome

    @property
    def asset(self) -> str:
        """What it brought up to date."""
        return self.outcome.scope.metrics_table


@dataclass(frozen=True, slots=True)
class WeeklyReachRead:
    """The weekly reach of one scope."""

    outcome: WeeklyReachOutcome

    @property
    def asset(self) -> str:
        """What it brought up to date."""
        return self.outcome.scope.weekly_reach_table


@dataclass(frozen=True, slots=True)
class Derived:
    """The daily mart of one scope is in step."""

    scope: Scope
    mart: DerivedMart

    @property
    def asset(self) -> str:
        """What it brought up to date."""
        return self.scope.daily_mart


@dataclass(frozen=True, slots=True)
class Published:
    """The published file has everything."""

    outcome: PublicationOutcome

    @property
    def asset(self) -> str:
        """What it brought up to date."""
        return PUBLISHED


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found of the promises that the run was to be held to."""

    findings: tuple[Finding, ...]


Step = Listed | MetricsRead | WeeklyReachRead | Derived | Published | Judged
