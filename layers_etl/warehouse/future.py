"""Healing of a file in which something is dated after now: by a wrong clock, or a run for an instant to come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Final

from layers_etl.domain.scopes import PROJECT, Scope
from layers_etl.warehouse.changed_days import forget_publications
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.schema import scopes_of
from layers_etl.warehouse.sql import load_sql, run_script
from layers_etl.warehouse.tables import OPS_TABLES, Table, entity_history_table, entity_table, scope_tables

_OBSERVATIONS: Final = (
    "first_observed_at",
    "observed_at",
    "last_observed_at",
    "superseded_at",
    "valid_from",
    "valid_to",
    "first_listed_at",
    "last_listed_at",
    "gone_at",
    "read_at",
)
"""Columns that say when this pipeline saw something, by the API's clock. Others are the API's own, or our clock's."""


def take_back_future(warehouse: Warehouse, now: datetime) -> None:
    """Let nothing have been seen later than ``now``, in one transaction.

    Days that count as read later are unread again and not settled; their numbers stay until they are read. Instants
    that lie ahead become ``now``, so that their order stays and history remains one.
    """
    with warehouse.change() as connection:
        run_script(connection, load_sql("take_back_coverage"), now=now)
        forget_publications(connection)
        for table in _observed_tables(scopes_of(connection)):
            names = [column.name for column in table.columns]
            if instants := [name for name in _OBSERVATIONS if name in names]:
                statement = load_sql("take_back_instants").format(
                    table=table.qualified,
                    assignments=", ".join((*_settled(names), *(f"{name} = least({name}, $now)" for name in instants))),
                    any_ahead=" OR ".join(f"{name} > $now" for name in instants),
                )
                connection.execute(statement, {"now": now})


def _observed_tables(scopes: Iterable[Scope]) -> Iterable[Table]:
    """What is derived is not among them: it follows."""
    of_scopes = chain.from_iterable(map(scope_tables, scopes))
    tables = (*OPS_TABLES, entity_table(PROJECT), entity_history_table(PROJECT), *of_scopes)
    return (table for table in dict.fromkeys(tables) if table.schema != "marts")


def _settled(columns: Iterable[str]) -> Iterable[str]:
    """The assignment of ``settled``, for current rows: in history it is what was thought when a value went there."""
    names = set(columns)
    if {"settled", "observed_at"} <= names and "superseded_at" not in names:
        yield "settled = settled AND observed_at <= $now"
