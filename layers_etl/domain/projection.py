"""Where an unsettled day will settle: the chain-ladder method, learned from how earlier days matured.

The chain ladder (Mack, "Distribution-free calculation of the standard error of chain ladder reserve estimates", ASTIN
Bulletin 23, 1993) takes the days that have settled, asks by which factor their total grew from each age to the next,
and applies the product of the factors that are still ahead. The interval comes from the residuals of the same days,
scaled by the square root of the projection as for an over-dispersed Poisson count, so that a day of few conversions is
given the wide interval it deserves. Below a floor of history nothing is projected: null, never a guess.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import polars as pl

PROJECTED_METRICS: Final = ("spend", "conversions", "conversion_value")

LEAST_DAYS: Final = 7
"""Settled days a platform needs before its shares are used, or a backtest judged: one of each weekday."""

LEAST_ENTITY_DAYS: Final = 30
"""Settled (entity, day) pairs it needs: below, a tenth of the residuals is no quantile, and the share that an interval
holds is uncertain by more than 14 points either way."""

LOWER_QUANTILE: Final = 0.1
UPPER_QUANTILE: Final = 0.9
"""The interval holds 80 %."""

OBSERVATION_SCHEMA: Final = pl.Schema(
    {
        "platform": pl.String(),
        "metric": pl.String(),
        "entity": pl.String(),
        "day": pl.Date(),
        "age_hours": pl.Int32(),
        "value": pl.Float64(),
        "settled_value": pl.Float64(),
    }
)
"""One row per settled entity-day, metric and age (whole days, in hours) at which it was read before it settled."""

COMPLETION_SCHEMA: Final = pl.Schema(
    {
        "platform": pl.String(),
        "metric": pl.String(),
        "age_hours": pl.Int32(),
        "share": pl.Float64(),
        "lower_residual": pl.Float64(),
        "upper_residual": pl.Float64(),
        "days": pl.UInt32(),
        "entity_days": pl.UInt32(),
    }
)
"""One row per platform, metric and age: the share of the settled value known then, and the spread around it."""

_GROUP: Final = ("platform", "metric", "age_hours")
_PAIR: Final = ("platform", "metric", "entity", "day")
_SCORES: Final = ("error_unprojected", "error_projected", "coverage")


def learn_completion(observations: pl.DataFrame) -> pl.DataFrame:
    """What share of its settled value a day knows at each age, per platform and metric: :data:`COMPLETION_SCHEMA`.

    ``observations`` has :data:`OBSERVATION_SCHEMA`. Ages with too little history, or where nothing was known, are left
    out.
    """
    factors = _development_factors(observations)
    shares = factors.sort(*_GROUP, descending=[False, False, True]).with_columns(
        share=1 / pl.col("factor").cum_prod().over("platform", "metric")
    )
    spread = (
        observations.join(shares, on=_GROUP)
        .with_columns(_residual(pl.col("value") / pl.col("share")).alias("residual"))
        .group_by(_GROUP)
        .agg(
            pl.col("residual").quantile(LOWER_QUANTILE, "linear").alias("lower_residual"),
            pl.col("residual").quantile(UPPER_QUANTILE, "linear").alias("upper_residual"),
            pl.col("day").n_unique().alias("days"),
            pl.len().alias("entity_days"),
        )
    )
    return (
        shares.join(spread, on=_GROUP)
        .filter(
            pl.col("share").is_finite(),
            pl.col("share") > 0,
            pl.col("days") >= LEAST_DAYS,
            pl.col("entity_days") >= LEAST_ENTITY_DAYS,
        )
        .select(COMPLETION_SCHEMA.names())
        .cast(COMPLETION_SCHEMA)
        .sort(_GROUP)
    )


def project_values(known: pl.DataFrame, completion: pl.DataFrame) -> pl.DataFrame:
    """``known`` (platform, metric, age_hours, value, …) with ``projected``, ``projected_low``, ``projected_high``.

    Null where ``completion`` has nothing for the platform, metric and age, or where the value is unknown.
    """
    projected = pl.col("value") / pl.col("share")
    scale = projected.clip(lower_bound=1).sqrt()
    return (
        known.join(completion, on=_GROUP, how="left")
        .with_columns(
            projected=projected,
            projected_low=(projected + pl.col("lower_residual") * scale).clip(lower_bound=0),
            projected_high=(projected + pl.col("upper_residual") * scale).clip(lower_bound=0),
        )
        .drop("share", "lower_residual", "upper_residual", "days", "entity_days")
    )


def backtest_projection(observations: pl.DataFrame, settle_days: int) -> pl.DataFrame:
    """How well the method would have done: each settled day projected from what was settled before it closed.

    One row per platform, metric and age: ``days`` and ``entity_days`` scored, ``error_projected`` and
    ``error_unprojected`` (the sum of absolute differences from the settled values over the sum of the settled values),
    ``coverage``, the share of entity-days whose settled value lay within the 80 % interval, and ``enough``: whether
    these are enough to judge by, :data:`LEAST_DAYS` and :data:`LEAST_ENTITY_DAYS`.
    """
    days: list[date] = observations.get_column("day").unique().sort().to_list()
    scored = [
        project_values(
            observations.filter(pl.col("day") == day),
            learn_completion(observations.filter(pl.col("day") < day - timedelta(days=settle_days))),
        ).drop_nulls("projected")
        for day in days
    ]
    settled = pl.col("settled_value")
    return (
        pl.concat(scored)
        .group_by(_GROUP)
        .agg(
            pl.col("day").n_unique().alias("days"),
            pl.len().alias("entity_days"),
            ((pl.col("value") - settled).abs().sum() / settled.sum()).alias("error_unprojected"),
            ((pl.col("projected") - settled).abs().sum() / settled.sum()).alias("error_projected"),
            settled.is_between(pl.col("projected_low"), pl.col("projected_high")).mean().alias("coverage"),
        )
        .with_columns(enough=(pl.col("days") >= LEAST_DAYS) & (pl.col("entity_days") >= LEAST_ENTITY_DAYS))
        .sort(_GROUP)
        if scored
        else pl.DataFrame(schema=[*_GROUP, "days", "entity_days", *_SCORES, "enough"])
    )


def _development_factors(observations: pl.DataFrame) -> pl.DataFrame:
    """By what a platform's total grows from each age to the next it was read at, and from the last to settled.

    Only entity-days read at both ages count towards a factor, so that a day missed by an outage distorts none.
    """
    following = (
        observations.select("platform", "metric", "age_hours")
        .unique()
        .sort(_GROUP)
        .with_columns(next_age=pl.col("age_hours").shift(-1).over("platform", "metric"))
    )
    paired = (
        observations.join(following, on=_GROUP)
        .join(
            observations.select(*_PAIR, pl.col("age_hours").alias("next_age"), pl.col("value").alias("next_value")),
            on=[*_PAIR, "next_age"],
            how="left",
            nulls_equal=False,
        )
        .with_columns(next_value=pl.when(pl.col("next_age").is_null()).then("settled_value").otherwise("next_value"))
        .drop_nulls("next_value")
    )
    return paired.group_by(_GROUP).agg(factor=pl.col("next_value").sum() / pl.col("value").sum())


def _residual(projected: pl.Expr) -> pl.Expr:
    return (pl.col("settled_value") - projected) / projected.clip(lower_bound=1).sqrt()
