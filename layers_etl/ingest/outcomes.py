"""What is told of a run's outcomes in words, and what publishing gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from layers_etl.api.retries import UNTRUSTED
from layers_etl.domain.days import describe_days
from layers_etl.domain.entities import OddField
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import Scope
from layers_etl.errors import EntityError, RequestContext
from layers_etl.ingest.outstanding import OpenDays

REASONS_SHOWN: Final = 3
ENTITIES_SHOWN: Final = 3
"""In one sentence; ``ops.failures`` has all."""


def incomplete_listing(scope: Scope, project_id: str | None, left_out: Sequence[OddField]) -> EntityError:
    """What is told of a listing with items that could not be told from others: all but these is read."""
    first = left_out[0]
    reason = (
        f"{len(left_out)} of its items had to be left out ({first.field} {first.problem}); the others are read, and "
        "none that was listed before counts as gone. ops.odd_fields has them for Layers' support"
    )
    return EntityError(reason, RequestContext(f"listing {scope.nouns}", project_id), UNTRUSTED)


@dataclass(frozen=True, slots=True)
class PublicationOutcome:
    """What publishing gave. ``is_new``: readers lacked something before; ``open_days``: up to where it is final.

    ``changed_days`` are the entity-days that may differ from the publication before, by ``ops.changed_days``; None
    where that is not there, or not known any more.
    """

    is_new: bool
    changed_days: int | None
    open_days: OpenDays


def describe_failed_reads(outcome: ScopeOutcome) -> str:
    """Why how many of how many entities could not be read, and which: one clause for each reason, most entities first.

    ``Layers answered 503: 3 of 24 campaigns could not be read (Spring Sale (cmp_1), Autumn (cmp_2) and 1 more)``.
    """
    by_reason: dict[str, dict[EntityKey, str]] = defaultdict(dict)
    for failed in outcome.failed:
        by_reason[failed.error.reason][failed.read.key] = failed.error.context.entity
    ordered = sorted(by_reason.items(), key=lambda found: -len(found[1]))
    nouns = outcome.scope.nouns
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
