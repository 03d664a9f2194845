"""Daily marts: names and ratios for exactly the days that changed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.projections import project_unsettled_days
from layers_etl.warehouse.sql import load_sql, run_script, scope_sql
from layers_etl.warehouse.stretches import stretches


@dataclass(frozen=True, slots=True)
class DerivedMart:
    """What deriving a daily mart did. ``stale_windows`` is how many (entity, window) it derived anew."""

    stale_windows: int
    rows: int
    projected_rows: int

    def followed_by(self, later: DerivedMart) -> DerivedMart:
        """Both together."""
        return DerivedMart(
            self.stale_windows + later.stale_windows, later.rows, self.projected_rows + later.projected_rows
        )


def count_stale_windows(warehouse: Readable, scope: Scope) -> int:
    """The (entity, window) pairs in which the scope's daily mart is not in step; none once it is derived."""
    query = load_sql("count_stale_windows")
    return warehouse.connection.execute(query, {"scope": scope.name}).fetchall()[0][0]


def derive_daily_mart(
    warehouse: Warehouse, scope: Scope, settling: SettlingTimes
) -> Generator[None, None, DerivedMart]:
    """Bring ``marts.<scope>_daily`` in step with ``ads``, step by step; costs nothing where no day changed.

    A step is a stretch of days, in a transaction of its own, and how far all came is noted with the last: left before
    that, all of it is derived again the next time. Between two steps anything may be done but landing days.
    """
    connection = warehouse.connection
    stale = count_stale_windows(warehouse, scope)
    projected_rows = 0
    if stale:
        run_script(connection, scope_sql("stale_windows", scope))
        tables = (f"ads.{scope.metrics_table}", f"marts.{scope.daily_mart}")
        for since, until in stretches(connection, "stale", "stale_days", tables):
            with warehouse.change():
                run_script(connection, scope_sql("derive_days", scope), since=since, until=until)
            yield
        with warehouse.change():
            run_script(connection, scope_sql("note_derived", scope))
            projected_rows = project_unsettled_days(warehouse, scope, settling)
    rows = connection.execute(f"SELECT count(*) FROM marts.{scope.daily_mart}").fetchall()[0][0]
    return DerivedMart(stale, rows, projected_rows)
