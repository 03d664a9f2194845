"""The formulas as SQL macros: the same as the pipeline's own, from a database that attaches the file."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.domain.metrics import RATIOS, Ratio

MONEY = st.none() | st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.0099")]) | st.decimals(
    0, 10**12, places=4
)  # fmt: skip
COUNTS = st.none() | st.sampled_from([0, 1]) | st.integers(0, 10**15)
TYPES = {"spend": "DECIMAL(38,4)", "conversion_value": "DECIMAL(38,4)"}


@pytest.fixture(scope="module")
def elsewhere(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Another database with the published file attached."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{published}' AS layers (READ_ONLY)")
        yield connection


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda ratio: ratio.name)
def test_a_macro_gives_what_the_pipelines_formula_gives(elsewhere: duckdb.DuckDBPyConnection, ratio: Ratio) -> None:
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(MONEY if ratio.numerator in TYPES else COUNTS, MONEY if ratio.denominator in TYPES else COUNTS),
            min_size=1,
            max_size=50,
        )
    )
    def holds(pairs: list[tuple[Decimal | int | None, Decimal | int | None]]) -> None:
        numerator, denominator = (TYPES.get(name, "HUGEINT") for name in (ratio.numerator, ratio.denominator))
        found = elsewhere.execute(
            f"SELECT layers.marts.{ratio.name}(n::{numerator}, d::{denominator})"
            " FROM (SELECT unnest($n) AS n, unnest($d) AS d)",
            {
                "n": [None if pair[0] is None else str(pair[0]) for pair in pairs],
                "d": [None if pair[1] is None else str(pair[1]) for pair in pairs],
            },
        ).fetchall()
        for (value,), pair in zip(found, pairs, strict=True):
            expected = ratio.value(*pair)
            assert value == (None if expected is None else pytest.approx(expected, rel=1e-12))

    holds()


def test_macros_serve_an_analysts_own_group_by(elsewhere: duckdb.DuckDBPyConnection) -> None:
    by_objective = elsewhere.execute(
        "SELECT objective, currency, layers.marts.cpa(sum(spend), sum(conversions)) AS cpa"
        " FROM layers.marts.campaign_daily JOIN layers.ads.campaigns USING (project_id, campaign_id) GROUP BY ALL"
    ).fetchall()
    assert by_objective and all(cpa > 0 for _, _, cpa in by_objective)
