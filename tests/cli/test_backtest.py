"""How well projecting would have done, as people read it."""

from __future__ import annotations

from io import StringIO

import polars as pl
from rich.console import Console

from layers_etl.cli.console import print_backtest


def printed(*, days: int, enough: bool) -> str:
    scores = pl.DataFrame(
        {
            "platform": ["meta_ads"],
            "metric": ["conversions"],
            "age_hours": [0],
            "days": [days],
            "entity_days": [10 * days],
            "error_unprojected": [0.4],
            "error_projected": [0.1234],
            "coverage": [1.0],
            "enough": [enough],
        }
    )
    shown = StringIO()
    print_backtest("campaign", scores, Console(file=shown, width=200))
    return shown.getvalue()


def test_scores_of_too_few_days_are_not_shown_and_it_is_said_why() -> None:
    shown = printed(days=3, enough=False)
    assert "too few to judge" in shown and "each morning of daily runs adds a day" in shown
    assert "12.3%" not in shown and "100.0%" not in shown


def test_scores_of_enough_days_are_shown_without_more_words() -> None:
    shown = printed(days=9, enough=True)
    assert "12.3%" in shown and "90" in shown
    assert "too few" not in shown and "Fewer" not in shown
