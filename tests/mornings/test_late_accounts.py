"""A list of ad accounts that could not be had: what it leaves unknown is filled in by the next one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import WorldConfig

from ..harness.pipeline import Pipeline

FIRST = datetime(2026, 4, 1, 6, tzinfo=UTC)
WORLD = WorldConfig(projects=1, accounts=2, campaigns=2)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with SandboxServer(WORLD, now=FIRST) as server:
        living = Pipeline(server, tmp_path, {"start_date": FIRST.date() - timedelta(days=10)})
        yield living
        living.let_go()


@pytest.mark.slow
def test_days_that_settled_before_their_account_was_listed_have_its_currency_after_the_next_run(
    pipeline: Pipeline,
) -> None:
    pipeline.sandbox.add_fault(Fault(effect="status", parameters={"status": 422}, path="ad-accounts"))
    pipeline.run(FIRST, publish=True)
    unknown = "SELECT count(*) FROM ads.campaign_metrics WHERE settled AND currency IS NULL"
    assert pipeline.rows(unknown)[0][0] > 0

    pipeline.sandbox.clear_faults()
    pipeline.run(FIRST + timedelta(days=1), publish=True)

    assert pipeline.rows(unknown) == [(0,)]
    assert pipeline.rows("SELECT count(*) FROM marts.campaign_daily WHERE currency IS NULL") == [(0,)]
    split = "SELECT count(*) FROM marts.campaign_weekly GROUP BY campaign_id, week HAVING count(*) > 1"
    assert pipeline.rows(split) == []
