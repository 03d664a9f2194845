"""A run every morning: what it asks for, and that the settled numbers are the API's to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.sandbox.world import WorldConfig
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.runs import RunStatus

from ..harness.instants import FIRST_MORNING, START, last_days, morning
from ..harness.pipeline import Pipeline, asked_for
from ..harness.truth import MEASURES

PipelineOver = Callable[..., Pipeline]


def test_the_first_run_asks_once_per_entity_for_everything_since_the_start_date(pipeline: Pipeline) -> None:
    ran = pipeline.run()
    assert ran.status is RunStatus.SUCCEEDED
    assert ran.windows == asked_for(pipeline.entities(), DayWindow(START, FIRST_MORNING.date()))


def test_every_morning_after_asks_once_per_entity_for_the_last_four_days(pipeline: Pipeline) -> None:
    pipeline.run()
    for number in range(1, 3):
        ran = pipeline.run(morning(number))
        assert ran.windows == asked_for(pipeline.entities(), last_days(morning(number), 4))


@pytest.mark.slow
def test_a_run_after_a_week_down_reads_the_week_and_settles_all_that_can_be(pipeline: Pipeline) -> None:
    pipeline.run()
    known = pipeline.entities()
    back = morning(8)
    ran = pipeline.run(back)
    # The first morning settled what had closed three days before; all since was open.
    reopened = DayWindow(FIRST_MORNING.date() - timedelta(days=3), back.date())
    assert {entity: ran.windows[entity] for entity in known} == asked_for(known, reopened)
    unsettled = pipeline.rows("SELECT min(day) FROM ads.campaign_metrics WHERE NOT settled")
    assert unsettled == [(back.date() - timedelta(days=3),)]
    assert pipeline.run(as_of=back).asked == []


def test_a_run_as_of_the_same_instant_asks_for_nothing_and_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.run(as_of=FIRST_MORNING)
    before = pipeline.table(CAMPAIGN), pipeline.rows("FROM ops.readings")
    again = pipeline.run(as_of=FIRST_MORNING)
    assert again.asked == []
    assert again.status is RunStatus.SUCCEEDED
    assert (pipeline.table(CAMPAIGN), pipeline.rows("FROM ops.readings")) == before
    assert pipeline.rows("FROM ads.campaign_metrics_history") == []


@pytest.mark.slow
def test_a_campaign_that_starts_is_asked_for_from_the_run_that_first_lists_it(pipeline: Pipeline) -> None:
    pipeline.run()
    new = pipeline.sandbox.world.add_campaign(pipeline.accounts()[0], first_day=date(2026, 4, 2), name="Brand new")
    ran = pipeline.run(morning(3))
    assert ran.windows["campaign", new] == [DayWindow(START, morning(3).date())]
    listed = pipeline.rows("SELECT min(day), max(day) FROM ads.campaign_metrics WHERE campaign_id = ?", [new])
    assert listed == [(date(2026, 4, 2), date(2026, 4, 3))]


@pytest.mark.slow
def test_accounts_are_asked_for_next_to_their_campaigns(pipeline: Pipeline) -> None:
    world = pipeline.sandbox.world
    ran = pipeline.run()
    parents = [
        entity_id if scope == "ad_account" else pipeline_parent(pipeline, entity_id)
        for scope, entity_id, _ in ran.asked
    ]
    assert len(set(parents)) == 2
    # Requests leave in order; those in flight together may arrive in another.
    changes = sum(one != other for one, other in pairwise(parents))
    assert changes <= 5
    read_at = pipeline.rows(
        "SELECT count(DISTINCT read_at) FROM ops.readings WHERE entity_id IN (SELECT unnest(?))",
        [[account.id for account in world.accounts(pipeline.project_id)]],
    )
    assert read_at == [(1,)]


def pipeline_parent(pipeline: Pipeline, campaign_id: str) -> str:
    world = pipeline.sandbox.world
    now = pipeline.sandbox.clock.now()
    return next(
        campaign.account_id for campaign in world.campaigns(pipeline.project_id, now) if campaign.id == campaign_id
    )


def test_once_everything_is_settled_every_number_is_the_apis_to_the_cent(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(WorldConfig(accounts=3, campaigns=8))
    for number in (0, 1, 2, 5):
        pipeline.run(morning(number))
    days = DayWindow(START, morning(5).date() - timedelta(days=3))
    for scope in (CAMPAIGN, AD_ACCOUNT):
        table = {key: numbers for key, numbers in pipeline.table(scope).items() if key[1] in days}
        entities = [entity_id for name, entity_id in pipeline.entities() if name == scope.name]
        truth = {
            (entity_id, day): numbers
            for entity_id in entities
            for day in days
            if (numbers := pipeline.said(scope.name, entity_id, day)) is not None
        }
        assert table == truth
        empty = len(entities) * len(days) - len(truth)
        assert empty > 0 or scope is AD_ACCOUNT, "some campaign-days have no bucket"
    unsettled = pipeline.rows("SELECT count(*) FROM ads.campaign_metrics WHERE day < ? AND NOT settled", [days.until])
    assert unsettled == [(0,)]


@pytest.mark.slow
def test_every_change_on_the_way_is_in_history_and_what_the_last_hour_brought_is_in(pipeline: Pipeline) -> None:
    day = FIRST_MORNING.date() - timedelta(days=1)
    campaigns = pipeline.campaigns()
    readings = [morning(number) for number in range(4)]
    for at in readings:
        pipeline.run(at)
    versions = pipeline.rows(
        f"SELECT campaign_id, {MEASURES} FROM (SELECT *, observed_at AS seen_at FROM ads.campaign_metrics_history"
        " UNION ALL BY NAME SELECT *, first_observed_at AS seen_at FROM ads.campaign_metrics)"
        " WHERE day = ? ORDER BY seen_at",
        [day],
    )
    for campaign in campaigns:
        seen = [pipeline.said("campaign", campaign, day, at) for at in readings]
        changes = [numbers for n, numbers in enumerate(seen) if numbers and (n == 0 or numbers != seen[n - 1])]
        assert [tuple(numbers) for entity_id, *numbers in versions if entity_id == campaign] == changes


@pytest.mark.slow
def test_every_platform_settles_in_its_own_time(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(settle_hours=SettlingTimes(72, {"tiktok_ads": 144}))
    pipeline.run()
    ran = pipeline.run(morning(1))
    platforms = dict(pipeline.rows("SELECT campaign_id, platform FROM ads.campaigns"))
    accounts = dict(pipeline.rows("SELECT ad_account_id, platform FROM ads.ad_accounts"))
    for entity, windows in ran.windows.items():
        days = 7 if (platforms | accounts)[entity[1]] == "tiktok_ads" else 4
        assert {entity: windows} == asked_for([entity], last_days(morning(1), days))


@pytest.mark.slow
def test_a_longer_settling_time_reads_again_exactly_what_it_reopens(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.options["settle_hours"] = SettlingTimes(96)
    ran = pipeline.run(morning(0) + timedelta(hours=1), publish=True)
    assert ran.windows == asked_for(ran.windows, last_days(FIRST_MORNING, 4))
    unsettled = pipeline.rows("SELECT min(day) FROM marts.campaign_daily WHERE NOT settled")
    assert unsettled == [(FIRST_MORNING.date() - timedelta(days=4),)]


@pytest.mark.slow
def test_the_running_day_is_read_where_a_backfill_names_it_and_is_not_settled(pipeline: Pipeline) -> None:
    today = FIRST_MORNING.date()
    pipeline.backfill(DayWindow(today, today + timedelta(days=1)))
    found = pipeline.table(CAMPAIGN)
    for campaign in pipeline.campaigns():
        assert found.get((campaign, today)) == pipeline.said("campaign", campaign, today)
    assert pipeline.rows("SELECT count(*) FROM ads.campaign_metrics WHERE settled") == [(0,)]
    ran = pipeline.run(morning(1))
    assert ran.windows == asked_for(pipeline.entities(), DayWindow(START, today + timedelta(days=1)))


def test_days_that_have_not_begun_are_not_asked_for_and_do_not_count_as_landed(pipeline: Pipeline) -> None:
    today = FIRST_MORNING.date()
    ran = pipeline.backfill(DayWindow(today, today + timedelta(days=3)))
    assert {window for _, _, window in ran.asked} == {DayWindow(today, today + timedelta(days=1))}
    outcome = ran.outcomes["campaign"]
    assert outcome.landed_days == {today}
    assert outcome.failed_days == {today + timedelta(days=1), today + timedelta(days=2)}


def test_a_backfill_reads_again_what_is_settled(pipeline: Pipeline) -> None:
    pipeline.run()
    days = DayWindow(START, START + timedelta(days=3))
    campaign = pipeline.campaigns()[0]
    pipeline.sandbox.world.restate_day(campaign, START, spend_cents=12_345)
    assert pipeline.run(morning(1)).windows["campaign", campaign] == [last_days(morning(1), 4)]
    ran = pipeline.backfill(days)
    assert ran.windows == {entity: [days] for entity in pipeline.entities()}
    assert pipeline.table(CAMPAIGN)[campaign, START] == pipeline.said("campaign", campaign, START)
    superseded = "SELECT settled, superseded_at FROM ads.campaign_metrics_history WHERE campaign_id = ? AND day = ?"
    assert pipeline.rows(superseded, [campaign, START]) == [(True, morning(1))]


@pytest.mark.slow
def test_a_backfill_of_one_campaign_or_account_reads_only_those(pipeline: Pipeline) -> None:
    days = DayWindow(START, START + timedelta(days=3))
    campaign, account = pipeline.campaigns()[0], pipeline.accounts()[1]
    assert set(pipeline.backfill(days, campaign_ids=frozenset({campaign})).windows) == {("campaign", campaign)}
    ran = pipeline.backfill(days, ad_account_ids=frozenset({account}))
    below = {("campaign", each) for each in pipeline.campaigns() if pipeline_parent(pipeline, each) == account}
    assert set(ran.windows) == {("ad_account", account), *below}
    assert ran.outcomes["campaign"].landed_days == frozenset(), "the other campaigns have not been read"


def test_a_run_that_stands_for_the_past_settles_nothing_by_todays_clock(pipeline: Pipeline) -> None:
    pipeline.sandbox.set_clock(morning(30))
    pipeline.run(as_of=FIRST_MORNING)
    settled = pipeline.rows("SELECT max(day) FILTER (settled), min(day) FILTER (NOT settled) FROM ads.campaign_metrics")
    first_open = last_days(FIRST_MORNING, 3).since
    assert settled == [(first_open - timedelta(days=1), first_open)]
    assert pipeline.rows("SELECT DISTINCT observed_at FROM ads.campaign_metrics") == [(FIRST_MORNING,)]


@pytest.mark.slow
def test_a_backfill_that_stands_for_the_past_does_not_undo_what_was_settled_since(pipeline: Pipeline) -> None:
    pipeline.run()
    for number in (3, 4, 5):
        pipeline.run(morning(number))
    settled = "SELECT campaign_id, day FROM ads.campaign_metrics WHERE settled ORDER BY ALL"
    before = pipeline.rows(settled)
    day = FIRST_MORNING.date()
    pipeline.sandbox.world.restate_day(pipeline.campaigns()[0], day, spend_cents=1)
    pipeline.backfill(DayWindow(START, day + timedelta(days=1)), as_of=morning(2))
    assert pipeline.rows(settled) == before
    backwards = "SELECT * FROM ads.campaign_metrics_history WHERE superseded_at < observed_at"
    assert pipeline.rows(backwards) == []


def test_the_published_file_says_up_to_where_it_is_final(pipeline: Pipeline) -> None:
    pipeline.run(publish=True)
    with PublishedFile(pipeline.settings.published_path).open() as published:
        assert published
        found = published.connection.execute("SELECT instant, settled_until FROM ops.publication").fetchall()
        assert found == [(FIRST_MORNING, last_days(FIRST_MORNING, 3).since)]
        daily = published.connection.execute("SELECT count(*), count(ad_account_name) FROM marts.campaign_daily")
        total, named = daily.fetchall()[0]
        assert total == named > 0


@pytest.mark.slow
@pytest.mark.parametrize("status", ["active", "archived"])
def test_every_active_project_is_read_and_an_archived_one_only_where_it_is_named(
    pipeline_over: PipelineOver, status: str
) -> None:
    pipeline = pipeline_over(WorldConfig(projects=2, accounts=1, campaigns=1))
    first, second = (project.id for project in pipeline.sandbox.world.projects("org_01JNORTHWIND00000000000000"))
    pipeline.sandbox.world.update_project(second, status=status)
    pipeline.run()
    expected = {first, second} if status == "active" else {first}
    assert set(pipeline.rows("SELECT DISTINCT project_id FROM ops.readings")) == {(each,) for each in expected}
    pipeline.options["project_ids"] = (second,)
    pipeline.run(morning(1))
    read = pipeline.rows("SELECT DISTINCT project_id FROM ops.readings WHERE read_at = ?", [morning(1)])
    assert read == [(second,)]


@pytest.mark.slow
def test_a_run_that_stands_for_the_past_takes_no_day_and_no_listing_back(pipeline: Pipeline) -> None:
    pipeline.run(morning(2))
    ended = ("FROM ops.horizon", "SELECT campaign_id, last_listed_at FROM ads.campaigns ORDER BY ALL")
    before = [pipeline.rows(query) for query in ended]
    pipeline.run(as_of=morning(0))
    assert [pipeline.rows(query) for query in ended] == before
