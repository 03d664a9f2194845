"""The API's own weekly reach: when it is read, and what of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN, Scope
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.weekly_reach import SCOUTS, WeeklyReachOutcome, read_weekly_reach
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.warehouse.marts import derive_daily_mart

from ..harness.instants import START
from ..harness.pipeline import Pipeline
from ..harness.runs import read_days

MONDAY = datetime(2026, 4, 6, 6, tzinfo=UTC)
LAST_WEEK = DayWindow(MONDAY.date() - timedelta(days=7), MONDAY.date())


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline that has not run yet, on the first morning after a week."""
    with SandboxServer(now=MONDAY) as server:
        pipeline = Pipeline(server, tmp_path, {"start_date": LAST_WEEK.since})
        yield pipeline
        pipeline.let_go()


def morning(
    pipeline: Pipeline, at: datetime, scope: Scope = CAMPAIGN, request: RunRequest | None = None
) -> tuple[WeeklyReachOutcome, list[tuple[str, DayWindow]]]:
    """A whole run at ``at``: days, then weeks; and the weeks it asked for."""
    with pipeline.preparing(request or RunRequest(), at) as run:
        read_days(run)
        outcome = read_weekly_reach(run, scope)
    return outcome, [(entity_id, window) for _, entity_id, window in pipeline.asked("week")]


def active_in(pipeline: Pipeline, week: DayWindow) -> set[str]:
    """The campaigns with impressions in a week."""
    query = "SELECT DISTINCT campaign_id FROM ads.campaign_metrics WHERE impressions > 0 AND day >= ? AND day < ?"
    return {campaign_id for (campaign_id,) in pipeline.rows(query, [week.since, week.until])}


@pytest.mark.slow
def test_a_week_is_read_once_it_has_closed_and_once_more_settled_with_the_next_or_a_week_later(
    pipeline: Pipeline,
) -> None:
    asked = [morning(pipeline, MONDAY + timedelta(days=n))[1] for n in range(12)]
    next_week = DayWindow(LAST_WEEK.until, LAST_WEEK.until + timedelta(weeks=1))
    both = DayWindow(LAST_WEEK.since, next_week.until)
    first, second = active_in(pipeline, LAST_WEEK), active_in(pipeline, next_week)
    assert first & second
    assert sorted(asked[0]) == sorted((campaign, LAST_WEEK) for campaign in first)
    assert sorted(asked[7]) == sorted((campaign, both if campaign in first else next_week) for campaign in second)
    # The first week has settled on Thursday at midnight, 72 hours after its close.
    assert sorted(asked[10]) == sorted((campaign, LAST_WEEK) for campaign in first - second)
    assert [n for n, weeks in enumerate(asked) if weeks and n not in (0, 7, 10)] == []
    settled = pipeline.rows(
        "SELECT count(*), bool_and(settled) FROM ads.campaign_reach_weekly WHERE week = ?", [LAST_WEEK.since]
    )
    assert settled == [(len(first), True)]


def test_the_weeks_reach_is_the_apis_own_and_no_sum_of_days(pipeline: Pipeline) -> None:
    morning(pipeline, MONDAY, AD_ACCOUNT)
    found = pipeline.rows(
        "SELECT week, reach, (SELECT max(reach) FROM ads.ad_account_metrics AS daily"
        "  WHERE daily.ad_account_id = weekly.ad_account_id AND day >= week AND day < week + 7),"
        " (SELECT sum(reach) FROM ads.ad_account_metrics AS daily"
        "  WHERE daily.ad_account_id = weekly.ad_account_id AND day >= week AND day < week + 7)"
        " FROM ads.ad_account_reach_weekly AS weekly"
    )
    assert len(found) == 3
    for week, reach, largest_day, sum_of_days in found:
        assert week == LAST_WEEK.since
        assert largest_day <= reach < sum_of_days


@pytest.mark.slow
def test_the_weekly_mart_shows_the_weeks_own_reach_and_the_monthly_none(pipeline: Pipeline) -> None:
    morning(pipeline, MONDAY)
    for _ in derive_daily_mart(pipeline.warehouse, CAMPAIGN, pipeline.settings.settle_hours):
        pass
    shown = pipeline.rows(
        "SELECT campaign_id, reach, frequency FROM marts.campaign_weekly WHERE reach IS NOT NULL ORDER BY ALL"
    )
    read = pipeline.rows("SELECT campaign_id, reach, frequency FROM ads.campaign_reach_weekly ORDER BY ALL")
    monthly = pipeline.rows("SELECT count(reach) FROM marts.campaign_monthly")
    assert shown == read != []
    assert monthly == [(0,)]


@pytest.mark.slow
def test_no_week_is_asked_of_a_platform_that_refuses_reach(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(
        Fault(effect="metric_unavailable", parameters={"metric": "reach", "platform": "tiktok_ads"})
    )
    _, weekly = morning(pipeline, MONDAY)
    platforms = dict(pipeline.rows("SELECT campaign_id, platform FROM ads.campaigns"))
    asked = {platforms[campaign_id] for campaign_id, _ in weekly}
    assert "tiktok_ads" in platforms.values()
    assert asked and "tiktok_ads" not in asked


@pytest.mark.slow
def test_what_a_second_reading_changes_goes_into_history(pipeline: Pipeline) -> None:
    known = "SELECT campaign_id, reach FROM ads.campaign_reach_weekly WHERE week = ?"
    morning(pipeline, MONDAY)
    first = dict(pipeline.rows(known, [LAST_WEEK.since]))
    morning(pipeline, MONDAY + timedelta(days=7))
    second = dict(pipeline.rows(known, [LAST_WEEK.since]))
    superseded = dict(pipeline.rows("SELECT campaign_id, reach FROM ads.campaign_reach_weekly_history"))
    changed = {campaign for campaign in first if first[campaign] != second[campaign]}
    assert changed
    assert {campaign: first[campaign] for campaign in changed} == {
        campaign: reach for campaign, reach in superseded.items() if campaign in changed
    }


@pytest.mark.slow
def test_a_backfill_reads_the_whole_weeks_among_its_days_again(pipeline: Pipeline) -> None:
    pipeline.options["start_date"] = START
    days = DayWindow(LAST_WEEK.since - timedelta(days=3), LAST_WEEK.until)
    later = MONDAY + timedelta(days=4)
    morning(pipeline, later)
    _, weekly = morning(pipeline, later, request=RunRequest(RunKind.BACKFILL, window=days))
    assert weekly
    assert {window for _, window in weekly} == {LAST_WEEK}


@pytest.mark.slow
def test_a_week_that_cannot_be_read_costs_its_entity_alone_and_is_asked_for_again(pipeline: Pipeline) -> None:
    campaign = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(
        Fault(effect="platform_error", parameters={"status": 400}, entity=campaign, query={"granularity": "week"})
    )
    failed, weekly = morning(pipeline, MONDAY)
    pipeline.sandbox.clear_faults()
    again, weekly_again = morning(pipeline, MONDAY + timedelta(hours=1))
    assert [failure.context.entity_id for failure in failed.failures] == [campaign]
    assert failed.windows_landed == len(weekly) - 1
    assert not again.failures
    assert [entity for entity, _ in weekly_again] == [campaign]


def weekly(effect: str, **parameters: object) -> Fault:
    """A fault of every weekly question, and of no other."""
    return Fault(effect=effect, parameters=parameters, path="ads-metrics", query={"granularity": "week"})


def refused(status: int, code: str, message: str = "no") -> Fault:
    """An error envelope in answer to every weekly question."""
    return weekly("status", status=status, code=code, message=message)


NOT_TO_BE_HAD = {
    "refused by the metric's name": refused(400, "VALIDATION", "Metric 'reach' is not available by week."),
    "refused as a granularity": refused(422, "VALIDATION", "granularity=week is not supported."),
    "not found": refused(404, "NOT_FOUND"),
    "in weeks that begin on a Sunday": weekly("buckets_outside", days=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("why", NOT_TO_BE_HAD)
def test_weekly_reach_that_is_not_to_be_had_is_told_once_a_week_and_fails_no_run(pipeline: Pipeline, why: str) -> None:
    pipeline.sandbox.add_fault(NOT_TO_BE_HAD[why])
    first, asked = morning(pipeline, MONDAY)
    platforms = pipeline.rows("SELECT count(DISTINCT platform) FROM ads.campaigns")[0][0]
    assert len({campaign for campaign, _ in asked}) <= SCOUTS * platforms
    assert first.failures and first.not_asked > 0 and first.windows_landed == 0
    later = [morning(pipeline, MONDAY + timedelta(days=n)) for n in (1, 3, 6)]
    assert [(outcome.failures, weeks) for outcome, weeks in later] == [((), [])] * 3
    statuses = pipeline.rows("SELECT DISTINCT status FROM ops.runs")
    told = pipeline.rows("SELECT count(*) FROM ops.failures")[0][0]
    assert statuses == [("succeeded",)] and told == len(first.failures)
    pipeline.sandbox.clear_faults()
    again, asked_again = morning(pipeline, MONDAY + timedelta(days=8))
    assert not again.failures and again.windows_landed > 0
    assert {campaign for campaign, _ in asked} <= {campaign for campaign, _ in asked_again}


@pytest.mark.slow
def test_weekly_reach_that_some_have_is_asked_of_all_others(pipeline: Pipeline) -> None:
    without = pipeline.campaigns()[0]
    pipeline.sandbox.add_fault(
        Fault(effect="status", parameters={"status": 404}, entity=without, query={"granularity": "week"})
    )
    outcome, asked = morning(pipeline, MONDAY)
    # The next week has closed, and a refusal does not stand for a week yet.
    _, asked_next = morning(pipeline, MONDAY + timedelta(days=7, hours=-2))
    next_week = DayWindow(LAST_WEEK.until, LAST_WEEK.until + timedelta(weeks=1))
    assert outcome.not_asked == 0 and [error.context.entity_id for error in outcome.failures] == [without]
    assert outcome.windows_landed == len(asked) - 1
    assert without in {campaign for campaign, _ in asked}
    assert {campaign for campaign, _ in asked_next} == active_in(pipeline, next_week) - {without}


@pytest.mark.slow
def test_a_backfill_asks_for_weekly_reach_that_was_not_to_be_had(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_fault(NOT_TO_BE_HAD["not found"])
    morning(pipeline, MONDAY)
    pipeline.sandbox.clear_faults()
    backfill = RunRequest(RunKind.BACKFILL, window=LAST_WEEK)
    outcome, _ = morning(pipeline, MONDAY + timedelta(hours=1), request=backfill)
    assert outcome.windows_landed > 0 and not outcome.failures


@pytest.mark.slow
def test_known_weekly_reach_stands_where_it_is_refused_later(pipeline: Pipeline) -> None:
    known = "SELECT campaign_id, reach FROM ads.campaign_reach_weekly ORDER BY ALL"
    morning(pipeline, MONDAY)
    before = pipeline.rows(known)
    pipeline.sandbox.add_fault(NOT_TO_BE_HAD["refused by the metric's name"])
    morning(pipeline, MONDAY + timedelta(days=10))
    assert pipeline.rows(known) == before
