"""Children held against their parent (rule 9 of the design)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from layers_etl.domain.days import DayWindow
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import load_sql


def disagreeing_account_days(
    warehouse: Warehouse, window: DayWindow, *, observed_since: datetime
) -> dict[tuple[str, str], list[date]]:
    """Days of ``(project_id, ad_account_id)`` whose own numbers, read since then, are not the sum of its campaigns'."""
    rows = warehouse.connection.execute(
        load_sql("disagreeing_account_days"),
        {"since": window.since, "until": window.until, "observed_since": observed_since},
    ).fetchall()
    days: dict[tuple[str, str], list[date]] = defaultdict(list)
    for project_id, ad_account_id, day in rows:
        days[project_id, ad_account_id].append(day)
    return dict(days)
