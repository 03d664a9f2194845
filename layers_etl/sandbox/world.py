"""The simulated world: who advertises, and what every entity's numbers are at any instant.

Entities follow from the seed and their place; their numbers from the entity and the day (`activity`). What is kept is
only what was edited, and sums of settled days.
"""

from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import blake2b
from random import Random
from typing import Final, TypeVar, Unpack

from typing_extensions import TypedDict  # that of `typing` cannot be validated by pydantic before Python 3.12

from layers_etl.sandbox.activity import DAY, NOTHING, SETTLING, Activity, activity_of, day_start, share, total
from layers_etl.sandbox.catalogue import ACCOUNT_KINDS, CAMPAIGN_KINDS, PROJECT_NAMES
from layers_etl.sandbox.entities import Account, Ad, AdSet, Campaign, Platform, Project, Scope

ORGANIZATION: Final = "org_01JNORTHWIND00000000000000"
CHILD_ORGANIZATION: Final = "org_01JNORTHWINDCHILD00000000"
"""A child of `ORGANIZATION`, with one project of its own: what another organisation's key must not see."""

ALL_PLATFORMS: Final = frozenset(Platform)
_CHILD_CAMPAIGNS: Final = 8
_CROCKFORD: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")

Entity = Project | Account | Campaign | AdSet | Ad
_Child = TypeVar("_Child", AdSet, Ad)
_Edited = TypeVar("_Edited", Project, Account, Campaign)


class Numbers(TypedDict, total=False):
    """Numbers to put in place of a day's own; those left out stay."""

    spend_cents: int
    impressions: int
    clicks: int
    conversions: int
    value_cents: int | None


@dataclass(frozen=True)
class WorldConfig:
    """What the world is made of. The same configuration is the same world.

    `accounts` per project cycle through the three platforms and five currencies, `campaigns` per account through eight
    kinds. `starts_at` is the midnight before which nothing has happened; the kinds are laid out for a clock that starts
    about 120 days later: by then some campaigns have ended, and one is about to start.
    """

    seed: int = 7
    projects: int = 1
    accounts: int = 3
    campaigns: int = 8
    starts_at: datetime = datetime(2025, 12, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DayBucket:
    """One day of a series: served `copies` times, not at all if 0."""

    day: int
    activity: Activity
    copies: int = 1


@dataclass(frozen=True)
class _DayOverride:
    copies: int
    numbers: Numbers


class World:
    """All entities of two organisations, their edits, and the truth about every day.

    Lookups return None for what is not there. `at` is always the instant of reading: the same question at the same
    instant has the same answer until the world is edited. Edits hold at once and for every instant, earlier ones too.
    """

    def __init__(self, config: WorldConfig = WorldConfig()) -> None:
        """Lay out the ids of the world; entities are made when first asked for."""
        self.config = config
        self._first_day = config.starts_at.astimezone(UTC).toordinal()
        self._projects: dict[str, Project] = {}
        self._accounts: dict[str, Account] = {}
        self._accounts_of: dict[str, list[str]] = {}
        self._campaigns_of: dict[str, list[str]] = {}
        self._places: dict[str, tuple[str, int]] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._removed: set[str] = set()
        self._overrides: dict[tuple[Scope, str, int], _DayOverride] = {}
        self._restated: dict[tuple[str, int], Numbers] = {}
        self._settled_sums: dict[tuple[str, int], Activity | None] = {}
        for number in range(config.projects):
            self._found_project(ORGANIZATION, number, config.campaigns)
        self._found_project(CHILD_ORGANIZATION, config.projects, min(config.campaigns, _CHILD_CAMPAIGNS))

    # Who is there

    def projects(self, organization_id: str) -> list[Project]:
        """The organisation's projects, in a stable order."""
        return [project for project in self._projects.values() if project.organization_id == organization_id]

    def accounts(self, project_id: str) -> list[Account]:
        """The project's ad accounts, in a stable order."""
        return [self._accounts[account_id] for account_id in self._accounts_of[project_id]]

    def campaigns(self, project_id: str, at: datetime) -> Iterator[Campaign]:
        """The project's campaigns that exist at `at`, account by account, in a stable order."""
        today = _day_of(at)
        for account_id in self._accounts_of[project_id]:
            for campaign_id in self._campaigns_of[account_id]:
                campaign = self._campaign(campaign_id)
                if campaign.first_day - 2 <= today and campaign_id not in self._removed:
                    yield campaign

    def adsets(self, campaign: Campaign) -> list[AdSet]:
        """The campaign's ad sets."""
        return [AdSet(campaign, index) for index in range(len(campaign.adset_weights))]

    def ads(self, adset: AdSet) -> list[Ad]:
        """The ad set's ads; none on Apple, whose hierarchy ends at the ad set."""
        if adset.campaign.platform is Platform.APPLE:
            return []
        return [Ad(adset, index) for index in range(len(adset.campaign.ad_weights))]

    def project(self, project_id: str) -> Project | None:
        """The project of that id."""
        return self._projects.get(project_id)

    def find(self, scope: Scope, entity_id: str, at: datetime) -> Entity | None:
        """The entity of that id as it can be seen at `at`: neither removed nor still to be created."""
        match scope:
            case Scope.PROJECT:
                return self._projects.get(entity_id)
            case Scope.AD_ACCOUNT:
                return self._accounts.get(entity_id)
            case Scope.CAMPAIGN:
                return self._visible_campaign(entity_id, at)
            case Scope.ADSET:
                campaign = self._visible_campaign(f"cmp_{entity_id[4:30]}", at)
                return _by_id(self.adsets(campaign) if campaign else [], entity_id)
            case Scope.AD:
                adset = self.find(Scope.ADSET, f"adg_{entity_id[3:31]}", at)
                return _by_id(self.ads(adset) if isinstance(adset, AdSet) else [], entity_id)

    # What they did

    def activity(self, scope: Scope, entity_id: str, day: date, at: datetime) -> Activity | None:
        """The exact numbers served for that UTC day when read at `at`: integer cents and counts; None if no bucket.

        LookupError if there is no such entity at `at`.
        """
        buckets = self.series(scope, entity_id, day.toordinal(), day.toordinal() + 1, at)
        return buckets[0].activity if buckets and buckets[0].copies else None

    def settled_campaign_day(self, campaign_id: str, day: date) -> Activity | None:
        """The campaign's final numbers of that UTC day, as served from its close + 72 h on; None if no bucket."""
        settled_at = day_start(day.toordinal()) + DAY + SETTLING
        return self.activity(Scope.CAMPAIGN, campaign_id, day, datetime.fromtimestamp(settled_at, UTC))

    def series(
        self,
        scope: Scope,
        entity_id: str,
        first_day: int,
        end_day: int,
        at: datetime,
        *,
        platforms: frozenset[Platform] = ALL_PLATFORMS,
    ) -> list[DayBucket]:
        """The entity's day buckets in `[first_day, end_day)` (ordinals) as read at `at`, in order.

        `platforms` slices accounts and projects. LookupError if there is no such entity at `at`.
        """
        entity = self.find(scope, entity_id, at)
        if entity is None:
            raise LookupError(f"no {scope} {entity_id} at {at.isoformat()}")
        activity_on = self._reader(entity, int(at.timestamp()), platforms)
        buckets: list[DayBucket] = []
        # Nothing has happened before the world began, and nothing will have happened after `at`.
        for day in range(max(first_day, self._first_day), min(end_day, _day_of(at) + 1)):
            activity = activity_on(day)
            override = self._overrides.get((scope, entity_id, day)) if self._overrides else None
            if override is not None:
                buckets.append(DayBucket(day, _replaced(activity or NOTHING, override.numbers), override.copies))
            elif activity is not None:
                buckets.append(DayBucket(day, activity))
        return buckets

    def _reader(self, entity: Entity, at: int, platforms: frozenset[Platform]) -> Callable[[int], Activity | None]:
        """The function from a day to the entity's activity at `at`."""
        match entity:
            case Project():
                accounts = [account for account in self.accounts(entity.id) if account.platform in platforms]
                return lambda day: _sum(self._account_day(account.id, day, at) for account in accounts)
            case Account():
                return lambda day: self._account_day(entity.id, day, at) if entity.platform in platforms else None
            case Campaign():
                return lambda day: self._campaign_day(entity, day, at)
            case AdSet():
                return lambda day: self._adset_day(entity, day, at)
            case Ad():
                weights = entity.adset.campaign.ad_weights
                return lambda day: _part(self._adset_day(entity.adset, day, at), weights, entity.index)

    def _account_day(self, account_id: str, day: int, at: int) -> Activity | None:
        """The sum of the account's campaigns; removed ones still count, for what was spent stays spent."""
        settled = at >= day_start(day) + DAY + SETTLING
        sums, key = self._settled_sums, (account_id, day)
        if settled and key in sums:
            return sums[key]
        campaigns = (self._campaign(campaign_id) for campaign_id in self._campaigns_of[account_id])
        activity = _sum(self._campaign_day(campaign, day, at) for campaign in campaigns)
        if settled:
            sums[key] = activity
        return activity

    def _campaign_day(self, campaign: Campaign, day: int, at: int) -> Activity | None:
        activity = activity_of(campaign, day, at)
        if activity is not None and self._restated:
            return _replaced(activity, self._restated.get((campaign.id, day), {}))
        return activity

    def _adset_day(self, adset: AdSet, day: int, at: int) -> Activity | None:
        return _part(self._campaign_day(adset.campaign, day, at), adset.campaign.adset_weights, adset.index)

    # What changes

    def update_project(self, project_id: str, *, name: str | None = None, status: str | None = None) -> None:
        """Rename a project or change its status (active, archived); KeyError if there is none."""
        self._projects[project_id] = _changed(self._projects[project_id], name=name, status=status)

    def update_account(
        self,
        account_id: str,
        *,
        name: str | None = None,
        currency: str | None = None,
        timezone: str | None = None,
        token_status: str | None = None,
    ) -> None:
        """Change what is told of an account; its amounts stay the same digits. KeyError if there is none."""
        changes = {"name": name, "currency": currency, "timezone": timezone, "token_status": token_status}
        self._accounts[account_id] = _changed(self._accounts[account_id], **changes)

    def update_campaign(
        self,
        campaign_id: str,
        *,
        name: str | None = None,
        status: str | None = None,
        daily_budget_cents: int | None = None,
    ) -> None:
        """Change what is told of a campaign; its numbers stay. KeyError if there is none."""
        campaign = self._campaign(campaign_id)
        changes = {"name": name, "set_status": status, "daily_budget_cents": daily_budget_cents}
        self._campaigns[campaign_id] = _changed(campaign, **changes)

    def remove_campaign(self, campaign_id: str) -> None:
        """Take a campaign off the lists and answer 404 for it and its children; KeyError if there is none."""
        self._removed.add(self._campaign(campaign_id).id)

    def restore_campaign(self, campaign_id: str) -> None:
        """Undo `remove_campaign`."""
        self._removed.discard(campaign_id)

    def add_campaign(
        self, account_id: str, *, first_day: date, end_day: date | None = None, name: str | None = None
    ) -> str:
        """Add a campaign that runs on `[first_day, end_day)` to an account and return its id.

        Like every campaign it is listed from two days before it starts; the parents' numbers include it from then on.
        KeyError if there is no such account, ValueError if the campaign would start before the world.
        """
        if first_day.toordinal() < self._first_day:
            raise ValueError(f"{first_day} lies before the start of the world, {self.config.starts_at:%Y-%m-%d}")
        campaign_id = self._place_campaign(account_id)
        campaign = replace(
            self._campaign(campaign_id),
            first_day=first_day.toordinal(),
            end_day=None if end_day is None else end_day.toordinal(),
            paused_from=None,
            archived_from=None,
        )
        self._campaigns[campaign_id] = _changed(campaign, name=name)
        self._settled_sums = {}
        return campaign_id

    def override_day(
        self, scope: Scope, entity_id: str, day: date, *, copies: int = 1, **numbers: Unpack[Numbers]
    ) -> None:
        """Serve other numbers for a day at this one scope only, so that parents and children disagree.

        The bucket is served `copies` times: 0 drops it, 2 doubles it (totals count it once).
        """
        self._overrides[scope, entity_id, day.toordinal()] = _DayOverride(copies, numbers)

    def restate_day(self, campaign_id: str, day: date, **numbers: Unpack[Numbers]) -> None:
        """Change a campaign's day after the fact, however old, for the campaign, its parents and its children."""
        self._restated[self._campaign(campaign_id).id, day.toordinal()] = numbers
        # A fresh dictionary, so that a sum being computed in another thread lands in the old one.
        self._settled_sums = {}

    # How it is made

    def _found_project(self, organization_id: str, number: int, campaigns: int) -> None:
        project_id = f"prj_{self._token('project', number)}"
        suffix = "" if number < len(PROJECT_NAMES) else f" {number + 1}"
        self._projects[project_id] = Project(
            id=project_id,
            organization_id=organization_id,
            name=PROJECT_NAMES[number % len(PROJECT_NAMES)] + suffix,
            status="active",
            created_at=self.config.starts_at,
            audience=200_000 + Random(project_id).randrange(400_000),
        )
        self._accounts_of[project_id] = [
            self._open_account(project_id, place, campaigns) for place in range(self.config.accounts)
        ]

    def _open_account(self, project_id: str, place: int, campaigns: int) -> str:
        account_id = self._token(project_id, place)
        kind = ACCOUNT_KINDS[place % len(ACCOUNT_KINDS)]
        self._accounts[account_id] = Account(
            id=account_id,
            project_id=project_id,
            platform=kind.platform,
            external_id=f"act_{Random(account_id).randrange(10**14, 10**15)}",
            name=kind.name,
            currency=kind.currency,
            timezone=kind.timezone,
            token_status="valid",
            connected_at=self.config.starts_at,
        )
        self._campaigns_of[account_id] = []
        for _ in range(campaigns):
            _ = self._place_campaign(account_id)
        return account_id

    def _place_campaign(self, account_id: str) -> str:
        place = len(self._campaigns_of[account_id])
        campaign_id = f"cmp_{self._token(account_id, place)}"
        self._places[campaign_id] = (account_id, place)
        self._campaigns_of[account_id].append(campaign_id)
        return campaign_id

    def _campaign(self, campaign_id: str) -> Campaign:
        """The campaign of that id, seen or not; KeyError if there is none."""
        campaign = self._campaigns.get(campaign_id)
        if campaign is None:
            account_id, place = self._places[campaign_id]
            campaign = self._campaigns[campaign_id] = self._make_campaign(campaign_id, account_id, place)
        return campaign

    def _make_campaign(self, campaign_id: str, account_id: str, place: int) -> Campaign:
        account = self._accounts[account_id]
        generation, kind_number = divmod(place, len(CAMPAIGN_KINDS))
        kind = CAMPAIGN_KINDS[kind_number]
        random = Random(campaign_id)
        # The first of each kind keeps to the calendar of its kind; later ones are spread over the weeks after it.
        start = self._first_day + (random.randrange(45) if generation else 0)
        pace = int(kind.pace_cents * random.uniform(0.7, 1.4))
        return Campaign(
            id=campaign_id,
            project_id=account.project_id,
            account_id=account_id,
            platform=account.platform,
            external_id=str(random.randrange(10**16, 10**17)),
            name=f"{kind.name} #{generation + 1}" if generation else kind.name,
            objective=kind.objective,
            daily_budget_cents=-(-pace * 5 // 4 // 500) * 500,
            first_day=start + kind.starts,
            end_day=None if kind.ends is None else start + kind.ends,
            paused_from=None if kind.paused is None else start + kind.paused,
            archived_from=None if kind.archived is None else start + kind.archived,
            pace_cents=pace,
            cpm_cents=random.randrange(600, 1300),
            click_rate=random.uniform(0.011, 0.022),
            conversion_rate=random.uniform(0.025, 0.05),
            order_value_cents=kind.order_value_cents,
            idle_share=kind.idle_share,
            adset_weights=tuple(random.randrange(1, 10) for _ in range(random.randrange(1, 4))),
            ad_weights=tuple(random.randrange(1, 10) for _ in range(random.randrange(1, 4))),
        )

    def _visible_campaign(self, campaign_id: str, at: datetime) -> Campaign | None:
        if campaign_id not in self._places or campaign_id in self._removed:
            return None
        campaign = self._campaign(campaign_id)
        return campaign if campaign.first_day - 2 <= _day_of(at) else None

    def _token(self, *path: object) -> str:
        """Twenty-six characters that look like a ULID and follow from the seed and the path."""
        key = "/".join(map(str, (self.config.seed, *path)))
        return b32encode(blake2b(key.encode(), digest_size=16).digest()).translate(_CROCKFORD)[:26].decode()


def _day_of(at: datetime) -> int:
    return at.astimezone(UTC).toordinal()


def _by_id(children: Iterable[_Child], entity_id: str) -> _Child | None:
    return next((child for child in children if child.id == entity_id), None)


def _sum(parts: Iterable[Activity | None]) -> Activity | None:
    """The sum of the buckets there are; None if there are none."""
    buckets = [part for part in parts if part is not None]
    return total(buckets) if buckets else None


def _part(whole: Activity | None, weights: Sequence[int], index: int) -> Activity | None:
    return None if whole is None else share(whole, weights, index)


def _replaced(activity: Activity, numbers: Numbers) -> Activity:
    return activity._replace(**numbers)


def _changed(entity: _Edited, **changes: object) -> _Edited:
    """The entity with the changes that were given; None means not given."""
    return replace(entity, **{field: value for field, value in changes.items() if value is not None})
