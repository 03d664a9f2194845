"""The kinds of campaign, account and project the world is populated from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from layers_etl.sandbox.entities import Platform


@dataclass(frozen=True)
class CampaignKind:
    """A kind of campaign; days count from the start of the world, money is in cents."""

    name: str
    objective: str
    starts: int
    pace_cents: int
    ends: int | None = None
    paused: int | None = None
    archived: int | None = None
    order_value_cents: int | None = None
    idle_share: float = 0.02


CAMPAIGN_KINDS: Final[Sequence[CampaignKind]] = (
    CampaignKind("Always On | Prospecting | US", "SALES", starts=0, pace_cents=18_000, order_value_cents=6_400),
    CampaignKind("Lead Gen | Lookalike 2% | UK", "LEADS", starts=14, pace_cents=7_500),
    CampaignKind("Spring Sale | Prospecting | US", "SALES", starts=126, pace_cents=24_000, order_value_cents=5_200),
    CampaignKind("App Install | iOS 17+ | CA", "APP_INSTALLS", starts=40, pace_cents=12_500),
    CampaignKind(
        "Winter Clearance | Retargeting | DE", "SALES", starts=20, ends=112, pace_cents=9_000, order_value_cents=7_900
    ),
    CampaignKind("Brand Lift | Video Views | AU", "AWARENESS", starts=30, paused=115, pace_cents=6_000),
    CampaignKind(
        "Weekend Flash | Cart Abandoners | US",
        "SALES",
        starts=60,
        pace_cents=4_200,
        order_value_cents=4_800,
        idle_share=0.35,
    ),
    CampaignKind(
        "Fêtes de fin d'année | Broad | FR",
        "SALES",
        starts=5,
        ends=35,
        archived=60,
        pace_cents=31_000,
        order_value_cents=8_800,
    ),
)


@dataclass(frozen=True)
class AccountKind:
    """A kind of ad account."""

    platform: Platform
    name: str
    currency: str
    timezone: str


ACCOUNT_KINDS: Final[Sequence[AccountKind]] = (
    AccountKind(Platform.META, "Meta US", "USD", "America/New_York"),
    AccountKind(Platform.TIKTOK, "TikTok Europe", "EUR", "Europe/Berlin"),
    AccountKind(Platform.APPLE, "Apple Search Ads UK", "GBP", "Europe/London"),
    AccountKind(Platform.META, "Meta Australia", "AUD", "Australia/Sydney"),
    AccountKind(Platform.TIKTOK, "TikTok Canada", "CAD", "America/Toronto"),
)


@dataclass(frozen=True)
class ProjectKind:
    """A kind of end customer."""

    name: str
    timezone: str
    primary_language: str


PROJECT_KINDS: Final[Sequence[ProjectKind]] = (
    ProjectKind("Northwind Outfitters", "America/New_York", "en"),
    ProjectKind("Lumen Coffee", "Europe/Berlin", "de"),
    ProjectKind("Halcyon Games", "Asia/Tokyo", "ja"),
    ProjectKind("Fieldstone Home", "Europe/London", "en"),
)
