"""What could not be read, in words: why, how many, and which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from layers_etl.domain.days import describe_days
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.readings import EntityKey

REASONS_SHOWN: Final = 3
ENTITIES_SHOWN: Final = 3
"""In one sentence; ``ops.failures`` has all."""


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
