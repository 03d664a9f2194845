"""What changed since a publication, by the log ``ops.changed_days``.

A publication is known by the state of the data that it has (``ops.revision.state_id``), not by the number of its
changes: a build file that was begun again from an older copy counts the same numbers anew.
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from layers_etl.warehouse.connection import Readable, Warehouse
from layers_etl.warehouse.frames import fetch_frame
from layers_etl.warehouse.sql import load_sql, run_script

PUBLICATIONS_LOGGED: Final = 35
"""How far back the log reaches: five weeks of daily runs, in which whoever follows may have been out of reach."""


def load_changed_days(warehouse: Readable, since_state: str) -> pl.DataFrame | None:
    """Every window that may differ from what was published as ``since_state``; None where that is every day there is.

    One row per ``scope, project_id, entity_id, since, until`` (half-open; windows may overlap). It is every day where
    that publication is not of this file, or older than the log.
    """
    since = _find_revision(warehouse, since_state)
    if since is None:
        return None
    return fetch_frame(warehouse.connection, load_sql("changed_days"), {"since_revision": since})


def count_changed_days(warehouse: Readable, since_state: str) -> int | None:
    """The entity-days within the horizon that :func:`load_changed_days` names, each once; None for every day."""
    since = _find_revision(warehouse, since_state)
    if since is None:
        return None
    query = load_sql("count_changed_days")
    return warehouse.connection.execute(query, {"since_revision": since}).fetchall()[0][0]


def note_published_state(warehouse: Warehouse) -> None:
    """Within a transaction: the data is published as it is now; what the log has beyond its reach is forgotten.

    What a daily mart lacks stays, however old it is.
    """
    run_script(warehouse.connection, load_sql("note_published_state"), kept=PUBLICATIONS_LOGGED)


def forget_publications(connection: duckdb.DuckDBPyConnection) -> None:
    """Within a transaction: of every publication so far, every day may differ. For changes that the log can't name."""
    connection.execute("DELETE FROM ops.published_states")


def _find_revision(warehouse: Readable, state_id: str) -> int | None:
    query = "SELECT revision FROM ops.published_states WHERE state_id = ?"
    rows = warehouse.connection.execute(query, [state_id]).fetchall()
    return rows[0][0] if rows else None
