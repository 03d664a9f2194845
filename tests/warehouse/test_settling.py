"""Changing the settling time: the settled columns, the plan and the marts follow, for exactly the days it changes."""

from __future__ import annotations

from datetime import date

import pytest

from layers_etl.domain.days import DayWindow, day_close
from layers_etl.domain.planning import plan_reads
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.entities import load_known_entities, upsert_entities
from layers_etl.warehouse.settling import apply_settling_times

from .builders import STALE_WINDOWS, A, B, campaign, derive, land, march, reading, rows, spends, utc, window

READ_AT = utc(3, 11, 6)
DAYS = window(1, 10)
META, TIKTOK = "cmp_a", "cmp_b"


@pytest.fixture
def settled_at_72(warehouse: Warehouse) -> Warehouse:
    """Two campaigns of two platforms, ten days each, read at once under 72 hours."""
    apply_settling_times(warehouse, SettlingTimes())
    listed = [campaign(META), campaign(TIKTOK, platform="tiktok_ads")]
    upsert_entities(warehouse, CAMPAIGN, ["prj_1"], listed, READ_AT)
    land(warehouse, *(reading(key, DAYS, READ_AT, spends(DAYS, 1)) for key in (A, B)))
    derive(warehouse)
    return warehouse


def settled(warehouse: Warehouse, table: str = "ads.campaign_metrics") -> dict[str, set[date]]:
    found = rows(warehouse, f"SELECT campaign_id, day FROM {table} WHERE settled")
    return {name: {day for entity, day in found if entity == name} for name in (META, TIKTOK)}


def late_enough(hours: int) -> set[date]:
    return {day for day in DAYS if (READ_AT - day_close(day)).total_seconds() >= hours * 3600}


def open_days(warehouse: Warehouse, settling: SettlingTimes) -> dict[str, set[date]]:
    known = load_known_entities(warehouse, CAMPAIGN, ["prj_1"])
    plan = plan_reads(known, DAYS, settling, instant=utc(3, 31), fresh_since=None, only_unsettled=True)
    return {
        name: {day for read in plan.reads if read.key.entity_id == name for day in read.window}
        for name in (META, TIKTOK)
    }


def test_changing_the_settling_time_reopens_exactly_the_days_it_should(settled_at_72: Warehouse) -> None:
    for settling in (
        SettlingTimes(0),
        SettlingTimes(78),
        SettlingTimes(79),
        SettlingTimes(24),
        SettlingTimes(72, {"meta_ads": 672}),
        SettlingTimes(168, {"tiktok_ads": 1}),
        SettlingTimes(168),
    ):
        before = settled(settled_at_72)
        assert apply_settling_times(settled_at_72, settling) is True
        expected = {META: late_enough(settling.hours("meta_ads")), TIKTOK: late_enough(settling.hours("tiktok_ads"))}
        assert settled(settled_at_72) == expected, settling
        assert open_days(settled_at_72, settling) == {name: set(DAYS) - days for name, days in expected.items()}

        stale = rows(settled_at_72, f"SELECT entity_id, since, until FROM {STALE_WINDOWS}")
        assert {(entity, day) for entity, since, until in stale for day in DayWindow(since, until)} == {
            (name, day) for name in (META, TIKTOK) for day in before[name] ^ expected[name]
        }
        derive(settled_at_72)
        assert settled(settled_at_72, "marts.campaign_daily") == expected


def test_changing_it_back_settles_the_same_days_again(settled_at_72: Warehouse) -> None:
    before = settled(settled_at_72)
    apply_settling_times(settled_at_72, SettlingTimes(168))
    apply_settling_times(settled_at_72, SettlingTimes())
    assert settled(settled_at_72) == before


def test_the_same_settling_time_changes_nothing(settled_at_72: Warehouse) -> None:
    revision = rows(settled_at_72, "SELECT revision FROM ops.revision")
    assert apply_settling_times(settled_at_72, SettlingTimes()) is False
    assert rows(settled_at_72, "SELECT revision FROM ops.revision") == revision


def test_history_keeps_what_was_taken_for_settled_at_the_time(settled_at_72: Warehouse) -> None:
    land(settled_at_72, reading(A, window(1, 1), utc(3, 12), spends([march(1)], 9)))
    apply_settling_times(settled_at_72, SettlingTimes(672))
    assert rows(settled_at_72, "SELECT day, settled FROM ads.campaign_metrics_history") == [(march(1), True)]
