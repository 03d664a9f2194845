"""The metrics and their formulas, to the letter of ads-metrics.md (Metric definitions).

Ratios are computed from sums, never summed or averaged (rule 6 of the design). Each formula is stated once here,
as data; its value in Python, its text in SQL and its expression over a frame all come from that one statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import polars as pl

ADDITIVE: Final = ("spend", "impressions", "clicks", "conversions", "conversion_value")
"""Measures that may be summed over days and entities of one currency. ``conversion_value`` sums its known values."""

NON_ADDITIVE: Final = ("reach", "frequency")
"""As reported; a coarser grain shows the API's own figure for that grain, or null (rule 7)."""

MEASURES: Final = ADDITIVE + NON_ADDITIVE
"""What the warehouse stores per entity and day."""

COUNTS: Final = ("impressions", "clicks", "conversions", "reach")
"""Whole numbers, never negative."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """``numerator / max(denominator, floor) * factor``; null where either side is unknown."""

    name: str
    numerator: str
    denominator: str
    floor: Decimal
    unit: str
    factor: int = 1

    def value(self, numerator: Decimal | int | None, denominator: Decimal | int | None) -> float | None:
        """The ratio of two sums as a double, or None where either is unknown (a null ROAS is not zero)."""
        if numerator is None or denominator is None:
            return None
        return float(numerator) / float(max(Decimal(denominator), self.floor)) * self.factor

    def expression(self, numerator: pl.Expr | None = None) -> pl.Expr:
        """The same over a frame's columns of the same names, as column ``recomputed``; null where either is unknown.

        ``numerator`` may stand in for the column.
        """
        denominator = pl.col(self.denominator).cast(pl.Float64).clip(lower_bound=float(self.floor))
        ratio = (pl.col(self.numerator) if numerator is None else numerator) / denominator * self.factor
        return ratio.alias("recomputed")

    def sql(self) -> str:
        """The same in SQL over columns (or macro parameters) of the same names, as DOUBLE.

        The CASE is there because SQL's ``greatest`` skips nulls and would turn an unknown denominator into the floor.
        """
        scale = f" * {self.factor}" if self.factor != 1 else ""
        return (
            f"CASE WHEN {self.denominator} IS NOT NULL"
            f" THEN {self.numerator}::DOUBLE / greatest({self.denominator}, {self.floor})::DOUBLE{scale} END"
        )


RATIOS: Final = (
    Ratio("cpa", "spend", "conversions", Decimal(1), "currency of the row per conversion"),
    Ratio("cpc", "spend", "clicks", Decimal(1), "currency of the row per click"),
    Ratio("cpm", "spend", "impressions", Decimal(1), "currency of the row per 1000 impressions", factor=1000),
    Ratio("ctr", "clicks", "impressions", Decimal(1), "ratio"),
    Ratio("roas", "conversion_value", "spend", Decimal("0.01"), "ratio"),
)
"""cpa, cpc, cpm, ctr, roas: the API's normalised definitions."""

ROAS: Final = RATIOS[-1]

API_METRICS: Final = (
    "spend",
    "impressions",
    "clicks",
    "conversions",
    "cpa",
    "cpc",
    "cpm",
    "ctr",
    "roas",
    "reach",
    "frequency",
)
"""The eleven metrics the endpoint knows. Asked for explicitly, since the default bundle differs by scope."""

PRIMITIVES: Final = ("spend", "impressions", "clicks", "conversions")
"""What every platform reports, and the API computes the ratios from: never done without."""

META_ONLY: Final = ("frequency",)
PLATFORMS: Final = frozenset({"meta_ads", "tiktok_ads", "apple_ads"})
"""As the API spells them. What a listing spells otherwise proves nothing against what an answer says."""

NOT_META: Final = PLATFORMS - {"meta_ads"}
"""Frequency is a Meta-only primitive: null on TikTok and Apple, or refused."""

GRANULARITIES: Final = ("day", "week")
"""``hour`` is not supported by the endpoint (Notes)."""


def metrics_of(platform: str | None) -> tuple[str, ...]:
    """The metrics to ask for; all of them where the platform is not known."""
    return tuple(name for name in API_METRICS if platform not in NOT_META or name not in META_ONLY)


CONVERSION_VALUE_PLACES: Final = Decimal("0.0001")


def sum_of_known(*counts: int | None) -> int | None:
    """Of those that are known; None where none is: unknown is not zero."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def derive_conversion_value(spend: Decimal | None, roas: Decimal | None) -> Decimal | None:
    """``roas * max(spend, 0.01)`` in the account's currency, to four decimals; null where ROAS is null.

    The endpoint has no conversion value among its metrics; it follows from ROAS to the rounding of ROAS
    (layers-api.md, What the numbers mean).
    """
    if spend is None or roas is None:
        return None
    return (roas * max(spend, ROAS.floor)).quantize(CONVERSION_VALUE_PLACES)
