"""Numbers made by arithmetic: what the server serves, and what every table is held against afterwards.

Shares no code with the pipeline. A day's numbers grow until it is four days old, as platforms report late, and stand
from then on; an ad account's are the sums of its campaigns'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache

PROJECT = "prj_bench"
FIRST_MORNING = date(2025, 11, 28)
"""A Friday: by then the last whole week has settled, and the next morning closes none."""

PLATFORMS = ("meta_ads", "tiktok_ads", "apple_ads")
CAMPAIGNS_PER_ACCOUNT = 100
ONE_DAY = timedelta(days=1)
FINAL = 1000
SHARES = (400, 900, 960, 990)
"""In thousandths of the final numbers: of the running day, and of those one to three days old."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of an entity and a day, or sums of them; money in cents, ``value`` in hundredths of a cent."""

    impressions: int
    clicks: int
    conversions: int
    cents: int
    value: int
    reach: int


NOTHING = Numbers(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class World:
    """``campaigns`` that spend every day, for ``days`` before its first morning.

    With ``one_live_of``, of so many campaigns all but one have ended after the first week.
    """

    campaigns: int
    days: int
    one_live_of: int = 1

    @property
    def since(self) -> date:
        """The first day."""
        return FIRST_MORNING - self.days * ONE_DAY

    @property
    def until(self) -> date:
        """The day of the first morning: the first that has not closed by then."""
        return FIRST_MORNING

    def morning(self, number: int = 0) -> datetime:
        """Seven o'clock UTC, ``number`` days after the first morning."""
        return datetime.combine(self.until + number * ONE_DAY, time(7), timezone.utc)  # noqa: UP017 - runs on 3.10 too

    @property
    def accounts(self) -> int:
        """A hundred campaigns each."""
        return -(-self.campaigns // CAMPAIGNS_PER_ACCOUNT)

    def has_ended(self, campaign: int) -> bool:
        """Whether it is archived."""
        return campaign % self.one_live_of != 0

    def numbers(self, campaign: int, day: date, share: int) -> Numbers:
        """A campaign's day, of which ``share`` thousandths are known."""
        is_over = self.has_ended(campaign) and day >= self.since + 7 * ONE_DAY
        return NOTHING if is_over else numbers_of(campaign, day, share)

    def account_numbers(self, account: int, day: date, share: int) -> Numbers:
        """The same of an ad account."""
        first = account * CAMPAIGNS_PER_ACCOUNT
        step = 1 if day < self.since + 7 * ONE_DAY else self.one_live_of
        return account_numbers(range(first, min(first + CAMPAIGNS_PER_ACCOUNT, self.campaigns), step), day, share)


def campaign_id(campaign: int) -> str:
    """As the API spells it."""
    return f"cmp_{campaign:06}"


def account_id(account: int) -> str:
    """The same of an account."""
    return f"acc_{account:04}"


def platform_of(account: int) -> str:
    """Each third account is of the same platform."""
    return PLATFORMS[account % len(PLATFORMS)]


def share_of(day: date, today: date) -> int:
    """How much of a day is known, in thousandths."""
    age = (today - day).days
    return SHARES[age] if age < len(SHARES) else FINAL


def numbers_of(campaign: int, day: date, share: int) -> Numbers:
    """A campaign's day, of which ``share`` thousandths are known."""
    number = day.toordinal()
    impressions = 1000 + (campaign * 7919 + number * 104_729) % 9000
    clicks = impressions * (5 + (campaign + number) % 20) // 1000
    conversions = clicks // (3 + campaign % 5)
    cents = 100 + (campaign * 3007 + number * 1649) % 50_000
    impressions, clicks, conversions, cents = (
        each * share // FINAL for each in (impressions, clicks, conversions, cents)
    )
    return_on_spend = (campaign * 13 + number * 7) % 500
    return Numbers(impressions, clicks, conversions, cents, cents * return_on_spend, impressions * 9 // 10)


@lru_cache(maxsize=100_000)
def account_numbers(members: range, day: date, share: int) -> Numbers:
    """The sums of an account's campaigns; half of their reach is taken to be of the same people."""
    of_all = [numbers_of(campaign, day, share) for campaign in members]
    return _sum(of_all, reach=sum(each.reach for each in of_all) // 2)


def week_of(days: Sequence[Numbers]) -> Numbers:
    """The sums of a week's days; four in ten of their reach are taken to be of the same people."""
    reach = max(*(each.reach for each in days), sum(each.reach for each in days) * 6 // 10)
    return _sum(days, reach)


def _sum(parts: Sequence[Numbers], reach: int) -> Numbers:
    return Numbers(
        sum(each.impressions for each in parts),
        sum(each.clicks for each in parts),
        sum(each.conversions for each in parts),
        sum(each.cents for each in parts),
        sum(each.value for each in parts),
        reach,
    )


TRUTH_COLUMNS = ("campaign_id", "day", "cents", "impressions", "clicks", "conversions")


def truth(world: World, until: date, today: date) -> Iterator[Sequence[object]]:
    """Every campaign's days before ``until`` as they are served on ``today``, in :data:`TRUTH_COLUMNS`."""
    for campaign in range(world.campaigns):
        for offset in range((until - world.since).days):
            day = world.since + offset * ONE_DAY
            known = world.numbers(campaign, day, share_of(day, today))
            yield campaign_id(campaign), day, known.cents, known.impressions, known.clicks, known.conversions
