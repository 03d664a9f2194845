"""The simulated world: who advertises, and what every entity's numbers are at any instant.

Entities follow from the seed and their place; their numbers from the entity and the day (`activity`). What is kept is
only what was edited, and sums of settled days.
"""

from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from random import Random
from typing import Final, TypeVar, Unpack

from typing_extensions import TypedDict  # that of `typing` cannot be validated by pydantic before Python 3.12

from layers_etl.sandbox.activity import (
    DAY,
    NOTHING,
    SETTLING,
    Activity,
    activity_of,
    day_start,
    ordinal_at,
    share,
    total,
)
from layers_etl.sandbox.catalogue import ACCOUNT_KINDS, CAMPAIGN_KINDS, PROJECT_KINDS
from layers_etl.sandbox.copies import Copies, Pause
from layers_etl.sandbox.entities import Account, Ad, AdSet, Campaign, Organization, Platform, Project, Scope
from layers_etl.sandbox.ids import matches, with_prefix

ORGANIZATION: Final = "org_01JNORTHWIND00000000000000"
CHILD_ORGANIZATION: Final = "org_01JNORTHWINDCHILD00000000"
"""A child of `ORGANIZATION`, with one project of its own: what another organisation's key must not see."""

ORGANIZATIONS: Final = {
    ORGANIZATION: Organization(ORGANIZATION, "Northwind Agency"),
    CHILD_ORGANIZATION: Organization(CHILD_ORGANIZATION, "Northwind Retail", parent_id=ORGANIZATION),
}

ALL_PLATFORMS: Final = frozenset(Platform)
_CHILD_CAMPAIGNS: Final = 8
_BEFORE_THE_WORLD: Final = timedelta(days=365)
"""How long before anything happens the first project was founded; each further one an hour later."""
_CROCKFORD: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")

Entity = Project | Account | Campaign | AdSet | Ad
_Child = TypeVar("_Child", AdSet, Ad)
_Edited = TypeVar("_Edited", Project, Account, Campaign)


class Generation(StrEnum):
    """The generations of the vendor's documentation, where they differ in what is served."""

    OLD = "old"
    NEW = "new"


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

    What is served of the numbers is a copy made every `sync_hours` (0: live). `generation` is that of `whoami`, where
    the key has none of its own.
    """

    seed: int = 7
    projects: int = 1
    accounts: int = 3
    campaigns: int = 8
    starts_at: datetime = datetime(2025, 12, 1, tzinfo=UTC)
    sync_hours: int = 6
    generation: Generation = Generation.OLD


@dataclass(frozen=True)
class DayBucket:
    """One day of a series: served `copies` times, not at all if 0."""

    day: int
    activity: Activity
    copies: int = 1


@dataclass(frozen=True)
class _Stay:
    """The days from `first_day` on that a campaign spends in an account."""

    first_day: int
    account_id: str


@dataclass(frozen=True)
class _DayOverride:
    copies: int
    numbers: Numbers


class World:
    """All entities of two organisations, their edits, and the truth about every day.

    Lookups return None for what is not there, and take ids with and without their prefix. `at` is always the instant of
    reading, and numbers are those of the copy that was served then: the same question at the same instant has the same
    answer until the world is edited. Edits hold at once and for every instant, earlier ones too, and show through a
    copy that stands still.
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
        self._copies = Copies(config.sync_hours)
        self._successors: dict[str, str] = {}
        self._silenced: set[str] = set()
        self._stays: dict[str, list[_Stay]] = {}
        self._overrides: dict[tuple[Scope, str, int], _DayOverride] = {}
        self._restated: dict[tuple[str, int], Numbers] = {}
        self._settled_sums: dict[tuple[str, int], Activity | None] = {}
        for number in range(config.projects):
            self._found_project(ORGANIZATION, number, config.campaigns)
        self._found_project(CHILD_ORGANIZATION, config.projects, min(config.campaigns, _CHILD_CAMPAIGNS))

    # Who is there

    def projects(self, organization_id: str) -> list[Project]:
        """The organisation's projects, the oldest first."""
        return [project for project in self._projects.values() if project.organization_id == organization_id]

    def accounts(self, project_id: str) -> list[Account]:
        """The project's ad accounts that are listed, in a stable order."""
        return [
            self._accounts[account_id]
            for account_id in self._accounts_of[project_id]
            if account_id not in self._silenced
        ]

    def campaigns(self, project_id: str, at: datetime) -> Iterator[Campaign]:
        """The project's campaigns that exist at `at`, account by account, in a stable order."""
        today = _day_of(at)
        for account_id in self._accounts_of[project_id]:
            for campaign_id in self._campaigns_of[account_id]:
                campaign = self._campaign(campaign_id)
                is_listed = campaign.first_day - 2 <= today and campaign_id not in self._removed
                if is_listed and campaign.account_id == account_id:
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
        return self._projects.get(with_prefix("prj", project_id))

    def find(self, scope: Scope, entity_id: str, at: datetime) -> Entity | None:
        """The entity of that id as it can be seen at `at`: neither removed nor still to be created."""
        match scope:
            case Scope.PROJECT:
                return self.project(entity_id)
            case Scope.AD_ACCOUNT:
                return None if entity_id in self._silenced else self._accounts.get(entity_id)
            case Scope.CAMPAIGN:
                return self._visible_campaign(with_prefix("cmp", entity_id), at)
            case Scope.ADSET:
                token = with_prefix("adg", entity_id)[4:30]
                campaign = self._visible_campaign(f"cmp_{token}", at)
                return _by_id(self.adsets(campaign) if campaign else [], entity_id)
            case Scope.AD:
                token = with_prefix("ad", entity_id)[3:31]
                adset = self.find(Scope.ADSET, f"adg_{token}", at)
                return _by_id(self.ads(adset) if isinstance(adset, AdSet) else [], entity_id)

    # What they did

    def activity(self, scope: Scope, entity_id: str, day: date, at: datetime) -> Activity | None:
        """The exact numbers served for that UTC day when read at `at`: integer cents and counts; None if no bucket.

        LookupError if there is no such entity at `at`.
        """
        return _served(self.series(scope, entity_id, day.toordinal(), day.toordinal() + 1, at))

    def settled_campaign_day(self, campaign_id: str, day: date) -> Activity | None:
        """The campaign's final numbers of that UTC day, as in any copy made at its close + 72 h or later.

        None if no bucket; LookupError if there is no such campaign by then.
        """
        settled_at = day_start(day.toordinal()) + DAY + SETTLING
        campaign = self._found(Scope.CAMPAIGN, campaign_id, datetime.fromtimestamp(settled_at, UTC))
        days = range(day.toordinal(), day.toordinal() + 1)
        return _served(self._buckets(Scope.CAMPAIGN, campaign, days, lambda _: settled_at, ALL_PLATFORMS))

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

        A day that had not begun when the copy was made has none. `platforms` slices accounts and projects. LookupError
        if there is no such entity at `at`.
        """
        entity = self._found(scope, entity_id, at)
        read_at = int(at.timestamp())
        return self._buckets(
            scope, entity, range(first_day, end_day), lambda account: self._copies.made_at(account, read_at), platforms
        )

    def _found(self, scope: Scope, entity_id: str, at: datetime) -> Entity:
        entity = self.find(scope, entity_id, at)
        if entity is None:
            raise LookupError(f"no {scope} {entity_id} at {at.isoformat()}")
        return entity

    def _buckets(
        self,
        scope: Scope,
        entity: Entity,
        days: range,
        made_at: Callable[[Account], int],
        platforms: frozenset[Platform],
    ) -> list[DayBucket]:
        """The entity's buckets of those days in the copies that `made_at` tells of."""
        copies = {account.id: made_at(account) for account in self._sources(entity)}
        activity_on = self._reader(entity, copies, platforms)
        # Nothing has happened before the world began, and nothing will have happened after the newest copy.
        newest = max(copies.values(), default=0)
        buckets: list[DayBucket] = []
        for day in range(max(days.start, self._first_day), min(days.stop, ordinal_at(newest - 1) + 1)):
            activity = activity_on(day)
            override = self._overrides.get((scope, entity.id, day)) if self._overrides else None
            if override is not None:
                buckets.append(DayBucket(day, _replaced(activity or NOTHING, override.numbers), override.copies))
            elif activity is not None:
                buckets.append(DayBucket(day, activity))
        return buckets

    def _sources(self, entity: Entity) -> list[Account]:
        """The real accounts whose copies the entity's numbers come from, each once."""
        match entity:
            case Project():
                return [account for account in self.accounts(entity.id) if account.id not in self._successors]
            case Account():
                return [self._accounts[self._successor(entity.id)]]
            case Campaign():
                return [self._accounts[entity.account_id]]
            case AdSet():
                return self._sources(entity.campaign)
            case Ad():
                return self._sources(entity.adset)

    def _reader(
        self, entity: Entity, copies: Mapping[str, int], platforms: frozenset[Platform]
    ) -> Callable[[int], Activity | None]:
        """The function from a day to the entity's activity in the copies made then, by account."""
        match entity:
            case Project() | Account():
                made = [(account_id, at) for account_id, at in copies.items() if self._is_on(account_id, platforms)]
                return lambda day: _sum(self._account_day(account_id, day, at) for account_id, at in made)
            case Campaign():
                at = copies[entity.account_id]
                return lambda day: self._campaign_day(entity, day, at)
            case AdSet():
                whole = self._reader(entity.campaign, copies, platforms)
                return lambda day: _part(whole(day), entity.campaign.adset_weights, entity.index)
            case Ad():
                whole = self._reader(entity.adset, copies, platforms)
                return lambda day: _part(whole(day), entity.adset.campaign.ad_weights, entity.index)

    def _is_on(self, account_id: str, platforms: frozenset[Platform]) -> bool:
        return self._accounts[account_id].platform in platforms

    def _account_day(self, account_id: str, day: int, at: int) -> Activity | None:
        """The sum of the account's campaigns in the copy made at `at`.

        Removed ones still count, for what was spent stays spent, and so do, for their days here, those that moved away.
        """
        settled = at >= day_start(day) + DAY + SETTLING
        sums, key = self._settled_sums, (account_id, day)
        if settled and key in sums:
            return sums[key]
        campaigns = (
            self._campaign(campaign_id)
            for campaign_id in self._campaigns_of[account_id]
            if not self._stays or self._account_on(campaign_id, day) == account_id
        )
        activity = _sum(self._campaign_day(campaign, day, at) for campaign in campaigns)
        if settled:
            sums[key] = activity
        return activity

    def _account_on(self, campaign_id: str, day: int) -> str:
        """The account in which the campaign's day counts."""
        stays = self._stays.get(campaign_id)
        if stays is None:
            return self._campaign(campaign_id).account_id
        return self._successor(next(stay.account_id for stay in reversed(stays) if stay.first_day <= day))

    def _successor(self, account_id: str) -> str:
        """The id under which the account was reconnected last; its own if it was not."""
        while account_id in self._successors:
            account_id = self._successors[account_id]
        return account_id

    def _campaign_day(self, campaign: Campaign, day: int, at: int) -> Activity | None:
        activity = activity_of(campaign, day, at)
        if activity is not None and self._restated:
            return _replaced(activity, self._restated.get((campaign.id, day), {}))
        return activity

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
        campaign_id = self._place_campaign(self._successor(account_id))
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

    def pause_syncing(
        self,
        since: datetime,
        until: datetime | None = None,
        *,
        platform: Platform | None = None,
        account_id: str | None = None,
    ) -> None:
        """Let no sync happen after `since` and before `until` (None: ever again): the copy stays as it was.

        The sync at `since` itself still happened, the one at `until` brings the copy up to date. The pause is of
        everything, of one platform, or of one account. KeyError if there is no such account, ValueError if the pause
        would end before it begins.
        """
        if account_id is not None:
            account_id = self._accounts[account_id].id
        ends_at = None if until is None else int(until.timestamp())
        self._copies.pause(Pause(int(since.timestamp()), ends_at, platform, account_id))

    def move_campaign(self, campaign_id: str, account_id: str, first_day: date) -> None:
        """List a campaign under another account of its project and platform, where its days from `first_day` on count.

        Its earlier days stay in the sums of the account that it was in; its own numbers are those it always had.
        KeyError if there is no such campaign or account, ValueError if the account is of another project or platform.
        """
        campaign, account = self._campaign(campaign_id), self._accounts[self._successor(account_id)]
        if (account.project_id, account.platform) != (campaign.project_id, campaign.platform):
            raise ValueError(f"campaign {campaign_id} can move only within its project and platform")
        stays = self._stays.setdefault(campaign_id, [_Stay(0, campaign.account_id)])
        kept = [stay for stay in stays if stay.first_day < first_day.toordinal()]
        self._stays[campaign_id] = [*kept, _Stay(first_day.toordinal(), account.id)]
        self._campaigns[campaign_id] = replace(campaign, account_id=account.id)
        if campaign_id not in self._campaigns_of[account.id]:
            self._campaigns_of[account.id].append(campaign_id)
        self._settled_sums = {}

    def reconnect_account(self, account_id: str, *, old_id_answers: bool = False) -> str:
        """List a real account, one `externalId`, under a new id as well, and return that id.

        Its campaigns keep their ids and are listed under the new one; under it the account answers with its whole past.
        The old id is 404 and no longer listed, unless it goes on answering: then with the same numbers. A project
        counts the account once. KeyError if there is no such account, ValueError if it was reconnected before.
        """
        account = self._accounts[account_id]
        if account_id in self._successors:
            raise ValueError(f"account {account_id} was reconnected already")
        reconnected = replace(account, id=self._token("reconnected", account_id))
        self._accounts[reconnected.id] = reconnected
        self._accounts_of[account.project_id].append(reconnected.id)
        self._campaigns_of[reconnected.id] = list(self._campaigns_of[account_id])
        self._successors[account_id] = reconnected.id
        for campaign_id, campaign in self._campaigns.items():
            if campaign.account_id == account_id:
                self._campaigns[campaign_id] = replace(campaign, account_id=reconnected.id)
        if not old_id_answers:
            self._silenced.add(account_id)
        self._settled_sums = {}
        return reconnected.id

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
        kind = PROJECT_KINDS[number % len(PROJECT_KINDS)]
        suffix = "" if number < len(PROJECT_KINDS) else f" {number + 1}"
        self._projects[project_id] = Project(
            id=project_id,
            organization_id=organization_id,
            name=kind.name + suffix,
            status="active",
            created_at=self.config.starts_at - _BEFORE_THE_WORLD + timedelta(hours=number),
            audience=200_000 + Random(project_id).randrange(400_000),
            customer_external_id=f"customer-{number + 1:04d}",
            timezone=kind.timezone,
            primary_language=kind.primary_language,
            owner_email=f"owner{number + 1}@example.com",
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
            external_id=_external_id(kind.platform, Random(account_id).randrange(10**14, 10**15)),
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
        account = self._accounts[self._successor(account_id)]
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
    return next((child for child in children if matches(entity_id, child.id)), None)


def _external_id(platform: Platform, number: int) -> str:
    """The number of an account as its platform writes it."""
    match platform:
        case Platform.META:
            return f"act_{number}"
        case Platform.TIKTOK:
            return str(number)
        case Platform.APPLE:
            return f"org-{number % 10**8}"


def _served(buckets: Sequence[DayBucket]) -> Activity | None:
    """The activity of the one bucket there may be, if it is served at all."""
    return buckets[0].activity if buckets and buckets[0].copies else None


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
