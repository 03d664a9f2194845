"""The assets: listings, daily metrics, daily marts, the published file."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from layers_etl.defs.metadata import (
    ASKED_FOR_AGAIN,
    Metadata,
    complaint,
    mart_metadata,
    outcome_metadata,
    publication_metadata,
    table_definition,
    table_metadata,
)
from layers_etl.defs.partitions import window_of
from layers_etl.defs.resources import IngestionResource
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, WEEKLY_REACH_SCOPES, Scope
from layers_etl.errors import EntityError
from layers_etl.ingest.ingestion import Ingestion
from layers_etl.ingest.outcomes import REASONS_SHOWN, ScopeOutcome, describe_failed_reads, describe_unread_days
from layers_etl.warehouse.tables import daily_mart, entity_table, metrics_table, weekly_reach_table

OWNERS = ["team:ads-data"]
KINDS = {"python", "duckdb"}
COMPLETENESS_CHECK = "every_entity_was_read"
LISTING_CHECK = "every_project_was_listed"
FAILURES_SHOWN = 100
PUBLISHED = dg.AssetKey("published_warehouse")
EVERY_MORNING = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
"""A morning that published nothing shows two hours later, whatever the hour it is run at; half a day on, it fails."""


def entities_asset(scope: Scope) -> dg.AssetsDefinition:
    """``ad_accounts``, ``campaigns``, …: one row per entity as last listed, and every version before."""
    table = entity_table(scope)
    parents = [AD_ACCOUNT.plural] if scope is not AD_ACCOUNT else []

    @dg.asset(
        name=scope.plural,
        deps=parents,
        description=table.comment,
        metadata=table_definition(table),
        group_name="listings",
        owners=OWNERS,
        kinds=KINDS,
        check_specs=[dg.AssetCheckSpec(LISTING_CHECK, asset=scope.plural, description="No project's list failed.")],
    )
    def listed(ingestion: IngestionResource) -> dg.MaterializeResult:
        run = ingestion.ingestion
        outcome = run.list_entities(scope)
        return dg.MaterializeResult(
            metadata=table_metadata(run.warehouse, table),
            check_results=[_none_failed(LISTING_CHECK, outcome.failures, dg.AssetCheckSeverity.ERROR)],
        )

    return listed


def _none_failed(
    check_name: str, errors: Sequence[EntityError], severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    failures = [str(error) for error in errors]
    return dg.AssetCheckResult(
        check_name=check_name,
        passed=not failures,
        severity=severity,
        metadata={
            "failures": dg.MetadataValue.json(failures[:FAILURES_SHOWN]),
            **complaint("; ".join(failures[:REASONS_SHOWN]), ASKED_FOR_AGAIN),
        },
    )


def metrics_assets(scopes: Sequence[Scope], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """``campaign_metrics``, ``ad_account_metrics``, …: one row per entity and UTC day, as last read.

    One step reads all scopes, an account next to its campaigns, so that their numbers are of the same moment (rule 9).
    One run covers a whole range of days; exactly the days that landed are marked materialized. Where nothing downstream
    follows in the run, the step does that work too: the weeks' own reach, the marts, the published file.
    """
    by_key = {dg.AssetKey(scope.metrics_table): scope for scope in scopes}

    @dg.multi_asset(
        name="metrics",
        specs=[
            dg.AssetSpec(
                key,
                deps=[scope.plural] if scope is not PROJECT else [AD_ACCOUNT.plural],
                description=metrics_table(scope).comment,
                metadata=table_definition(metrics_table(scope)),
                group_name="metrics",
                owners=OWNERS,
                kinds=KINDS,
                partitions_def=partitions,
                skippable=True,
            )
            for key, scope in by_key.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                COMPLETENESS_CHECK,
                asset=key,
                description="Every entity that can be read was read for every day of the range.",
            )
            for key in by_key
        ],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def metrics(
        context: dg.AssetExecutionContext, ingestion: IngestionResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        run = ingestion.ingestion
        selected = [scope for key, scope in by_key.items() if key in context.selected_asset_keys]
        window = window_of(context.partition_keys)
        try:
            outcomes = run.read_metrics(selected, window)
            whole = all(len(outcome.landed_days) == len(window) for outcome in outcomes.values())
            ends_here = not whole or not _downstream_follows(context, scopes)
            weekly = {
                scope: run.read_weekly_reach(scope).failures
                for scope in selected
                if ends_here and scope in WEEKLY_REACH_SCOPES
            }
        except Exception:
            run.finish()  # What landed until then is kept, and published.
            raise
        for scope, outcome in outcomes.items():
            yield from _report(context, outcome, outcome_metadata(run.warehouse, outcome), weekly.get(scope, ()))
        if ends_here:
            run.finish()
            _log_finished(context, run, list(weekly))
        if unread := describe_unread_days(outcomes.values()):
            raise dg.Failure(
                f"{unread}. The days before and after are unharmed; read these again once the API answers.",
                allow_retries=False,
            )

    return metrics


def _report(
    context: dg.AssetExecutionContext,
    outcome: ScopeOutcome,
    run_metadata: Metadata,
    weekly_failures: Sequence[EntityError],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    key = dg.AssetKey(outcome.scope.metrics_table)
    failures = [str(error) for error in outcome.failures]
    check = dg.AssetCheckResult(
        asset_key=key,
        check_name=COMPLETENESS_CHECK,
        passed=not failures,
        metadata={
            "failed_entities": len({failed.read.key for failed in outcome.failed}),
            "failures": dg.MetadataValue.json(failures[:FAILURES_SHOWN]),
            # Of listings that failed their own check tells.
            **complaint(describe_failed_reads(outcome), ASKED_FOR_AGAIN),
            # Told, but no reason to fail: no day lacks anything for it.
            "weeks_without_reach": dg.MetadataValue.json([str(error) for error in weekly_failures[:FAILURES_SHOWN]]),
        },
    )
    if len(outcome.landed_days) == len(outcome.window):
        yield dg.MaterializeResult(asset_key=key, metadata=run_metadata, check_results=[check])
        return
    # Marked one by one, and only those that landed: a result for the asset would mark the whole range.
    for day in sorted(outcome.landed_days):
        context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=run_metadata))
    yield check


def _downstream_follows(context: dg.AssetExecutionContext, scopes: Sequence[Scope]) -> bool:
    """Whether this run goes on to derive and publish: not when someone launched the metrics alone."""
    selection = context.run.asset_selection or context.job_def.asset_layer.executable_asset_keys
    marts = {dg.AssetKey(scope.daily_mart) for scope in scopes}
    weekly = {dg.AssetKey(scope.weekly_reach_table) for scope in scopes if scope in WEEKLY_REACH_SCOPES}
    return {PUBLISHED, *marts, *weekly} <= set(selection)


def _log_finished(context: dg.AssetExecutionContext, run: Ingestion, weekly: Sequence[Scope]) -> None:
    scopes = run.settings.scopes
    tables = {
        **{scope.plural: entity_table(scope) for scope in listed_scopes(scopes)},
        **{scope.weekly_reach_table: weekly_reach_table(scope) for scope in weekly},
        **{scope.daily_mart: daily_mart(scope) for scope in scopes},
    }
    shown = {name: table_metadata(run.warehouse, table) for name, table in tables.items()}
    for name, metadata in {**shown, PUBLISHED.to_user_string(): publication_metadata(run)}.items():
        context.log_event(
            dg.AssetMaterialization(
                dg.AssetKey(name), description="Brought up to date by the metrics run.", metadata=metadata
            )
        )


def weekly_reach_asset(scope: Scope) -> dg.AssetsDefinition:
    """``campaign_reach_weekly``, ``ad_account_reach_weekly``: the API's own weekly reach; no sum of days gives it."""
    table = weekly_reach_table(scope)

    @dg.asset(
        name=scope.weekly_reach_table,
        deps=[scope.metrics_table],
        description=table.comment,
        metadata=table_definition(table),
        group_name="metrics",
        owners=OWNERS,
        kinds=KINDS,
        check_specs=[
            dg.AssetCheckSpec(
                COMPLETENESS_CHECK,
                asset=scope.weekly_reach_table,
                description="Every closed week that is open could be read. A warning: where the API has no weekly "
                "reach, nothing else is missing, and it is asked for again a week later.",
            )
        ],
    )
    def weekly_reach(ingestion: IngestionResource) -> dg.MaterializeResult:
        run = ingestion.ingestion
        outcome = run.read_weekly_reach(scope)
        return dg.MaterializeResult(
            metadata={
                **table_metadata(run.warehouse, table),
                "windows_landed": outcome.windows_landed,
                "entities_not_asked": outcome.not_asked,
            },
            check_results=[_none_failed(COMPLETENESS_CHECK, outcome.failures, dg.AssetCheckSeverity.WARN)],
        )

    return weekly_reach


def daily_mart_asset(scope: Scope) -> dg.AssetsDefinition:
    """``campaign_daily``, ``ad_account_daily``, …: names and ratios, derived for exactly the days that changed.

    Not partitioned: every partition and asset costs 55 ms of Dagster's events per run, and which days changed is known
    to the day without them.
    """
    table = daily_mart(scope)

    @dg.asset(
        name=scope.daily_mart,
        deps=[scope.metrics_table],
        description=table.comment,
        metadata=table_definition(table),
        group_name="marts",
        owners=OWNERS,
        kinds=KINDS,
    )
    def mart(ingestion: IngestionResource) -> dg.MaterializeResult:
        run = ingestion.ingestion
        derived = run.derive(scope)
        return dg.MaterializeResult(metadata=mart_metadata(run.warehouse, table, derived))

    return mart


def published_warehouse_asset(scopes: Sequence[Scope]) -> dg.AssetsDefinition:
    """``published_warehouse``: the file analysts open, replaced in one step."""

    @dg.asset(
        key=PUBLISHED,
        deps=[
            *(scope.daily_mart for scope in scopes),
            *(scope.weekly_reach_table for scope in scopes if scope in WEEKLY_REACH_SCOPES),
        ],
        description="data/warehouse.duckdb: a whole copy of the warehouse that replaces the last one in one step, so "
        "that readers never wait and never see half a run. Skipped while nothing changed.",
        group_name="publication",
        owners=OWNERS,
        kinds={"duckdb"},
        freshness_policy=EVERY_MORNING,
    )
    def published_warehouse(ingestion: IngestionResource) -> dg.MaterializeResult:
        run = ingestion.ingestion
        published = run.publish()
        return dg.MaterializeResult(metadata={"published": published, **publication_metadata(run)})

    return published_warehouse


def listed_scopes(scopes: Sequence[Scope]) -> list[Scope]:
    """The scopes with a listing asset: projects are listed by every run, accounts whatever is read."""
    return list(dict.fromkeys((AD_ACCOUNT, *(scope for scope in scopes if scope is not PROJECT))))


def all_assets(scopes: Sequence[Scope], partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The whole graph for the scopes that are read."""
    return [
        *(entities_asset(scope) for scope in listed_scopes(scopes)),
        metrics_assets(scopes, partitions),
        *(weekly_reach_asset(scope) for scope in scopes if scope in WEEKLY_REACH_SCOPES),
        *(daily_mart_asset(scope) for scope in scopes),
        published_warehouse_asset(scopes),
    ]
