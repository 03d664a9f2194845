"""What the UI shows of a table and of a run."""

from datetime import date
from typing import Any, Final

import dagster as dg

from layers_etl.ingest.ingestion import Ingestion
from layers_etl.ingest.outcomes import ScopeOutcome
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.marts import DerivedMart
from layers_etl.warehouse.tables import Table, metrics_table

Metadata = dict[str, Any]


TOLD: Final = "told"
"""Under this name a check's metadata holds sentences that the command line says at the end of a run."""

WRONG: Final = "wrong"
"""Under this name a check that can fail a run says in a sentence what is wrong; the command line ends with it."""

WHAT_TO_DO: Final = "what_to_do"
"""Under this name it says what to do, or what happens by itself."""

ASKED_FOR_AGAIN: Final = "All else landed and is published; the next run asks for just what is missing."


def complaint(wrong: str, what_to_do: str) -> Metadata:
    """What a failing check says in sentences; nothing where nothing is wrong."""
    return {WRONG: wrong, WHAT_TO_DO: what_to_do} if wrong else {}


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


def table_metadata(warehouse: Warehouse, table: Table) -> Metadata:
    """The number of rows."""
    rows = warehouse.connection.execute(f"SELECT count(*) FROM {table.qualified}").fetchall()[0][0]
    return {"dagster/row_count": rows}


def mart_metadata(warehouse: Warehouse, table: Table, derived: DerivedMart) -> Metadata:
    """The table, and how much of it was derived anew."""
    return {
        **table_metadata(warehouse, table),
        "stale_windows_derived": derived.stale_windows,
        "rows_projected": derived.projected_rows,
    }


def publication_metadata(run: Ingestion) -> Metadata:
    """Where the published file is, how large, and up to where it is final (null where nothing is known yet), with the
    days whose answers leave a doubt and without."""
    path = run.settings.published_path
    open_days = run.open_days()
    return {
        "path": dg.MetadataValue.path(str(path.resolve())),
        "bytes": path.stat().st_size,
        "settled_until": _day(open_days.oldest),
        "settled_until_but_for_doubtful": _day(open_days.oldest_but_for_doubtful),
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def outcome_metadata(warehouse: Warehouse, outcome: ScopeOutcome) -> Metadata:
    """The table, and what this run asked for, landed and left alone."""
    return {
        **table_metadata(warehouse, metrics_table(outcome.scope)),
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
