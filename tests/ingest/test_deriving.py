"""Marts are derived beside the reading of weeks as far as there is time, and the rest in its turn."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice

import duckdb
import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.ingest.deriving import Deriving
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.run import Run
from layers_etl.warehouse.marts import count_stale_windows

from ..harness.instants import FIRST_MORNING, START
from ..harness.pipeline import Pipeline
from ..harness.runs import read_days

DAYS = DayWindow(START, FIRST_MORNING.date())
OUT_OF_STEP = (
    "SELECT count(*) FROM ads.campaign_metrics AS read FULL JOIN marts.campaign_daily AS shown "
    "USING (project_id, campaign_id, day) WHERE read.spend IS DISTINCT FROM shown.spend"
)


@contextmanager
def days_read(pipeline: Pipeline) -> Generator[Run]:
    """A run that has read all days, and derived none."""
    with pipeline.preparing(RunRequest(RunKind.BACKFILL, window=DAYS), FIRST_MORNING) as run:
        read_days(run)
        yield run


@pytest.mark.parametrize("steps", [1, *(pytest.param(steps, marks=pytest.mark.slow) for steps in (0, 2, 99))])
def test_however_far_it_came_beforehand_all_is_derived_and_counted_once(pipeline: Pipeline, steps: int) -> None:
    with days_read(pipeline) as run:
        stale = {scope: count_stale_windows(run.warehouse, scope) for scope in (AD_ACCOUNT, CAMPAIGN)}
        deriving = Deriving(run)
        for _ in islice(deriving.begin(), steps):
            pass
        marts = dict(deriving.finish())

    assert {scope: mart.stale_windows for scope, mart in marts.items()} == stale
    assert min(stale.values()) > 0
    assert marts[CAMPAIGN].rows > 0
    assert pipeline.rows(OUT_OF_STEP) == [(0,)]


def test_what_goes_wrong_beforehand_is_done_again_in_its_turn(pipeline: Pipeline) -> None:
    with days_read(pipeline) as run:
        deriving = Deriving(run)
        run.warehouse.connection.execute("ALTER TABLE marts.campaign_daily RENAME TO campaign_gone")
        for _ in deriving.begin():
            pass
        run.warehouse.connection.execute("ALTER TABLE marts.campaign_gone RENAME TO campaign_daily")
        assert {scope for scope, _ in deriving.finish()} == {AD_ACCOUNT, CAMPAIGN}
    assert pipeline.rows(OUT_OF_STEP) == [(0,)]


@pytest.mark.slow
def test_what_goes_wrong_in_its_turn_is_raised(pipeline: Pipeline) -> None:
    with days_read(pipeline) as run:
        run.warehouse.connection.execute("ALTER TABLE marts.campaign_daily RENAME TO campaign_gone")
        with pytest.raises(duckdb.CatalogException):
            list(Deriving(run).finish())
