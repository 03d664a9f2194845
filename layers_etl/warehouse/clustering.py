"""Tables of days kept ordered by day in the file, whatever the order in which they landed.

DuckDB skips row groups by the least and greatest day in them: a query of a day reads little where days lie together. A
backfill lands account by account, and one of a single campaign leaves its days beside those of others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from typing import Final

from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql
from layers_etl.warehouse.stretches import cut_stretches, days_in_turn

logger = logging.getLogger(__name__)

ROW_GROUP: Final = 122_880
"""Rows of one, as DuckDB makes them."""

MOST_SCATTERED: Final = 2
"""Times the row groups that the days need: beyond, they are written once more."""


def cluster_days(warehouse: Warehouse, scope: Scope, turn: int) -> int:
    """Order the scope's daily metrics and mart by day where they have become scattered; how many rows that took.

    Looked at is what has changed since the last publication, where that is most of its days, and beside it about
    :data:`~layers_etl.warehouse.stretches.ROWS_AT_ONCE` rows of each table, the next ones in the next ``turn``: a run
    writes at most twice as many rows again as it landed, and those.
    """
    run_script(warehouse.connection, scope_sql("touched_windows", scope))
    clustered = 0
    for table in (f"ads.{scope.metrics_table}", f"marts.{scope.daily_mart}"):
        (stored,) = warehouse.connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
        if stored <= ROW_GROUP:
            continue
        in_turn = days_in_turn(warehouse.connection, table, turn)
        for since, until in [*_changed(warehouse, table), (in_turn.since, in_turn.until)]:
            row_groups, needed, rows = _scatter(warehouse, table, since, until)
            if row_groups > MOST_SCATTERED * needed:
                with warehouse.transaction() as connection:
                    query = load_sql("cluster").format(table=table, key=", ".join(scope.key_columns))
                    run_script(connection, query, since=since, until=until)
                clustered += rows
    if clustered:
        logger.info("Ordered %d rows of %s by day.", clustered, scope.plural)
    return clustered


def _changed(warehouse: Warehouse, table: str) -> Iterator[tuple[date, date]]:
    """The stretches most of whose rows have changed."""
    query = load_sql("is_mostly_touched").format(table=table)
    for since, until in cut_stretches(warehouse.connection, "touched", [table]):
        (is_mostly_touched,) = warehouse.connection.execute(query, {"since": since, "until": until}).fetchall()[0]
        if is_mostly_touched:
            yield since, until


def _scatter(warehouse: Warehouse, table: str, since: date, until: date) -> tuple[int, int, int]:
    """The row groups that the days lie in, and those that they need, both summed over the days, and their rows."""
    query = load_sql("scatter").format(table=table)
    parameters = {"since": since, "until": until, "row_group": ROW_GROUP}
    return warehouse.connection.execute(query, parameters).fetchall()[0]
