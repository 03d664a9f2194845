"""Asset checks: the promises the tables make, held after every run."""

from collections.abc import Iterable, Sequence

import dagster as dg

from layers_etl.defs.resources import IngestionResource
from layers_etl.domain.scopes import Scope
from layers_etl.ingest.outstanding import overdue_reads
from layers_etl.warehouse.checks import (
    count_duplicate_keys,
    count_negative_primitives,
    load_last_reading_moves,
    load_standing_mismatches,
)
from layers_etl.warehouse.reconciliation import load_disagreements
from layers_etl.warehouse.reconciliation_views import Reconciliation, reconciliations_of

OFFENDERS_SHOWN = 20
"""The worst ones; a check is read by people."""


def metrics_checks(scopes: Sequence[Scope]) -> Iterable[dg.AssetChecksDefinition]:
    """What must hold of every metrics table, whatever was read."""
    for scope in scopes:
        yield _keys_are_unique(scope)
        yield _no_primitive_is_negative(scope)
        yield _every_day_was_read_late_enough(scope)
        yield _no_day_moved_at_its_last_reading(scope)
        yield _reported_ratios_agree(scope)
    for reconciliation in reconciliations_of(scopes):
        yield _children_add_up(reconciliation)


def _keys_are_unique(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="keys_are_unique", asset=scope.metrics_table, description="No entity and day has two rows, or a null key."
    )
    def keys_are_unique(ingestion: IngestionResource) -> dg.AssetCheckResult:
        duplicates = count_duplicate_keys(ingestion.ingestion.warehouse, scope)
        return dg.AssetCheckResult(passed=duplicates == 0, metadata={"duplicate_keys": duplicates})

    return keys_are_unique


def _no_primitive_is_negative(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="no_primitive_is_negative", asset=scope.metrics_table, description="Spend and counts are never below zero."
    )
    def no_primitive_is_negative(ingestion: IngestionResource) -> dg.AssetCheckResult:
        negative = count_negative_primitives(ingestion.ingestion.warehouse, scope)
        return dg.AssetCheckResult(passed=negative == 0, metadata={"negative_rows": negative})

    return no_primitive_is_negative


def _every_day_was_read_late_enough(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="every_day_was_read_late_enough",
        asset=scope.metrics_table,
        description="No day is past its settling time without having been read after it.",
    )
    def every_day_was_read_late_enough(ingestion: IngestionResource) -> dg.AssetCheckResult:
        run = ingestion.ingestion
        overdue = [read for read in overdue_reads(run.warehouse, run.settings, run.instant) if read.key.scope is scope]
        return dg.AssetCheckResult(
            passed=not overdue,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "overdue_entity_days": sum(len(read.window) for read in overdue),
                "overdue_entities": len({read.key for read in overdue}),
                "oldest_overdue_day": str(min((read.window.since for read in overdue), default=None)),
                "examples": dg.MetadataValue.json([f"{read.key.entity_id} {read.window}" for read in overdue[:20]]),
                "what_to_do": "Run the job refresh: it reads every day that is not settled.",
            },
        )

    return every_day_was_read_late_enough


def _no_day_moved_at_its_last_reading(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="no_day_moved_at_its_last_reading",
        asset=scope.metrics_table,
        description="Settled days stood still when they were last read: the settling time is long enough. A day that "
        "moved between its last two readings may move again; a longer LAYERS_SETTLE_HOURS would tell.",
    )
    def no_day_moved_at_its_last_reading(ingestion: IngestionResource) -> dg.AssetCheckResult:
        moves = load_last_reading_moves(ingestion.ingestion.warehouse, scope)
        return dg.AssetCheckResult(
            passed=all(move.moved_days == 0 for move in moves),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                f"{move.platform or 'all platforms'}: {name}": value
                for move in moves
                for name, value in (
                    ("settled entity-days", move.settled_days),
                    ("moved at the last reading", move.moved_days),
                    ("share that moved", move.moved_days / move.settled_days),
                    ("share of conversions that came with it", move.conversions_share),
                    ("moved after having settled", move.moved_after_settling_days),
                )
            },
        )

    return no_day_moved_at_its_last_reading


def _reported_ratios_agree(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="reported_ratios_agree",
        asset=scope.metrics_table,
        description="The ratios the API reports follow from the numbers it reports with them. The marts recompute "
        "theirs, so a difference is the API's, and nothing here is wrong by it.",
    )
    def reported_ratios_agree(ingestion: IngestionResource) -> dg.AssetCheckResult:
        mismatches = load_standing_mismatches(ingestion.ingestion.warehouse, scope)
        return dg.AssetCheckResult(
            passed=not mismatches,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "mismatches": len(mismatches),
                "worst": dg.MetadataValue.json([str(mismatch) for mismatch in mismatches[:OFFENDERS_SHOWN]]),
            },
        )

    return reported_ratios_agree


def _children_add_up(reconciliation: Reconciliation) -> dg.AssetChecksDefinition:
    """An error only where this run read a contradiction.

    Numbers that were read at different times before they settled, or not all of which could be read, differ without
    either being wrong: these warn, and so do contradictions that earlier runs have reported. What could not be read
    is an error of its own (``every_entity_was_read``).
    """
    name = f"{reconciliation.children}_add_up_to_their_{reconciliation.parent.name.removeprefix('ad_')}"

    @dg.asset_check(
        name=name,
        asset=reconciliation.child.metrics_table,
        description=f"On every closed day the {reconciliation.children} sum to what the API says of the "
        f"{reconciliation.parent.name} itself: marts.{reconciliation.view}.",
    )
    def children_add_up(ingestion: IngestionResource) -> dg.AssetCheckResult:
        run = ingestion.ingestion
        found = load_disagreements(run.warehouse, reconciliation, run.run_id)
        contradictions = [disagreement for disagreement in found if disagreement.is_contradiction]
        worst = [*contradictions, *(disagreement for disagreement in found if not disagreement.is_contradiction)]
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR if contradictions else dg.AssetCheckSeverity.WARN,
            metadata={
                "contradictions_read_now": len(contradictions),
                "other_residuals": len(found) - len(contradictions),
                "worst": dg.MetadataValue.json([str(disagreement) for disagreement in worst[:OFFENDERS_SHOWN]]),
                "what_to_do": f"Look at marts.{reconciliation.view}; a backfill of these days reads both sides again.",
            },
        )

    return children_add_up
