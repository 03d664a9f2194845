"""A copy that stood still while syncing was paused, lived through morning by morning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.sandbox.world import WorldConfig

from ..harness.pipeline import Pipeline
from ..harness.truth import as_stored

pytestmark = pytest.mark.slow

PAUSED: tuple[datetime, datetime] = (datetime(2026, 4, 13, 6, tzinfo=UTC), datetime(2026, 4, 16, 9, tzinfo=UTC))


def test_days_read_from_a_copy_that_stood_still_settle_only_once_it_moves_again_and_then_truly(
    pipeline_over: Callable[..., Pipeline],
) -> None:
    pipeline = pipeline_over(WorldConfig(accounts=3, campaigns=2), start_date=date(2026, 4, 1))
    pipeline.sandbox.pause_syncing(*PAUSED)
    settled: dict[int, date] = {}
    world = pipeline.sandbox.world
    for day in range(12, 19):
        at = datetime(2026, 4, day, 7, tzinfo=UTC)
        pipeline.run(at)
        table = pipeline.table(CAMPAIGN)
        keys = pipeline.rows("SELECT campaign_id, day FROM ads.campaign_metrics WHERE settled")
        for key in keys:
            truth = world.settled_campaign_day(*key)
            assert truth and table[key] == as_stored(world, "campaign", key[0], truth, at), (day, key)
        settled[day] = max(day for _, day in keys)
    assert settled[13] == settled[14] == settled[15] == settled[16] == date(2026, 4, 9)
    assert settled[18] - settled[16] == timedelta(days=5)
