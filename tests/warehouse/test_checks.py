"""The counts behind the asset checks: none where the promise holds, and every breach of it."""

from __future__ import annotations

import pytest

from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT
from layers_etl.warehouse.checks import KeyedTable, count_faulty_keys, keyed_tables
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.marts import count_stale_windows
from layers_etl.warehouse.readings import Landing
from layers_etl.warehouse.weekly_reach import upsert_weekly_reach

from .builders import A, campaign, derive, land, march, reading, spends, utc, window

AT = utc(3, 12, 6)
WEEK = window(2, 8)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A campaign with a week of days and its reach, derived."""
    upsert_entities(warehouse, CAMPAIGN, [A.project_id], [campaign(A.entity_id)], AT)
    land(warehouse, reading(A, WEEK, AT, spends(WEEK, 1)))
    weekly = reading(A, WEEK, AT, {march(2): {"reach": 100}})
    upsert_weekly_reach(warehouse, CAMPAIGN, [Landing(weekly, None, 72)])
    derive(warehouse)
    return warehouse


def test_every_table_an_analyst_joins_on_its_key_is_named() -> None:
    assert [table.name for table in keyed_tables(CAMPAIGN)] == [
        "campaigns",
        "campaign_metrics",
        "campaign_daily",
        "campaign_reach_weekly",
    ]
    assert [table.key for table in keyed_tables(PROJECT)] == [
        ("project_id",),
        ("project_id", "day"),
        ("project_id", "day"),
    ]


@pytest.mark.parametrize("table", keyed_tables(CAMPAIGN), ids=lambda table: table.name)
def test_a_key_that_two_rows_have_is_counted_once(filled: Warehouse, table: KeyedTable) -> None:
    assert count_faulty_keys(filled, table) == 0
    name = f"{table.schema}.{table.name}"
    for _ in range(2):
        filled.connection.execute(f"INSERT INTO {name} FROM {name} LIMIT 1")
    assert count_faulty_keys(filled, table) == 1


@pytest.mark.slow
@pytest.mark.parametrize("table", keyed_tables(CAMPAIGN), ids=lambda table: table.name)
def test_a_key_with_a_null_is_counted(filled: Warehouse, table: KeyedTable) -> None:
    name = f"{table.schema}.{table.name}"
    filled.connection.execute(f"ALTER TABLE {name} ALTER campaign_id DROP NOT NULL")
    filled.connection.execute(f"UPDATE {name} SET campaign_id = NULL WHERE rowid = 0")
    assert count_faulty_keys(filled, table) == 1


def test_a_mart_is_out_of_step_from_the_landing_until_it_is_derived(filled: Warehouse) -> None:
    assert count_stale_windows(filled, CAMPAIGN) == 0
    land(filled, reading(A, WEEK, AT, spends(WEEK, 2)))
    assert (count_stale_windows(filled, CAMPAIGN), count_stale_windows(filled, AD_ACCOUNT)) == (1, 0)
    derive(filled)
    assert count_stale_windows(filled, CAMPAIGN) == 0
