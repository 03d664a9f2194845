"""The counts behind the asset checks: none where the promise holds, and every breach of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, PROJECT
from layers_etl.warehouse.checks import KeyedTable, count_faulty_keys, count_faulty_keys_in_part, keyed_tables
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.marts import count_stale_windows
from layers_etl.warehouse.readings import Landing
from layers_etl.warehouse.weekly_reach import upsert_weekly_reach

from .builders import A, campaign, derive, land, march, publish, reading, spends, utc, window

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


def held(warehouse: Warehouse, table: KeyedTable, turn: int) -> int:
    """What is counted where a table of more than two rows is held in parts."""
    return count_faulty_keys_in_part(
        warehouse, CAMPAIGN, table, turn=turn, read_since=AT + timedelta(days=1), at_once=2
    )


@pytest.mark.parametrize("table", keyed_tables(CAMPAIGN)[1:3], ids=lambda table: table.name)
@pytest.mark.parametrize("faulty_day", [5, *(pytest.param(day, marks=pytest.mark.slow) for day in (2, 8))])
def test_of_a_large_table_every_day_has_its_turn_once(filled: Warehouse, table: KeyedTable, faulty_day: int) -> None:
    publish(filled)
    name = f"{table.schema}.{table.name}"
    filled.connection.execute(f"INSERT INTO {name} FROM {name} WHERE day = ?", [march(faulty_day)])
    # Seven days, one of them twice: of eight rows, two at once, and no more than seven days.
    assert sorted(held(filled, table, turn) for turn in range(8, 8 + 5)) == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("table", keyed_tables(CAMPAIGN)[1:3], ids=lambda table: table.name)
def test_what_changed_since_the_last_publication_is_held_whosever_turn_it_is(
    filled: Warehouse, table: KeyedTable
) -> None:
    publish(filled)
    land(filled, reading(A, window(4, 4), AT, spends(window(4, 4), 2)))
    derive(filled)
    name = f"{table.schema}.{table.name}"
    filled.connection.execute(f"INSERT INTO {name} FROM {name} WHERE day = ?", [march(4)])
    assert {held(filled, table, turn) for turn in range(5)} == {1}
    publish(filled, run_id="run_2")
    assert sorted(held(filled, table, turn) for turn in range(8, 8 + 5)) == [0, 0, 0, 0, 1]


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
