"""How many days a run found changed: what stood before is in history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from layers_etl.domain.scopes import Scope
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.sql import scope_sql


def count_restated_days(warehouse: Readable, scopes: Iterable[Scope], since: datetime) -> int:
    """Entity-days of ``scopes`` whose numbers were superseded at or after ``since``, each once."""
    return sum(
        warehouse.connection.execute(scope_sql("count_restated_days", scope), {"since": since}).fetchall()[0][0]
        for scope in scopes
    )
