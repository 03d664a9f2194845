"""Campaigns that cannot have changed are not asked for, and the safety net under that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from layers_etl.domain.days import DayWindow
from layers_etl.domain.scopes import CAMPAIGN
from layers_etl.ingest.checks import Found, all_checks
from layers_etl.ingest.refresh import Work, refresh
from layers_etl.ingest.request import RunKind, RunRequest
from layers_etl.ingest.steps import Judged
from layers_etl.sandbox.entities import Scope as ApiScope
from layers_etl.sandbox.world import WorldConfig

from ..harness.instants import FIRST_MORNING, morning
from ..harness.pipeline import Pipeline, refusing

pytestmark = pytest.mark.slow

PipelineOver = Callable[..., Pipeline]
LAST_ACTIVE = date(2026, 1, 4)
"""Of the archived campaign in the world's calendar."""


@pytest.fixture
def archived(pipeline_over: PipelineOver) -> tuple[Pipeline, str]:
    """A pipeline whose days are all settled but for the newest, and the campaign of it that was archived long ago."""
    pipeline = pipeline_over(WorldConfig(accounts=1, campaigns=8), start_date=date(2026, 1, 1))
    pipeline.run()
    pipeline.backfill(DayWindow(date(2026, 1, 1), FIRST_MORNING.date()), morning(4))
    return pipeline, pipeline.campaign_named("Fêtes")


def test_a_dormant_campaign_is_not_asked_for_and_the_outcome_says_so(archived: tuple[Pipeline, str]) -> None:
    pipeline, dormant = archived
    ran = pipeline.run(morning(4))
    assert ("campaign", dormant) not in ran.windows
    assert [known.key.entity_id for known in ran.outcomes["campaign"].plan.dormant] == [dormant]
    assert len(ran.windows) == len(pipeline.entities()) - 1


def test_an_archived_campaign_becomes_dormant_while_the_pipeline_runs_every_morning(
    pipeline_over: PipelineOver,
) -> None:
    pipeline = pipeline_over(WorldConfig(accounts=1, campaigns=8), start_date=date(2026, 1, 1))
    for number in range(4):
        pipeline.run(morning(number))
    ran = pipeline.run(morning(4))
    assert [known.key.entity_id for known in ran.outcomes["campaign"].plan.dormant] == [
        pipeline.campaign_named("Fêtes")
    ]


def test_the_net_reads_a_dormant_campaign_in_the_same_run_on_the_days_its_account_disagrees(
    archived: tuple[Pipeline, str],
) -> None:
    pipeline, dormant = archived
    world, account, now = pipeline.sandbox.world, pipeline.accounts()[0], morning(5)
    pipeline.run(morning(4))
    day = now.date() - timedelta(days=2)
    own = world.activity(ApiScope.AD_ACCOUNT, account, day, now)
    assert own
    # Money on a campaign that ended: the account has it, and so has the campaign, if anyone asks.
    world.override_day(ApiScope.AD_ACCOUNT, account, day, spend_cents=own.spend_cents + 777)
    world.override_day(ApiScope.CAMPAIGN, dormant, day, spend_cents=777)
    ran = pipeline.run(now)
    assert ran.windows["campaign", dormant] == [DayWindow(day, day + timedelta(days=1))]
    assert ran.outcomes["campaign"].reread_dormant == 1
    assert pipeline.table(CAMPAIGN)[dormant, day][0] == Decimal("7.77")
    awake = pipeline.run(morning(6))
    assert ("campaign", dormant) in awake.windows, "a campaign that was active is asked for again"


def test_what_the_net_wakes_is_not_overdue_in_the_run_that_wakes_it(archived: tuple[Pipeline, str]) -> None:
    pipeline, dormant = archived
    world, account = pipeline.sandbox.world, pipeline.accounts()[0]
    for number in range(4, 16):
        pipeline.run(morning(number))
    now = morning(16)
    day = now.date() - timedelta(days=1)
    own = world.activity(ApiScope.AD_ACCOUNT, account, day, now)
    assert own
    world.override_day(ApiScope.AD_ACCOUNT, account, day, spend_cents=own.spend_cents + 777)
    world.override_day(ApiScope.CAMPAIGN, dormant, day, spend_cents=777)
    found = judged(pipeline, now)
    assert found["campaign_metrics", "every_day_was_read_late_enough"].passed
    assert pipeline.table(CAMPAIGN)[dormant, day][0] == Decimal("7.77")
    awake = pipeline.run(morning(17))
    assert awake.windows["campaign", dormant][0].since < day - timedelta(days=5)


def judged(pipeline: Pipeline, now: datetime) -> dict[tuple[str, str], Found]:
    """What a run finds of its promises, by asset and check."""
    scopes = pipeline.settings.scopes
    with pipeline.preparing(RunRequest(RunKind.RUN), now) as run:
        work = Work(read=scopes, window=run.request.window, checks=all_checks(scopes))
        (findings,) = [step.findings for step in refresh(run, work) if isinstance(step, Judged)]
    return {(finding.check.asset, finding.check.name): finding.found for finding in findings}


def test_a_dormant_campaign_that_cannot_be_read_after_all_is_a_failure_like_any_other(
    archived: tuple[Pipeline, str],
) -> None:
    pipeline, dormant = archived
    account, now = pipeline.accounts()[0], morning(5)
    pipeline.run(morning(4))
    day = now.date() - timedelta(days=2)
    pipeline.sandbox.world.override_day(ApiScope.AD_ACCOUNT, account, day, spend_cents=1)
    pipeline.sandbox.add_fault(refusing(dormant))
    outcome = pipeline.run(now).outcomes["campaign"]
    assert [(failed.read.key.entity_id, failed.read.window) for failed in outcome.failed] == [
        (dormant, DayWindow(day, day + timedelta(days=1)))
    ]
    assert outcome.expected == len(pipeline.campaigns())
    for number in (6, 7, 8):
        pipeline.run(morning(number))
    pipeline.sandbox.clear_faults()
    ran = pipeline.run(morning(9))
    assert ("ad_account", account) in ran.windows and day not in ran.windows["ad_account", account][0]
    assert day in ran.windows["campaign", dormant][0], "though its account has settled"


def test_the_net_asks_for_nothing_while_account_and_campaigns_agree(archived: tuple[Pipeline, str]) -> None:
    pipeline, dormant = archived
    for number in (4, 5, 6):
        ran = pipeline.run(morning(number))
        assert ("campaign", dormant) not in ran.windows
        assert ran.outcomes["campaign"].reread_dormant == 0


def test_a_backfill_sees_what_was_changed_long_after_the_fact(archived: tuple[Pipeline, str]) -> None:
    pipeline, dormant = archived
    day = LAST_ACTIVE - timedelta(days=1)
    pipeline.sandbox.world.restate_day(dormant, day, spend_cents=1)
    pipeline.backfill(DayWindow(day, LAST_ACTIVE))
    assert pipeline.table(CAMPAIGN)[dormant, day][0] == Decimal("0.01")


def test_no_campaign_is_left_alone_where_accounts_are_not_read(pipeline_over: PipelineOver) -> None:
    pipeline = pipeline_over(WorldConfig(accounts=1, campaigns=8), start_date=date(2026, 1, 1), scopes=(CAMPAIGN,))
    pipeline.run()
    ran = pipeline.run(morning(1))
    assert {entity for entity in ran.windows if entity[0] == "campaign"} == {
        ("campaign", campaign) for campaign in pipeline.campaigns()
    }
