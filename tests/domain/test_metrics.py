"""The formulas, to the letter of ads-metrics.md, in Python and in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isclose

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.domain.metrics import (
    ADDITIVE,
    API_METRICS,
    COUNTS,
    MEASURES,
    NON_ADDITIVE,
    RATIOS,
    Ratio,
    derive_conversion_value,
)

from .strategies import properties

BY_NAME = {ratio.name: ratio for ratio in RATIOS}
Number = Decimal | int

money = st.decimals(0, 10**9, places=4) | st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal("0.01")])
counts = st.integers(0, 10**12) | st.integers(0, 3)


def plainly(name: str, spend: float, impressions: int, clicks: int, conversions: int, value: float) -> float:
    """The page's definitions, copied."""
    return {
        "cpa": lambda: spend / max(conversions, 1),
        "cpc": lambda: spend / max(clicks, 1),
        "cpm": lambda: spend / max(impressions, 1) * 1000,
        "ctr": lambda: clicks / max(impressions, 1),
        "roas": lambda: value / max(spend, 0.01),
    }[name]()


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in which a ratio's text can be evaluated."""
    with duckdb.connect() as connection:
        yield connection


def in_sql(connection: duckdb.DuckDBPyConnection, ratio: Ratio, numerator: object, denominator: object) -> float | None:
    types = {name: "DECIMAL(18,4)" if name in ("spend", "conversion_value") else "BIGINT" for name in ADDITIVE}
    query = (
        f"SELECT {ratio.sql()} FROM (SELECT ?::{types[ratio.numerator]} AS {ratio.numerator},"
        f" ?::{types[ratio.denominator]} AS {ratio.denominator})"
    )
    return connection.execute(query, [numerator, denominator]).fetchall()[0][0]


def operand(ratio_side: str, amounts: dict[str, Number]) -> Number:
    return amounts[ratio_side]


@properties
@given(money, counts, counts, counts, money)
def test_every_ratio_is_the_formula_of_the_page(
    spend: Decimal, impressions: int, clicks: int, conversions: int, value: Decimal
) -> None:
    amounts: dict[str, Number] = {
        "spend": spend,
        "impressions": impressions,
        "clicks": clicks,
        "conversions": conversions,
        "conversion_value": value,
    }
    for ratio in RATIOS:
        expected = plainly(ratio.name, float(spend), impressions, clicks, conversions, float(value))
        computed = ratio.value(operand(ratio.numerator, amounts), operand(ratio.denominator, amounts))
        assert computed is not None
        assert isclose(computed, expected, rel_tol=1e-12), ratio.name


@properties
@given(st.sampled_from(RATIOS), st.data())
def test_a_ratio_in_sql_equals_the_ratio_in_python(
    sql: duckdb.DuckDBPyConnection, ratio: Ratio, data: st.DataObject
) -> None:
    numerator, denominator = (
        data.draw(st.none() | (money if name in ("spend", "conversion_value") else counts))
        for name in (ratio.numerator, ratio.denominator)
    )
    expected, computed = ratio.value(numerator, denominator), in_sql(sql, ratio, numerator, denominator)
    if expected is None:
        assert computed is None
    else:
        assert computed is not None
        assert isclose(computed, expected, rel_tol=1e-12)


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda ratio: ratio.name)
def test_a_ratio_of_something_unknown_is_unknown_and_not_zero(sql: duckdb.DuckDBPyConnection, ratio: Ratio) -> None:
    for numerator, denominator in ((None, 5), (5, None), (None, None)):
        assert ratio.value(numerator, denominator) is None
        assert in_sql(sql, ratio, numerator, denominator) is None


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda ratio: ratio.name)
def test_a_ratio_over_nothing_divides_by_its_floor(ratio: Ratio) -> None:
    floor = {"roas": 0.01}.get(ratio.name, 1)
    assert ratio.value(0, 0) == 0
    assert ratio.value(3, 0) == pytest.approx(3 / floor * (1000 if ratio.name == "cpm" else 1))


def test_a_conversion_on_a_day_that_cost_nothing_has_a_roas_of_a_hundred_times_its_value() -> None:
    assert BY_NAME["roas"].value(Decimal(48), Decimal(0)) == pytest.approx(4800)


@properties
@given(money, st.decimals(0, 10**4, places=4))
def test_conversion_value_gives_back_the_roas_it_was_derived_from(spend: Decimal, roas: Decimal) -> None:
    value = derive_conversion_value(spend, roas)
    assert value is not None
    assert value == value.quantize(Decimal("0.0001"))
    recomputed = BY_NAME["roas"].value(value, spend)
    assert recomputed is not None
    # The value is kept to four decimals, which is this much of the roas.
    assert abs(recomputed - float(roas)) <= 0.00005 / max(float(spend), 0.01) + 1e-9 * float(roas)


def test_conversion_value_is_unknown_where_no_value_is_reported_and_zero_where_it_is_zero() -> None:
    assert derive_conversion_value(Decimal(10), None) is None
    assert derive_conversion_value(None, Decimal(3)) is None
    assert derive_conversion_value(Decimal(10), Decimal(0)) == 0
    assert derive_conversion_value(Decimal("142.50"), Decimal("3.4")) == Decimal("484.5")
    assert derive_conversion_value(Decimal(0), Decimal(4800)) == 48


def test_reach_and_frequency_are_not_among_what_may_be_summed() -> None:
    assert set(NON_ADDITIVE) == {"reach", "frequency"}
    assert set(MEASURES) == {*ADDITIVE, "reach", "frequency"}
    assert set(COUNTS) < set(MEASURES)


def test_the_endpoint_has_eleven_metrics_of_which_conversion_value_is_none() -> None:
    assert len(set(API_METRICS)) == 11
    assert set(BY_NAME) < set(API_METRICS)
    assert "conversion_value" not in API_METRICS
