"""What the UI shows of a table, of its days, and of a run."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import dagster as dg

from layers_etl.defs.locations import asset_key
from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.metrics import RATIOS
from layers_etl.domain.outcomes import ScopeOutcome
from layers_etl.domain.scopes import AD_ACCOUNT, Scope
from layers_etl.ingest.outstanding import OpenDays
from layers_etl.ingest.publisher import publisher_of
from layers_etl.ingest.run import Run
from layers_etl.ingest.steps import Derived, Judged, Listed, MetricsRead, Published, Step, WeeklyReachRead
from layers_etl.settings import Settings
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.day_totals import DayTotals, load_day_totals, load_largest_rows, load_newest_day
from layers_etl.warehouse.tables import Table, daily_mart, entity_table, metrics_table, weekly_reach_table

Metadata = dict[str, Any]

PACKAGE: Final = Path(__file__).parents[1]


def made_by(*paths: str) -> Metadata:
    """The files of this package that an asset is made by, relative to it; part of the asset's definition.

    The UI opens them in the editor that is set in it, where it is on the machine that has them.
    """
    with warnings.catch_warnings():
        # They are beta, which is nothing to the people who start the UI; a change of theirs breaks a test.
        warnings.simplefilter("ignore", dg.BetaWarning)
        references: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.LocalFileCodeReference(file_path=str(PACKAGE / path), line_number=1, label=path) for path in paths
        ]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=references)}


def table_definition(table: Table) -> Metadata:
    """Name and columns with their comments: part of an asset's definition, for in each event Dagster would keep them
    again for ever."""
    return {
        "dagster/table_name": table.qualified,
        "dagster/storage_kind": "duckdb",
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    column.name,
                    column.type,
                    column.comment,
                    constraints=dg.TableColumnConstraints(nullable=not column.required),
                )
                for column in table.columns
            ]
        ),
    }


def mart_lineage(scope: Scope, location: str | None) -> Metadata:
    """From which columns of which assets each column of a daily mart is: a ratio, from the two sums that it divides.

    A column that is of none of them, since only a run knows it, is left out.
    """
    metrics = {column.name for column in metrics_table(scope).columns}
    ratios = {ratio.name: (ratio.numerator, ratio.denominator) for ratio in RATIOS}
    listed = {f"{scope.name}_name": (scope.plural, "name"), "ad_account_name": (AD_ACCOUNT.plural, "name")}
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for column in daily_mart(scope).columns:
        projected = column.name.removeprefix("projected_")
        sums = ratios.get(column.name) or [name for name in dict.fromkeys((column.name, projected)) if name in metrics]
        deps[column.name] = [dg.TableColumnDep(asset_key(scope.metrics_table, location), name) for name in sums]
        if column.name in listed:
            asset, name = listed[column.name]
            deps[column.name] = [dg.TableColumnDep(asset_key(asset, location), name)]
    return {"dagster/column_lineage": dg.TableColumnLineage({name: found for name, found in deps.items() if found})}


def step_metadata(run: Run, step: Step) -> Metadata:
    """What the UI shows of the asset that a step brought up to date."""
    match step:
        case Listed(outcome):
            return _rows(run.warehouse, entity_table(outcome.scope))
        case MetricsRead(outcome):
            return _rows(run.warehouse, metrics_table(outcome.scope))
        case WeeklyReachRead(outcome):
            return {
                **_rows(run.warehouse, weekly_reach_table(outcome.scope)),
                "windows_landed": outcome.windows_landed,
                "entities_not_asked": outcome.not_asked,
            }
        case Derived(scope, mart):
            return {
                **_rows(run.warehouse, daily_mart(scope)),
                "stale_windows_derived": mart.stale_windows,
                "rows_projected": mart.projected_rows,
                **_newest_day(run.warehouse, scope, run.instant.date()),
            }
        case Published(outcome):
            return {
                "published": outcome.is_new,
                "days_changed": outcome.changed_days,
                **_publication(run.settings.published_path, outcome.open_days),
            }
        case Judged():
            return {}


def days_metadata(run: Run, outcome: ScopeOutcome) -> dict[date, Metadata]:
    """What the UI shows of each day of the daily metrics that were read: its partition."""
    totals = load_day_totals(run.warehouse, metrics_table(outcome.scope), outcome.window)
    return {day: {"dagster/partition_row_count": of_day.rows, **_numbers(of_day)} for day, of_day in totals.items()}


def _numbers(totals: DayTotals) -> Metadata:
    """What plots are made of: spend by currency, since no sum crosses one; nothing where nothing is known."""
    spend = {f"spend_{currency}": float(amount) for currency, amount in totals.spend.items()}
    known: Mapping[str, float | None] = {"conversions": totals.conversions, "settled_share": totals.settled_share}
    return {**spend, **{name: value for name, value in known.items() if value is not None}}


def _newest_day(warehouse: Readable, scope: Scope, today: date) -> Metadata:
    """A mart has no partitions: it shows the newest closed day, as it stood after each run, and a few rows of it."""
    mart = daily_mart(scope)
    day = load_newest_day(warehouse, mart, today)
    if day is None:
        return {}
    totals = load_day_totals(warehouse, mart, DayWindow(day, day + ONE_DAY))[day]
    shown = {"rows": totals.rows, **_numbers(totals)}
    return {
        "newest_day": day.isoformat(),
        **{f"newest_day_{name}": value for name, value in shown.items()},
        "preview": _preview(load_largest_rows(warehouse, mart, _previewed(scope), day), _previewed(scope)),
    }


def _previewed(scope: Scope) -> tuple[str, ...]:
    return (f"{scope.name}_name", "currency", "spend", "conversions", "cpa", "roas")


def _preview(rows: Sequence[Sequence[object]], names: Sequence[str]) -> dg.TableMetadataValue:
    """As a table and not as Markdown: names are what advertisers write."""
    cells = [["" if value is None else _shown(value) for value in row] for row in rows]
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(zip(names, row, strict=True))) for row in cells],
        schema=dg.TableSchema([dg.TableColumn(name) for name in names]),
    )


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float | Decimal) else str(value)


def _rows(warehouse: Readable, table: Table) -> Metadata:
    rows = warehouse.connection.execute(f"SELECT count(*) FROM {table.qualified}").fetchall()[0][0]
    return {"dagster/row_count": rows}


def _publication(path: Path, open_days: OpenDays) -> Metadata:
    """Where the published file is, how large, and up to where it is final (null where nothing is known yet), with the
    days whose answers leave a doubt and without."""
    return {
        "path": dg.MetadataValue.path(str(path.resolve())),
        "bytes": path.stat().st_size,
        "settled_until": _day(open_days.oldest),
        "settled_until_but_for_doubtful": _day(open_days.oldest_but_for_doubtful),
    }


def lake_metadata(settings: Settings, open_days: OpenDays) -> Metadata:
    """Which lake it is, where its files are, and up to where it is final."""
    lake = publisher_of(settings)
    return {"lake": lake.name, "files": lake.folders[0], "settled_until": _day(open_days.oldest)}


def page_metadata(path: Path) -> Metadata:
    """Where the page is, and how large."""
    return {"path": dg.MetadataValue.path(str(path.resolve())), "bytes": path.stat().st_size}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def reading_metadata(outcome: ScopeOutcome) -> Metadata:
    """What a run asked for, landed and left alone of one scope."""
    return {
        "window": str(outcome.window),
        "requests_planned": len(outcome.plan.reads),
        "windows_landed": outcome.windows_landed,
        "rows_landed": outcome.rows_landed,
        "entities_up_to_date": len(outcome.plan.current),
        "entities_dormant": len(outcome.plan.dormant),
        "entities_dormant_read_after_all": outcome.reread_dormant,
        "entities_gone": len(outcome.plan.gone),
        "windows_failed": len(outcome.failed),
    }
