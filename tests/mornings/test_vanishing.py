"""Known activity that vanishes: what confirms it, what does not, and that nothing false settles meanwhile."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.sandbox.entities import Scope as ApiScope

from ..harness.instants import FIRST_MORNING, START, morning
from ..harness.pipeline import Pipeline

pytestmark = pytest.mark.slow

DAY = FIRST_MORNING.date() - timedelta(days=1)


def doubts(pipeline: Pipeline) -> set[tuple[str, str, date]]:
    return set(pipeline.rows("SELECT scope, entity_id, day FROM ops.doubtful_days WHERE kind = 'vanished'"))


def everything_vanishes(pipeline: Pipeline, days: DayWindow) -> None:
    """Every answer has no bucket for any of ``days``, at either level."""
    for scope, entity_id in pipeline.entities():
        for day in days:
            pipeline.sandbox.world.override_day(ApiScope(scope), entity_id, day, copies=0)


def everything_is_back(pipeline: Pipeline, days: DayWindow) -> None:
    for scope, entity_id in pipeline.entities():
        for day in days:
            pipeline.sandbox.world.override_day(ApiScope(scope), entity_id, day, copies=1)


def test_answers_without_the_newest_days_on_two_mornings_neither_settle_nor_lower_any_sum(pipeline: Pipeline) -> None:
    for number in range(2):
        pipeline.run(morning(number))
    before = pipeline.table(CAMPAIGN)
    # From four days back on, the running day too.
    silent = DayWindow(morning(1).date() - timedelta(days=4), morning(5).date())
    everything_vanishes(pipeline, silent)
    for number in (2, 3):
        pipeline.run(morning(number))
        table = pipeline.table(CAMPAIGN)
        assert {key: table[key] for key in before} == before
        unsettled = pipeline.rows(
            "SELECT min(day) FROM ops.day_states WHERE state <> 'settled' AND day < ?", [morning(number).date()]
        )
        assert unsettled[0][0] <= silent.since + timedelta(days=1)
    assert {scope for scope, _, _ in doubts(pipeline)} == {"campaign", "ad_account"}
    states = {state for (state,) in pipeline.rows("SELECT DISTINCT state FROM ops.sources")}
    assert states <= {"standing still", "waiting"}

    everything_is_back(pipeline, silent)
    for number in range(4, 9):
        pipeline.run(morning(number))
    assert doubts(pipeline) == set()
    settled = DayWindow(START, morning(8).date() - timedelta(days=3))
    for scope in (CAMPAIGN, AD_ACCOUNT):
        for (entity_id, day), numbers in pipeline.table(scope).items():
            if day in settled:
                assert numbers == pipeline.said(scope.name, entity_id, day), (entity_id, day)
    assert pipeline.rows(
        "SELECT count(*) FROM ads.campaign_metrics WHERE day < ? AND NOT settled", [settled.until]
    ) == [(0,)]


def test_a_whole_account_day_that_is_gone_at_both_levels_is_accepted_once_it_stayed_so_as_long_as_a_day_settles(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    before = pipeline.table(CAMPAIGN)
    everything_vanishes(pipeline, DayWindow(DAY, DAY + timedelta(days=1)))
    gone = {key for key in before if key[1] == DAY}
    for number in range(1, 5):
        pipeline.run(morning(number))
        table = pipeline.table(CAMPAIGN)
        assert {key: table[key] for key in gone} == {key: before[key] for key in gone}
    pipeline.run(morning(5))
    assert gone.isdisjoint(pipeline.table(CAMPAIGN))
    assert doubts(pipeline) == set()
    history = pipeline.rows("SELECT DISTINCT superseded_at FROM ads.campaign_metrics_history WHERE day = ?", [DAY])
    assert (morning(5),) in history
    states = pipeline.rows("SELECT DISTINCT state FROM ops.day_states WHERE day = ?", [DAY])
    assert states == [("settled",)]
