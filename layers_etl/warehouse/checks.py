"""Queries behind the asset checks; each counts what breaks a promise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from layers_etl.domain.metrics import MEASURES
from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import load_sql, scope_sql


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


@dataclass(frozen=True, slots=True)
class LastReadingMoves:
    """One platform's settled entity-days of the last weeks, and how many moved at their last reading.

    ``conversions_share`` is what that reading changed, of all their conversions; ``moved_after_settling_days`` moved
    between two readings that were both late enough: proof that the settling time is too short.
    """

    platform: str | None
    settled_days: int
    moved_days: int
    conversions_share: float | None
    moved_after_settling_days: int


def load_last_reading_moves(warehouse: Warehouse, scope: Scope) -> list[LastReadingMoves]:
    """By platform, from days that were read more than once."""
    rows = warehouse.connection.execute(load_sql("last_reading_moves"), {"scope": scope.name}).fetchall()
    return [LastReadingMoves(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class StandingMismatch:
    """A ratio the API reported together with primitives, standing now, that do not give it."""

    project_id: str
    entity_id: str
    day: date
    metric: str
    reported: float
    recomputed: float

    def __str__(self) -> str:
        """``cmp_1 2026-03-01: roas reported 3.4, recomputed 3.1``."""
        return f"{self.entity_id} {self.day}: {self.metric} reported {self.reported:g}, recomputed {self.recomputed:g}"


def load_standing_mismatches(warehouse: Warehouse, scope: Scope) -> list[StandingMismatch]:
    """The furthest off first."""
    rows = warehouse.connection.execute(scope_sql("standing_ratio_mismatches", scope)).fetchall()
    return [StandingMismatch(*row) for row in rows]


def _count(warehouse: Warehouse, sql: str) -> int:
    return warehouse.connection.execute(sql).fetchall()[0][0]
