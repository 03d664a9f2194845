"""Children held against their parent (rule 9 of the design)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from layers_etl.domain.days import DayWindow
from layers_etl.domain.metrics import ADDITIVE
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.reconciliation_views import Reconciliation
from layers_etl.warehouse.sql import load_sql

ParentKey = tuple[str, str]
"""``(project_id, entity_id)`` of a parent."""

RECONCILED_WEEKS: Final = timedelta(weeks=8)
"""How far back disagreements are looked for after every run, or as far as the run read."""


def disagreeing_days(
    warehouse: Readable, reconciliation: Reconciliation, window: DayWindow
) -> dict[ParentKey, list[date]]:
    """Days on which a parent's own numbers are not the sum of its children's, whatever was read of either."""
    return _days_by_parent(warehouse, reconciliation.sql("disagreeing_days"), window)


def contradicted_days(
    warehouse: Readable, reconciliation: Reconciliation, window: DayWindow
) -> dict[ParentKey, list[date]]:
    """Those of which all was read, on both sides: one of them is wrong."""
    return _days_by_parent(warehouse, reconciliation.sql("contradicted_days"), window)


def _days_by_parent(warehouse: Readable, query: str, window: DayWindow) -> dict[ParentKey, list[date]]:
    days: dict[ParentKey, list[date]] = defaultdict(list)
    rows = warehouse.connection.execute(query, {"since": window.since, "until": window.until}).fetchall()
    for project_id, parent_id, day in rows:
        days[project_id, parent_id].append(day)
    return dict(days)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A day on which a parent's own numbers are not the sum of its children's.

    ``residuals`` are those that are not zero, by measure. ``missing`` children were not read; unless the numbers are
    ``comparable`` they may differ for that, or for having been read at different times. ``settled`` is whether both
    sides are, ``read_now`` whether the run that looks read either.
    """

    entity_id: str
    day: date
    residuals: dict[str, Decimal | int]
    missing: int
    comparable: bool
    settled: bool
    read_now: bool

    @property
    def is_contradiction(self) -> bool:
        """Whether this run read two things that can't both be true."""
        return self.comparable and self.read_now

    @property
    def stays(self) -> bool:
        """Whether both can't be true, and no run by itself reads either again."""
        return self.comparable and self.settled and not self.read_now

    def __str__(self) -> str:
        """``acc_1 2026-03-01: spend 12.50, clicks 3``."""
        residuals = ", ".join(f"{name} {residual:,}" for name, residual in self.residuals.items())
        note = f"; {self.missing} not read" if self.missing else ""
        return f"{self.entity_id} {self.day}: {residuals}{note}"


def load_disagreements(warehouse: Readable, reconciliation: Reconciliation, run_id: str) -> list[Disagreement]:
    """What does not add up in the last eight weeks or, if ``run_id`` read further back, since then; worst first."""
    since, read_since, last_day = warehouse.connection.execute(
        load_sql("extent_of_run"), {"run_id": run_id}
    ).fetchall()[0]
    if last_day is None:
        return []
    parent, children = reconciliation.parent, reconciliation.children
    rows = warehouse.connection.execute(
        reconciliation.sql(
            "disagreements",
            residuals=", ".join(f"{name}_residual" for name in ADDITIVE),
            missing=f"{children}_missing",
            parent_observed_at=f"{parent.name}_observed_at",
            newest_observed_at=f"{children}_newest_observed_at",
            shares=", ".join(
                f"coalesce(abs({name}_residual)::DOUBLE / greatest({parent.name}_{name}, 1), 0)" for name in ADDITIVE
            ),
        ),
        {"since": min(since or last_day, last_day - RECONCILED_WEEKS), "read_since": read_since},
    ).fetchall()
    return [
        Disagreement(
            entity_id,
            day,
            {name: residual for name, residual in zip(ADDITIVE, residuals, strict=True) if residual},
            missing,
            comparable,
            settled,
            read_now,
        )
        for entity_id, day, *residuals, missing, comparable, settled, read_now in rows
    ]
