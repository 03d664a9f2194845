"""What the numbers of the world do: they add up, they mature, they settle. Read live: copies are another test's."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.sandbox.activity import Activity, total
from layers_etl.sandbox.entities import Account, AdSet, Campaign, Platform, Scope
from layers_etl.sandbox.metrics import reach
from layers_etl.sandbox.world import ORGANIZATION, World, WorldConfig

WORLD = World(WorldConfig(campaigns=9, sync_hours=0))
PROJECT = WORLD.projects(ORGANIZATION)[0]
LATE = datetime(2026, 7, 1, tzinfo=UTC)
CAMPAIGNS = list(WORLD.campaigns(PROJECT.id, LATE))
START = WORLD.config.starts_at

instants = st.integers(0, 200 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))
days = st.integers(0, 190).map(lambda number: START.date() + timedelta(days=number))
ages = st.integers(0, 110 * 3_600).map(lambda seconds: timedelta(seconds=seconds))
campaigns = st.sampled_from(CAMPAIGNS)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def close(day: date) -> datetime:
    return midnight(day) + timedelta(days=1)


def evergreen(platform: Platform) -> Campaign:
    return next(c for c in CAMPAIGNS if c.platform is platform and c.name.startswith("Always On"))


def read(scope: Scope, entity_id: str, day: date, at: datetime) -> Activity | None:
    return WORLD.activity(scope, entity_id, day, at)


def summed(parts: list[Activity | None]) -> Activity | None:
    buckets = [part for part in parts if part is not None]
    return total(buckets) if buckets else None


@given(day=days, age=ages)
@settings(max_examples=60, deadline=None)
def test_a_project_is_the_sum_of_its_accounts_and_an_account_the_sum_of_its_campaigns(day: date, age: timedelta):
    at = midnight(day) + age
    accounts = WORLD.accounts(PROJECT.id)
    assert read(Scope.PROJECT, PROJECT.id, day, at) == summed(
        [read(Scope.AD_ACCOUNT, account.id, day, at) for account in accounts]
    )
    for account in accounts:
        own = [c for c in WORLD.campaigns(PROJECT.id, at) if c.account_id == account.id]
        assert read(Scope.AD_ACCOUNT, account.id, day, at) == summed(
            [read(Scope.CAMPAIGN, campaign.id, day, at) for campaign in own]
        )


@given(campaign=campaigns, day=days, age=ages)
@settings(max_examples=200, deadline=None)
def test_a_campaign_is_the_sum_of_its_ad_sets_and_an_ad_set_the_sum_of_its_ads(
    campaign: Campaign, day: date, age: timedelta
):
    at = midnight(day) + age
    if WORLD.find(Scope.CAMPAIGN, campaign.id, at) is None:
        return
    adsets = WORLD.adsets(campaign)
    assert read(Scope.CAMPAIGN, campaign.id, day, at) == summed(
        [read(Scope.ADSET, adset.id, day, at) for adset in adsets]
    )
    for adset in adsets:
        ads = WORLD.ads(adset)
        assert bool(ads) == (campaign.platform is not Platform.APPLE)
        if ads:
            assert read(Scope.ADSET, adset.id, day, at) == summed([read(Scope.AD, ad.id, day, at) for ad in ads])


@given(campaign=campaigns, day=days, later=st.integers(0, 10_000_000))
@settings(max_examples=200, deadline=None)
def test_a_settled_day_never_changes(campaign: Campaign, day: date, later: int):
    at = close(day) + timedelta(hours=72, seconds=later)
    if WORLD.find(Scope.CAMPAIGN, campaign.id, at) is not None:
        final = WORLD.activity(Scope.CAMPAIGN, campaign.id, day, LATE + timedelta(days=99))
        assert read(Scope.CAMPAIGN, campaign.id, day, at) == final


@given(questions=st.lists(st.tuples(campaigns, days, instants), max_size=20), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_same_question_has_the_same_answer_whatever_was_asked_before(
    questions: list[tuple[Campaign, date, datetime]], seed: int
):
    def answers(order: list[int]) -> dict[int, object]:
        world = World(WORLD.config)
        found: dict[int, object] = {}
        for number in order:
            campaign, day, at = questions[number]
            if world.find(Scope.CAMPAIGN, campaign.id, at) is not None:
                parent = world.activity(Scope.AD_ACCOUNT, campaign.account_id, day, at)
                found[number] = (world.activity(Scope.CAMPAIGN, campaign.id, day, at), parent)
        return found

    order = list(range(len(questions)))
    shuffled = Random(seed).sample(order, len(order))
    assert answers(order) == answers(shuffled)


@given(earlier=ages, day=days)
@settings(max_examples=60, deadline=None)
def test_setting_the_clock_back_shows_again_what_was_known_then(earlier: timedelta, day: date):
    account_id = WORLD.accounts(PROJECT.id)[0].id
    then = midnight(day) + earlier
    first = World(WORLD.config).activity(Scope.AD_ACCOUNT, account_id, day, then)
    read(Scope.AD_ACCOUNT, account_id, day, LATE)
    assert read(Scope.AD_ACCOUNT, account_id, day, then) == first


@given(impressions=st.lists(st.integers(0, 5_000_000), min_size=1, max_size=30), audience=st.integers(1, 1_000_000))
def test_a_whole_reaches_no_fewer_than_each_part_and_no_more_than_all(impressions: list[int], audience: int):
    parts = [reach(part, audience) for part in impressions]
    whole = reach(sum(impressions), audience)
    assert max(parts) <= whole <= sum(parts)
    assert whole <= sum(impressions)


@pytest.mark.parametrize("platform", Platform)
def test_conversions_still_arrive_in_the_hour_before_a_day_settles(platform: Platform):
    campaign = evergreen(platform)
    moved = 0
    for number in range(60, 90):
        day = START.date() + timedelta(days=number)
        early = read(Scope.CAMPAIGN, campaign.id, day, close(day) + timedelta(hours=71))
        final = WORLD.settled_campaign_day(campaign.id, day)
        assert early is not None and final is not None
        assert early.conversions < final.conversions or final.conversions == 0
        moved += early.conversions < final.conversions
    assert moved > 20


def test_some_spend_is_credited_back_before_the_day_settles():
    campaign = evergreen(Platform.META)
    credited = 0
    for number in range(60, 90):
        day = START.date() + timedelta(days=number)
        second = read(Scope.CAMPAIGN, campaign.id, day, close(day) + timedelta(hours=54))
        final = WORLD.settled_campaign_day(campaign.id, day)
        assert second is not None and final is not None
        credited += second.spend_cents > final.spend_cents
    assert 3 < credited < 27


def test_the_running_day_grows_with_the_time_gone():
    campaign, day = evergreen(Platform.TIKTOK), date(2026, 3, 3)
    at_noon = read(Scope.CAMPAIGN, campaign.id, day, midnight(day) + timedelta(hours=12))
    at_close = read(Scope.CAMPAIGN, campaign.id, day, close(day))
    assert at_noon is not None and at_close is not None
    assert at_noon.spend_cents == pytest.approx(at_close.spend_cents / 2, abs=1)
    assert read(Scope.CAMPAIGN, campaign.id, day, midnight(day)) is None


def test_apple_knows_fewer_of_its_conversions_at_close_than_the_others():
    def known_at_close(platform: Platform) -> float:
        campaign = evergreen(platform)
        span = [START.date() + timedelta(days=number) for number in range(60, 90)]
        early = [read(Scope.CAMPAIGN, campaign.id, day, close(day)) for day in span]
        final = [WORLD.settled_campaign_day(campaign.id, day) for day in span]
        return sum(a.conversions for a in early if a) / sum(a.conversions for a in final if a)

    assert known_at_close(Platform.APPLE) < 0.4 < known_at_close(Platform.META)


def test_buckets_exist_from_a_campaigns_first_day_to_its_end_and_are_zero_without_delivery():
    ended = next(c for c in CAMPAIGNS if c.name.startswith("Winter Clearance"))
    paused = next(c for c in CAMPAIGNS if c.name.startswith("Brand Lift"))
    assert ended.end_day is not None and paused.paused_from is not None
    first, end = date.fromordinal(ended.first_day), date.fromordinal(ended.end_day)
    assert WORLD.settled_campaign_day(ended.id, first) is not None
    assert WORLD.activity(Scope.CAMPAIGN, ended.id, first - timedelta(days=1), LATE) is None
    assert WORLD.settled_campaign_day(ended.id, end - timedelta(days=1)) is not None
    assert WORLD.settled_campaign_day(ended.id, end) is None
    still = WORLD.settled_campaign_day(paused.id, date.fromordinal(paused.paused_from))
    assert still is not None and still[:3] == (0, 0, 0)


def test_the_default_world_holds_every_kind_of_life_at_its_first_clock():
    at = START + timedelta(days=121)
    statuses = {c.status_on(at.toordinal()) for c in WORLD.campaigns(PROJECT.id, at)}
    assert statuses >= {"active", "paused", "archived"}
    soon = [c for c in CAMPAIGNS if at < c.created_at < at + timedelta(days=14)]
    assert soon, "a campaign starts within two weeks of the first clock"
    assert all(WORLD.find(Scope.CAMPAIGN, c.id, at) is None for c in soon)
    accounts = WORLD.accounts(PROJECT.id)
    assert {account.platform for account in accounts} == set(Platform)
    assert len({account.currency for account in accounts}) == 3
    assert {c.order_value_cents is None for c in CAMPAIGNS} == {True, False}


def test_every_id_finds_its_own_entity_and_a_near_miss_finds_none():
    campaign = evergreen(Platform.META)
    adset = WORLD.adsets(campaign)[0]
    ad = WORLD.ads(adset)[0]
    assert isinstance(WORLD.find(Scope.AD_ACCOUNT, campaign.account_id, LATE), Account)
    assert isinstance(WORLD.find(Scope.ADSET, adset.id, LATE), AdSet)
    assert WORLD.find(Scope.AD, ad.id, LATE) == ad
    for scope, entity_id in ((Scope.ADSET, f"{adset.id}0"), (Scope.AD, ad.id[:-2] + "99"), (Scope.CAMPAIGN, "cmp_")):
        assert WORLD.find(scope, entity_id, LATE) is None
