"""Days whose answer cannot be taken as it came: kept apart, told, and open until they can."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from layers_etl.domain.readings import Doubt, Reading
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.domain.settlement import DayState
from layers_etl.warehouse.connection import Warehouse

from .builders import A, B, Measures, land, load_coverage, march, reading, rows, spends, utc, window

DAYS = window(1, 4)
FIRST, LATER = utc(3, 10, 7), utc(3, 11, 7)
WHOLE: Measures = {"spend": 5, "impressions": 100, "clicks": 4, "conversions": 1}
ZEROS: Measures = dict.fromkeys(WHOLE, 0)
HOURS = 72


def standing(
    warehouse: Warehouse, measure: str = "impressions"
) -> dict[date, tuple[Decimal | None, int | Decimal | None, bool]]:
    query = f"SELECT day, spend, {measure}, settled FROM ads.campaign_metrics WHERE campaign_id = 'cmp_a'"
    return {day: tuple(row) for day, *row in rows(warehouse, query)}  # pyright: ignore[reportReturnType]


def doubts(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return rows(warehouse, "SELECT entity_id, day, field, kind, first_seen_at, last_seen_at FROM ops.doubtful_days")


def states(warehouse: Warehouse) -> dict[date, DayState]:
    return {day: interval.state(day, HOURS) for interval in load_coverage(warehouse, A) for day in interval.window}


def whole(read_at: object = FIRST) -> Reading:
    return reading(A, DAYS, read_at, dict.fromkeys(DAYS, WHOLE))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("gone", [{}, {march(2): ZEROS}], ids=["no bucket", "zeros"])
def test_known_activity_that_vanishes_stands_marked_and_is_open(
    warehouse: Warehouse, gone: dict[date, Measures]
) -> None:
    land(warehouse, whole())
    left = {day: WHOLE for day in DAYS if day != march(2)}
    land(warehouse, reading(A, DAYS, LATER, left | gone), accepts_vanishing=False)
    assert standing(warehouse) == {day: (Decimal(5), 100, day != march(2)) for day in DAYS}
    assert doubts(warehouse) == [("cmp_a", march(2), None, "vanished", LATER, LATER)]
    assert {day for day, state in states(warehouse).items() if state is not DayState.SETTLED} == {march(2)}
    assert rows(warehouse, "FROM ads.campaign_metrics_history") == []


def test_what_comes_back_ends_the_doubt_and_settles(warehouse: Warehouse) -> None:
    land(warehouse, whole())
    land(warehouse, reading(A, DAYS, LATER, {}), accepts_vanishing=False)
    assert len(doubts(warehouse)) == 4
    land(warehouse, whole(utc(3, 12, 7)), accepts_vanishing=False)
    assert doubts(warehouse) == []
    assert standing(warehouse) == dict.fromkeys(DAYS, (Decimal(5), 100, True))
    assert set(states(warehouse).values()) == {DayState.SETTLED}


def test_a_doubt_keeps_when_it_began_for_as_long_as_it_stays(warehouse: Warehouse) -> None:
    land(warehouse, whole())
    for day in (11, 12, 13):
        land(warehouse, reading(A, DAYS, utc(3, day, 7), {}), accepts_vanishing=False)
    assert {tuple(doubt[-2:]) for doubt in doubts(warehouse)} == {(utc(3, 11, 7), utc(3, 13, 7))}


def test_a_backfill_accepts_that_activity_is_gone(warehouse: Warehouse) -> None:
    land(warehouse, whole())
    land(warehouse, reading(A, DAYS, LATER, {}), accepts_vanishing=True)
    assert standing(warehouse) == {}
    assert doubts(warehouse) == []
    assert len(rows(warehouse, "FROM ads.campaign_metrics_history")) == 4


def test_a_day_that_was_quiet_may_stay_quiet(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, DAYS, FIRST, {march(1): ZEROS}))
    land(warehouse, reading(A, DAYS, LATER, {}), accepts_vanishing=False)
    assert doubts(warehouse) == []
    assert set(states(warehouse).values()) == {DayState.SETTLED}


def test_a_day_that_lacks_a_number_which_others_have_lands_and_does_not_settle(warehouse: Warehouse) -> None:
    unpriced = {**WHOLE, "spend": None}
    land(warehouse, reading(A, DAYS, FIRST, {march(1): WHOLE, march(2): unpriced, march(3): WHOLE}))
    assert standing(warehouse)[march(2)] == (None, 100, False)
    assert doubts(warehouse) == [("cmp_a", march(2), None, "incomplete", FIRST, FIRST)]
    assert states(warehouse)[march(2)] is DayState.PROVISIONAL
    land(warehouse, reading(A, window(2, 2), LATER, {march(2): WHOLE}))
    assert standing(warehouse)[march(2)] == (Decimal(5), 100, True)
    assert doubts(warehouse) == []


def test_a_number_that_becomes_unknown_overwrites_none_that_is_known(warehouse: Warehouse) -> None:
    land(warehouse, whole())
    unpriced = {**WHOLE, "spend": None, "impressions": 200}
    land(warehouse, reading(A, window(2, 2), LATER, {march(2): unpriced}), accepts_vanishing=False)
    assert standing(warehouse)[march(2)] == (Decimal(5), 100, False)
    assert [doubt[3] for doubt in doubts(warehouse)] == ["incomplete"]


VALUED: Measures = {**WHOLE, "conversion_value": Decimal(20)}


def test_a_conversion_value_that_becomes_unknown_stays_beside_what_is_new_and_keeps_its_day_open(
    warehouse: Warehouse,
) -> None:
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, VALUED)))
    without = dict.fromkeys(DAYS, VALUED) | {march(2): {**WHOLE, "spend": 6}}
    land(warehouse, reading(A, DAYS, LATER, without), accepts_vanishing=False)
    assert standing(warehouse, "conversion_value")[march(2)] == (Decimal(6), Decimal(20), False)
    assert standing(warehouse, "conversion_value")[march(3)] == (Decimal(5), Decimal(20), True)
    assert doubts(warehouse) == [("cmp_a", march(2), None, "incomplete", LATER, LATER)]
    assert {day for day, state in states(warehouse).items() if state is not DayState.SETTLED} == {march(2)}
    again = {march(2): {**WHOLE, "spend": 6, "conversion_value": Decimal(24)}}
    land(warehouse, reading(A, window(2, 2), utc(3, 12, 7), again), accepts_vanishing=False)
    assert standing(warehouse, "conversion_value")[march(2)] == (Decimal(6), Decimal(24), True)
    assert doubts(warehouse) == []


@pytest.mark.parametrize(
    ("before", "after", "accepts"),
    [
        pytest.param(WHOLE, WHOLE, False, id="never known"),
        pytest.param(VALUED, {**WHOLE, "conversions": 0}, False, id="no conversion is left"),
        pytest.param(VALUED, WHOLE, True, id="a backfill"),
    ],
)
def test_a_conversion_value_may_be_unknown_where_there_is_no_reason_to_doubt_it(
    warehouse: Warehouse, before: Measures, after: Measures, *, accepts: bool
) -> None:
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, before)))
    land(warehouse, reading(A, DAYS, LATER, dict.fromkeys(DAYS, after)), accepts_vanishing=accepts)
    assert standing(warehouse, "conversion_value") == dict.fromkeys(DAYS, (Decimal(5), None, True))
    assert doubts(warehouse) == []


def test_a_number_that_an_entity_never_has_leaves_no_doubt(warehouse: Warehouse) -> None:
    leads = {**WHOLE, "conversions": None}
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, leads)))
    land(warehouse, reading(B, DAYS, FIRST, dict.fromkeys(DAYS, WHOLE)))
    assert doubts(warehouse) == []
    assert set(states(warehouse).values()) == {DayState.SETTLED}


def test_a_day_that_was_no_answer_keeps_its_row_and_its_place_in_the_ledger(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, window(1, 2), utc(3, 3, 7), dict.fromkeys(window(1, 2), WHOLE)))
    before = load_coverage(warehouse, A)
    odd = reading(A, DAYS, FIRST, {march(1): WHOLE, march(4): WHOLE}, doubts=(Doubt(march(2), "spend: -3.2"),))
    land(warehouse, odd, accepts_vanishing=False)
    assert standing(warehouse)[march(2)] == (Decimal(5), 100, False)
    assert states(warehouse) == {
        march(1): DayState.SETTLED,
        march(2): before[0].state(march(2), HOURS),
        march(3): DayState.SETTLED,
        march(4): DayState.SETTLED,
    }
    assert doubts(warehouse) == [("cmp_a", march(2), None, "unbelievable", FIRST, FIRST)]


def test_a_number_left_out_is_named_and_keeps_its_day_from_nothing(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, DAYS, FIRST, spends(DAYS, 1), doubts=(Doubt(march(2), "reach: -1", "reach"),)))
    assert set(states(warehouse).values()) == {DayState.SETTLED}
    assert doubts(warehouse) == [("cmp_a", march(2), "reach", "unbelievable", FIRST, FIRST)]


@pytest.mark.parametrize("left_out", ["reach", "frequency", "roas"])
def test_a_metric_that_was_not_asked_for_overwrites_nothing(warehouse: Warehouse, left_out: str) -> None:
    measures = {**WHOLE, "conversion_value": 20, "reach": 80, "frequency": 1.25}
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, measures)))
    later = reading(A, DAYS, LATER, {day: {**measures, "clicks": 5} for day in DAYS})
    columns = {name: values for name, values in later.columns.items() if name != left_out}
    land(warehouse, Reading(A, DAYS, LATER, columns))
    query = "SELECT DISTINCT clicks, conversion_value, reach, frequency FROM ads.campaign_metrics"
    assert rows(warehouse, query) == [(5, Decimal(20), 80, 1.25)]


@pytest.mark.parametrize(
    ("changed", "is_open"), [({"spend": 6}, True), ({"conversions": 3}, True), ({"reach": 9}, False)]
)
def test_a_conversion_value_that_was_not_asked_for_keeps_a_day_open_whose_other_numbers_changed(
    warehouse: Warehouse, changed: Measures, *, is_open: bool
) -> None:
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, VALUED)))
    later = reading(A, DAYS, LATER, dict.fromkeys(DAYS, VALUED) | {march(2): {**VALUED, **changed}})
    columns = {name: values for name, values in later.columns.items() if name != "roas"}
    land(warehouse, Reading(A, DAYS, LATER, columns), accepts_vanishing=False)
    assert [day for _, day, *_ in doubts(warehouse)] == [march(2)] * is_open
    assert [day for day, state in states(warehouse).items() if state is not DayState.SETTLED] == [march(2)] * is_open
    assert standing(warehouse, "conversion_value")[march(2)][1:] == (Decimal(20), not is_open)


def without_roas(read_at: datetime, measures: Measures) -> Reading:
    """The second of March, of which ROAS was not asked for."""
    asked = reading(A, window(2, 2), read_at, {march(2): measures})
    return Reading(A, asked.window, read_at, {name: each for name, each in asked.columns.items() if name != "roas"})


@pytest.mark.parametrize("then", [{}, {"conversions": 0}], ids=["the same again", "no conversion is left"])
def test_a_conversion_value_that_is_not_asked_for_twice_keeps_its_day_open(
    warehouse: Warehouse, then: Measures
) -> None:
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, VALUED)))
    changed: Measures = {**WHOLE, "spend": 6}
    land(warehouse, without_roas(LATER, changed), accepts_vanishing=False)
    land(warehouse, without_roas(utc(3, 12, 7), {**changed, **then}), accepts_vanishing=False)
    assert standing(warehouse, "conversion_value")[march(2)] == (Decimal(6), Decimal(20), False)
    assert doubts(warehouse) == [("cmp_a", march(2), None, "incomplete", LATER, utc(3, 12, 7))]
    again = {march(2): {**changed, "conversion_value": Decimal(24)}}
    land(warehouse, reading(A, window(2, 2), utc(3, 13, 7), again), accepts_vanishing=False)
    assert standing(warehouse, "conversion_value")[march(2)] == (Decimal(6), Decimal(24), True)


def test_a_backfill_takes_away_a_conversion_value_in_doubt_and_no_other_that_it_did_not_ask_for(
    warehouse: Warehouse,
) -> None:
    land(warehouse, reading(A, DAYS, FIRST, dict.fromkeys(DAYS, VALUED)))
    changed: Measures = {**WHOLE, "spend": 6}
    land(warehouse, without_roas(LATER, changed), accepts_vanishing=True)
    assert standing(warehouse, "conversion_value")[march(2)] == (Decimal(6), Decimal(20), False)
    land(warehouse, without_roas(utc(3, 12, 7), changed), accepts_vanishing=True)
    assert standing(warehouse, "conversion_value")[march(2)] == (Decimal(6), None, True)
    assert doubts(warehouse) == []


def test_an_answer_that_was_overtaken_settles_the_days_that_it_is_the_last_of(warehouse: Warehouse) -> None:
    land(warehouse, reading(A, window(21, 21), utc(3, 22, 7), spends([march(21)], 3)))
    land(warehouse, reading(A, window(15, 21), utc(3, 20, 7), spends(window(15, 21), 1)))
    found = states(warehouse)
    assert {day for day, state in found.items() if state is DayState.SETTLED} == {march(15), march(16)}
    assert rows(warehouse, "SELECT DISTINCT observed_at FROM ads.campaign_metrics WHERE day < '2026-03-21'") == [
        (utc(3, 20, 7),)
    ]
    assert rows(warehouse, "SELECT count(*) FROM ops.day_states WHERE scope = ? AND held", [CAMPAIGN.name]) == [(0,)]
