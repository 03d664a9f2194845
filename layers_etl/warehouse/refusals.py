"""Metrics that the API refuses to give, remembered so that not every run has to be told again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from layers_etl.domain.readings import RefusedMetric
from layers_etl.domain.scopes import SCOPES
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import scope_sql

REFUSALS_STAND: Final = timedelta(weeks=1)
"""How long what was refused is not asked for: what a platform does not have today it may have some day."""

LATELY: Final = timedelta(weeks=4)
"""What a platform had so lately is asked for by every run: a few refusals each, instead of a week without it."""


def recall_refused_metrics(warehouse: Warehouse, *, since: datetime, until: datetime) -> list[RefusedMetric]:
    """What was refused from ``since`` to ``until``, now.

    Anything older is forgotten, so that it is asked for again, and so is what a wrong clock dated later: it would never
    grow old.
    """
    with warehouse.transaction() as connection:
        connection.execute("DELETE FROM ops.refused_metrics WHERE refused_at NOT BETWEEN ? AND ?", [since, until])
        rows = connection.execute("SELECT scope, platform, metric FROM ops.refused_metrics").fetchall()
    return [RefusedMetric(SCOPES[scope], platform, metric) for scope, platform, metric in rows]


def note_refused_metrics(warehouse: Warehouse, refused: Iterable[RefusedMetric], refused_at: datetime) -> None:
    """Remember what is not remembered yet as refused at ``refused_at``, and was not to be had :data:`LATELY`."""
    with warehouse.transaction() as connection:
        for one in sorted(refused, key=lambda one: (one.scope.name, one.platform or "", one.metric)):
            connection.execute(
                scope_sql("note_refused_metric", one.scope, column=one.metric),
                {"platform": one.platform, "metric": one.metric, "refused_at": refused_at, "lately": LATELY},
            )
