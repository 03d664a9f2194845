"""Answers from a copy older than one that was served before: nothing false settles by them, and all is true after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.freshness import LONGEST_STANDSTILL
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import START, morning
from ..harness.pipeline import Pipeline

pytestmark = pytest.mark.slow

LATER = timedelta(days=30)


@pytest.fixture
def busy(pipeline_over: Callable[..., Pipeline]) -> Pipeline:
    """One account whose campaigns' days go on changing until they settle."""
    return pipeline_over(WorldConfig(projects=1, accounts=1, campaigns=4))


def older(hours: int, entity: str | None = None) -> Fault:
    """The numbers of one entity, or of all, are of a copy made so many hours before."""
    return Fault(effect="older_copy", parameters={"hours": hours}, path="ads-metrics", entity=entity)


def settled(pipeline: Pipeline, scope: Scope) -> dict[tuple[str, date], Any]:
    """The settled days of ``scope``."""
    table = pipeline.table(scope)
    return {
        key: table[key]
        for key in pipeline.rows(f"SELECT {scope.id_column}, day FROM ads.{scope.metrics_table} WHERE settled")
    }


def falsely_settled(pipeline: Pipeline) -> list[tuple[str, date]]:
    """Settled days that are not what the API will say of them for good."""
    later = pipeline.sandbox.clock.now() + LATER
    return [
        (entity_id, day)
        for scope in (AD_ACCOUNT, CAMPAIGN)
        for (entity_id, day), numbers in settled(pipeline, scope).items()
        if numbers != pipeline.said(scope.name, entity_id, day, later)
    ]


def last_settled(pipeline: Pipeline) -> set[date]:
    """Up to which day what is active has settled without a gap: one day, where it is the same for all."""
    rows = pipeline.rows(
        "SELECT DISTINCT min(day) FROM ops.day_states WHERE state <> 'settled' AND day < ? GROUP BY scope, entity_id",
        [pipeline.sandbox.clock.now().date()],
    )
    return {day - ONE_DAY for (day,) in rows}


def changing(pipeline: Pipeline, at: datetime, hours: int) -> str:
    """A campaign of which an older copy has other numbers of the day that settles then."""
    day = at.date() - 4 * ONE_DAY
    return next(
        campaign
        for campaign in pipeline.campaigns()
        if pipeline.said("campaign", campaign, day, at)
        != pipeline.said("campaign", campaign, day, at - timedelta(hours=hours))
    )


def test_one_campaign_that_is_served_from_an_older_copy_than_its_account_does_not_settle_by_it(busy: Pipeline) -> None:
    for number in range(3):
        busy.run(morning(number))
    campaign = changing(busy, morning(3), 30)
    ran = busy.run(morning(3), older(30, campaign))
    assert ran.status is RunStatus.SUCCEEDED
    assert falsely_settled(busy) == []
    busy.run(morning(4))
    assert falsely_settled(busy) == []
    assert last_settled(busy) == {morning(4).date() - 4 * ONE_DAY}


def test_a_campaign_whose_copy_stays_behind_for_a_week_settles_nothing_false(busy: Pipeline) -> None:
    for number in range(3):
        busy.run(morning(number))
    campaign = changing(busy, morning(3), 30)
    for number in range(3, 10):
        busy.run(morning(number), older(30, campaign))
        assert falsely_settled(busy) == []
    busy.run(morning(10))
    assert falsely_settled(busy) == []
    assert last_settled(busy) == {morning(10).date() - 4 * ONE_DAY}


@pytest.mark.parametrize(("every", "hours"), [(24, 48), (6, 12)])
def test_copies_that_go_backwards_for_a_run_settle_nothing_false(busy: Pipeline, every: int, hours: int) -> None:
    runs = [morning(0) + timedelta(hours=every * number) for number in range(3 * 24 // every + 6)]
    first = 3 * 24 // every
    for number, at in enumerate(runs):
        busy.run(at, *([older(hours)] if number >= first and (number - first) % 2 == 0 else []))
        assert falsely_settled(busy) == []
    at = morning(0) + (runs[-1].date() - morning(0).date() + ONE_DAY)
    busy.run(at)
    assert falsely_settled(busy) == []
    assert last_settled(busy) == {at.date() - 4 * ONE_DAY}


@pytest.mark.parametrize(
    ("every", "ages"),
    [
        (6, [25, 10, 0, 0, 0, 25, 13, 13]),
        (8, [10, 0, 13, 0, 0, 17, 17]),
        (24, [31, 25, 25, 31]),
    ],
    ids=str,
)
def test_older_copies_in_a_row_that_differ_in_nothing_that_landed_settle_nothing_false(
    busy: Pipeline, every: int, ages: Sequence[int]
) -> None:
    for number in range(3):
        busy.run(morning(number))
    for number, hours in enumerate(ages, start=1):
        busy.run(morning(2) + timedelta(hours=every * number), *([older(hours)] if hours else []))
        assert falsely_settled(busy) == []
    for number in range(7, 10):
        busy.run(morning(number))
        assert falsely_settled(busy) == []
    assert last_settled(busy) == {morning(9).date() - 4 * ONE_DAY}


@pytest.mark.parametrize("of_all", [True, False])
def test_settled_days_that_a_backfill_read_from_an_older_copy_are_open_until_they_are_read_again(
    busy: Pipeline, of_all: bool
) -> None:
    for number in range(5):
        busy.run(morning(number))
    campaign = changing(busy, morning(4), 60)
    window = DayWindow(morning(4).date() - 10 * ONE_DAY, morning(4).date())
    with busy.broken(older(60, None if of_all else campaign)):
        busy.backfill(window, morning(4) + timedelta(hours=2))
    assert falsely_settled(busy) == []
    busy.run(morning(5))
    assert falsely_settled(busy) == []
    assert last_settled(busy) == {morning(5).date() - 4 * ONE_DAY}


def test_an_account_that_never_was_the_sum_of_its_campaigns_settles_in_its_time(busy: Pipeline) -> None:
    for number in range(4):
        busy.run(morning(number), silent(busy, START - ONE_DAY))
    assert last_settled(busy) == {morning(3).date() - 4 * ONE_DAY}


def test_days_that_begin_to_contradict_wait_for_as_long_as_a_copy_may_stand_still(busy: Pipeline) -> None:
    busy.run(morning(0))
    first = morning(0).date()
    waited = LONGEST_STANDSTILL // ONE_DAY
    for number in range(1, waited + 6):
        busy.run(morning(number), silent(busy, first))
        due = morning(number).date() - 4 * ONE_DAY
        waits = first <= due < first + LONGEST_STANDSTILL
        assert last_settled(busy) == {first - ONE_DAY if waits else due}, number


def silent(pipeline: Pipeline, day: date) -> Fault:
    """One campaign, which its account goes on counting, has no bucket from ``day`` on."""
    campaign = pipeline.campaigns()[0]
    return Fault(effect="silent_from", parameters={"day": day.isoformat()}, path="ads-metrics", entity=campaign)
