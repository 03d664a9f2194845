"""The entities of the world and the shape each has on the wire. Campaign days are proleptic ordinals of UTC dates."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Platform(StrEnum):
    """The ad platforms, as the API spells them."""

    META = "meta_ads"
    TIKTOK = "tiktok_ads"
    APPLE = "apple_ads"


class Scope(StrEnum):
    """The kinds of entity `ads-metrics` can be asked about."""

    AD = "ad"
    ADSET = "adset"
    CAMPAIGN = "campaign"
    AD_ACCOUNT = "ad_account"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Organization:
    """Who keys belong to; `parent_id` is that of the organisation it is a child of."""

    id: str
    name: str
    status: str = "active"
    parent_id: str | None = None

    def wire(self) -> dict[str, object]:
        """An item of `GET /v1/organizations`."""
        return {"id": self.id, "name": self.name, "status": self.status}


@dataclass(frozen=True, slots=True)
class Project:
    """One end customer of an organisation. Its audience is the number of people its ads can reach at all."""

    id: str
    organization_id: str
    name: str
    status: str
    created_at: datetime
    audience: int
    customer_external_id: str
    timezone: str
    primary_language: str
    owner_email: str

    def wire(self) -> dict[str, object]:
        """An item of `GET /v1/projects`. It is never told when one was edited: edits hold for every instant."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "customerExternalId": self.customer_external_id,
            "timezone": self.timezone,
            "primaryLanguage": self.primary_language,
            "ownerEmail": self.owner_email,
            "createdAt": timestamp(self.created_at),
            "updatedAt": timestamp(self.created_at),
        }


@dataclass(frozen=True, slots=True)
class Account:
    """An ad account: one platform, one currency."""

    id: str
    project_id: str
    platform: Platform
    external_id: str
    name: str
    currency: str
    timezone: str
    token_status: str
    connected_at: datetime

    def wire(self, now: datetime) -> dict[str, object]:
        """An item of `GET …/ads/ad-accounts`."""
        return {
            "adAccountId": self.id,
            "platform": self.platform,
            "externalId": self.external_id,
            "name": self.name,
            "currency": self.currency,
            "timezone": self.timezone,
            "tokenStatus": self.token_status,
            "tokenLastValidatedAt": timestamp(now.replace(minute=0, second=0)),
            "connectedAt": timestamp(self.connected_at),
        }


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and the rates its days are drawn from.

    It runs on `[first_day, end_day)` (ordinals; no end if None) and delivers nothing from `paused_from` on. Its status
    follows from the date unless one was set. `pace_cents` is what it spends on an average day; the budget is only
    announced, so that changing it leaves the past alone. `order_value_cents` is None where no value is reported.
    """

    id: str
    project_id: str
    account_id: str
    platform: Platform
    external_id: str
    name: str
    objective: str
    daily_budget_cents: int
    first_day: int
    end_day: int | None
    paused_from: int | None
    archived_from: int | None
    pace_cents: int
    cpm_cents: int
    click_rate: float
    conversion_rate: float
    order_value_cents: int | None
    idle_share: float
    adset_weights: tuple[int, ...]
    ad_weights: tuple[int, ...]
    set_status: str | None = None

    @property
    def created_at(self) -> datetime:
        """A campaign is set up, and first listed, two days before it starts."""
        return midnight(self.first_day - 2)

    def runs_on(self, ordinal: int) -> bool:
        """Whether the day lies in the campaign's flight."""
        return self.first_day <= ordinal and (self.end_day is None or ordinal < self.end_day)

    def is_paused_on(self, ordinal: int) -> bool:
        """Whether the campaign stands paused on that day."""
        return self.paused_from is not None and self.paused_from <= ordinal

    def status_on(self, ordinal: int) -> str:
        """One of the statuses the API knows, on that day."""
        if self.set_status is not None:
            return self.set_status
        if self.archived_from is not None and self.archived_from <= ordinal:
            return "archived"
        if ordinal < self.first_day:
            return "in_review"
        return "active" if self.runs_on(ordinal) and not self.is_paused_on(ordinal) else "paused"

    def wire(self, now: datetime) -> dict[str, object]:
        """An item of `GET …/ads/campaigns`; budgets in integer cents."""
        return {
            "campaignId": self.id,
            "adAccountId": self.account_id,
            "platform": self.platform,
            "externalId": self.external_id,
            "name": self.name,
            "status": self.status_on(now.toordinal()),
            "objective": self.objective,
            "dailyBudgetCents": self.daily_budget_cents,
            "lifetimeBudgetCents": None,
            "createdAt": timestamp(self.created_at),
            "startTime": timestamp(midnight(self.first_day)),
            "endTime": None if self.end_day is None else timestamp(midnight(self.end_day)),
            "metricsSnapshot7d": {},
        }


@dataclass(frozen=True, slots=True)
class AdSet:
    """The ad set number `index` of a campaign (TikTok's and Apple's ad groups are ad sets too)."""

    campaign: Campaign
    index: int

    @property
    def id(self) -> str:
        """The campaign's id under another prefix and a number: it can be resolved without an index of ad sets."""
        return f"adg_{self.campaign.id.removeprefix('cmp_')}{self.index:02d}"

    def wire(self, now: datetime) -> dict[str, object]:
        """An item of `GET …/ads/adsets`."""
        campaign = self.campaign
        return {
            "adsetId": self.id,
            "campaignId": campaign.id,
            "adAccountId": campaign.account_id,
            "platform": campaign.platform,
            "externalId": f"{campaign.external_id}{self.index:02d}",
            "name": f"{campaign.name} | Set {self.index + 1}",
            "status": campaign.status_on(now.toordinal()),
            "dailyBudgetCents": campaign.daily_budget_cents
            * campaign.adset_weights[self.index]
            // sum(campaign.adset_weights),
            "lifetimeBudgetCents": None,
            "createdAt": timestamp(campaign.created_at),
        }


@dataclass(frozen=True, slots=True)
class Ad:
    """The ad number `index` of an ad set. Apple has none."""

    adset: AdSet
    index: int

    @property
    def id(self) -> str:
        """The ad set's id under another prefix and a number."""
        return f"ad_{self.adset.id.removeprefix('adg_')}{self.index:02d}"

    def wire(self, now: datetime) -> dict[str, object]:
        """An item of `GET …/ads/ads`."""
        campaign = self.adset.campaign
        return {
            "adId": self.id,
            "adsetId": self.adset.id,
            "campaignId": campaign.id,
            "adAccountId": campaign.account_id,
            "platform": campaign.platform,
            "externalId": f"{campaign.external_id}{self.adset.index:02d}{self.index:02d}",
            "adsContentId": f"adc_{self.id.removeprefix('ad_')}",
            "name": f"{campaign.name} | Set {self.adset.index + 1} | Ad {self.index + 1}",
            "status": campaign.status_on(now.toordinal()),
            "createdAt": timestamp(campaign.created_at),
        }


def timestamp(instant: datetime) -> str:
    """An instant as the API writes it: ISO 8601, UTC, whole seconds, with a Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def midnight(ordinal: int) -> datetime:
    """The instant a UTC day begins."""
    return datetime.fromordinal(ordinal).replace(tzinfo=UTC)
