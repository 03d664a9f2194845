"""The settling times the ``settled`` columns follow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from layers_etl.domain.scopes import Scope
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.sql import run_script, scope_sql

EVERY_OTHER_PLATFORM: Final = "*"
SEVERAL_PLATFORMS: Final = ""
"""Stands for an entity that spans platforms, which settles with the slowest of them."""


def apply_settling_times(warehouse: Warehouse, scopes: Iterable[Scope], settling: SettlingTimes) -> bool:
    """Make the ``settled`` columns follow ``settling``; True where it differs from what the file followed before."""
    wanted = {
        **settling.by_platform,
        EVERY_OTHER_PLATFORM: settling.default_hours,
        SEVERAL_PLATFORMS: settling.hours(None),
    }
    rows = warehouse.connection.execute("SELECT platform, settle_hours FROM ops.settling").fetchall()
    if dict(rows) == wanted:
        return False
    with warehouse.change() as connection:
        connection.execute("DELETE FROM ops.settling")
        connection.executemany("INSERT INTO ops.settling VALUES (?, ?)", list(wanted.items()))
        if rows:
            for scope in scopes:
                run_script(connection, scope_sql("resettle", scope))
    return True
