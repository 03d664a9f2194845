"""What is served is a copy: when it was made, and what becomes of it while syncing is paused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.sandbox.activity import Activity, total
from layers_etl.sandbox.entities import Account, Platform, Scope
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION, World, WorldConfig

from .reader import NOW, Reader

TODAY = NOW.date()
LIVE = World(WorldConfig(sync_hours=0))
PROJECT = LIVE.projects(ORGANIZATION)[0]
OFFSETS = {Platform.META: 0, Platform.TIKTOK: 15, Platform.APPLE: 30}

moments = st.integers(0, 20 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


def account_of(platform: Platform) -> Account:
    return next(account for account in LIVE.accounts(PROJECT.id) if account.platform is platform)


def served(world: World, platform: Platform, at: datetime, day: date = TODAY) -> Activity | None:
    return world.activity(Scope.AD_ACCOUNT, account_of(platform).id, day, at)


def live(platform: Platform, at: datetime, day: date = TODAY) -> Activity | None:
    return served(LIVE, platform, at, day)


@pytest.mark.parametrize("platform", Platform)
@given(at=moments)
@settings(max_examples=30, deadline=None)
def test_a_reading_shows_the_numbers_of_the_last_sync_of_its_platform(platform: Platform, at: datetime):
    world = World(WorldConfig())
    midnight = at.replace(hour=0, minute=0, second=0)
    syncs = [midnight + timedelta(hours=6 * n, minutes=OFFSETS[platform]) for n in range(-1, 4)]
    made_at = max(sync for sync in syncs if sync <= at)
    for days in range(4):
        day = at.date() - timedelta(days=days)
        assert served(world, platform, at, day) == live(platform, made_at, day)


@given(at=moments)
@settings(max_examples=30, deadline=None)
def test_a_copy_shows_an_account_and_its_campaigns_at_one_instant_and_a_project_the_sum_of_its_accounts(at: datetime):
    world, day = World(WorldConfig()), at.date() - timedelta(days=1)
    accounts = [served(world, platform, at, day) for platform in Platform]
    campaigns = [world.activity(Scope.CAMPAIGN, c.id, day, at) for c in world.campaigns(PROJECT.id, at)]
    project = world.activity(Scope.PROJECT, PROJECT.id, day, at)
    assert project == total(account for account in accounts if account is not None)
    assert project == total(campaign for campaign in campaigns if campaign is not None)


@given(day=st.integers(0, 19).map(lambda number: TODAY + timedelta(days=number)), later=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_numbers_are_final_in_every_copy_made_72_hours_after_the_close_and_so_78_hours_after_it(day: date, later: int):
    world = World(WorldConfig())
    read_at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=24 + 78, seconds=later)
    for campaign in world.campaigns(PROJECT.id, read_at):
        assert world.activity(Scope.CAMPAIGN, campaign.id, day, read_at) == world.settled_campaign_day(campaign.id, day)


def test_72_hours_after_its_close_a_day_can_still_be_served_as_it_was_before():
    world = World(WorldConfig())
    changed = 0
    for number in range(20):
        day = TODAY + timedelta(days=number)
        early = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=24 + 72, minutes=10)
        changed += served(world, Platform.APPLE, early, day) != live(Platform.APPLE, early, day)
    assert changed > 10


def test_days_that_had_not_begun_when_the_copy_was_made_have_no_bucket_but_campaigns_are_listed_live(
    sandbox: SandboxServer, client: Reader
):
    campaign = client.campaign(platform="tiktok_ads")
    sandbox.set_clock(datetime(2026, 4, 2, 0, 10, tzinfo=UTC))
    asked: dict[str, Any] = {"since": "2026-04-01", "until": "2026-04-03"}
    assert len(client.metrics("campaign", campaign["campaignId"], **asked)["series"]) == 1
    sandbox.set_clock(datetime(2026, 4, 2, 0, 20, tzinfo=UTC))
    assert len(client.metrics("campaign", campaign["campaignId"], **asked)["series"]) == 2
    soon = sandbox.world.add_campaign(campaign["adAccountId"], first_day=date(2026, 4, 4), name="Soon")
    assert client.campaign("Soon", platform="tiktok_ads")["campaignId"] == soon


def test_without_copies_what_is_served_is_live():
    with SandboxServer(WorldConfig(sync_hours=0), now=hours(5.5)) as server:
        for platform in Platform:
            assert served(server.world, platform, hours(5.5)) == live(platform, hours(5.5))


def test_while_syncing_is_paused_the_copy_stands_still_and_the_first_sync_after_it_brings_it_up_to_date():
    world = World(WorldConfig())
    # Meta syncs at the full hours of NOW, 06:00Z, and every six after it.
    world.pause_syncing(NOW, hours(75))
    for at in (hours(0), hours(7), hours(74), hours(77.9)):
        assert served(world, Platform.META, at) == live(Platform.META, NOW)
        assert served(world, Platform.META, at, at.date() + timedelta(days=1)) is None
    assert served(world, Platform.META, hours(78)) == live(Platform.META, hours(78))


def test_the_sync_at_the_beginning_of_a_pause_still_happens_and_the_one_at_its_end_happens_again():
    world = World(WorldConfig())
    world.pause_syncing(hours(6), hours(12))
    assert served(world, Platform.META, hours(11)) == live(Platform.META, hours(6))
    assert served(world, Platform.META, hours(12)) == live(Platform.META, hours(12))


def test_a_pause_can_be_of_one_platform_or_one_account_and_need_not_end():
    world = World(WorldConfig())
    world.pause_syncing(NOW, platform=Platform.TIKTOK)
    world.pause_syncing(NOW, account_id=account_of(Platform.APPLE).id)
    at = hours(240.6)
    assert served(world, Platform.META, at) == live(Platform.META, hours(240))
    assert served(world, Platform.TIKTOK, at) == live(Platform.TIKTOK, hours(-5.75))
    assert served(world, Platform.APPLE, at) == live(Platform.APPLE, hours(-5.5))


def test_pauses_that_follow_one_another_are_one():
    world = World(WorldConfig())
    world.pause_syncing(hours(12), hours(30))
    world.pause_syncing(NOW, hours(13))
    assert served(world, Platform.META, hours(29)) == live(Platform.META, NOW)


def test_sums_of_settled_days_are_those_of_the_copy_that_is_read():
    world = World(WorldConfig())
    late = hours(30 * 24)
    final = served(world, Platform.META, late)
    world.pause_syncing(NOW, hours(29 * 24))
    assert served(world, Platform.META, hours(28 * 24)) == live(Platform.META, NOW) != final
    assert served(world, Platform.META, late) == final


def test_a_pause_that_ends_before_it_begins_or_is_of_no_account_is_refused():
    world = World(WorldConfig())
    with pytest.raises(ValueError, match="end after"):
        world.pause_syncing(NOW, NOW)
    with pytest.raises(KeyError):
        world.pause_syncing(NOW, account_id="nothing")


def test_syncing_is_paused_in_advance_from_python_and_over_http(sandbox: SandboxServer, client: Reader):
    account_id = client.account()["adAccountId"]

    def spend() -> float:
        return client.metrics("ad_account", account_id, since="2026-04-01", until="2026-04-02")["totals"]["spend"]

    sandbox.pause_syncing(hours(24), hours(48), platform=Platform.META)
    change = {"op": "pause_syncing", "since": "2026-04-03T06:00:00Z", "until": "2026-04-04T06:00:00Z"}
    assert client.post("/sandbox/world", json={**change, "account_id": account_id}).json() == {"id": account_id}
    seen: dict[int, float] = {}
    for number in (0, 18, 24, 47, 48, 71, 72):
        sandbox.set_clock(hours(number))
        seen[number] = spend()
    assert seen[0] < seen[18] < seen[24] == seen[47] != seen[48] == seen[71]
