"""Weeks and months of campaigns and accounts; days, weeks and months of platforms and projects: views in ``marts``.

Every one has currency in its grain (rule 8), ratios computed from its sums (rule 6), and no reach of its own making
(rule 7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from layers_etl.domain.metrics import ADDITIVE, COUNTS, PRIMITIVES, RATIOS, ROAS
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.warehouse.sql import count_sum, load_sql, same, scope_sql
from layers_etl.warehouse.tables import in_account, quote, ratio_comment


@dataclass(frozen=True, slots=True)
class Period:
    """What days are gathered into: the column that holds it, how it follows from a day, and where it ends."""

    suffix: str
    column: str
    of_day: str
    end: str
    in_words: str


DAY: Final = Period("daily", "day", "day", "day + 1", "UTC day")
WEEK: Final = Period("weekly", "week", "date_trunc('week', day)::DATE", "week + 7", "ISO week (Monday to Sunday, UTC)")
MONTH: Final = Period(
    "monthly", "month", "date_trunc('month', day)::DATE", "(month + INTERVAL 1 MONTH)::DATE", "calendar month (UTC)"
)

ENTITY_ROLLUPS: Final = tuple((scope, period) for scope in (CAMPAIGN, AD_ACCOUNT) for period in (WEEK, MONTH))
ACCOUNT_ROLLUPS: Final = tuple(
    (name, keys, period)
    for name, keys in (("platform", ("project_id", "platform", "currency")), ("project", ("project_id", "currency")))
    for period in (DAY, WEEK, MONTH)
)
ROLLUP_VIEWS: Final = (
    *(f"{scope.name}_{period.suffix}" for scope, period in ENTITY_ROLLUPS),
    *(f"{name}_{period.suffix}" for name, _, period in ACCOUNT_ROLLUPS),
)
"""Names of all of them, in schema ``marts``."""

PAIRED_RATIOS: Final = tuple(ratio for ratio in RATIOS if ratio is not ROAS)
"""A day that knows one side alone says nothing of these. ROAS is over all spend, whether or not a value is known (rule
6)."""

_RATIO_COLUMNS: Final = ", ".join(
    f"marts.{ratio.name}({ratio.name}_numerator, {ratio.name}_denominator) AS {ratio.name}"
    if ratio in PAIRED_RATIOS
    else f"marts.{ratio.name}({ratio.numerator}, {ratio.denominator}) AS {ratio.name}"
    for ratio in RATIOS
)

_MAY_BE_UNKNOWN: Final = frozenset({"platform", "currency"})
_NO_REACH: Final = "NULL::BIGINT AS reach, NULL::DOUBLE AS frequency"
_NO_REACH_TOLD: Final = (
    "Always null: people are counted once, so no sum of days or entities gives it, and the API reports none for this "
    "grain."
)
_REPORTED_REACH: Final = (
    "People reached in the week, as the API reports it for the week; null: not read, or none reported. Not additive."
)
_REPORTED_FREQUENCY: Final = (
    "Impressions per person reached in the week, as the API reports it for the week; Meta only. Not additive."
)


_SUMMED: Final = {
    AD_ACCOUNT: "the ad accounts'' own numbers (not of their campaigns''; marts.reconciliation holds these together)",
    CAMPAIGN: "the campaigns'' numbers, since the ad accounts'' own are not read",
}


def rollup_views(summed: Scope) -> Iterable[str]:
    """The SQL that creates each, with the comments that are not the columns' usual ones.

    ``summed`` are what platforms and projects are sums of: ad accounts or, where these are not read, campaigns.
    """
    for scope, period in ENTITY_ROLLUPS:
        yield _entity_rollup(scope, period)
    for name, keys, period in ACCOUNT_ROLLUPS:
        yield _account_rollup(name, keys, period, summed)


def _entity_rollup(scope: Scope, period: Period) -> str:
    view = f"{scope.name}_{period.suffix}"
    has_reach = period is WEEK
    return scope_sql(
        "views/entity_rollup",
        scope,
        view=view,
        period=period.column,
        period_of_day=period.of_day,
        period_end=period.end,
        period_in_words=period.in_words,
        noun=scope.noun,
        sums=_sums(),
        additive=", ".join(ADDITIVE),
        rollup_ratios=_RATIO_COLUMNS,
        reach="reported.reach, reported.frequency" if has_reach else _NO_REACH,
        reach_join=f"LEFT JOIN ads.{scope.weekly_reach_table} AS reported ON reported.week = counted.week AND "
        + same(scope.key_columns, "reported", "counted")
        if has_reach
        else "",
        comments=_comments(view, period, has_reach=has_reach) + (_account_comment(view) if in_account(scope) else ""),
    )


def _account_rollup(name: str, keys: tuple[str, ...], period: Period, summed: Scope) -> str:
    view = f"{name}_{period.suffix}"
    return load_sql("views/account_rollup").format(
        view=view,
        scope=summed.name,
        mart=f"marts.{summed.daily_mart}",
        id_column=summed.id_column,
        numbers=_SUMMED[summed],
        keys=", ".join(keys),
        summed_keys=", ".join(f"sums.{key}" for key in keys),
        entity_is_summed=same(keys, "entity", "sums", nullable=_MAY_BE_UNKNOWN),
        readings_are_of_sums=same(keys, "readings", "sums", nullable=_MAY_BE_UNKNOWN),
        period=period.column,
        period_of_day=period.of_day,
        period_end=period.end,
        period_in_words=period.in_words,
        grain_in_words=", ".join(key.removesuffix("_id") for key in keys),
        sums=_sums(),
        additive=", ".join(ADDITIVE),
        ratios=_RATIO_COLUMNS,
        reach=_NO_REACH,
        comments=_comments(view, period, summed=summed),
    )


def _account_comment(view: str) -> str:
    return (
        f"COMMENT ON COLUMN marts.{view}.ad_account_id IS "
        "'The ad account that it belongs to now. Each day keeps the one that it was spent in: marts.campaign_daily.';"
    )


def _sums() -> str:
    """``sum`` skips nulls: each is the sum of the known values, null where none is known."""
    all_known = " AND ".join(f"{name} IS NOT NULL" for name in PRIMITIVES)
    return ",\n    ".join(
        [
            *(f"{count_sum(f'sum({name})') if name in COUNTS else f'sum({name})'} AS {name}" for name in ADDITIVE),
            *(
                f"sum({one}) FILTER (WHERE {other} IS NOT NULL) AS {ratio.name}_{side}"
                for ratio in PAIRED_RATIOS
                for side, one, other in (
                    ("numerator", ratio.numerator, ratio.denominator),
                    ("denominator", ratio.denominator, ratio.numerator),
                )
            ),
            "count(*) AS entity_days",
            f"count(*) FILTER (WHERE {all_known}) AS entity_days_complete",
        ]
    )


def _comments(view: str, period: Period, *, summed: Scope | None = None, has_reach: bool = False) -> str:
    return load_sql("views/rollup_comments").format(
        view=view,
        period=period.column,
        period_in_words=period.in_words,
        fewest=f"; of the {summed.noun} that lacks most" if summed else "",
        whose=f" of every {summed.noun}" if summed else "",
        ratios="\n".join(
            f"COMMENT ON COLUMN marts.{view}.{ratio.name} IS "
            f"{quote(f'{ratio_comment(ratio)} Over the days that know both sides.')};"
            for ratio in PAIRED_RATIOS
        ),
        days_of_what=f"days of its {summed.noun}s" if summed else "of its days",
        reach=_REPORTED_REACH if has_reach else _NO_REACH_TOLD,
        frequency=_REPORTED_FREQUENCY if has_reach else _NO_REACH_TOLD,
    )
