"""Projections in and out of the daily marts; the method is ``domain/projection.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from layers_etl.domain.projection import (
    OBSERVATION_SCHEMA,
    PROJECTED_METRICS,
    backtest_projection,
    learn_completion,
    project_values,
)
from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import fetch_frame, register
from layers_etl.warehouse.sql import run_script, scope_sql

LEARNED_DAYS: Final = 56
"""Eight weeks of settled days: recent enough to follow a platform that changes, enough of each weekday."""

LEARNED_ENTITIES: Final = 200
"""Of each platform: eleven thousand entity-days of each age. More tell hardly more of how its days mature, and what is
learned from does not grow with what is stored."""


def load_observations(warehouse: Readable, scope: Scope, settling: SettlingTimes, *, days: int) -> pl.DataFrame:
    """How the newest ``days`` settled days of ``scope`` matured: ``domain.projection.OBSERVATION_SCHEMA``.

    Of at most :data:`LEARNED_ENTITIES` of each platform.
    """
    longest = timedelta(hours=settling.hours(None))
    of_last = {"days": days + longest.days, "entities": LEARNED_ENTITIES}
    return fetch_frame(warehouse.connection, scope_sql("completion_observations", scope), of_last).cast(
        OBSERVATION_SCHEMA
    )


def project_unsettled_days(warehouse: Warehouse, scope: Scope, settling: SettlingTimes) -> int:
    """Write the projected settled values of every unsettled day of the scope's mart; how many rows got any.

    In the transaction that derives the mart: what it did not derive anew, and shows other projections now, is noted.
    """
    connection = warehouse.connection
    known = fetch_frame(connection, scope_sql("unsettled_values", scope))
    if known.is_empty():
        return 0
    completion = learn_completion(load_observations(warehouse, scope, settling, days=LEARNED_DAYS))
    projected = project_values(known.cast({"age_hours": pl.Int32(), "value": pl.Float64()}), completion)
    register(connection, "projected_values", projected.drop("value"))
    run_script(connection, scope_sql("write_projections", scope, **_projected_columns()))
    connection.unregister("projected_values")
    return projected.drop_nulls("projected").select("project_id", "entity_id", "day").n_unique()


def backtest_scope(warehouse: Readable, scope: Scope, settling: SettlingTimes) -> pl.DataFrame:
    """The method's error and coverage on this warehouse: see ``domain.projection.backtest_projection``."""
    observations = load_observations(warehouse, scope, settling, days=4 * LEARNED_DAYS)
    return backtest_projection(observations, settle_days=-(-settling.hours(None) // 24))


def _projected_columns() -> dict[str, str]:
    names = [(metric, suffix) for metric in PROJECTED_METRICS for suffix in ("", "_low", "_high")]
    return {
        "pivoted": ",\n    ".join(
            f"max(projected{suffix}) FILTER (metric = '{metric}') AS projected_{metric}{suffix}"
            for metric, suffix in names
        ),
        "assignments": ",\n  ".join(
            f"projected_{metric}{suffix} = projected.projected_{metric}{suffix}" for metric, suffix in names
        ),
        "projections_differ": " OR ".join(
            f"mart.projected_{metric}{suffix} IS DISTINCT FROM projected.projected_{metric}{suffix}"
            for metric, suffix in names
        ),
    }
