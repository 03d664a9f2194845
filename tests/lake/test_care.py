"""A lake stays small and quick, however often it is published to, and kept publications can still be asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.lake import Lake
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.lake.attachment import attached, catalog_of
from layers_etl.warehouse.lake.care import FILES_AT_MOST

from ..warehouse.builders import A, B, derive, land, march, reading, spends, utc
from .builders import ask, publish, publisher, snapshots
from .test_publishing import live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PUBLICATIONS: Final = 14


def live_on(warehouse: Warehouse, number: int) -> None:
    """A new day, and the three before it read again."""
    until = march(1) + timedelta(days=number + 1)
    for key in (A, B):
        for since in (until - ONE_DAY, until - 4 * ONE_DAY):
            days = DayWindow(since, until)
            read_at = utc(3, 2) + timedelta(days=number, minutes=int(since == until - ONE_DAY))
            land(warehouse, reading(key, days, read_at, spends(days, number)))
    derive(warehouse)


def live_files(lake: Lake) -> tuple[int, int]:
    """Files of rows, and files that say which rows are gone."""
    catalog = catalog_of(lake)
    query = "SELECT count(*) FROM {}.ducklake_{}_file WHERE end_snapshot IS NULL"
    ((data,),), ((deletes,),) = (ask(lake, query.format(catalog, kind)) for kind in ("data", "delete"))
    return data, deletes


def files_of_a_week(lake: Lake) -> int:
    """How many files a query of a week's days opens."""
    with publisher(lake).connect() as connection:
        assert connection
        week = "day >= DATE '2026-03-02' AND day < DATE '2026-03-09'"
        plan = connection.execute(f"EXPLAIN ANALYZE SELECT sum(spend) FROM marts.campaign_daily WHERE {week}")
        ((_, told),) = plan.fetchall()
    (files,) = [line for line in told.splitlines() if "Total Files Read" in line]
    return int("".join(filter(str.isdigit, files)))


def test_after_many_publications_files_are_few_and_a_week_is_in_few_of_them(
    in_file: Lake, warehouse: Warehouse
) -> None:
    live(warehouse)
    most = 0
    for number in range(PUBLICATIONS):
        live_on(warehouse, number)
        assert publish(warehouse, in_file, f"run_{number}", utc(3, 2) + timedelta(days=number))
        if number % 2:
            most = max(most, sum(live_files(in_file)))
    assert most <= FILES_AT_MOST
    assert files_of_a_week(in_file) <= 2
    kept = snapshots(in_file)
    assert len(kept) == PUBLICATIONS
    for version, expected in ((kept[3][0], 7), (kept[10][0], 14)):
        days = f"SELECT count(DISTINCT day) FROM ads.campaign_metrics AT (VERSION => {version})"
        assert ask(in_file, days) == [(expected,)]


def test_publications_that_are_older_than_they_are_kept_go_and_the_newest_never(
    in_file: Lake, warehouse: Warehouse
) -> None:
    catalog = catalog_of(in_file)
    live(warehouse)
    for number in range(4):
        live_on(warehouse, number)
        publish(warehouse, in_file, f"run_{number}")
    with attached(warehouse, in_file) as connection:
        connection.execute(f"UPDATE {catalog}.ducklake_snapshot SET snapshot_time = snapshot_time - INTERVAL 40 DAY")
    number = 4
    while "run_0:" in snapshots(in_file)[0][1]:
        live_on(warehouse, number)
        publish(warehouse, in_file, f"run_{number}")
        number += 1
        assert number < 20, "none ever went"
    kept = [message for _, message in snapshots(in_file)]
    assert kept == [f"Run run_{made}: settled until 2026-03-05" for made in range(4, number)]
