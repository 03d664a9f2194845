"""An answer's totals are a witness to its series; what is asked for beyond the days that land is never in their way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.readings import EntityKey, Reading
from layers_etl.domain.scopes import AD
from layers_etl.errors import ContradictedAnswerError, EntityError

from .conftest import CAMPAIGN_KEY, WEEK, Asked, Reply, answer_for, bucket, error, talking

Run = Callable[[Coroutine[Any, Any, Any]], Any]
ADDED = ("spend", "impressions", "clicks", "conversions")
LONG = DayWindow(date(2026, 1, 1), date(2026, 7, 20))
TOMORROW = WEEK.until + timedelta(days=1)


def series_of(window: DayWindow) -> list[dict[str, Any]]:
    return [bucket(day) for day in window]


def totals_of(series: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: round(sum(row[name] for row in series), 2) for name in ADDED}


def cut_to(rows: int) -> Callable[[Asked], Reply]:
    """An API that serves so many rows of a series, and totals of all."""

    def answer(asked: Asked) -> Reply:
        series = series_of(asked.window)
        return answer_for(asked, series=series[:rows], totals=totals_of(series))

    return answer


async def fetch(
    answer: Callable[[Asked], Reply], window: DayWindow = WEEK, key: EntityKey = CAMPAIGN_KEY, **more: Any
) -> tuple[list[Reading], list[DayWindow], EntityError | None]:
    """The readings, the windows asked for, and what ended it."""
    async with talking(answer) as talk:
        readings: list[Reading] = []
        try:
            async for reading in talk.client.fetch_metrics(key, window, **more):
                readings.append(reading)  # noqa: PERF401 - what came before an error is kept
        except EntityError as failure:
            return readings, [asked.window for asked in talk.server.asked], failure
        return readings, [asked.window for asked in talk.server.asked], None


def test_a_series_that_was_cut_is_asked_for_in_parts_that_are_not(run: Run) -> None:
    readings, asked, failure = run(fetch(cut_to(100), LONG))
    assert failure is None
    days = [day for reading in sorted(readings, key=lambda one: one.window) for day in reading.columns["day"]]
    assert days == list(LONG)
    assert len(asked) == 2 + 2, "once more as it was, then in two parts"


@pytest.mark.parametrize("metric", ADDED)
def test_a_day_that_its_totals_contradict_is_not_read_and_costs_no_other(run: Run, metric: str) -> None:
    wrong = WEEK.since + timedelta(days=2)

    def answer(asked: Asked) -> Reply:
        series = series_of(asked.window)
        more = {metric: totals_of(series)[metric] + 5} if wrong in asked.window else {}
        return answer_for(asked, series=series, totals=totals_of(series) | more)

    readings, _, failure = run(fetch(answer))
    assert isinstance(failure, ContradictedAnswerError)
    assert (failure.metric, failure.context.since, failure.context.until) == (metric, wrong, wrong + timedelta(days=1))
    assert "totals" in failure.reason
    read = {day for reading in readings for day in reading.window}
    assert read == set(WEEK) - {wrong}


@pytest.mark.parametrize(
    "totals",
    [
        None,
        {},
        [],
        "none",
        {"spend": None, "clicks": "many"},
        {"spend": {"amount": 3}},
        {"ctr": 0.1},
        {**totals_of(series_of(WEEK)), "impressions": "63000", "clicks": 2100.0},
    ],
)
def test_totals_that_say_nothing_or_agree_to_rounding_are_no_objection(run: Run, totals: Any) -> None:
    readings, asked, failure = run(fetch(lambda asked: answer_for(asked, totals=totals)))
    assert failure is None
    assert len(readings) == len(asked) == 1


def test_money_agrees_within_the_rounding_of_every_number(run: Run) -> None:
    def answer(asked: Asked, off: float) -> Reply:
        series = [row | {"spend": 0.33} for row in series_of(asked.window)]
        return answer_for(asked, series=series, totals={"spend": round(0.33 * len(series) + off, 2)})

    assert run(fetch(lambda asked: answer(asked, 0.03)))[2] is None
    assert isinstance(run(fetch(lambda asked: answer(asked, 0.06)))[2], ContradictedAnswerError)


def test_a_metric_that_a_day_does_not_know_is_not_held_against_its_total(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        series = series_of(asked.window)
        return answer_for(asked, series=[series[0] | {"spend": None}, *series[1:]], totals=totals_of(series))

    assert run(fetch(answer))[2] is None


def test_an_ads_totals_may_be_of_its_whole_lifetime(run: Run) -> None:
    key = replace(CAMPAIGN_KEY, scope=AD, entity_id="ad_1")
    lifetime = dict.fromkeys(ADDED, 1_000_000)
    assert run(fetch(lambda asked: answer_for(asked, totals=lifetime), key=key))[2] is None


def test_totals_that_contradict_every_full_series_mean_something_else_and_are_no_longer_heard(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        series = series_of(asked.window)
        return answer_for(asked, series=series, totals=totals_of(series) | {"conversions": 1})

    one_day = DayWindow(WEEK.since, WEEK.since + timedelta(days=1))

    async def ask() -> tuple[int, int]:
        keys = [replace(CAMPAIGN_KEY, entity_id=f"cmp_{number}") for number in range(20)]
        async with talking(answer) as talk:
            failed = 0
            for key in keys:
                try:
                    async for _ in talk.client.fetch_metrics(key, one_day):
                        pass
                except ContradictedAnswerError:
                    failed += 1
            return failed, len(talk.server.asked)

    failed, asked = run(ask())
    assert failed == 3
    assert asked == 3 * 2 + 17


def test_a_look_at_the_running_day_is_part_of_the_same_request(run: Run) -> None:
    readings, asked, failure = run(fetch(answer_for, glimpse_until=TOMORROW))
    assert failure is None
    assert asked == [DayWindow(WEEK.since, TOMORROW)]
    assert [reading.window for reading in readings] == asked


def test_an_api_that_stops_short_of_the_running_day_is_not_asked_for_it_again(run: Run) -> None:
    readings, asked, failure = run(fetch(lambda asked: answer_for(asked, served=WEEK), glimpse_until=TOMORROW))
    assert failure is None
    assert len(asked) == 1
    assert [reading.window for reading in readings] == [WEEK]


@pytest.mark.parametrize(
    "message", ["'until' must not lie in the future.", "The window may not reach beyond today.", "Bad parameter."]
)
def test_an_api_that_refuses_the_running_day_is_asked_without_it_once_for_all(run: Run, message: str) -> None:
    def answer(asked: Asked) -> Reply:
        return error(400, "VALIDATION", message) if asked.window.until > WEEK.until else answer_for(asked)

    async def ask() -> tuple[list[DayWindow], list[DayWindow]]:
        keys = [replace(CAMPAIGN_KEY, entity_id=f"cmp_{number}") for number in range(3)]
        async with talking(answer) as talk:
            read = [
                reading.window
                for key in keys
                async for reading in talk.client.fetch_metrics(key, WEEK, glimpse_until=TOMORROW)
            ]
            return read, [asked.window for asked in talk.server.asked]

    read, asked = run(ask())
    assert read == [WEEK] * 3
    assert asked == [DayWindow(WEEK.since, TOMORROW), *[WEEK] * 3]


def test_a_longest_window_is_learned_without_the_look_beyond_it(run: Run) -> None:
    def answer(asked: Asked) -> Reply:
        too_long = len(asked.window) > 4
        return error(400, "VALIDATION", "The window may span at most 4 days.") if too_long else answer_for(asked)

    readings, _, failure = run(fetch(answer, glimpse_until=TOMORROW))
    assert failure is None
    assert sorted(day for reading in readings for day in reading.window) == [*WEEK, WEEK.until]


@pytest.mark.parametrize(
    "odd",
    [{"ctr": "n/a"}, {"frequency": -1}, {"spend": -3.2}, {"clicks": "\ud83d"}, {"spend": "\ud800"}],
    ids=["a ratio", "a frequency", "a negative amount", "half an emoji", "half a pair"],
)
def test_a_series_that_was_cut_is_noticed_whatever_else_is_wrong_with_it(run: Run, odd: dict[str, Any]) -> None:
    wrong = LONG.since + timedelta(days=3)

    def answer(asked: Asked) -> Reply:
        series = series_of(asked.window)
        shown = [row | odd if row["bucket"] == wrong.isoformat() else row for row in series]
        return answer_for(asked, series=shown[:100], totals=totals_of(series))

    readings, _, failure = run(fetch(answer, LONG))
    assert failure is None
    read = {day for reading in readings for day in reading.columns["day"]}
    unread = {day for reading in readings for day in reading.unread_days}
    assert read | unread == set(LONG)
    assert unread <= {wrong}


@pytest.mark.parametrize(
    "body",
    [
        {"series": "\ud800"},
        {"totals": "\ud800", "series": [{"bucket": "yesterday", "spend": "1"}]},
        {"series": [{"ctr": -1, "spend": -1}]},
        {"series": [{"ctr": -1, "bucket": None}]},
        {"series": [[], None, 3]},
    ],
)
def test_no_answer_however_odd_costs_more_than_its_entity(run: Run, body: dict[str, Any]) -> None:
    async def ask() -> list[Any]:
        def answer(asked: Asked) -> Reply:
            return answer_for(asked, **body) if asked.query["id"] == ["cmp_odd"] else answer_for(asked)

        keys = [replace(CAMPAIGN_KEY, entity_id=name) for name in ("cmp_1", "cmp_odd", "cmp_2")]
        async with talking(answer) as talk:
            return [outcome async for outcome in talk.client.fetch_many((key, WEEK) for key in keys)]

    outcomes = run(ask())
    assert len([outcome for outcome in outcomes if isinstance(outcome, Reading)]) == 2
    (failure,) = (outcome for outcome in outcomes if isinstance(outcome, EntityError))
    assert failure.context.entity_id == "cmp_odd"


@pytest.mark.parametrize("listed", ["meta", "TIKTOK", "0000-01-01", None])
def test_an_entity_whose_listing_spells_its_platform_otherwise_is_read(run: Run, listed: str | None) -> None:
    readings, _, failure = run(fetch(answer_for, key=replace(CAMPAIGN_KEY, platform=listed)))
    assert failure is None
    assert len(readings) == 1
