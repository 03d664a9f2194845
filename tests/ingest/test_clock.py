"""The API's clock decides what has settled, and no single answer can set it, put it forward, or take it back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.errors import ConfigurationError, UntrustedAnswerError
from layers_etl.ingest.clock import LONGEST_LAG, LONGEST_LEAD, ServerClock, agree_on_clock
from layers_etl.sandbox.faults import Fault
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, last_days, morning
from ..harness.pipeline import Pipeline, asked_for

SAID = datetime(2026, 4, 1, 6, tzinfo=UTC)
YEAR = timedelta(days=365)
AGES = timedelta(days=20 * 365)
durations = st.timedeltas(timedelta(days=-900), timedelta(days=900))


@given(st.floats(0, 1e6), durations)
def test_an_answer_is_taken_at_its_word_unless_it_is_ahead_and_not_believed_if_it_is_old(
    elapsed: float, off: timedelta
) -> None:
    shown = SAID + timedelta(seconds=elapsed)
    believed = ServerClock(SAID, lambda: elapsed).believed(shown + off)
    if off < -LONGEST_LAG:
        assert believed is None
    else:
        assert believed == (shown + off if off <= LONGEST_LEAD else shown)


def test_an_answer_without_a_date_was_made_now() -> None:
    assert ServerClock(SAID, lambda: 60).believed(None) == SAID + timedelta(seconds=60)


def agreed(own: datetime, *said: datetime | None) -> tuple[datetime, int]:
    """What time it is by ``own`` clock and answers of these dates, and how many of them it took."""
    answers = iter(said)
    asked = 1

    async def ask() -> datetime | None:
        nonlocal asked
        asked += 1
        return next(answers)

    clock = asyncio.run(agree_on_clock(next(answers), ask, ServerClock(own, lambda: 0.0)))
    return clock.said, asked


def test_a_first_answer_that_our_clock_bears_out_is_enough() -> None:
    assert agreed(SAID + LONGEST_LEAD / 2, SAID) == (SAID, 1)


def test_a_simulated_clock_is_borne_out_by_a_second_answer() -> None:
    assert agreed(SAID + YEAR, SAID, SAID) == (SAID, 2)


@pytest.mark.parametrize("wrong", [SAID + YEAR, SAID - YEAR, SAID - AGES, None])
@pytest.mark.parametrize("own", [SAID, SAID + AGES])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_wrong_date_is_outvoted_wherever_it_comes(wrong: datetime | None, own: datetime, position: int) -> None:
    if position == 0 and wrong is None:
        return  # An API that says no date at all: see below.
    dates: list[datetime | None] = [SAID, SAID, SAID]
    dates[position] = wrong
    found, asked = agreed(own, *dates)
    assert found == SAID and asked <= 3


def test_an_api_that_says_no_date_has_our_clock() -> None:
    assert agreed(SAID, None) == (SAID, 1)


def test_answers_that_all_say_something_else_are_no_clock() -> None:
    with pytest.raises(UntrustedAnswerError, match=r"do not agree on the time \(2026-04-01T06:00:00Z, 2027-04-01"):
        agreed(SAID + AGES, SAID, SAID + YEAR, SAID - YEAR)


def misdated(seconds: float, path: str, **more: Any) -> Fault:
    """A ``Date`` that is off by ``seconds``, in answers whose path has ``path`` in it."""
    return Fault(effect="clock_skew", parameters={"seconds": seconds}, path=path, **more)


@pytest.mark.slow
@pytest.mark.parametrize("off", [YEAR, -YEAR, -AGES])
@pytest.mark.parametrize("path", ["whoami", "projects"])
def test_one_misdated_answer_leaves_no_trace(pipeline: Pipeline, off: timedelta, path: str) -> None:
    pipeline.sandbox.add_fault(misdated(off.total_seconds(), path, times=1))
    pipeline.run()
    assert pipeline.rows("SELECT last_day FROM ops.horizon") == [(last_days(FIRST_MORNING, 1).since,)]
    observed = "SELECT min(read_at), max(read_at) FROM ops.readings"
    ((first, last),) = pipeline.rows(observed)
    assert FIRST_MORNING <= first <= last < FIRST_MORNING + LONGEST_LEAD
    assert pipeline.rows("SELECT DISTINCT valid_from FROM ads.campaign_history") == [(FIRST_MORNING,)]
    ran = pipeline.run(morning(1))
    assert ran.windows == asked_for(pipeline.entities(), last_days(morning(1), 4))


def test_a_run_whose_answers_do_not_agree_on_the_time_writes_nothing(pipeline: Pipeline) -> None:
    for number in range(3):
        pipeline.sandbox.add_fault(misdated((number + 1) * YEAR.total_seconds(), "whoami", after=number, times=1))
    with pytest.raises(UntrustedAnswerError, match="agree on the time"):
        pipeline.run()
    assert pipeline.rows("FROM ops.readings") == pipeline.rows("FROM ops.horizon") == []


def test_one_answer_from_the_future_settles_no_day_and_is_read_again_like_any_other(pipeline: Pipeline) -> None:
    victim = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(misdated(timedelta(days=30).total_seconds(), "ads-metrics", entity=victim))
    pipeline.run()
    pipeline.sandbox.clear_faults()
    rows = "SELECT max(observed_at), max(day) FILTER (settled) FROM ads.campaign_metrics WHERE campaign_id = ?"
    ((observed_at, newest_settled),) = pipeline.rows(rows, [victim])
    assert FIRST_MORNING <= observed_at < FIRST_MORNING + LONGEST_LEAD
    assert newest_settled < last_days(FIRST_MORNING, 3).since
    assert pipeline.run(morning(1)).windows["campaign", victim] == [last_days(morning(1), 4)]


@pytest.mark.slow
@pytest.mark.parametrize("off", [-timedelta(days=2), -AGES])
def test_an_answer_from_the_past_is_asked_for_again_and_dates_nothing_back(pipeline: Pipeline, off: timedelta) -> None:
    victim = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(misdated(off.total_seconds(), "ads-metrics", entity=victim, times=1))
    ran = pipeline.run()
    assert ran.status is RunStatus.SUCCEEDED and len(ran.windows["campaign", victim]) == 2
    assert pipeline.rows("SELECT min(read_at) >= ? FROM ops.readings", [FIRST_MORNING]) == [(True,)]


@pytest.mark.slow
def test_an_entity_that_only_answers_from_the_past_is_a_failure_of_its_own(pipeline: Pipeline) -> None:
    victim = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(misdated(-YEAR.total_seconds(), "ads-metrics", entity=victim))
    assert pipeline.run().status is RunStatus.INCOMPLETE
    ((entity, message),) = pipeline.rows("SELECT entity_id, message FROM ops.failures")
    assert entity == victim and "2025-04-01 06:00Z is long past" in message
    assert not pipeline.rows("FROM ads.campaign_metrics WHERE campaign_id = ?", [victim])
    pipeline.sandbox.clear_faults()
    pipeline.run()
    assert pipeline.rows("FROM ads.campaign_metrics WHERE campaign_id = ?", [victim])


def test_a_run_for_an_instant_to_come_is_refused_before_anything_is_written(pipeline: Pipeline) -> None:
    with pytest.raises(ConfigurationError, match="2027-04-01T06:00:00Z has not come yet"):
        pipeline.run(as_of=FIRST_MORNING + YEAR)
    assert pipeline.rows("FROM ops.runs") == []


@pytest.mark.slow
def test_a_run_for_an_instant_a_little_ahead_stands_for_now(pipeline: Pipeline) -> None:
    pipeline.run(as_of=FIRST_MORNING + LONGEST_LEAD)
    assert pipeline.rows("SELECT instant FROM ops.runs") == [(FIRST_MORNING,)]


@pytest.mark.slow
def test_a_horizon_that_a_wrong_clock_put_ahead_follows_the_next_run(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.rows("UPDATE ops.horizon SET last_day = '2027-04-01'")
    pipeline.run(morning(1))
    assert pipeline.rows("SELECT last_day FROM ops.horizon") == [(last_days(morning(1), 1).since,)]


@pytest.mark.slow
def test_a_file_that_believed_a_wrong_clock_is_read_again_once_two_clocks_contradict_it(pipeline: Pipeline) -> None:
    pipeline.run(morning(400))
    believed = pipeline.table(CAMPAIGN)
    assert believed and pipeline.rows("SELECT bool_and(settled) FROM ads.campaign_metrics WHERE day < '2026-04-01'")
    pipeline.now = lambda: FIRST_MORNING
    ran = pipeline.run(FIRST_MORNING)
    assert {key for key, windows in ran.windows.items() if windows[0].since < last_days(FIRST_MORNING, 1).since}
    ((latest, newest),) = pipeline.rows(
        "SELECT max(observed_at), max(day) FILTER (settled) FROM ads.campaign_metrics WHERE day < ?",
        [FIRST_MORNING.date()],
    )
    assert latest <= FIRST_MORNING + 2 * LONGEST_LEAD and newest == last_days(FIRST_MORNING, 4).since
    assert pipeline.rows("FROM ads.campaign_metrics_history WHERE superseded_at < observed_at") == []
    for table in ("campaign_history", "ad_account_history"):
        assert pipeline.rows(f"FROM ads.{table} WHERE valid_from > ?", [FIRST_MORNING + LONGEST_LEAD]) == []
    assert pipeline.run(morning(1)).windows["campaign", pipeline.campaigns()[0]] == [last_days(morning(1), 4)]
