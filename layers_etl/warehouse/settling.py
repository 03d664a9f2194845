"""The settling times the ``settled`` columns follow."""

from __future__ import annotations

from typing import Final

import duckdb

from layers_etl.domain.scopes import WEEKLY_REACH_SCOPES, Scope
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.schema import scopes_of
from layers_etl.warehouse.sql import run_script, scope_sql

EVERY_OTHER_PLATFORM: Final = "*"
SEVERAL_PLATFORMS: Final = ""
"""Stands for an entity that spans platforms, which settles with the slowest of them."""


def apply_settling_times(warehouse: Warehouse, settling: SettlingTimes) -> bool:
    """Make the ``settled`` columns follow ``settling``; True where it differs from what the file followed before.

    Of every scope that the file has, also of those that are not read now.
    """
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
        connection.executemany("INSERT INTO ops.settling (platform, settle_hours) VALUES (?, ?)", list(wanted.items()))
        if rows:
            for scope in scopes_of(connection):
                settle_anew(connection, scope)
    return True


def settle_anew(connection: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Within a transaction: bring the ``settled`` columns of ``scope`` in step with ``ops.settling`` and platforms."""
    run_script(connection, scope_sql("resettle", scope))
    if scope in WEEKLY_REACH_SCOPES:
        connection.execute(scope_sql("resettle_weeks", scope))
