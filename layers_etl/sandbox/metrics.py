"""The eleven metrics of `ads-metrics`, their default bundles and their formulas, to the letter of the page.

Every ratio is computed from the primitives as they are served, so that a client that computes it anew from `spend`,
`impressions`, `clicks` and `conversions` gets the same number to the rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, expm1
from typing import Final

from layers_etl.sandbox.activity import Activity
from layers_etl.sandbox.entities import Platform, Scope
from layers_etl.sandbox.errors import ApiError, validation

Number = float | int | None

RATIO_DIGITS: Final = 2
"""Decimals of money per something, of roas and of frequency, as the vendor's samples show them; spend has two too."""

FRACTION_DIGITS: Final = 4
"""Decimals of ctr: a fraction of 0.0254, as in the page's example, would be 0.03 with two."""


class Metric(StrEnum):
    """What one can ask for. Conversion value is not among them: it follows from roas."""

    SPEND = "spend"
    IMPRESSIONS = "impressions"
    CLICKS = "clicks"
    CONVERSIONS = "conversions"
    CPA = "cpa"
    CPC = "cpc"
    CPM = "cpm"
    CTR = "ctr"
    ROAS = "roas"
    REACH = "reach"
    FREQUENCY = "frequency"


ORGANIC: Final = frozenset(
    {"views", "watch_time_ms", "engagement_rate", "likes", "comments", "shares", "saves", "followers"}
)

_ENTITY_BUNDLE: Final = (
    Metric.SPEND,
    Metric.IMPRESSIONS,
    Metric.CLICKS,
    Metric.CONVERSIONS,
    Metric.CPA,
    Metric.ROAS,
)
_ROLLUP_BUNDLE: Final = (Metric.SPEND, Metric.CONVERSIONS, Metric.CPA, Metric.ROAS)
DEFAULT_BUNDLES: Final[Mapping[Scope, Sequence[Metric]]] = {
    Scope.AD: _ENTITY_BUNDLE,
    Scope.ADSET: _ENTITY_BUNDLE,
    Scope.CAMPAIGN: _ENTITY_BUNDLE,
    Scope.AD_ACCOUNT: _ROLLUP_BUNDLE,
    Scope.PROJECT: _ROLLUP_BUNDLE,
}

_PRIMITIVES_OF: Final[Mapping[Metric, Sequence[Metric]]] = {
    Metric.CPA: (Metric.SPEND, Metric.CONVERSIONS),
    Metric.CPC: (Metric.SPEND, Metric.CLICKS),
    Metric.CPM: (Metric.SPEND, Metric.IMPRESSIONS),
    Metric.CTR: (Metric.IMPRESSIONS, Metric.CLICKS),
    Metric.ROAS: (Metric.SPEND,),
}
_FUNNEL: Final = (Metric.IMPRESSIONS, Metric.CLICKS, Metric.CTR)


@dataclass(frozen=True, slots=True)
class Market:
    """Whom the ads reach: the size of the project's audience, and the platform if there is a single one."""

    audience: int
    platform: Platform | None


def parse_metrics(names: Sequence[str], scope: Scope) -> Sequence[Metric]:
    """The metrics asked for, or the default bundle of the scope; VALIDATION on an organic or unknown one."""
    return [_parse_metric(name) for name in dict.fromkeys(names)] or DEFAULT_BUNDLES[scope]


def series_metrics(asked: Sequence[Metric]) -> Sequence[Metric]:
    """What a bucket shows: the metrics asked for and, as in the page's example, the primitives of their ratios."""
    shown = {primitive for metric in asked for primitive in _PRIMITIVES_OF.get(metric, ())}.union(asked)
    return [metric for metric in Metric if metric in shown]


def totals_metrics(asked: Sequence[Metric]) -> Sequence[Metric]:
    """What the totals show: as a bucket and, as in the page's example, impressions, clicks and ctr in any case."""
    shown = series_metrics(asked)
    return [*shown, *(metric for metric in _FUNNEL if metric not in shown)]


def wire(activity: Activity, metrics: Sequence[Metric], market: Market) -> dict[str, Number]:
    """The metrics of some days' activity as served: spend in the account's currency, counts, ratios."""
    return {metric.value: _FORMULAS[metric](activity, market) for metric in metrics}


def reach(impressions: int, audience: int) -> int:
    """How many people saw at least one of so many impressions, each shown to anyone of the audience.

    It depends on the impressions alone and bends downwards, hence what holds of real reach holds at every scope and
    granularity: a whole reaches no fewer than any of its parts and no more than all of them together. Rounding up
    keeps it so.
    """
    return min(impressions, ceil(-audience * expm1(-impressions / audience)))


def _parse_metric(name: str) -> Metric:
    if name in ORGANIC:
        raise organic_only(name)
    try:
        return Metric(name)
    except ValueError:
        raise validation(f"Unknown metric '{name}'. Use one of: {', '.join(Metric)}.") from None


def organic_only(name: str) -> ApiError:
    """The refusal of an organic metric, in the page's words."""
    return validation(f"Metric '{name}' is organic-only. Use /v1/metrics.")


def _spend(activity: Activity, _: Market) -> float:
    return activity.spend_cents / 100


def _cpa(activity: Activity, _: Market) -> float:
    return round(activity.spend_cents / 100 / max(activity.conversions, 1), RATIO_DIGITS)


def _cpc(activity: Activity, _: Market) -> float:
    return round(activity.spend_cents / 100 / max(activity.clicks, 1), RATIO_DIGITS)


def _cpm(activity: Activity, _: Market) -> float:
    return round(activity.spend_cents / 100 / max(activity.impressions, 1) * 1000, RATIO_DIGITS)


def _ctr(activity: Activity, _: Market) -> float:
    return round(activity.clicks / max(activity.impressions, 1), FRACTION_DIGITS)


def _roas(activity: Activity, _: Market) -> float | None:
    if activity.value_cents is None:
        return None
    return round(activity.value_cents / 100 / max(activity.spend_cents / 100, 0.01), RATIO_DIGITS)


def _reach(activity: Activity, market: Market) -> int:
    return reach(activity.impressions, market.audience)


def _frequency(activity: Activity, market: Market) -> float | None:
    if market.platform is not Platform.META:
        return None
    return round(activity.impressions / max(reach(activity.impressions, market.audience), 1), RATIO_DIGITS)


_FORMULAS: Final[Mapping[Metric, Callable[[Activity, Market], Number]]] = {
    Metric.SPEND: _spend,
    Metric.IMPRESSIONS: lambda activity, _: activity.impressions,
    Metric.CLICKS: lambda activity, _: activity.clicks,
    Metric.CONVERSIONS: lambda activity, _: activity.conversions,
    Metric.CPA: _cpa,
    Metric.CPC: _cpc,
    Metric.CPM: _cpm,
    Metric.CTR: _ctr,
    Metric.ROAS: _roas,
    Metric.REACH: _reach,
    Metric.FREQUENCY: _frequency,
}
