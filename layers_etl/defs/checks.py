"""Asset checks: the promises the tables make, held after every run."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial

import dagster as dg

from layers_etl.defs.assets import listed_scopes
from layers_etl.defs.metadata import TOLD, WHAT_TO_DO, WRONG, complaint
from layers_etl.defs.resources import IngestionResource
from layers_etl.domain.days import describe_days
from layers_etl.domain.entities import named
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, Scope
from layers_etl.errors import REPORT_IT
from layers_etl.ingest.outstanding import overdue_reads
from layers_etl.warehouse.audits import load_audit_findings
from layers_etl.warehouse.checks import (
    KeyedTable,
    count_faulty_keys,
    count_negative_primitives,
    keyed_tables,
    load_duplicate_accounts,
    load_last_reading_moves,
    load_standing_mismatches,
    load_unrefreshed_accounts,
)
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.doubtful_days import DoubtfulDay, describe_doubts, load_doubtful_days
from layers_etl.warehouse.entities import load_entity_names
from layers_etl.warehouse.marts import count_stale_windows
from layers_etl.warehouse.reconciliation import Disagreement, load_disagreements
from layers_etl.warehouse.reconciliation_views import Reconciliation, reconciliations_of
from layers_etl.warehouse.sources import load_standing_sources

OFFENDERS_SHOWN = 20
"""The worst ones; a check is read by people."""

NAMED_IN_A_SENTENCE = 3


def all_checks(scopes: Sequence[Scope]) -> Iterable[dg.AssetChecksDefinition]:
    """What must hold of every table of the scopes that are read, whatever was read."""
    yield _every_account_is_refreshed()
    yield _no_account_is_listed_twice()
    yield _every_source_moves(AD_ACCOUNT if AD_ACCOUNT in scopes else scopes[0])
    for scope in (PROJECT, *listed_scopes(scopes)):
        dimension, *_ = keyed_tables(scope)
        yield _keys_are_unique(dimension)
    for scope in scopes:
        _, *others = keyed_tables(scope)
        for table in others:
            yield _keys_are_unique(table)
        yield _none_found(
            "no_primitive_is_negative",
            scope.metrics_table,
            "Spend and counts are never below zero.",
            "negative_rows",
            partial(count_negative_primitives, scope=scope),
        )
        yield _none_found(
            "mart_is_in_step",
            scope.daily_mart,
            f"No day of {scope.metrics_table} changed without being derived here.",
            "stale_windows",
            partial(count_stale_windows, scope=scope),
        )
        yield _every_day_could_be_believed(scope)
        yield _every_day_was_read_late_enough(scope)
        yield _no_day_moved_at_its_last_reading(scope)
        yield _settled_days_stand(scope)
        yield _reported_ratios_agree(scope)
    for reconciliation in reconciliations_of(scopes):
        yield _children_add_up(reconciliation)


def _keys_are_unique(table: KeyedTable) -> dg.AssetChecksDefinition:
    """Projects have no asset: every run lists them, before the accounts below them."""
    of_projects = table.name == PROJECT.plural
    return _none_found(
        "keys_of_projects_are_unique" if of_projects else "keys_are_unique",
        AD_ACCOUNT.plural if of_projects else table.name,
        f"No two rows of {table.schema}.{table.name} have the same {', '.join(table.key)}, and none has a null there.",
        "faulty_keys",
        partial(count_faulty_keys, table=table),
    )


def _none_found(
    name: str, asset: str, description: str, found: str, count: Callable[[Warehouse], int]
) -> dg.AssetChecksDefinition:
    """Passes where ``count`` finds none; the number is shown as ``found``."""

    @dg.asset_check(name=name, asset=asset, description=description)
    def none_found(ingestion: IngestionResource) -> dg.AssetCheckResult:
        number = count(ingestion.ingestion.warehouse)
        return dg.AssetCheckResult(
            passed=number == 0,
            metadata={
                found: number,
                **complaint(
                    f"{asset} has {number:,} {found.replace('_', ' ')}, and should have none" if number else "",
                    f"This is a bug: {REPORT_IT}.",
                ),
            },
        )

    return none_found


def _first_of(found: Sequence[object]) -> dg.JsonMetadataValue:
    """What a check shows of all that it found: the first of it, a sentence each."""
    return dg.MetadataValue.json([str(one) for one in found[:OFFENDERS_SHOWN]])


def _every_account_is_refreshed() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="every_account_is_refreshed",
        asset=AD_ACCOUNT.plural,
        description="Layers has a valid token for every listed account's platform. Without one its numbers, and those "
        "of all below it, can be read but stand still.",
    )
    def every_account_is_refreshed(ingestion: IngestionResource) -> dg.AssetCheckResult:
        run = ingestion.ingestion
        unrefreshed = load_unrefreshed_accounts(run.warehouse, run.settings.project_ids)
        return dg.AssetCheckResult(
            passed=not unrefreshed,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "unrefreshed_accounts": len(unrefreshed),
                TOLD: _first_of(unrefreshed),
                WHAT_TO_DO: "Reconnect these accounts in Layers. Their days settle once the numbers move again.",
            },
        )

    return every_account_is_refreshed


def _no_account_is_listed_twice() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="no_account_is_listed_twice",
        asset=AD_ACCOUNT.plural,
        description="No account of a platform is listed under two ids, or was in the last eight weeks. Within a "
        "project each of its days counts once in rollups and reconciliations all the same: ops.duplicate_ids.",
    )
    def no_account_is_listed_twice(ingestion: IngestionResource) -> dg.AssetCheckResult:
        run = ingestion.ingestion
        duplicates = load_duplicate_accounts(run.warehouse, run.settings.project_ids)
        return dg.AssetCheckResult(
            passed=not duplicates,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "accounts_with_several_ids": len(duplicates),
                TOLD: _first_of(duplicates),
                WHAT_TO_DO: "Where an account was connected anew, nothing: this is told for eight weeks after its "
                "old id was last listed. Where it is connected twice, disconnect one in Layers.",
            },
        )

    return no_account_is_listed_twice


def _every_source_moves(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="every_source_moves",
        asset=scope.metrics_table,
        description="The copy that Layers serves of every account's numbers moves. Where it stands still, its days are "
        "read and land, but do not settle: ops.sources.",
    )
    def every_source_moves(ingestion: IngestionResource) -> dg.AssetCheckResult:
        run = ingestion.ingestion
        standing = load_standing_sources(run.warehouse, run.settings.project_ids)
        return dg.AssetCheckResult(
            passed=not standing,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "standing_sources": len(standing),
                "days_that_wait": sum(source.held_days for source in standing),
                TOLD: _first_of(standing),
                WHAT_TO_DO: "See Layers' status page and the accounts' connections there. Every run reads these "
                "days again, and they settle once the numbers move.",
            },
        )

    return every_source_moves


def _every_day_could_be_believed(scope: Scope) -> dg.AssetChecksDefinition:
    """An error in the run that first sees a doubt; as long as it stays, a warning."""

    @dg.asset_check(
        name="every_day_could_be_believed",
        asset=scope.metrics_table,
        description="No day is open since its answer is no number, lacks one that is known, or has lost known "
        "activity: ops.doubtful_days.",
    )
    def every_day_could_be_believed(ingestion: IngestionResource) -> dg.AssetCheckResult:
        run = ingestion.ingestion
        doubtful = load_doubtful_days(run.warehouse, scope, read_since=run.fresh_since)
        new = [day for day in doubtful if day.is_new]
        return dg.AssetCheckResult(
            passed=not doubtful,
            severity=dg.AssetCheckSeverity.ERROR if new else dg.AssetCheckSeverity.WARN,
            metadata={
                "doubtful_days": len(doubtful),
                "new_in_this_run": len(new),
                TOLD: _first_of(describe_doubts(doubtful)),
                **({WRONG: _describe_new_doubts(scope, new)} if new else {}),
                WHAT_TO_DO: "Every run asks for these days again. Where vanished activity is really gone, a backfill "
                "of the days accepts it; else send ops.doubtful_days.request_id to Layers' support.",
            },
        )

    return every_day_could_be_believed


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
                "examples": dg.MetadataValue.json(
                    [f"{read.key.entity_id} {read.window}" for read in overdue[:OFFENDERS_SHOWN]]
                ),
                WHAT_TO_DO: "Launch the job refresh for the newest day: it reads all that is not settled up to it.",
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


def _settled_days_stand(scope: Scope) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="settled_days_stand",
        asset=scope.metrics_table,
        description="Of the settled days that runs read again at random in the last eight weeks, none had moved: "
        "marts.late_changes.",
    )
    def settled_days_stand(ingestion: IngestionResource) -> dg.AssetCheckResult:
        findings = load_audit_findings(ingestion.ingestion.warehouse, [scope])
        return dg.AssetCheckResult(
            passed=all(finding.moved_days == 0 for finding in findings),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                TOLD: dg.MetadataValue.json([str(finding) for finding in findings if finding.moved_days]),
                **{
                    f"{finding.platform or 'all platforms'}: {name}": value
                    for finding in findings
                    for name, value in (
                        ("settled entity-days read again", finding.days),
                        ("had moved", finding.moved_days),
                        ("settling time that would have held, hours", finding.held_by_hours),
                        ("share that moves, at most", None if finding.moved_days else finding.share_at_most),
                    )
                },
            },
        )

    return settled_days_stand


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
                "worst": _first_of(mismatches),
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
                "worst": _first_of(worst),
                **(
                    {WRONG: _describe_contradictions(run.warehouse, reconciliation, contradictions)}
                    if contradictions
                    else {}
                ),
                WHAT_TO_DO: f"Look at marts.{reconciliation.view}; a backfill of these days reads both sides again.",
            },
        )

    return children_add_up


def _describe_new_doubts(scope: Scope, new: Sequence[DoubtfulDay]) -> str:
    return f"{len(new):,} days of {scope.plural.replace('_', ' ')} are newly in doubt: " + "; ".join(
        describe_doubts(new)[:NAMED_IN_A_SENTENCE]
    )


def _describe_contradictions(
    warehouse: Warehouse, reconciliation: Reconciliation, contradictions: Sequence[Disagreement]
) -> str:
    """How many days contradict, and the first parents by name, with theirs."""
    days: dict[str, list[date]] = defaultdict(list)
    for found in contradictions:
        days[found.entity_id].append(found.day)
    scope = reconciliation.parent
    names = {
        entity_id: name
        for (of_scope, _, entity_id), name in load_entity_names(warehouse, days).items()
        if of_scope == scope.name
    }
    shown = [
        f"{named(names.get(entity_id), entity_id)} on {describe_days(found)}"
        for entity_id, found in list(days.items())[:NAMED_IN_A_SENTENCE]
    ]
    others = "; and others" if len(days) > NAMED_IN_A_SENTENCE else ""
    return (
        f"{len(contradictions):,} days of {scope.plural.replace('_', ' ')} are not the sum of their "
        f"{reconciliation.children}: {'; '.join(shown)}{others}"
    )
