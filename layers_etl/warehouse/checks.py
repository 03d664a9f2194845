"""Queries behind the asset checks; each counts what breaks a promise."""

from __future__ import annotations

from layers_etl.domain.metrics import MEASURES
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Warehouse


def count_duplicate_keys(warehouse: Warehouse, scope: Scope) -> int:
    """Keys of the scope's metrics that more than one row has."""
    key = ", ".join((*scope.key_columns, "day"))
    return _count(
        warehouse, f"SELECT count(*) FROM (SELECT 1 FROM ads.{scope.metrics_table} GROUP BY {key} HAVING count(*) > 1)"
    )


def count_negative_primitives(warehouse: Warehouse, scope: Scope) -> int:
    """Rows of the scope's metrics with any measure below zero."""
    below_zero = " OR ".join(f"{measure} < 0" for measure in MEASURES)
    return _count(warehouse, f"SELECT count(*) FROM ads.{scope.metrics_table} WHERE {below_zero}")


def _count(warehouse: Warehouse, sql: str) -> int:
    return warehouse.connection.execute(sql).fetchall()[0][0]
