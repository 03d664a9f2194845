"""The scopes of ads-metrics, one line each: what is listed, what is keyed by what, which tables hold it.

Adding a scope to the pipeline is adding its line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """One kind of ad entity; there is one object of each, in :data:`SCOPES`.

    ``name`` is the API's value of ``scope``; ``plural`` names the dimension table, its asset and the listing;
    ``api_id`` is the id's field on the wire; ``parents`` are the id columns of the entities above it; ``details`` are
    the other fields of :class:`~layers_etl.domain.entities.Entity` that its dimension has.
    """

    name: str
    plural: str
    api_id: str
    parents: tuple[str, ...]
    details: tuple[str, ...]

    @property
    def id_column(self) -> str:
        """The column that holds the entity's id."""
        return f"{self.name}_id"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The key of the dimension; with ``day`` that of the metrics. A project is its own key."""
        return tuple(dict.fromkeys(("project_id", self.id_column)))

    @property
    def noun(self) -> str:
        """What people call one of them."""
        return {"ad_account": "ad account", "adset": "ad set"}.get(self.name, self.name)

    @property
    def nouns(self) -> str:
        """What people call several of them."""
        return self.plural.replace("_", " ")

    @property
    def history_table(self) -> str:
        """Name of the table of the dimension's versions in schema ``ads``."""
        return f"{self.name}_history"

    @property
    def metrics_table(self) -> str:
        """Name of the table of daily primitives in schema ``ads``, and of its Dagster asset."""
        return f"{self.name}_metrics"

    @property
    def metrics_history_table(self) -> str:
        """Name of the table of superseded daily primitives in schema ``ads``."""
        return f"{self.name}_metrics_history"

    @property
    def weekly_reach_table(self) -> str:
        """Name of the table of the API's own weekly reach in schema ``ads``, and of its Dagster asset."""
        return f"{self.name}_reach_weekly"

    @property
    def weekly_reach_history_table(self) -> str:
        """Name of the table of superseded weekly reach in schema ``ads``."""
        return f"{self.name}_reach_weekly_history"

    @property
    def daily_mart(self) -> str:
        """Name of the table of daily primitives, names and ratios in schema ``marts``, and of its asset.

        ``project_daily`` is the rollup of the accounts with currency in its grain; what the API itself says of a
        project, which sums across currencies, stands beside it.
        """
        return "project_reported_daily" if self.name == "project" else f"{self.name}_daily"


_ACCOUNT_DETAILS = (
    "platform",
    "external_id",
    "name",
    "currency",
    "timezone",
    "token_status",
    "token_last_validated_at",
    "connected_at",
)
_ADVERT_DETAILS = ("platform", "external_id", "name", "status", "created_at")
_CAMPAIGN_DETAILS = (*_ADVERT_DETAILS, "objective", "daily_budget_cents", "lifetime_budget_cents")

PROJECT: Final = Scope("project", "projects", "projectId", (), ("name", "status", "created_at"))
AD_ACCOUNT: Final = Scope("ad_account", "ad_accounts", "adAccountId", (), _ACCOUNT_DETAILS)
CAMPAIGN: Final = Scope("campaign", "campaigns", "campaignId", ("ad_account_id",), _CAMPAIGN_DETAILS)
ADSET: Final = Scope("adset", "adsets", "adsetId", ("ad_account_id", "campaign_id"), _CAMPAIGN_DETAILS)
AD: Final = Scope("ad", "ads", "adId", ("ad_account_id", "campaign_id", "adset_id"), _ADVERT_DETAILS)

SCOPES: Final = {scope.name: scope for scope in (PROJECT, AD_ACCOUNT, CAMPAIGN, ADSET, AD)}
"""By name, parents before children: the order in which they are listed and read."""

DEFAULT_SCOPES: Final = (CAMPAIGN.name, AD_ACCOUNT.name)

WEEKLY_REACH_SCOPES: Final = (AD_ACCOUNT, CAMPAIGN)
"""Scopes whose weekly reach is read: reach does not add up over days, so a week's is only known by asking (rule 7)."""


def listed_scopes(scopes: Sequence[Scope]) -> list[Scope]:
    """Those that have an asset of their listing where ``scopes`` are read; accounts do, whatever is read."""
    return list(dict.fromkeys((AD_ACCOUNT, *(scope for scope in scopes if scope is not PROJECT))))
