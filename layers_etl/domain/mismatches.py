"""Ratios that the API reports and its own primitives do not give, beyond what rounding explains."""

from __future__ import annotations

from typing import Final

import polars as pl

from layers_etl.domain.metrics import RATIOS, ROAS, Ratio

_COMPARED: Final = tuple(ratio for ratio in RATIOS if ratio is not ROAS)
"""All but ROAS: conversion value is itself derived from it."""

_MOST_PLACES: Final = 8
_HALF_UNITS: Final = pl.Series([0.5 * 10.0**-places for places in range(_MOST_PLACES + 1)])
"""Of the last decimal place, by the number of places."""

_ARITHMETIC_SLACK: Final = 1e-9
"""Relative; thousands of times what double arithmetic can lose here, and far below what matters."""

_REPRESENTABLE: Final = 1e-15
"""Relative distance from a whole number within which a double's multiple by a power of ten is meant to be one."""


def find_mismatches(frame: pl.DataFrame) -> pl.DataFrame:
    """The mismatches of many readings (:func:`~layers_etl.domain.readings.frame_readings`), one row each:

    ``reading``, ``day``, ``metric``, ``reported``, ``recomputed``.

    Rounding explains half a unit of the last place the ratio is printed with and, since spend is rounded before it is
    printed, half a unit of spend's last place carried through the formula. Places are those of the whole column of a
    reading, because JSON prints 3.40 as 3.4.
    """
    frame = frame.with_columns(pl.col("spend").cast(pl.Float64))
    rounded = ["spend", *(ratio.name for ratio in _COMPARED)]
    slacks = frame.with_columns(_decimal_places(frame[name]).alias(_slack(name)) for name in rounded).with_columns(
        pl.lit(_HALF_UNITS).gather(pl.col(_slack(name)).max().over("reading")).alias(_slack(name)) for name in rounded
    )
    return pl.concat([slacks.lazy().filter(_differs(ratio)).select(*_finding(ratio)) for ratio in _COMPARED]).collect()


def _differs(ratio: Ratio) -> pl.Expr:
    slack = pl.col(_slack(ratio.name)) + _ARITHMETIC_SLACK * pl.col(ratio.name)
    if ratio.numerator == "spend":
        slack += ratio.expression(numerator=pl.col(_slack("spend")))
    return (pl.col(ratio.name) - ratio.expression()).abs() > slack


def _finding(ratio: Ratio) -> tuple[pl.Expr, ...]:
    reported = pl.col(ratio.name).alias("reported")
    return pl.col("reading"), pl.col("day"), pl.lit(ratio.name).alias("metric"), reported, ratio.expression()


def _decimal_places(numbers: pl.Series) -> pl.Series:
    """How many decimal places each number is printed with, at least one: 4.0 may be a rounded 4.04."""
    places = pl.repeat(1, len(numbers), dtype=pl.Int8, eager=True)
    for tried in range(1, _MOST_PLACES):
        scaled = numbers * 10.0**tried
        longer = (scaled - scaled.round()).abs() > scaled * _REPRESENTABLE
        if not longer.any():
            break
        places += longer.cast(pl.Int8)
    return places


def _slack(name: str) -> str:
    return f"{name}_slack"
