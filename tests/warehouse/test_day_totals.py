"""What a table holds of each day: every day of a window, spend by currency, and how much of it is settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.day_totals import DayTotals, load_day_totals, load_newest_day
from layers_etl.warehouse.tables import metrics_table

from ..examples import examples
from .builders import A, B, land, march, opened, reading, spends, utc, window

METRICS = metrics_table(CAMPAIGN)
MONEY = st.none() | st.decimals(0, 10**6, places=2)
DAYS = st.dictionaries(st.integers(1, 9).map(march), st.tuples(MONEY, st.none() | st.integers(0, 99)))
Days = Mapping[date, tuple[Decimal | None, int | None]]


def buckets(days: Days) -> dict[date, Mapping[str, object]]:
    return {day: {"spend": spend, "conversions": conversions} for day, (spend, conversions) in days.items()}


@settings(derandomize=True, deadline=None, max_examples=examples(8))
@given(DAYS, DAYS, st.sampled_from(["USD", "EUR", None]), st.sampled_from(["USD", None]))
def test_each_day_is_the_sum_of_its_rows_and_no_sum_crosses_a_currency(
    tmp_path_factory: pytest.TempPathFactory, of_a: Days, of_b: Days, currency_a: str | None, currency_b: str | None
) -> None:
    with opened(tmp_path_factory.mktemp("totals")) as warehouse:
        land(warehouse, reading(A, window(1, 9), utc(3, 11), buckets(of_a)), currency=currency_a)
        land(warehouse, reading(B, window(1, 9), utc(3, 11), buckets(of_b)), currency=currency_b)
        found = load_day_totals(warehouse, METRICS, window(1, 9))

    assert list(found) == list(window(1, 9))
    for day, totals in found.items():
        rows = [(days[day], currency) for days, currency in ((of_a, currency_a), (of_b, currency_b)) if day in days]
        conversions = [count for (_, count), _ in rows if count is not None]
        known = {(currency, spend) for (spend, _), currency in rows if spend is not None and currency}
        assert totals.rows == len(rows)
        assert totals.conversions == (sum(conversions) if conversions else None)
        assert set(totals.spend) == {currency for currency, _ in known}
        for currency, amount in totals.spend.items():
            assert amount == sum(spend for (spend, _), of in rows if of == currency and spend is not None)


def test_the_settled_share_is_of_the_rows_of_the_day(tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(tmp_path_factory.mktemp("settled")) as warehouse:
        land(warehouse, reading(A, window(2, 3), utc(3, 9), spends(window(2, 3), 5)))
        land(warehouse, reading(B, window(3, 4), utc(3, 5), spends(window(3, 4), 7)))
        found = load_day_totals(warehouse, METRICS, window(1, 4))

    assert {day.day: totals.settled_share for day, totals in found.items()} == {1: None, 2: 1.0, 3: 0.5, 4: 0.0}
    assert found[march(1)] == DayTotals()


@pytest.fixture
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with opened(tmp_path_factory.mktemp("newest")) as warehouse:
        land(warehouse, reading(A, window(2, 4), utc(3, 4, 12), spends(window(2, 4), 5)))
        yield warehouse


def test_the_newest_day_is_the_last_one_with_rows_that_is_early_enough(warehouse: Warehouse) -> None:
    assert load_newest_day(warehouse, METRICS, march(9)) == march(4)
    assert load_newest_day(warehouse, METRICS, march(4)) == march(3)
    assert load_newest_day(warehouse, METRICS, march(2)) is None
