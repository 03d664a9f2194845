from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers_etl.report import numbers

AMOUNTS = st.floats(-1e15, 1e15)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (None, "–"),
        (0, "0.00"),
        (12.3, "12.30"),
        (999.99, "999.99"),
        (1234.5, "1,234"),
        (12_345, "12.3k"),
        (4.5e6, "4.50M"),
    ],
)
def test_money_has_cents_only_where_they_matter(amount: float | None, said: str) -> None:
    assert numbers.money(amount) == said


@given(AMOUNTS)
def test_every_number_is_short_enough_for_its_column(amount: float) -> None:
    for say in (numbers.money, numbers.count, numbers.compact):
        assert len(say(amount)) <= 8


@given(st.floats(0, 1e15), AMOUNTS)
def test_a_change_has_a_sign_unless_it_is_none_or_cannot_be_said(new: float, old: float) -> None:
    said = numbers.change(new, old)
    assert said == "" if old <= 0 else not said or said[0] in "+−±×"
    assert len(said) <= 6


@pytest.mark.parametrize(("factor", "said"), [(1.1, "+10%"), (0.744, "−26%"), (1.0049, "±0%"), (12.5, "×12.5")])
def test_a_change_is_rounded_to_whole_per_cent_and_a_factor_from_tenfold_on(factor: float, said: str) -> None:
    assert numbers.times(factor) == said


@pytest.mark.parametrize(("number", "places", "said"), [(3, 0, "+3"), (-1234.5, 2, "−1,234.50"), (0.001, 2, "±0")])
def test_a_difference_has_its_sign(number: float, places: int, said: str) -> None:
    assert numbers.signed(number, places) == said


def test_a_day_is_said_the_same_in_every_country() -> None:
    assert numbers.day_of(date(2026, 1, 7)) == "7 Jan"
    assert numbers.day_of(None) == "–"
