"""The chain ladder: what it learns, what it projects, and when it says nothing."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.projection import (
    LEAST_DAYS,
    LEAST_ENTITY_DAYS,
    OBSERVATION_SCHEMA,
    backtest_projection,
    learn_completion,
    project_values,
)

FIRST = date(2026, 3, 1)


def matured(
    values: dict[int, float], settled: float, *, days: int = 14, entities: int = 5, platform: str = "meta_ads"
) -> pl.DataFrame:
    """Entity-days that all matured alike: the value known at each age, and the settled one."""
    return pl.DataFrame(
        [
            (platform, "conversions", f"cmp_{entity}", FIRST + timedelta(days=day), age, value, settled)
            for entity in range(entities)
            for day in range(days)
            for age, value in values.items()
        ],
        schema=OBSERVATION_SCHEMA,
        orient="row",
    )


def known(value: float | None, age_hours: int, platform: str = "meta_ads") -> pl.DataFrame:
    """One unsettled value."""
    return pl.DataFrame(
        [(platform, "conversions", age_hours, value)],
        schema={"platform": pl.String(), "metric": pl.String(), "age_hours": pl.Int32(), "value": pl.Float64()},
        orient="row",
    )


def test_a_share_is_what_was_known_of_the_settled_value_at_that_age() -> None:
    shares = learn_completion(matured({0: 5, 24: 8}, settled=10))
    assert dict(shares.select("age_hours", "share").iter_rows()) == pytest.approx({0: 0.5, 24: 0.8})


def test_the_factors_come_from_days_read_at_both_ages_and_chain_to_the_settled_value() -> None:
    half_read = matured({0: 5}, settled=10, entities=5)
    whole = matured({0: 5, 24: 8}, settled=10, entities=5).with_columns(pl.col("entity") + "_whole")
    shares = learn_completion(pl.concat([half_read, whole]))
    assert shares.filter(age_hours=0).get_column("share").item() == pytest.approx(0.5)


def test_an_unsettled_value_is_divided_by_the_share_known_at_its_age() -> None:
    projected = project_values(known(20, 24), learn_completion(matured({0: 5, 24: 8}, settled=10)))
    assert projected.get_column("projected").item() == pytest.approx(25)


def test_days_that_all_matured_alike_leave_no_spread() -> None:
    row = project_values(known(20, 0), learn_completion(matured({0: 5}, settled=10))).row(0, named=True)
    assert row["projected_low"] == pytest.approx(row["projected"]) == pytest.approx(row["projected_high"])


@pytest.mark.parametrize(("days", "entities"), [(LEAST_DAYS - 1, 50), (LEAST_DAYS, LEAST_ENTITY_DAYS // LEAST_DAYS)])
def test_too_little_history_projects_nothing(days: int, entities: int) -> None:
    shares = learn_completion(matured({0: 5}, settled=10, days=days, entities=entities))
    assert project_values(known(20, 0), shares).get_column("projected").item() is None


def test_a_platform_without_history_and_an_unknown_value_are_not_projected() -> None:
    shares = learn_completion(matured({0: 5}, settled=10))
    assert project_values(known(20, 0, platform="apple_ads"), shares).get_column("projected").item() is None
    assert project_values(known(None, 0), shares).get_column("projected").item() is None


def test_a_platform_that_never_knew_anything_at_an_age_is_not_projected_from_it() -> None:
    shares = learn_completion(matured({0: 0, 24: 8}, settled=10))
    assert shares.get_column("age_hours").to_list() == [24]


def test_no_history_at_all_gives_no_shares_and_no_scores() -> None:
    nothing = pl.DataFrame(schema=OBSERVATION_SCHEMA)
    assert learn_completion(nothing).is_empty()
    assert backtest_projection(nothing, settle_days=3).is_empty()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    observed=st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 20), st.integers(0, 4)),
        min_size=LEAST_ENTITY_DAYS,
        max_size=120,
        unique_by=lambda row: row[2:],
    ),
    value=st.floats(0, 1e6),
)
def test_the_interval_is_never_below_zero_and_never_upside_down(
    observed: list[tuple[int, int, int, int]], value: float
) -> None:
    frame = pl.DataFrame(
        [
            ("meta_ads", "conversions", f"cmp_{entity}", FIRST + timedelta(days=day), 0, float(early), float(late))
            for early, late, day, entity in observed
        ],
        schema=OBSERVATION_SCHEMA,
        orient="row",
    )
    row = project_values(known(value, 0), learn_completion(frame)).row(0, named=True)
    if row["projected"] is not None:
        assert 0 <= row["projected_low"] <= row["projected_high"]


def test_the_backtest_learns_only_from_days_that_had_settled_before() -> None:
    steady = matured({0: 5}, settled=10, days=14)
    changed = steady.with_columns(
        settled_value=pl.when(pl.col("day") == FIRST + timedelta(days=13)).then(20.0).otherwise("settled_value")
    )
    scores = backtest_projection(changed, settle_days=3).row(0, named=True)
    # Three of the last days are scored on shares that know nothing of the last one; that one is missed by half.
    scored_days = 14 - LEAST_DAYS - 3
    assert scores["entity_days"] == scored_days * 5
    assert scores["error_projected"] == pytest.approx(10 / (10 * (scored_days - 1) + 20))
    assert scores["error_unprojected"] == pytest.approx((5 * (scored_days - 1) + 15) / (10 * (scored_days - 1) + 20))


@pytest.mark.parametrize(
    ("scored_days", "entities", "enough"),
    [(LEAST_DAYS, 5, True), (LEAST_DAYS - 1, 10, False), (LEAST_DAYS, LEAST_ENTITY_DAYS // LEAST_DAYS, False)],
)
def test_a_backtest_of_few_days_or_entities_is_not_to_be_judged_by(
    scored_days: int, entities: int, enough: bool
) -> None:
    long_known = matured({0: 5}, settled=10, days=LEAST_DAYS, entities=30)
    scored = matured({0: 5}, settled=10, days=scored_days, entities=entities).with_columns(
        pl.col("day") + timedelta(days=LEAST_DAYS + 3)
    )
    scores = backtest_projection(pl.concat([long_known, scored]), settle_days=3).row(0, named=True)
    assert (scores["days"], scores["entity_days"]) == (scored_days, scored_days * entities)
    assert scores["enough"] is enough
