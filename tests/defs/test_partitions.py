"""The days that the UI offers, and colours: those that have closed, and further ones for a run that reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from layers_etl.defs.partitions import daily_partitions
from layers_etl.domain.days import ONE_DAY, DayWindow, day_start

from ..harness.instants import utc
from ..harness.job_fixtures import NewPipeline

START = date(2026, 3, 1)


@pytest.mark.parametrize("at", ["2026-03-12 00:00", "2026-03-12 23:59"])
def test_a_day_is_a_partition_once_it_has_closed(at: str) -> None:
    assert daily_partitions(START).get_partition_keys(current_time=utc(at))[-1] == "2026-03-11"


@pytest.mark.parametrize("days", [-400, -1, 0, 1, 30])
def test_the_partitions_reach_to_the_last_day_of_a_run_and_never_less_far_than_yesterday(days: int) -> None:
    today = datetime.now(UTC).date()
    last_day = today + timedelta(days=days)
    found = daily_partitions(START, last_day).get_partition_keys(current_time=day_start(today))[-1]
    assert found == max(last_day, today - ONE_DAY).isoformat()


@pytest.mark.slow
def test_a_running_day_that_was_read_lands_and_the_ui_lacks_no_day(new_pipeline: NewPipeline) -> None:
    today = datetime.now(UTC).date()
    pipeline = new_pipeline(today - ONE_DAY)
    pipeline.sandbox.set_clock(day_start(today) + timedelta(hours=12))
    assert pipeline.materialize(DayWindow(today - ONE_DAY, today + ONE_DAY)).success

    assert pipeline.days("ad_account") == {today - ONE_DAY, today}
    shown = daily_partitions(today - ONE_DAY).get_partition_keys(current_time=day_start(today))
    assert shown == [(today - ONE_DAY).isoformat()]
    assert pipeline.materialized("ad_account_metrics") >= {today - ONE_DAY}
