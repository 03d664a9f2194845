"""Daily marts: names and ratios for exactly the days that changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import run_script, scope_sql


@dataclass(frozen=True, slots=True)
class DerivedMart:
    """What deriving a daily mart did. ``stale_windows`` is how many (entity, window) it derived anew."""

    stale_windows: int
    rows: int


def derive_daily_mart(warehouse: Warehouse, scope: Scope) -> DerivedMart:
    """Bring ``marts.<scope>_daily`` in step with ``ads``; costs nothing where no day changed.

    Derivation and the note of what was stale go in one transaction: killed in between, the next run derives again.
    """
    connection = warehouse.connection
    stale = connection.execute("SELECT count(*) FROM ops.stale_marts WHERE scope = ?", [scope.name]).fetchall()[0][0]
    if stale:
        with warehouse.change():
            run_script(connection, scope_sql("derive_daily", scope))
    rows = connection.execute(f"SELECT count(*) FROM marts.{scope.daily_mart}").fetchall()[0][0]
    return DerivedMart(stale, rows)


def derive_daily_marts(warehouse: Warehouse, scopes: Iterable[Scope]) -> dict[Scope, DerivedMart]:
    """All of them."""
    return {scope: derive_daily_mart(warehouse, scope) for scope in scopes}
