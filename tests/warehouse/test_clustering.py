"""Days ordered in the file: whatever the order in which they landed, a query of one day reads little else."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.warehouse.clustering import ROW_GROUP, cluster_days
from layers_etl.warehouse.connection import Warehouse

from .builders import rows

ENTITIES, DAYS = 1_500, 730
FIRST = date(2024, 1, 1)
AT = "TIMESTAMPTZ '2026-03-01 06:00:00Z'"


def fill(warehouse: Warehouse, order: str) -> None:
    """Two years of many campaigns, in this order, none of it published."""
    connection = warehouse.connection
    connection.execute(
        f"""
        INSERT INTO ads.campaign_metrics BY NAME
        SELECT 'prj_1' AS project_id, 'cmp_' || entity AS campaign_id, DATE '{FIRST}' + day::INTEGER AS day,
          entity * 31 + day AS spend, day AS impressions, true AS settled,
          {AT} AS first_observed_at, {AT} AS observed_at
        FROM range({ENTITIES}) AS entities(entity), range({DAYS}) AS days(day)
        ORDER BY {order}
        """
    )
    connection.execute("CHECKPOINT")


def note_changed(warehouse: Warehouse, entities: int) -> None:
    """So many of the campaigns were read, from the first day to the last."""
    warehouse.connection.execute(
        f"""
        INSERT INTO ops.changed_days BY NAME
        SELECT 'campaign' AS scope, 'prj_1' AS project_id, 'cmp_' || entity AS entity_id, DATE '{FIRST}' AS since,
          DATE '{FIRST}' + {DAYS} AS until, 1 AS revision
        FROM range({entities}) AS entities(entity)
        """
    )


def scanned(warehouse: Warehouse, day: date) -> int:
    """How many rows DuckDB goes through to sum a day."""
    connection = warehouse.connection
    plan = connection.execute(
        f"EXPLAIN (ANALYZE, FORMAT json) SELECT sum(spend) FROM ads.campaign_metrics WHERE day = DATE '{day}'"
    ).fetchall()[0][1]

    def scans(node: dict[str, object]) -> int:
        children = node.get("children")
        own = node.get("operator_rows_scanned", 0)
        assert isinstance(own, int)
        return own + sum(scans(child) for child in (children if isinstance(children, list) else []))

    return scans(json.loads(plan))


def content(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return rows(warehouse, "SELECT count(*), sum(spend), bit_xor(hash(columns(*))) FROM ads.campaign_metrics")


@pytest.mark.slow
def test_days_that_landed_entity_by_entity_are_ordered_and_nothing_else_changes(warehouse: Warehouse) -> None:
    fill(warehouse, "entity, day")
    note_changed(warehouse, ENTITIES)
    middle = FIRST + timedelta(days=400)
    before, state = content(warehouse), rows(warehouse, "FROM ops.revision")
    assert scanned(warehouse, middle) == ENTITIES * DAYS
    assert cluster_days(warehouse, CAMPAIGN, 0) >= ENTITIES * DAYS
    assert scanned(warehouse, middle) <= 3 * ROW_GROUP
    assert (content(warehouse), rows(warehouse, "FROM ops.revision")) == (before, state)
    assert cluster_days(warehouse, CAMPAIGN, 0) == 0


@pytest.mark.slow
def test_what_is_scattered_without_having_changed_has_its_turn(warehouse: Warehouse) -> None:
    fill(warehouse, "entity, day")
    note_changed(warehouse, 1)
    taken = [cluster_days(warehouse, CAMPAIGN, turn) for turn in range(6)]
    assert max(taken) < ENTITIES * DAYS / 2
    assert scanned(warehouse, FIRST + timedelta(days=400)) <= 3 * ROW_GROUP


@pytest.mark.slow
def test_what_lies_in_order_is_left_alone(warehouse: Warehouse) -> None:
    fill(warehouse, "day, entity")
    note_changed(warehouse, ENTITIES)
    assert [cluster_days(warehouse, CAMPAIGN, turn) for turn in range(4)] == [0] * 4
