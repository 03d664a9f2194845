"""The assets: listings, daily metrics, weekly reach, daily marts, the published file; one step refreshes them all."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import dagster as dg

from layers_etl.defs.checks import check_result, check_spec
from layers_etl.defs.locations import asset_key, asset_name
from layers_etl.defs.metadata import (
    Metadata,
    days_metadata,
    lake_metadata,
    made_by,
    mart_lineage,
    page_metadata,
    reading_metadata,
    step_metadata,
    table_definition,
)
from layers_etl.defs.partitions import window_of
from layers_etl.defs.resources import IngestionResource
from layers_etl.domain.alerts import LATE_AFTER
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.scopes import AD_ACCOUNT, PROJECT, WEEKLY_REACH_SCOPES, Scope, listed_scopes
from layers_etl.ingest.checks import Check, all_checks
from layers_etl.ingest.publisher import nearest_publisher
from layers_etl.ingest.refresh import Work, refresh
from layers_etl.ingest.run import Run
from layers_etl.ingest.steps import LAKE, PUBLISHED, Judged, MetricsRead, Published, Step
from layers_etl.ingest.summary import describe_shortfall
from layers_etl.report.file import FILE_NAME, is_up_to_date
from layers_etl.settings import Settings
from layers_etl.warehouse.tables import Table, daily_mart, entity_table, metrics_table, weekly_reach_table

logger = logging.getLogger(__name__)

PAGE: Final = "report"
"""The asset that the page is."""

LISTED: Final = ("ingest/listing.py", "warehouse/sql/upsert_entities.sql")
READ: Final = ("ingest/reading.py", "warehouse/sql/upsert_readings.sql")
READ_BY_WEEK: Final = ("ingest/weekly_reach.py", "warehouse/sql/upsert_weekly_reach.sql")
DERIVED: Final = ("warehouse/marts.py", "warehouse/sql/derive_days.sql")

READ_BY_RUN: Final = "What this run asked for, landed and left alone."

EVERY_MORNING = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=LATE_AFTER)
"""A morning that published nothing shows two hours later, whatever the hour it is run at; half a day on, it fails."""

AssetEvent = dg.MaterializeResult[object] | dg.AssetCheckResult


def refresh_assets(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The whole graph for the scopes that are read, brought up to date by one step.

    One step: an account is read next to its campaigns, so that their numbers are of the same moment (rule 9); a run
    over a range of days is one run; and whatever someone launched, what landed of it is derived and published.
    Where the settings name a code ``location``, the pool of its name queues the runs of one key beside those of others.
    """
    scopes, location = settings.scopes, settings.code_location
    checks = all_checks(scopes)

    @dg.multi_asset(
        name="warehouse",
        specs=[spec.replace_attributes(owners=settings.owners) for spec in asset_specs(settings, partitions)],
        check_specs=[check_spec(check, location) for check in checks],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=location,
    )
    def warehouse(context: dg.AssetExecutionContext, ingestion: IngestionResource) -> Iterator[AssetEvent]:
        steps: list[Step] = []
        for step in refresh(ingestion.run, _work(context, scopes, checks)):
            steps.append(step)
            ingestion.tell(step)
            yield from _report(context, ingestion.run, step)
            if isinstance(step, Published):
                yield from _write_page(context, ingestion.settings)
        if shortfall := describe_shortfall(steps):
            raise dg.Failure(shortfall, allow_retries=False)

    return warehouse


def asset_specs(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> Iterator[dg.AssetSpec]:
    """An asset for every table that people look at, one for the published file, and one for a lake where there is one.

    Only the metrics are partitioned, by UTC day: every partition and asset costs Dagster two events per run, and
    which days of a mart changed is known to the day without them.
    """
    scopes, location = settings.scopes, settings.code_location
    for scope in listed_scopes(scopes):
        parents = [AD_ACCOUNT.plural if scope is not AD_ACCOUNT else PROJECT.plural]
        yield _table_spec(scope.plural, entity_table(scope), "listings", parents, LISTED, location)
    for scope in scopes:
        listing = AD_ACCOUNT.plural if scope is PROJECT else scope.plural
        yield _table_spec(scope.metrics_table, metrics_table(scope), "metrics", [listing], READ, location, partitions)
    for scope in scopes:
        if scope in WEEKLY_REACH_SCOPES:
            parents = [scope.metrics_table]
            yield _table_spec(
                scope.weekly_reach_table, weekly_reach_table(scope), "metrics", parents, READ_BY_WEEK, location
            )
        # Beside the metrics they are of, the listing that they have names from.
        listing = [scope.plural] if scope is not PROJECT else []
        parents = [scope.metrics_table, *listing]
        mart = _table_spec(scope.daily_mart, daily_mart(scope), "marts", parents, DERIVED, location)
        yield mart.merge_attributes(metadata=mart_lineage(scope, location))
    marts = [scope.daily_mart for scope in scopes]
    reach = [scope.weekly_reach_table for scope in scopes if scope in WEEKLY_REACH_SCOPES]
    published = _publication_spec(
        PUBLISHED,
        "data/warehouse.duckdb: a whole copy of the warehouse that replaces the last one in one step, so that readers "
        "never wait and never see half a run. Skipped while nothing changed.",
        [*marts, *reach],
        ("ingest/publishing.py", "warehouse/published_file.py"),
        {"duckdb"},
        location,
    )
    yield published.replace_attributes(freshness_policy=EVERY_MORNING)
    if settings.warehouse:
        lake = _publication_spec(
            LAKE,
            f"{settings.warehouse}: the same tables and views for everyone who can reach the lake, where each "
            "publication is one snapshot. Skipped while nothing changed.",
            [PUBLISHED],
            ("ingest/publishing.py", "warehouse/lake/publisher.py"),
            {"ducklake"},
            location,
        )
        yield lake.replace_attributes(freshness_policy=EVERY_MORNING)
    yield _publication_spec(
        PAGE,
        "data/report.html: what was published as one page for people, which needs no network. Written anew after every "
        "publication.",
        [PUBLISHED],
        ("report/page.py", "report/queries.py"),
        {"duckdb", "html"},
        location,
    )


def _publication_spec(
    name: str, description: str, deps: Sequence[str], code: Sequence[str], kinds: set[str], location: str | None
) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(name, location),
        deps=[asset_key(dep, location) for dep in deps],
        description=description,
        metadata=made_by(*code),
        group_name="publication",
        kinds=kinds,
        skippable=True,
    )


def _table_spec(
    name: str,
    table: Table,
    group: str,
    deps: Sequence[str],
    code: Sequence[str],
    location: str | None,
    partitions: dg.PartitionsDefinition[str] | None = None,
) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(name, location),
        deps=[asset_key(dep, location) for dep in deps],
        description=table.comment,
        metadata={**table_definition(table), **made_by(*code)},
        group_name=group,
        kinds={"python", "duckdb"},
        partitions_def=partitions,
        skippable=True,
    )


def _work(context: dg.AssetExecutionContext, scopes: Sequence[Scope], checks: Sequence[Check]) -> Work:
    """What was launched: in the UI, any of the assets and checks."""
    assets = set(map(asset_name, context.selected_asset_keys))
    held = {(asset_name(key.asset_key), key.name) for key in context.selected_asset_check_keys}
    read = [scope for scope in scopes if scope.metrics_table in assets]
    return Work(
        listed=[scope for scope in listed_scopes(scopes) if scope.plural in assets],
        read=read,
        weekly_reach=[scope for scope in scopes if scope.weekly_reach_table in assets],
        window=window_of(context.partition_keys) if read else None,
        checks=[check for check in checks if (check.asset, check.name) in held],
        brings_up_to_date=bool(assets),
    )


def _report(context: dg.AssetExecutionContext, run: Run, step: Step) -> Iterator[AssetEvent]:
    """What Dagster is told of a step: a result where its asset was launched, else that it was brought up to date."""
    location = run.settings.code_location
    match step:
        case MetricsRead(outcome):
            key = asset_key(outcome.scope.metrics_table, location)
            yield from _read_days(context, key, outcome, step_metadata(run, step), days_metadata(run, outcome))
        case Judged(findings):
            yield from (check_result(finding, location) for finding in findings)
        case Published(outcome):
            yield from _materialized(context, asset_key(step.asset, location), step_metadata(run, step))
            if run.settings.warehouse:
                yield from _materialized(
                    context, asset_key(LAKE, location), lake_metadata(run.settings, outcome.open_days)
                )
        case _:
            yield from _materialized(context, asset_key(step.asset, location), step_metadata(run, step))


def _write_page(context: dg.AssetExecutionContext, settings: Settings) -> Iterator[AssetEvent]:
    """The page of what was published; where it can't be written that is said, since no page is worth a run."""
    path = settings.data_dir / FILE_NAME
    try:
        is_there = is_up_to_date(path, settings.published_path)
        if not is_there:
            from layers_etl.report.page import write_report  # noqa: PLC0415 - many runs write none, and it takes time

            with nearest_publisher(settings).open() as published:
                is_there = published is not None and write_report(published, path)
    except Exception as error:  # noqa: BLE001 - as its docstring says
        logger.warning(
            "%s could not be written (%s): the numbers are published all the same.", path, type(error).__name__
        )
        return
    if is_there:
        yield from _materialized(context, asset_key(PAGE, settings.code_location), page_metadata(path))


def _materialized(context: dg.AssetExecutionContext, key: dg.AssetKey, metadata: Metadata) -> Iterator[AssetEvent]:
    if key in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
    else:
        context.log_event(
            dg.AssetMaterialization(key, description="Brought up to date by a run of others.", metadata=metadata)
        )


def _read_days(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    outcome: ScopeOutcome,
    metadata: Metadata,
    of_days: Mapping[date, Metadata],
) -> Iterator[AssetEvent]:
    """Exactly the days that landed, each with its own numbers: a result for the asset would mark the whole range.

    What the run did is an observation beside them: in every day's event it would be said once a day, and plotted.
    """
    context.log_event(dg.AssetObservation(key, description=READ_BY_RUN, metadata=reading_metadata(outcome)))
    if len(outcome.landed_days) == len(outcome.window):
        for day, shown in of_days.items():
            context.add_asset_metadata(shown, asset_key=key, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        return
    for day in sorted(outcome.landed_days):
        shown = {**metadata, **of_days[day]}
        context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=shown))
